"""Test what sentences mean, and report the results."""
