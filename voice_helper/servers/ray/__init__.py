"""Serve conversations from a Ray cluster, for programs that send typed text."""
