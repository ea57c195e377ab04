"""Silence libraries that write to stderr directly and have no option to stop it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final

_JOIN_SECONDS: Final = 1.0  # a child process may still hold the pipe open


_changing = threading.Lock()
_quiet_blocks: list[int] = []
"""One entry for each block that runs: the original stderr."""


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard everything written to stderr while the block runs. If several threads run such blocks, stderr is back
    when the last one ends.
    """
    with _changing:
        if not _quiet_blocks:
            sys.stderr.flush()
            kept = os.dup(2)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 2)
            os.close(nothing)
        else:
            kept = _quiet_blocks[0]
        _quiet_blocks.append(kept)
    try:
        yield
    finally:
        with _changing:
            _quiet_blocks.pop()
            if not _quiet_blocks:
                os.dup2(kept, 2)
                os.close(kept)


_NOISE: Final = re.compile(
    r"\bALSA lib|\bjack|Cannot connect to server|connect\(2\) call|attempt to connect to server"
    r"|\bPulseAudio|\bunderrun|\boverrun|Expression '.*' failed in 'src/",
    re.IGNORECASE,
)
"""Matches messages that the sound libraries write to stderr. The device classes report the same faults as errors."""


@contextlib.contextmanager
def without_sound_library_noise(announce: Callable[[str], None]) -> Iterator[None]:
    """Keep messages of C libraries off the terminal while the block runs.

    Messages of the sound libraries are dropped. All others are passed to `announce`. Python's own messages still
    appear.
    """
    if not _is_terminal(2) or not hasattr(sys.stderr, "buffer"):
        yield
        return
    sys.stderr.flush()
    kept, own = os.dup(2), sys.stderr
    readable, writable = os.pipe()
    os.dup2(writable, 2)
    os.close(writable)
    sys.stderr = open(kept, "w", encoding=own.encoding, errors=own.errors, buffering=1, closefd=False)  # noqa: SIM115
    reader = threading.Thread(target=_announce_lines, args=(readable, announce), name="stderr", daemon=True)
    reader.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = own
        os.dup2(kept, 2)  # closes the pipe, which ends the reader
        reader.join(_JOIN_SECONDS)
        os.close(kept)


def _announce_lines(readable: int, announce: Callable[[str], None]) -> None:
    with open(readable, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip() and not _NOISE.search(line):
                announce(line.strip())


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False
