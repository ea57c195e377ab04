"""Helpers that every package may use: paths, settings, caches, temporary folders."""
