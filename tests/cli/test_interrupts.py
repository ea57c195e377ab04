"""Ctrl-C ends a command even when it arrives where Python cannot raise an exception."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import environment

PROGRAM = """
import gc, signal, sys, time, weakref
from voice_helper.cli.interrupts import raise_interrupts, repeat_lost_interrupts

raise_interrupts()
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


@pytest.mark.parametrize(("sent", "raised"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated")])
def test_an_interrupt_that_python_drops_is_raised_again(sent: str, raised: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{signal}", sent)],
        env=environment(), capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.stdout.split() == ["dropped", raised]
    assert ran.stderr == ""


IMPORTING = """
import signal, sys
from voice_helper import cli

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
cli.main(["--version"])
"""


@pytest.mark.parametrize(("module", "code"), [("click", -signal.SIGINT), ("voice_helper.cli.ask", 130)])
def test_ctrl_c_while_modules_are_imported_ends_the_program_without_a_traceback(module: str, code: int) -> None:
    program = IMPORTING.replace("{module}", module).replace("--version", "ask")
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr.strip()) == (code, "")


TWICE = """
import signal
from voice_helper import cli
from voice_helper.cli import entry_point

def interrupted(error):
    signal.raise_signal(signal.{signal})

entry_point.show_error = interrupted
cli.main(["ask", "x", "--intents", "nowhere"])
"""


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_an_interrupt_while_an_error_is_shown_ends_the_program_without_a_traceback(sent: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TWICE.replace("{signal}", sent)],
        env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (130, "")


@pytest.mark.skipif(sys.platform == "win32", reason="there, a background job is another thing")
def test_a_program_in_the_background_goes_on_when_ctrl_c_ends_another() -> None:
    program = "import signal; signal.raise_signal(signal.SIGINT); from voice_helper import cli; cli.main(['--version'])"
    ran = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, program],
        env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


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
