"""Measurements, apart from the tests: each prints a table and writes it as JSON; none fails on a time."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line sets it before numpy is loaded
