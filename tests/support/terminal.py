"""A private terminal, in which the program behaves as if a user were present."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, environment

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|\x1b\][^\x07]*\x07")


class Terminal:
    """Runs the program and reads its output as a user would, without colours and cursor moves."""

    def __init__(self, arguments: Sequence[str | Path], folder: Path, under: Sequence[str] = (), **more: str) -> None:
        inner, outer = pty.openpty()
        self._screen = inner
        self._raw = b""
        self._read_to = 0
        # no terminal emulator responds here, so the program must not query the cursor position
        settings = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "LINES": "40", "COLUMNS": "200", **more}
        self.process = subprocess.Popen(
            [*under, VOICE_HELPER, *arguments], cwd=folder, env=environment(**settings),
            stdin=outer, stdout=outer, stderr=outer, start_new_session=True,
        )  # fmt: skip
        os.close(outer)

    @property
    def shown(self) -> str:
        """Return everything shown so far."""
        return _ESCAPES.sub("", self._raw.decode(errors="replace"))

    @property
    def raw(self) -> str:
        """Return everything shown so far, with colours and cursor moves."""
        return self._raw.decode(errors="replace")

    def wait_for(self, text: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Wait for a text that no earlier wait matched. Return the output up to this text."""
        give_up = time.monotonic() + seconds
        while text not in self.shown[self._read_to :]:
            if time.monotonic() > give_up or not self._read(give_up):
                raise AssertionError(f"{text!r} was not shown, but: {self.shown[self._read_to :]!r}")
        start, self._read_to = self._read_to, self.shown.index(text, self._read_to) + len(text)
        return self.shown[start : self._read_to]

    def type(self, text: str, keys: str = "\r") -> None:
        """Type a text, then keys: Enter by default."""
        os.write(self._screen, f"{text}{keys}".encode())

    def close(self) -> None:
        """Close the terminal while the program runs."""
        os.close(self._screen)

    def end(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the end and return the exit code."""
        give_up = time.monotonic() + seconds
        while self._read(give_up):
            pass
        code = self.process.wait(timeout=max(0.1, give_up - time.monotonic()))
        os.close(self._screen)
        assert "Traceback" not in self.shown, self.shown
        return code

    def _read(self, give_up: float) -> bool:
        """Read the next output. Return whether there may be more."""
        ready, _, _ = select.select([self._screen], [], [], max(0.0, give_up - time.monotonic()))
        if not ready:
            return time.monotonic() < give_up
        try:
            more = os.read(self._screen, 65_536)
        except OSError:  # the program has ended
            return False
        self._raw += more
        return bool(more)
