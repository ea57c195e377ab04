"""Run the program from outside, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

VOICE_HELPER = Path(sys.executable).parent / "voice-helper"
_CONTROLS = {chr(code) for code in (*range(32), *range(127, 160))} - {"\n"}


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Ran]
"""Runs a command line in this process: the fixture `run`."""


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a user who has set nothing and has no Vosk model."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICE_HELPER_")}
    kept.pop("VOSK_MODEL_PATH", None)
    return {**kept, "COLUMNS": "100", "XDG_CONFIG_HOME": os.devnull, **more}


def call(
    arguments: Sequence[str | Path],
    *,
    folder: Path,
    typed: str | bytes | None = None,
    seconds: float = 2 * PATIENCE_SECONDS,
    more: Mapping[str, str] | None = None,
    program: Path = VOICE_HELPER,
) -> Ran:
    """Run the program in a folder. It must never end with a traceback or print a control character."""
    given = typed.encode() if isinstance(typed, str) else typed
    ran = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment(**(more or {})),
        input=given if given is not None else b"",
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return checked(Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode()))


def checked(ran: Ran) -> Ran:
    """Check what must be true of every command, then return the result."""
    assert "Traceback" not in ran.out + ran.err, ran.err
    assert not _CONTROLS & set(ran.out), ran.out
    assert not _CONTROLS & set(ran.err), ran.err
    assert ran.code in {0, 1, 2, 130}
    if ran.code == 1:
        assert "error: " in ran.err
    return ran
