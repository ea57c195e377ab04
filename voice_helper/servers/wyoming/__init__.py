"""Serve the Wyoming protocol, which Home Assistant uses."""
