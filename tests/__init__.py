import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as on the command line; must be set before numpy loads
