"""Audio input and output: devices, levels, noise, echo, and the start and end of speech."""
