"""Keep a conversation whose connection was cut, in memory and for a few minutes, so that its page can go on with it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Final

from voice_helper.dialogue.state import State
from voice_helper.servers.web.live_conversation import LiveConversation
from voice_helper.support.clock import clock_seconds

KEPT_SECONDS: Final = 600.0
"""How long a conversation is kept. A guided session never lasts longer."""

_MAX_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Left:
    """A conversation that its page has left."""

    state: State
    since: float
    """On the clock of `clock_seconds`."""


class Resumption:
    """The conversations of one server, by a random name that only their page knows. Thread-safe."""

    def __init__(self) -> None:
        self._open: dict[str, LiveConversation] = {}
        self._left: dict[str, Left] = {}
        self._lock = threading.Lock()

    def opened(self, name: str, live: LiveConversation) -> None:
        """Add a conversation that has begun or goes on."""
        with self._lock:
            if live.left is None:
                self._open[name] = live

    def keep(self, name: str, state: State | None, since: float | None = None) -> None:
        """Keep the state of a conversation that has ended; `None` after a fault, which keeps nothing."""
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
        """Return what was kept under a name, and forget it. `None` if there is nothing, or not any more.

        Blocks until a conversation that is still open has ended: the server may notice a cut later than the page.
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
    """Return a name that nobody can guess."""
    return secrets.token_urlsafe(16)
