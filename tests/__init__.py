import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line sets it before numpy is loaded
