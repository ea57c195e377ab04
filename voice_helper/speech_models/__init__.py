"""Find, download, verify and remove speech models."""
