"""Measurements, apart from the tests: each prints a table and writes it as JSON; none fails on a time."""
