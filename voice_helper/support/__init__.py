"""Helpers for every package: paths, settings, caches and temporary folders."""
