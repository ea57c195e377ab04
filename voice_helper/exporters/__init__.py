"""Export the sentences and answers to other systems: Home Assistant and OpenVoiceOS."""
