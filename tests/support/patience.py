"""Wait in tests for something that must happen. The time limit is so long that it only ends tests that hang, even on a
busy machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

PATIENCE_SECONDS = 60.0


def wait_until(what: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds. Fail the test if it never does."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            pytest.fail("waited too long")
        time.sleep(0.05)
