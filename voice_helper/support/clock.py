"""The clock by which sessions, holds and pauses are timed."""

from __future__ import annotations

import time


def clock_seconds() -> float:
    """Return the time of a clock that nobody sets and, if the machine has one, that keeps running during sleep."""
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # Linux; macOS, where only this one counts sleep
        if hasattr(time, name):
            return time.clock_gettime(getattr(time, name))
    return time.monotonic()
