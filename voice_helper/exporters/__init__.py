"""Write files for other programs: Home Assistant and OpenVoiceOS."""
