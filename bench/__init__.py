"""Measurements, separate from the tests. Each prints a table and writes it as JSON. A slow result is never an error."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as on the command line; must be set before numpy loads
