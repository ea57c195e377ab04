"""The clock that times sessions, holds and pauses."""

from __future__ import annotations

import time


def clock_seconds() -> float:
    """Return the time of a monotonic clock, in seconds.

    If the machine supports it, the clock keeps running during sleep.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # these count sleep on Linux and macOS, respectively
        if hasattr(time, name):
            return time.clock_gettime(getattr(time, name))
    return time.monotonic()
