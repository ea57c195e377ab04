"""Measurements, separate from the tests. Each prints a table and writes it as JSON. No measurement fails because it is
slow.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line sets it before numpy is loaded
