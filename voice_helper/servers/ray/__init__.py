"""Serve typed turns from a Ray cluster."""
