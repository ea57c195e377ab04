"""One turn at a time: a text in, all that is said to it out, for doors that speak only when they are spoken to.

Home Assistant hands over one utterance and reads one text aloud, and so do other assistants. Nothing can be said later:
what would follow by itself is said at once, and nothing is waited for. The conversation is one that `by_turns` gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from voice_helper.dialogue import guide as guided
from voice_helper.dialogue.conversation import REPEAT_AFTER_SECONDS, Conversation, State
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
    """What is said in one turn."""

    rows: tuple[Row, ...]
    """In the order of speaking, the disclaimer among them; empty where "stop" ended a session."""

    match: Match | None = None
    """What the words meant; `None` where there were none."""

    ended: str | None = None
    """Why a guided session ended in this turn: stopped, better, same, worse, time_limit, emergency, urgent."""

    expects_words: bool = False
    """A session goes on, or something was asked: a door that can should open the microphone."""

    @property
    def text(self) -> str:
        """The whole text as spoken."""
        return " ".join(row.text for row in self.rows)


def first_state() -> State:
    """Return the state a conversation by turns begins with."""
    return State(can_lead=True)


def take_turn(conversation: Conversation, state: State, text: str, elapsed_seconds: float = 0.0) -> tuple[State, Reply]:
    """Take what was said, so long after the turn before; give the new state and the reply.

    A session's limit counts the seconds between turns; when it passes, that is said first, and a command that was
    meant for the session is dropped.
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
    """Tell whether words say something by themselves, not only to a session."""
    group = conversation.understanding.sentences.group_of.get(match.intent)
    return match.intent not in _NOT_UNDERSTOOD and group != COMMAND_GROUP


class _Turn:
    """Gathers what is said in one turn."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.rows: list[Row] = []
        self.match: Match | None = None
        self.ended: str | None = None

    def went_by(self, state: State, seconds: float) -> State:
        """Let the time between two turns go by."""
        state, actions = self._conversation.step(state, Quiet(round(seconds * SAMPLE_RATE)))
        self._gather(actions)
        return self._said(state) if actions else state

    def heard(self, state: State, text: str, *, only_if: Callable[[Match], bool]) -> State:
        """Hear a text, and let all follow that follows by itself."""
        after, actions = self._conversation.step(state, Heard(Transcript(text)))
        self.match = next((action.match for action in actions if isinstance(action, Understood)), None)
        if self.match is not None and not only_if(self.match):
            return state
        before = len(self.rows)
        self._gather(actions)
        after = self._said(after)
        if after.owed is not None:  # what would be said again later
            after, actions = self._conversation.step(after, Quiet(REPEAT_AFTER_SECONDS * SAMPLE_RATE))
            self._gather(actions)
            after = self._said(after)
        self._close(after, is_silent=len(self.rows) == before)
        return after

    def _said(self, state: State) -> State:
        """All that was said has been heard: go on until something is waited for."""
        while True:
            state, actions = self._conversation.step(state, DoneSpeaking())
            if not actions:
                return state
            self._gather(actions)

    def _close(self, state: State, *, is_silent: bool) -> None:
        """A session that goes on says what to say next; silence would leave the person waiting."""
        guide = self._conversation.guide
        if state.session is None or guide is None:
            return
        if is_silent:
            understood = self.match is not None and self.match.intent not in _NOT_UNDERSTOOD
            self._add((guide.help,) if understood else (self._conversation.answers.again, guide.help))
        elif not (guided.current_step(guide, state.session).asks or state.session.asking_place):
            self._add((guide.when_done,))

    def _add(self, rows: tuple[Row, ...]) -> None:
        self.rows += [row for row in rows if row.text]  # a folder may leave words of the guide out

    def _gather(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, Say):
                self.rows += action.rows
            elif isinstance(action, End):
                self.ended = action.reason
