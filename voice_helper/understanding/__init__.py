"""Find the meaning of a text: safety rules first, then exact templates, then the nearest meaning by similarity."""
