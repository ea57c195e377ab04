"""A process is started whole, and Ctrl-C does not reach it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import environment
from voice_helper.errors import Terminated
from voice_helper.support.processes import starting_process

CHILD = "import signal; signal.raise_signal(signal.SIGINT); print('goes on')"
PARENT = """
import signal, subprocess, sys
from voice_helper.cli.interrupts import raise_interrupts
from voice_helper.support.processes import starting_process

raise_interrupts()
try:
    with starting_process():
        signal.raise_signal(signal.{sent})
        print("whole", flush=True)
except KeyboardInterrupt as interrupt:
    print(type(interrupt).__name__)
"""


@pytest.mark.parametrize(("sent", "raised"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", Terminated.__name__)])
def test_a_signal_while_a_process_starts_takes_effect_afterwards(sent: str, raised: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PARENT.format(sent=sent)],
        env=environment(), capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.stdout.split() == ["whole", raised]


@pytest.mark.skipif(sys.platform == "win32", reason="there, processes block no signals")
@pytest.mark.parametrize("is_main", [True, False])
def test_ctrl_c_does_not_reach_the_process(is_main: bool) -> None:
    replies: list[str] = []

    def start() -> None:
        with starting_process():
            process = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
        replies.append(process.communicate(timeout=PATIENCE_SECONDS)[0])

    if is_main:
        start()
    else:
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
    assert replies == ["goes on\n"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
