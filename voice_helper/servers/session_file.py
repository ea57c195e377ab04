"""Keep the guided sessions of a server in a file, so that they survive a restart.

The file is written only if the operator asks for it. Only its owner can read it, and it is replaced atomically.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from voice_helper.dialogue.state import State
from voice_helper.dialogue.state_json import from_json, to_json
from voice_helper.errors import SavedStateError, VoiceHelperError
from voice_helper.support.atomic_write import write_whole

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A guided session as it is saved in the file."""

    talk: str
    place: str | None
    since: float
    """The time of the session's last turn, in seconds since 1970."""

    state: State


class SessionFile:
    """A file that holds the sessions of a server."""

    def __init__(self, path: Path, key: str) -> None:
        """Set the path of the file, and the key of the content that its sessions must have been saved with."""
        self._path, self._key = path, key

    def read(self) -> tuple[KeptSession, ...]:
        """Return the sessions in the file, or none if the file does not exist.

        Sessions that are damaged or were saved with other content are left out. Raises `VoiceHelperError` if the file
        cannot be read.
        """
        try:
            written = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._fault("read", error) from error
        except (ValueError, RecursionError):
            return ()
        return tuple(kept for each in written if (kept := self._kept(each))) if isinstance(written, list) else ()

    def write(self, sessions: Iterable[KeptSession]) -> None:
        """Replace the file. Raises `VoiceHelperError` if it cannot be written; the old file then stays unchanged."""
        written = [
            {"talk": each.talk, "place": each.place, "since": each.since, "state": to_json(each.state, self._key)}
            for each in sessions
        ]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(written).encode(), private=True)
        except OSError as error:
            raise self._fault("written", error) from error

    def _kept(self, written: Any) -> KeptSession | None:
        match written:
            case {
                "talk": str(talk),
                "place": None | str() as place,
                "since": int() | float() as since,
                "state": str(state),
            }:
                with suppress(SavedStateError, OverflowError):
                    if math.isfinite(since):
                        return KeptSession(talk, place, float(since), from_json(state, self._key))
        return None

    def _fault(self, done: str, error: OSError) -> VoiceHelperError:
        return VoiceHelperError(
            f"{self._path} cannot be {done}: {error.strerror}", hint="choose another file with --keep-sessions"
        )


class SessionWriter:
    """Writes the sessions of a server on a thread of its own, so that no reply waits for the disk.

    Changes that come during a write are written together, in one later write.
    """

    def __init__(self, file: SessionFile, current: Callable[[], Iterable[KeptSession]]) -> None:
        """Set the file, and the function that returns the current sessions."""
        self._file, self._current = file, current
        self._thread = ThreadPoolExecutor(1, "sessions")
        self._writing = threading.Lock()
        self._changing = threading.Lock()
        self._is_due = False
        self._is_empty = False

    def write(self) -> None:
        """Write the current sessions now. Raises `VoiceHelperError` if the file cannot be written."""
        with self._writing:
            with self._changing:
                self._is_due = False  # later changes may be missing from this write
            sessions = tuple(self._current())
            if sessions or not self._is_empty:
                self._file.write(sessions)
            self._is_empty = not sessions

    def changed(self) -> None:
        """Have the sessions written soon. A fault is logged, because it must not prevent an answer."""
        with self._changing:
            if self._is_due:
                return
            self._is_due = True
        try:
            self._thread.submit(self._write_or_warn)
        except RuntimeError:  # closed, and a last turn ends after that
            self._write_or_warn()

    def close(self) -> None:
        """Finish the writes. Later changes are written immediately."""
        self._thread.shutdown()

    def _write_or_warn(self) -> None:
        try:
            self.write()
        except VoiceHelperError as error:
            _log.warning("%s; a restart will lose the guided sessions", error.message)
