"""The state of a conversation. `conversation` returns a new one with every event, and `state_json` saves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from voice_helper.dialogue.disclaimer import DisclaimerState
from voice_helper.dialogue.guided_session import Session
from voice_helper.types import Answer, Match, Row
from voice_helper.understanding.safety import Flag


@dataclass(frozen=True, slots=True)
class Owed:
    """An emergency or urgent reply that has been given once and must still be repeated."""

    answer: Answer
    in_samples: int


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The last answer, which the user can ask to repeat or follow up."""

    match: Match | None = None
    rows: tuple[Row, ...] | None = None
    """The rows spoken in reply to the match, if they differ from those of the match's usual answer."""

    topic: Match | None = None
    """The topic that "why" and "tell me more" refer to."""

    pages_given: int = 0
    """How many times the user has been told more about the topic."""

    led_through: tuple[str, ...] = ()
    """The intents that follow-ups have already led to, so that "next" does not go round in circles."""


@dataclass(frozen=True, slots=True)
class WordsSoFar:
    """What was concluded from the partial transcript of the current utterance."""

    acted_on: str | None = None
    """The command or sign of danger that was acted on during the utterance, so that the end of the utterance does not
    trigger the same action again.
    """

    suspected: Flag | None = None
    """A red flag in the partial transcript."""

    suspected_samples: int = 0
    """How long the red flag has persisted, in samples."""

    commanded: str | None = None
    """The command in the partial transcript. It interrupts the speech before it is executed."""

    commanded_samples: int = 0
    """How long the command has persisted, in samples."""

    hushed_for: str | None = None
    """The command for which the assistant's speech was interrupted, while the rest of the utterance is still arriving.
    """


@dataclass(frozen=True, slots=True)
class Alerts:
    """The signs of danger in a conversation."""

    level: str | None = None
    """The level of the last certain sign that was not withdrawn.

    Until it is withdrawn, it limits which questions are answered.
    """

    family: str | None = None
    possible: str | None = None
    """The level of a sign that was only possible. A second possible sign, or a "yes", makes it certain."""

    possible_family: str | None = None
    possible_samples: int = 0
    """How long the possible sign is still remembered, in samples."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Counts how many times in a row the assistant failed to understand the user."""

    misheard: int = 0
    """The number of consecutive utterances that were not understood."""

    lost: int = 0
    """The number of consecutive utterances in which the recognizer failed."""


@dataclass(frozen=True, slots=True)
class Attention:
    """The period after an answer in which the assistant asks the user once to repeat speech that it did not understand.

    Outside this period, the assistant ignores such speech in open listening.
    """

    samples: int = 0
    """The remaining time, in samples."""

    is_owed: bool = False
    """Whether the answer is still being spoken. The period begins when it ends."""

    def after(self, samples: int) -> Attention:
        """Return the state after some time has passed."""
        return replace(self, samples=max(0, self.samples - samples))


@dataclass(frozen=True, slots=True)
class State:
    """The state of a conversation."""

    hands_free: bool = False
    """Whether the assistant is in open listening, in which it ignores speech that is not meant for it."""

    can_lead: bool = False
    """Whether a guided session is possible in this interface.

    If so, an utterance can start a session even without open listening.
    """

    situation: Mapping[str, str] = field(default_factory=dict)
    """Facts about the conversation other than its utterances, such as `{"recording": "on"}`."""

    session: Session | None = None
    conditions: frozenset[str] = frozenset()
    """The conditions that the user has mentioned, by their names in the guide. They make a session skip steps."""

    disclaimer: DisclaimerState = field(default_factory=DisclaimerState)
    owed: Owed | None = None
    candidates: tuple[str, ...] = ()
    """The two meanings offered in the last clarifying question."""

    last: LastAnswer = field(default_factory=LastAnswer)
    so_far: WordsSoFar = field(default_factory=WordsSoFar)
    failures: Failures = field(default_factory=Failures)
    alerts: Alerts = field(default_factory=Alerts)
    attention: Attention = field(default_factory=Attention)
