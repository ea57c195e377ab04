"""Run programs as a user would, and measure their resource use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
VOICE_HELPER = str(Path(PYTHON).parent / "voice-helper")
_INSTRUCTIONS = re.compile(r"I\s+refs:\s+([\d,]+)")


@dataclass(frozen=True, slots=True)
class Took:
    """The resource use of one run."""

    wall_seconds: float
    cpu_seconds: float
    resident_megabytes: float
    """The maximum resident memory."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Took:
    """Run a program to its end. If it fails, raise `RuntimeError` with its output."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as program:
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {program.returncode}")
    return Took(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def best_of(
    times: int, command: Sequence[str], environment: Mapping[str, str], before: Callable[[], object] = lambda: None
) -> Took:
    """Run a program several times and return the cheapest run, because other programs use the machine."""
    runs: list[Took] = []
    for _ in range(times):
        before()
        runs.append(run(command, environment))
    return min(runs, key=lambda took: took.wall_seconds)


def instructions(command: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """Count the instructions of a run, which other programs do not affect. Return `None` if valgrind is not
    installed.
    """
    if shutil.which("valgrind") is None:
        return None
    counting = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    ran = subprocess.run([*counting, *command], env=dict(environment), capture_output=True, text=True, check=False)
    found = _INSTRUCTIONS.search(ran.stderr)
    return int(found[1].replace(",", "")) if found else None
