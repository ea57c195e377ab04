"""Serve the skill over a network: web page, Wyoming, OpenVoiceOS and Ray cluster."""
