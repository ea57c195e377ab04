"""The disclaimer: which one is due after an answer, and when the full one counts as heard. Its texts are data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, get_args

from voice_helper.types import SAMPLE_RATE, Answer, Disclaimer, DisclaimerRule, Row

RULES: Final = get_args(DisclaimerRule)

SAME_TOPIC_SECONDS: Final = 60
"""For this time after a disclaimer, answers on the same topic need no other."""


@dataclass(frozen=True, slots=True)
class Disclaimers:
    """The texts, from `answers.yaml`."""

    full: Row
    short: Row

    def after(self, rows: tuple[Row, ...], rule: DisclaimerRule, *, full_given: bool) -> Answer:
        """Return rows as an answer with the disclaimer that is due: by the rule `topic`, in full once."""
        kind: Disclaimer = ("short" if full_given else "full") if rule == "topic" else rule
        row = {"full": self.full, "short": self.short, "none": None}[kind]
        return Answer(rows, kind, row)


@dataclass(frozen=True, slots=True)
class DisclaimerState:
    """Which disclaimers the user has heard."""

    given: bool = False
    """The full one has been played to its end since start-up."""

    on_the_way: bool = False
    """It is being spoken; if it is cut off, it does not count."""

    topic_on_the_way: str | None = None
    """The topic of an answer that is being spoken with a disclaimer."""

    topic: str | None = None
    """The topic of the last answer that was heard with a disclaimer."""

    topic_samples: int = 0
    """The time in which that topic needs no other."""

    def heard(self) -> DisclaimerState:
        """Return the state once all speech was played to its end."""
        if self.topic_on_the_way is None:
            return replace(self, given=self.given or self.on_the_way, on_the_way=False)
        return DisclaimerState(
            given=self.given or self.on_the_way,
            topic=self.topic_on_the_way,
            topic_samples=SAME_TOPIC_SECONDS * SAMPLE_RATE,
        )

    def begun(self, *, is_full: bool, topic: str | None = None) -> DisclaimerState:
        """Return the state when new speech begins, which ends any other.

        `is_full` says whether the full disclaimer is in it, `topic` what any disclaimer in it is about.
        """
        return replace(self, on_the_way=is_full, topic_on_the_way=topic)

    def cut_off(self) -> DisclaimerState:
        """Return the state when speech stops before its end."""
        return replace(self, on_the_way=False, topic_on_the_way=None)

    def after(self, samples: int) -> DisclaimerState:
        """Return the state after some time."""
        left = max(0, self.topic_samples - samples)
        return replace(self, topic=self.topic if left else None, topic_samples=left)

    def due(self, answer: Answer, topic: str) -> Answer:
        """Return an answer without a short disclaimer that its topic had just before.

        A reply that is said twice, to a sign of danger, keeps it.
        """
        if answer.disclaimer == "short" and topic == self.topic and not answer.said_twice:
            return replace(answer, disclaimer="none", disclaimer_row=None)
        return answer


def rule_of_more(rows: tuple[Row, ...]) -> DisclaimerRule:
    """Return the rule for rows that go on with a topic: those that claim nothing need no disclaimer."""
    return "none" if all(row.kind == "talk" for row in rows) else "topic"
