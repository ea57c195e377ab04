"""Run the voice loop on the audio clock, and supervise its engines."""
