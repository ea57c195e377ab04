"""The concurrent conversations of a voice assistant with several devices, keyed by the assistant's conversation ids.

They are kept in memory and, if the operator asks for it, in a file. They are dropped after a period without a turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.scope import Subject, is_our_turn
from voice_helper.dialogue.state import State
from voice_helper.dialogue.turn_taking import Reply
from voice_helper.servers.session_file import KeptSession, SessionFile, SessionWriter
from voice_helper.skill.chat import Chat, ChatTurn
from voice_helper.support.clock import clock_seconds

KEPT_SECONDS: Final = 15 * 60.0
"""How long, in seconds, a conversation is kept after its last turn. By then, any guided session is over."""

MAX_ANSWER_SECONDS: Final = 60.0
MAX_STEP_SECONDS: Final = 120.0
"""A period, in seconds, in which the user of a guided session usually speaks at least once."""

MAX_TALKS: Final = 1_000
"""The maximum number of conversations that are kept.

Above it, the longest inactive ones are dropped, those in a guided session last.
"""


@dataclass(frozen=True, slots=True)
class _Talk:
    chat: Chat
    place: str | None = None


class ChatSessions:
    """Holds the conversations. Thread-safe; turns of different conversations run in parallel."""

    def __init__(
        self,
        conversation: Conversation,
        subject: Subject | None = None,
        *,
        situation: Mapping[str, str] | None = None,
        clock: Callable[[], float] = clock_seconds,
        file: SessionFile | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Create the sessions for a turn-based conversation.

        `subject` is needed only for `is_ours`. `clock` returns seconds. `file` keeps guided sessions across a restart,
        with times read from `wall_clock`. The sessions that it holds are continued. Raises `VoiceHelperError` if the
        file is unusable.
        """
        self._conversation = conversation
        self._subject = subject
        self._situation = situation
        self._clock = clock
        self._talks: dict[str, _Talk] = {}
        self._lock = threading.Lock()
        self._wall_clock = wall_clock
        self._writer = SessionWriter(file, self._guided) if file is not None else None
        if file is not None and self._writer is not None:
            self._continue(file.read())
            self._writer.write()

    def __len__(self) -> int:
        return len(self._talks)

    def is_ours(self, talk: str, text: str, *, is_last: bool = False) -> bool:
        """Return whether an utterance is meant for this skill rather than for another one.

        `is_last` means that no other skill has claimed the utterance.
        """
        with self._lock:
            now = self._forget_old()
            chat = self._kept(talk)
        if self._subject is None:
            return False
        elapsed = max(0.0, now - chat.since)
        return is_our_turn(self._conversation, self._subject, chat.state, text, elapsed, is_last=is_last)

    def say(self, talk: str, text: str) -> Reply:
        """Process an utterance and return the reply. Starts the conversation if it does not exist."""
        return self.take_turn(talk, text).reply

    def take_turn(self, talk: str, text: str, place: str | None = None) -> ChatTurn:
        """Process an utterance like `say`, and return the reply and the new state.

        `place` is the device that the user speaks to. A guided session on a device continues even under a new
        conversation id, because Home Assistant assigns a new id after five minutes.
        """
        turn = self._chat_of(talk, place).take_turn(text)
        if self._writer is not None:
            self._writer.changed()
        return turn

    def in_session(self) -> State | None:
        """Return the state of the guided session with the most recent turn.

        Returns `None` if there was no such turn within the last `MAX_STEP_SECONDS`.
        """
        with self._lock:
            now = self._clock()
            led = (kept.chat for kept in reversed(self._talks.values()) if kept.chat.in_session)
            return next((chat.state for chat in led if now - chat.since <= MAX_STEP_SECONDS), None)

    def is_going_on(self, talk: str) -> bool:
        """Return whether a guided session or a question from the assistant is waiting for the user."""
        with self._lock:
            self._forget_old()
            return _waits(self._kept(talk).state)

    def has_just_spoken(self, talk: str) -> bool:
        """Return whether the last reply may still be playing."""
        with self._lock:
            now = self._forget_old()
            return talk in self._talks and now - self._talks[talk].chat.since <= MAX_ANSWER_SECONDS

    def stop(self, talk: str) -> bool:
        """Silently end a conversation that is waiting for the user. Return whether there was one.

        Disclaimers that were not spoken yet count as not given.
        """
        with self._lock:
            self._forget_old()
            is_going_on = _waits(self._kept(talk).state)
            if is_going_on:
                del self._talks[talk]
        return is_going_on

    def stop_all(self) -> bool:
        """End every conversation. Return whether any of them was waiting for the user."""
        with self._lock:
            self._forget_old()
            was_going_on = any(_waits(kept.chat.state) for kept in self._talks.values())
            self._talks.clear()
        return was_going_on

    def close(self) -> None:
        """Finish writing the file of sessions, if there is one."""
        if self._writer is not None:
            self._writer.close()

    def _continue(self, sessions: Iterable[KeptSession]) -> None:
        now, time_of_day = self._clock(), self._wall_clock()
        for kept in sorted(sessions, key=lambda each: each.since):
            seconds = max(0.0, time_of_day - kept.since)  # the clock may have been set back
            if seconds < KEPT_SECONDS:
                chat = self._new()
                chat.state, chat.since = replace(kept.state, situation=self._situation or {}), now - seconds
                self._talks[kept.talk] = _Talk(chat, kept.place)

    def _guided(self) -> tuple[KeptSession, ...]:
        """Return the guided sessions, as they are saved in a file."""
        with self._lock:
            ahead = self._wall_clock() - self._clock()
            return tuple(
                KeptSession(talk, each.place, each.chat.since + ahead, each.chat.state)
                for talk, each in self._talks.items()
                if each.chat.in_session
            )

    def _chat_of(self, talk: str, place: str | None) -> Chat:
        """Return the conversation of this turn and mark it as the most recently used."""
        with self._lock:
            self._forget_old()
            kept = self._talks.pop(talk, None) or self._session_at(place) or _Talk(self._new(), place)
            self._talks[talk] = kept
            if len(self._talks) > MAX_TALKS:
                others = list(self._talks)[:-1]
                without = (name for name in others if not self._talks[name].chat.in_session)
                del self._talks[next(without, others[0])]
            return kept.chat

    def _session_at(self, place: str | None) -> _Talk | None:
        """Remove and return the latest conversation on a device if it is in a guided session."""
        last = next((name for name, kept in reversed(self._talks.items()) if kept.place == place), None)
        if place is None or last is None or not self._talks[last].chat.in_session:
            return None
        return self._talks.pop(last)

    def _kept(self, talk: str) -> Chat:
        return self._talks[talk].chat if talk in self._talks else self._new()

    def _new(self) -> Chat:
        return Chat(self._conversation, situation=self._situation, clock=self._clock)

    def _forget_old(self) -> float:
        """Drop the expired conversations, oldest first. Return the current time."""
        now = self._clock()
        while self._talks and now - next(iter(self._talks.values())).chat.since >= KEPT_SECONDS:
            del self._talks[next(iter(self._talks))]
        return now


def _waits(state: State) -> bool:
    return state.session is not None or bool(state.candidates)
