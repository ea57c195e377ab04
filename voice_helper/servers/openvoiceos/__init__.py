"""Run as a skill inside OpenVoiceOS."""
