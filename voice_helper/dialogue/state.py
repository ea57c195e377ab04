"""The state of a conversation: values that `conversation` returns with every event, and that `state_json` saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from voice_helper.dialogue.disclaimer import DisclaimerState
from voice_helper.dialogue.guided_session import Session
from voice_helper.types import Answer, Match, Row
from voice_helper.understanding.safety import Flag


@dataclass(frozen=True, slots=True)
class Owed:
    """An emergency or urgent reply that is still to be repeated."""

    answer: Answer
    in_samples: int


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What was answered last: it can be repeated, and asked about further."""

    match: Match | None = None
    rows: tuple[Row, ...] | None = None
    """The rows spoken in reply to the match, if they were not its first answer."""

    topic: Match | None = None
    """The topic of "why" and "tell me more"."""

    pages_given: int = 0
    """How often the user has been told more about the topic."""

    led_through: tuple[str, ...] = ()
    """The intents that follow-ups have led through, so that "next" does not go in a circle."""


@dataclass(frozen=True, slots=True)
class WordsSoFar:
    """What follows from the partial transcript of the utterance that is going on."""

    acted_on: str | None = None
    """What was acted on during the utterance, so that its end does not trigger the same action again."""

    suspected: Flag | None = None
    """A red flag in the partial transcript."""

    suspected_samples: int = 0
    """How long it has been there."""

    commanded: str | None = None
    """The command in the partial transcript. It stops our speech before it is carried out."""

    commanded_samples: int = 0
    """How long it has been there."""

    hushed_for: str | None = None
    """The command that our speech stopped for, while its words are still arriving."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """The signs of danger of a conversation."""

    level: str | None = None
    """The level of the sign that was certain and was not taken back: it limits what is answered from then on."""

    family: str | None = None
    possible: str | None = None
    """The level of a sign that was only possible. A second one, or a "yes", makes it certain."""

    possible_family: str | None = None
    possible_samples: int = 0
    """The time in which that still holds."""


@dataclass(frozen=True, slots=True)
class Failures:
    """What went wrong in a row."""

    misheard: int = 0
    """Number of consecutive utterances that were not understood."""

    lost: int = 0
    """Number of consecutive utterances in which the recognizer failed."""


@dataclass(frozen=True, slots=True)
class Attention:
    """After an answer, words that are not understood are asked for again, once, even in open listening."""

    samples: int = 0
    """The time in which that still holds."""

    is_owed: bool = False
    """The answer is being spoken; the time begins at its end."""

    def after(self, samples: int) -> Attention:
        """Return it after some time."""
        return replace(self, samples=max(0, self.samples - samples))


@dataclass(frozen=True, slots=True)
class State:
    """The state of a conversation."""

    hands_free: bool = False
    """Open listening: speech not meant for the assistant is met with silence."""

    can_lead: bool = False
    """Time advances here, so words can start a session even without open listening."""

    situation: Mapping[str, str] = field(default_factory=dict)
    """What is known beside the words, such as `{"recording": "on"}`."""

    session: Session | None = None
    conditions: frozenset[str] = frozenset()
    """What was said that leaves out steps of a session, by the names that the guide gives."""

    disclaimer: DisclaimerState = field(default_factory=DisclaimerState)
    owed: Owed | None = None
    candidates: tuple[str, ...] = ()
    """The two meanings offered in the question just asked."""

    last: LastAnswer = field(default_factory=LastAnswer)
    so_far: WordsSoFar = field(default_factory=WordsSoFar)
    failures: Failures = field(default_factory=Failures)
    alerts: Alerts = field(default_factory=Alerts)
    attention: Attention = field(default_factory=Attention)
