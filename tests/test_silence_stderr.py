"""Output that C libraries write to the terminal directly."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import ExitStack

from tests.support.patience import PATIENCE_SECONDS
from voice_helper.support.silence_stderr import quiet_stderr

_PROGRAM = """
import os, sys
from voice_helper.support.silence_stderr import without_sound_library_noise
told = []
with without_sound_library_noise(told.append):
    os.write(2, b"ALSA lib pcm.c:8545:(snd_pcm_recover) underrun occurred\\n")
    os.write(2, b"jack server is not running or cannot be started\\nPulseAudio: Unable to connect\\n")
    os.write(2, b"terminate called after throwing an instance\\n")
    print("a note", file=sys.stderr)
os.write(2, b"after it\\n")
print(told)
"""


def test_messages_of_sound_libraries_are_dropped_and_real_errors_are_shown() -> None:
    inner, outer = pty.openpty()
    try:
        ran = subprocess.run(
            [sys.executable, "-c", _PROGRAM], stderr=outer, stdout=subprocess.PIPE, check=True, text=True,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        shown = os.read(inner, 10_000).decode().splitlines()
    finally:
        os.close(inner)
        os.close(outer)
    assert shown == ["a note", "after it"]
    assert ran.stdout == "['terminate called after throwing an instance']\n"


def test_if_stderr_is_not_a_terminal_nothing_is_changed() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, check=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert "underrun occurred" in ran.stderr
    assert ran.stdout == "[]\n"


def test_stderr_is_back_after_the_last_of_several_blocks_that_overlap() -> None:
    def stderr() -> tuple[int, int]:
        about = os.fstat(2)
        return about.st_dev, about.st_ino

    before = stderr()
    with ExitStack() as one, ExitStack() as other:  # as two threads do
        one.enter_context(quiet_stderr())
        nothing = stderr()
        other.enter_context(quiet_stderr())
        one.close()
        assert stderr() == nothing != before
    assert stderr() == before
