"""The talks that an assistant with several satellites has with us at a time, each by the id it gives them.

They are kept in memory alone, and forgotten when nobody has said anything for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from voice_helper.conversation import Conversation, State
from voice_helper.subject import Subject, is_ours
from voice_helper.turns import Reply, first_state, take_turn

KEPT_SECONDS: Final = 15 * 60.0
"""A talk in which nobody has said anything for so long is forgotten; a guided session is over by then."""

LONGEST_ANSWER_SECONDS: Final = 60.0

MOST_TALKS: Final = 1_000
"""Of more, the one that was silent longest is forgotten."""


@dataclass(frozen=True, slots=True)
class _Talk:
    state: State
    since: float
    """When the last turn was."""


class Talks:
    """Keeps apart who says what, and knows how long ago; several threads may use it."""

    def __init__(
        self,
        conversation: Conversation,
        subject: Subject,
        *,
        situation: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a conversation by turns; `clock` gives seconds."""
        self._conversation = conversation
        self._subject = subject
        self._first = replace(first_state(), situation=situation or {})
        self._clock = clock
        self._talks: dict[str, _Talk] = {}
        self._lock = threading.Lock()

    def is_ours(self, talk: str, text: str, *, is_last: bool = False) -> bool:
        """Tell whether words are for us and not for another skill; `is_last` says that no other wants them."""
        with self._lock:
            now = self._forget_old()
            kept = self._kept(talk, now)
        return is_ours(self._conversation, self._subject, kept.state, text, now - kept.since, is_last=is_last)

    def say(self, talk: str, text: str) -> Reply:
        """Say something in a talk, which begins with it where there is none; give what is said to it."""
        with self._lock:
            now = self._forget_old()
            kept = self._talks.pop(talk, None) or self._kept(talk, now)
            state, reply = take_turn(self._conversation, kept.state, text, now - kept.since)
            self._talks[talk] = _Talk(state, now)  # the last one is the one that was heard last
            if len(self._talks) > MOST_TALKS:
                del self._talks[next(iter(self._talks))]
        return reply

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
