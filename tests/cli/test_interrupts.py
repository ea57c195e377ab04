"""Ctrl-C ends a command even when it arrives where Python cannot raise an exception."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import environment

PROGRAM = """
import gc, signal, sys, time, weakref
from voice_helper.cli.interrupts import handle_termination, repeat_lost_interrupts

handle_termination()
repeat_lost_interrupts()

class Engine: pass

engine = Engine()
watch = weakref.ref(engine, lambda _: signal.raise_signal(signal.{signal}))
try:
    del engine  # the callback runs here, and Python drops what it raises
    print("dropped", flush=True)
    time.sleep(600)
except KeyboardInterrupt as interrupt:
    print(type(interrupt).__name__)
"""


@pytest.mark.parametrize(("signal", "raised"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated")])
def test_an_interrupt_that_python_drops_is_raised_again(signal: str, raised: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{signal}", signal)],
        env=environment(), capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.stdout.split() == ["dropped", raised]
    assert ran.stderr == ""


def test_another_exception_in_a_finalizer_is_still_reported() -> None:
    program = (
        "from voice_helper.cli.interrupts import repeat_lost_interrupts\n"
        "repeat_lost_interrupts()\n"
        "class Engine:\n"
        "    def __del__(self): raise ValueError('broken finalizer')\n"
        "Engine()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(), capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert "broken finalizer" in ran.stderr
