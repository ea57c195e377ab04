"""Test how sentences are understood, and report the results."""
