"""Sound in and out: devices, levels, noise, echo, and where speech begins and ends."""
