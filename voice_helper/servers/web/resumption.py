"""Keep an interrupted conversation in memory for a few minutes, so that the page can resume it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Final

from voice_helper.dialogue.state import State
from voice_helper.servers.web.live_conversation import LiveConversation
from voice_helper.support.clock import clock_seconds

KEPT_SECONDS: Final = 600.0
"""How long, in seconds, an interrupted conversation is kept. No guided session lasts longer."""

_MAX_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Left:
    """A conversation whose page has disconnected, with the state needed to resume it."""

    state: State
    since: float
    """The time of the interruption, in seconds by `clock_seconds`."""


class Resumption:
    """The conversations of one server, keyed by a random name that only their page knows. Thread-safe."""

    def __init__(self) -> None:
        self._open: dict[str, LiveConversation] = {}
        self._left: dict[str, Left] = {}
        self._lock = threading.Lock()

    def opened(self, name: str, live: LiveConversation) -> None:
        """Add a conversation that has started or resumed."""
        with self._lock:
            if live.left is None:
                self._open[name] = live

    def keep(self, name: str, state: State | None, since: float | None = None) -> None:
        """Keep the state of a conversation that has ended. After a fault, the state is `None`, and nothing is kept."""
        now = clock_seconds()
        with self._lock:
            self._open.pop(name, None)
            if state is not None:
                self._left[name] = Left(state, now if since is None else since)
            for old in [old for old, left in self._left.items() if now - left.since > KEPT_SECONDS]:
                del self._left[old]
            while len(self._left) > _MAX_KEPT:
                del self._left[next(iter(self._left))]

    def take(self, name: str) -> Left | None:
        """Remove and return the conversation kept under a name. Return `None` if there is none or it has expired.

        Blocks until a conversation that is still open has ended, because the server may notice an interruption later
        than the page does.
        """
        with self._lock:
            live = self._open.get(name)
        if live is not None:
            live.close()
            live.wait()
        with self._lock:
            left = self._left.pop(name, None)
        return left if left is not None and clock_seconds() - left.since <= KEPT_SECONDS else None


def new_name() -> str:
    """Return an unguessable name."""
    return secrets.token_urlsafe(16)
