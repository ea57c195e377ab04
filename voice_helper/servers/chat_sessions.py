"""The talks that an assistant with several satellites has with us at a time, each by the id it gives them.

They are kept in memory alone, and forgotten when nobody has said anything for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from voice_helper.dialogue.conversation import Conversation, State
from voice_helper.dialogue.scope import Subject, is_our_turn
from voice_helper.dialogue.turn_taking import Reply, first_state, take_turn

KEPT_SECONDS: Final = 15 * 60.0
"""A talk in which nobody has said anything for so long is forgotten; a guided session is over by then."""

LONGEST_ANSWER_SECONDS: Final = 60.0
LONGEST_STEP_SECONDS: Final = 120.0
"""Whoever is led through a session says something within this time, most often."""

MAX_TALKS: Final = 1_000
"""Of more, the one that was silent longest is forgotten, those without a session first."""


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """What is said in a turn, and where the talk stands after it."""

    reply: Reply
    state: State


@dataclass(slots=True)
class _Talk:
    state: State
    since: float
    """When the last turn was."""

    place: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Turns of one talk come one after the other, those of others meanwhile."""


class ChatSessions:
    """Keeps apart who says what, and knows how long ago; several threads may use it."""

    def __init__(
        self,
        conversation: Conversation,
        subject: Subject | None = None,
        *,
        situation: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a conversation by turns, and its subject where it is asked what is ours; `clock` gives seconds."""
        self._conversation = conversation
        self._subject = subject
        self._first = replace(first_state(), situation=situation or {})
        self._clock = clock
        self._talks: dict[str, _Talk] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._talks)

    def is_ours(self, talk: str, text: str, *, is_last: bool = False) -> bool:
        """Tell whether words are for us and not for another skill; `is_last` says that no other wants them."""
        with self._lock:
            now = self._forget_old()
            kept = self._kept(talk, now)
        if self._subject is None:
            return False
        return is_our_turn(self._conversation, self._subject, kept.state, text, now - kept.since, is_last=is_last)

    def say(self, talk: str, text: str) -> Reply:
        """Say something in a talk, which begins with it where there is none; give what is said to it."""
        return self.take_turn(talk, text).reply

    def take_turn(self, talk: str, text: str, place: str | None = None) -> ChatTurn:
        """Do as `say` does, and tell where the talk stands then.

        At a `place`, the device that hears, a session goes on under a new id, too: Home Assistant gives one after
        five minutes.
        """
        kept = self._talk_of(talk, place)
        with kept.lock:
            now = self._clock()
            kept.state, reply = take_turn(self._conversation, kept.state, text, max(0.0, now - kept.since))
            kept.since = now
            return ChatTurn(reply, kept.state)

    def in_session(self) -> State | None:
        """Give the state of the talk that was gone on with last, not long ago, among those with a session."""
        with self._lock:
            now = self._clock()
            led = (kept for kept in reversed(self._talks.values()) if kept.state.session)
            return next((kept.state for kept in led if now - kept.since <= LONGEST_STEP_SECONDS), None)

    def is_going_on(self, talk: str) -> bool:
        """Tell whether a guided session, or a question of ours, waits for words."""
        with self._lock:
            return _waits(self._kept(talk, self._forget_old()).state)

    def has_just_spoken(self, talk: str) -> bool:
        """Tell whether what was said last may still be spoken."""
        with self._lock:
            now = self._forget_old()
            return talk in self._talks and now - self._talks[talk].since <= LONGEST_ANSWER_SECONDS

    def stop(self, talk: str) -> bool:
        """End what waits for words, without a word; tell whether there was anything.

        Disclaimers that were on their way count as not given.
        """
        with self._lock:
            is_going_on = _waits(self._kept(talk, self._forget_old()).state)
            if is_going_on:
                del self._talks[talk]
        return is_going_on

    def stop_all(self) -> bool:
        """End every talk; tell whether something was waiting for words in one of them."""
        with self._lock:
            self._forget_old()
            was_going_on = any(_waits(kept.state) for kept in self._talks.values())
            self._talks.clear()
        return was_going_on

    def _talk_of(self, talk: str, place: str | None) -> _Talk:
        """Give the talk in which something is said now, and let it be the last that is forgotten."""
        with self._lock:
            now = self._forget_old()
            kept = self._talks.pop(talk, None) or self._session_at(place) or _Talk(self._first, now, place)
            self._talks[talk] = kept
            if len(self._talks) > MAX_TALKS:
                others = list(self._talks)[:-1]
                without = (name for name in others if not self._talks[name].state.session)
                del self._talks[next(without, others[0])]
            return kept

    def _session_at(self, place: str | None) -> _Talk | None:
        """Give, and take away, the last talk at a place if a session goes on in it."""
        last = next((name for name, kept in reversed(self._talks.items()) if kept.place == place), None)
        if place is None or last is None or not self._talks[last].state.session:
            return None
        return self._talks.pop(last)

    def _kept(self, talk: str, now: float) -> _Talk:
        return self._talks.get(talk) or _Talk(self._first, now)

    def _forget_old(self) -> float:
        """Forget the talks that nobody has gone on with, the oldest of which come first; give the time."""
        now = self._clock()
        while self._talks and now - next(iter(self._talks.values())).since >= KEPT_SECONDS:
            del self._talks[next(iter(self._talks))]
        return now


def _waits(state: State) -> bool:
    return state.session is not None or bool(state.candidates)
