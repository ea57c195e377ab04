"""Keep the guided sessions of a server in a file, so that they survive a restart.

The file is written only if the operator asks for it. Only its owner can read it, and it is replaced atomically.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voice_helper.dialogue.state import State
from voice_helper.dialogue.state_json import from_json, to_json
from voice_helper.errors import SavedStateError, VoiceHelperError


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
        temporary: str | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=f".{self._path.name}-", dir=self._path.parent)  # mode 0600
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(written, file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    Path(temporary).unlink()
            raise self._fault("written", error) from error

    def _kept(self, written: Any) -> KeptSession | None:
        match written:
            case {
                "talk": str(talk),
                "place": None | str() as place,
                "since": int() | float() as since,
                "state": str(state),
            }:
                with suppress(SavedStateError):
                    return KeptSession(talk, place, float(since), from_json(state, self._key))
        return None

    def _fault(self, done: str, error: OSError) -> VoiceHelperError:
        return VoiceHelperError(
            f"{self._path} cannot be {done}: {error.strerror}", hint="choose another file with --keep-sessions"
        )
