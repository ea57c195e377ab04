"""Decide which disclaimer an answer needs, and when the full one counts as heard. The texts are data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, get_args

from voice_helper.types import SAMPLE_RATE, Answer, Disclaimer, DisclaimerRule, Row

RULES: Final = get_args(DisclaimerRule)

SAME_TOPIC_SECONDS: Final = 60
"""For this time after a disclaimer, answers on the same topic need no further one."""


@dataclass(frozen=True, slots=True)
class Disclaimers:
    """The texts, from `answers.yaml`."""

    full: Row
    short: Row

    def after(self, rows: tuple[Row, ...], rule: DisclaimerRule, *, full_given: bool) -> Answer:
        """Return rows as an answer with the disclaimer that the rule requires. With the rule `topic`, the full one is
        used once.
        """
        kind: Disclaimer = ("short" if full_given else "full") if rule == "topic" else rule
        row = {"full": self.full, "short": self.short, "none": None}[kind]
        return Answer(rows, kind, row)


@dataclass(frozen=True, slots=True)
class DisclaimerState:
    """Which disclaimers the user has heard."""

    given: bool = False
    """Whether the full disclaimer has been played to its end since startup."""

    on_the_way: bool = False
    """Whether the full disclaimer is being spoken. If it is interrupted, it does not count."""

    topic_on_the_way: str | None = None
    """The topic of an answer with a disclaimer that is being spoken."""

    topic: str | None = None
    """The topic of the last answer that was played with a disclaimer."""

    topic_samples: int = 0
    """For how long that topic needs no further disclaimer."""

    def heard(self) -> DisclaimerState:
        """Return the state after all speech has been played to its end."""
        if self.topic_on_the_way is None:
            return replace(self, given=self.given or self.on_the_way, on_the_way=False)
        return DisclaimerState(
            given=self.given or self.on_the_way,
            topic=self.topic_on_the_way,
            topic_samples=SAME_TOPIC_SECONDS * SAMPLE_RATE,
        )

    def begun(self, *, is_full: bool, topic: str | None = None) -> DisclaimerState:
        """Return the state when new speech begins, which ends any previous speech.

        `is_full` says whether the new speech contains the full disclaimer. `topic` is the topic of any disclaimer in
        it.
        """
        return replace(self, on_the_way=is_full, topic_on_the_way=topic)

    def cut_off(self) -> DisclaimerState:
        """Return the state after speech was interrupted."""
        return replace(self, on_the_way=False, topic_on_the_way=None)

    def after(self, samples: int) -> DisclaimerState:
        """Return the state after some time has passed."""
        left = max(0, self.topic_samples - samples)
        return replace(self, topic=self.topic if left else None, topic_samples=left)

    def due(self, answer: Answer, topic: str) -> Answer:
        """Return an answer, without its short disclaimer if its topic had one recently.

        Replies to a sign of danger, which are spoken twice, keep it.
        """
        if answer.disclaimer == "short" and topic == self.topic and not answer.said_twice:
            return replace(answer, disclaimer="none", disclaimer_row=None)
        return answer


def rule_of_more(rows: tuple[Row, ...]) -> DisclaimerRule:
    """Return the rule for rows that continue a topic. Rows without a health claim need no disclaimer."""
    return "none" if all(row.kind == "talk" for row in rows) else "topic"
