"""Decide which disclaimer an answer needs, and when the user has heard the full one.

The texts come from the intents folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, get_args

from voice_helper.types import SAMPLE_RATE, Answer, Disclaimer, DisclaimerRule, Row

RULES: Final = get_args(DisclaimerRule)

SAME_TOPIC_SECONDS: Final = 60
"""The time after a disclaimer, in seconds, in which further answers on the same topic need no disclaimer of their own.
"""


@dataclass(frozen=True, slots=True)
class Disclaimers:
    """The texts of the full and the short disclaimer, from `answers.yaml`."""

    full: Row
    short: Row

    def after(self, rows: tuple[Row, ...], rule: DisclaimerRule, *, full_given: bool) -> Answer:
        """Return an answer that consists of the rows and the disclaimer that the rule requires.

        With the rule `topic`, the full disclaimer is used once.
        """
        kind: Disclaimer = ("short" if full_given else "full") if rule == "topic" else rule
        row = {"full": self.full, "short": self.short, "none": None}[kind]
        return Answer(rows, kind, row)


@dataclass(frozen=True, slots=True)
class DisclaimerState:
    """Which disclaimers the user has heard."""

    given: bool = False
    """Whether the full disclaimer has been played to its end since the program started."""

    on_the_way: bool = False
    """Whether the full disclaimer is being spoken. If it is interrupted, it counts as not given."""

    topic_on_the_way: str | None = None
    """The topic of the disclaimer that is being spoken."""

    topic: str | None = None
    """The topic of the last answer that was played with a disclaimer."""

    topic_samples: int = 0
    """How long, in samples, answers on `topic` still need no disclaimer."""

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

        `is_full` is true if the new speech contains the full disclaimer. `topic` is the topic of any disclaimer in
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
        """Return the answer without its short disclaimer if the user has recently heard one on the same topic.

        Replies to a sign of danger, which are spoken twice, always keep their disclaimer.
        """
        if answer.disclaimer == "short" and topic == self.topic and not answer.said_twice:
            return replace(answer, disclaimer="none", disclaimer_row=None)
        return answer


def rule_of_more(rows: tuple[Row, ...]) -> DisclaimerRule:
    """Return the rule for rows that continue a topic. Rows without a health claim need no disclaimer."""
    return "none" if all(row.kind == "talk" for row in rows) else "topic"
