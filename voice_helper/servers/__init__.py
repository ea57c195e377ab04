"""Servers: the same conversation over a network, for a browser."""
