"""Many conversations by turns at a time, each kept by its id until nobody has spoken in it for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from voice_helper.conversation import Conversation, State
from voice_helper.turns import Reply, first_state, take_turn

EXPIRE_SECONDS: Final = 30 * 60.0
"""A conversation in which nobody speaks for so long is forgotten; a session is over long before."""

MOST_CONVERSATIONS: Final = 500
"""Beyond these the one is forgotten in which nobody has spoken for longest, those without a session first."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose turn it is."""

    conversation: str
    place: str | None = None
    """The device that hears, where it is known. A session goes on there under a new id, too: Home Assistant gives one
    after five minutes, and a session may last ten."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is said in a turn, and where the conversation stands after it."""

    reply: Reply
    state: State


@dataclass(slots=True)
class _Kept:
    state: State
    spoke_at: float
    place: str | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Turns of one conversation come one after the other."""


class Conversations:
    """Takes turns, from any thread."""

    def __init__(
        self, conversation: Conversation, situation: Mapping[str, str], now: Callable[[], float] = time.monotonic
    ) -> None:
        """Take a conversation as `by_turns` gives it, what is told to it, and a clock in seconds."""
        self._conversation, self._now = conversation, now
        self._first = replace(first_state(), situation=situation)
        self._kept: dict[str, _Kept] = {}  # the one that spoke last stands last
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def take_turn(self, who: Who, text: str) -> Turn:
        """Take what somebody said; give what is said to it."""
        kept = self._conversation_of(who)
        with kept.lock:
            now = self._now()
            kept.state, reply = take_turn(self._conversation, kept.state, text, max(0.0, now - kept.spoke_at))
            kept.spoke_at = now
            return Turn(reply, kept.state)

    def in_session(self) -> State | None:
        """Give the state of the conversation that spoke last among those in which a session goes on."""
        with self._lock:
            return next((kept.state for kept in reversed(self._kept.values()) if kept.state.session), None)

    def _conversation_of(self, who: Who) -> _Kept:
        with self._lock:
            now = self._now()
            self._forget_old(now)
            kept = self._kept.pop(who.conversation, None) or self._session_at(who.place)
            kept = kept or _Kept(self._first, now, who.place)
            self._kept[who.conversation] = kept
            self._forget_most()
            return kept

    def _session_at(self, place: str | None) -> _Kept | None:
        """Give, and take away, the conversation at a place whose session goes on."""
        if place is None:
            return None
        for name, kept in reversed(self._kept.items()):
            if kept.place == place:
                return self._kept.pop(name) if kept.state.session else None
        return None

    def _forget_old(self, now: float) -> None:
        while self._kept and now - next(iter(self._kept.values())).spoke_at > EXPIRE_SECONDS:
            del self._kept[next(iter(self._kept))]

    def _forget_most(self) -> None:
        if len(self._kept) > MOST_CONVERSATIONS:
            others = list(self._kept)[:-1]
            without = (name for name in others if not self._kept[name].state.session)
            del self._kept[next(without, others[0])]
