"""Text to meaning: safety first, then exact templates, then the nearest meaning."""
