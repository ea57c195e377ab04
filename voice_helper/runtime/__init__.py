"""The voice loop, from microphone to loudspeaker: run a conversation on the audio clock, and supervise its engines."""
