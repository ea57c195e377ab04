"""Serve the skill over a network: the web page, Wyoming, OpenVoiceOS and a Ray cluster."""
