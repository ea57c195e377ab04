"""Run a conversation turn by turn, for interfaces that speak only in reply: one text in, the complete reply out.

Home Assistant and other assistants pass one utterance and read one text aloud. Nothing can be said later, so the reply
includes everything that would normally follow without further input, and nothing waits. `Conversation.by_turns` returns
a suitable conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from voice_helper.dialogue import guided_session as guided
from voice_helper.dialogue.conversation import REPEAT_AFTER_SECONDS, Conversation
from voice_helper.dialogue.guide import Guide
from voice_helper.dialogue.guided_session import Session
from voice_helper.dialogue.state import State
from voice_helper.types import (
    COMMAND_GROUP,
    NONE_INTENT,
    OUT_OF_SCOPE,
    SAMPLE_RATE,
    UNSURE_INTENT,
    Action,
    DoneSpeaking,
    End,
    Heard,
    Match,
    Quiet,
    Row,
    Say,
    Transcript,
    Understood,
)

_NOT_UNDERSTOOD: Final = (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE)


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one turn."""

    rows: tuple[Row, ...]
    """The rows in spoken order, including the disclaimer. Empty if "stop" ended a session."""

    match: Match | None = None
    """The meaning of the utterance, or `None` if the utterance was empty."""

    ended: str | None = None
    """Why a guided session ended in this turn: stopped, better, same, worse, time_limit, emergency or urgent. `None` if
    none ended.
    """

    expects_words: bool = False
    """Whether a session is running or a question is open, so that the interface should open the microphone."""

    @property
    def intent(self) -> str | None:
        """Return the intent name of the meaning, or `None` if the utterance was empty."""
        return self.match.intent if self.match is not None else None

    @property
    def text(self) -> str:
        """Return the full spoken text."""
        return " ".join(row.text for row in self.rows)


def first_state() -> State:
    """Return the initial state of a turn-based conversation."""
    return State(can_lead=True)


def take_turn(conversation: Conversation, state: State, text: str, elapsed_seconds: float = 0.0) -> tuple[State, Reply]:
    """Process an utterance, `elapsed_seconds` after the previous turn. Return the new state and the reply.

    The time between turns counts towards the time limit of a session. If the limit has passed, the reply says so first,
    and a command for the session is dropped.
    """
    turn = _Turn(conversation)
    state = turn.went_by(state, elapsed_seconds)
    too_late = turn.ended is not None
    state = turn.heard(state, text, only_if=(lambda match: _is_new(conversation, match)) if too_late else _always)
    expects_words = state.session is not None or bool(state.candidates) or state.failures.misheard > 0
    return state, Reply(tuple(turn.rows), turn.match, turn.ended, expects_words)


def _always(match: Match) -> bool:
    return True


def _is_new(conversation: Conversation, match: Match) -> bool:
    """Return whether an utterance has a meaning even outside a session."""
    group = conversation.understanding.sentences.group_of.get(match.intent)
    return match.intent not in _NOT_UNDERSTOOD and group != COMMAND_GROUP


def _waits(guide: Guide, session: Session) -> bool:
    """Return whether the session is waiting for the user because a question is open or the session is paused."""
    asks = guided.current_step(guide, session).asks or session.asking_place or session.asking is not None
    return asks or session.stage == "paused"


class _Turn:
    """Collects the rows of one turn."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.rows: list[Row] = []
        self.match: Match | None = None
        self.ended: str | None = None

    def went_by(self, state: State, seconds: float) -> State:
        """Process the time that has passed between two turns. Return the new state."""
        state, actions = self._conversation.step(state, Quiet(round(seconds * SAMPLE_RATE)))
        self._gather(actions)
        return self._said(state) if actions else state

    def heard(self, state: State, text: str, *, only_if: Callable[[Match], bool]) -> State:
        """Process a text and everything that follows without further input. Return the new state."""
        after, actions = self._conversation.step(state, Heard(Transcript(text)))
        self.match = next((action.match for action in actions if isinstance(action, Understood)), None)
        if self.match is not None and not only_if(self.match):
            return state
        before = len(self.rows)
        self._gather(actions)
        after = self._said(after)
        if after.owed is not None:  # it would otherwise be repeated later
            after, actions = self._conversation.step(after, Quiet(REPEAT_AFTER_SECONDS * SAMPLE_RATE))
            self._gather(actions)
            after = self._said(after)
        self._close(after, is_silent=len(self.rows) == before)
        return after

    def _said(self, state: State) -> State:
        """Report to the conversation that all speech has been played. Repeat this until the conversation waits for the
        user.

        Return the new state.
        """
        while True:
            state, actions = self._conversation.step(state, DoneSpeaking())
            if not actions:
                return state
            self._gather(actions)

    def _close(self, state: State, *, is_silent: bool) -> None:
        """Tell the user what to say next if a session continues, because time alone does not advance it."""
        guide = self._conversation.guide
        if state.session is None or guide is None:
            return
        if is_silent:
            understood = self.match is not None and self.match.intent not in _NOT_UNDERSTOOD
            self._add((guide.help,) if understood else (self._conversation.answers.again, guide.help))
        elif not _waits(guide, state.session):
            self._add((guide.when_done,))

    def _add(self, rows: tuple[Row, ...]) -> None:
        self.rows += [row for row in rows if row.text]  # a folder may omit texts of the guide

    def _gather(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, Say):
                self.rows += action.rows
            elif isinstance(action, End):
                self.ended = action.reason
