"""A turn-based conversation: one text in, the complete reply out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.dialogue.turn_taking import Reply, first_state, take_turn
from voice_helper.support.clock import clock_seconds


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """The reply to a turn, and the state of the conversation after it."""

    reply: Reply
    state: State


class Chat:
    """Keeps the state of one conversation and the time of its last turn. Thread-safe.

    The assistant speaks only in reply, so a guided session advances with each turn. The time between two turns counts
    toward the time limit of the session.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        situation: Mapping[str, str] | None = None,
        clock: Callable[[], float] = clock_seconds,
    ) -> None:
        """Start a conversation from a turn-based `conversation`. `clock` returns seconds."""
        self._conversation = conversation
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self.state = replace(first_state(), situation=situation or {})
        self.since = clock()
        """The time of the last turn, or of the start."""

    @property
    def in_session(self) -> bool:
        """Return whether a guided session is running."""
        return self.state.session is not None

    def send(self, text: str) -> Reply:
        """Process the user's text and return the reply."""
        return self.take_turn(text).reply

    def take_turn(self, text: str) -> ChatTurn:
        """Process the user's text like `send`, and return the reply and the new state."""
        with self._one_at_a_time:
            now = self._clock()
            self.state, reply = take_turn(self._conversation, self.state, text, max(0.0, now - self.since))
            self.since = now
            return ChatTurn(reply, self.state)
