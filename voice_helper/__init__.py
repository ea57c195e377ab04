"""An offline voice skill about leg cramps: it hears a question, finds its meaning and speaks the answer."""

import os

__version__ = "0.1.0"

# onnxruntime from 1.29 on sends telemetry to its maker and keeps a device id in the user's cache, unless this is set
# before it is loaded (microsoft/onnxruntime pull request 27379). Nothing may leave the machine: not a choice.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# One product of a small matrix is all that an utterance takes: a second thread of numpy's OpenBLAS would spin while it
# waits for the first, and make 4 ms of work 14. Whoever has set a number keeps it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
