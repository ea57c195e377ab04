"""Serve the web page and its live conversations."""
