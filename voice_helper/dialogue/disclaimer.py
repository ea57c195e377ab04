"""The disclaimer: which one is due after an answer, and when the full one counts as heard. Its texts are data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, get_args

from voice_helper.types import Answer, Disclaimer, DisclaimerRule, Row

RULES: Final = get_args(DisclaimerRule)


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
    """How far the user has heard the full disclaimer."""

    given: bool = False
    """It has been played to its end since start-up."""

    on_the_way: bool = False
    """It is being spoken; if it is cut off, it does not count."""

    def heard(self) -> DisclaimerState:
        """Return the state once all speech was played to its end."""
        return DisclaimerState(given=True) if self.on_the_way else self

    def begun(self, *, is_full: bool) -> DisclaimerState:
        """Return the state when new speech begins, which ends any other; `is_full`: the full disclaimer is in it."""
        return replace(self, on_the_way=is_full)

    def cut_off(self) -> DisclaimerState:
        """Return the state when speech stops before its end."""
        return replace(self, on_the_way=False)


def rule_of_more(rows: tuple[Row, ...]) -> DisclaimerRule:
    """Return the rule for rows that go on with a topic: those that claim nothing need no disclaimer."""
    return "none" if all(row.kind == "talk" for row in rows) else "topic"
