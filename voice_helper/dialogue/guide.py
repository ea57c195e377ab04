"""The guided session as data: its steps, its places and everything it can say, as `guide.yaml` has it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from voice_helper.dialogue.answers import filled
from voice_helper.types import Match, Row

MAX_REPORT_WORDS: Final = 40
"""A longer text is not searched for a report of the trouble."""

ROOM_IN_A_TURN_SECONDS: Final = 10
"""In a turn-based session, waits of at most this length are skipped."""

NO_ROW: Final = Row("", "talk")
"""Stands for a row that a folder leaves out."""


@dataclass(frozen=True)
class Step:
    """One step: what to say, and how long to hold or wait afterwards."""

    name: str
    number: int
    say: tuple[Row, ...]
    say_again: tuple[Row, ...] = ()
    rounds: int = 1
    hold_seconds: float = 0.0
    rest_seconds: float = 0.0
    wait_seconds: float = 0.0
    in_hold: tuple[Row, ...] = ()
    five_more: Row | None = None
    rest: Row | None = None
    asks: bool = False
    """Whether the step asks how the cramp is. Silence counts as "the same"."""

    repeat_from: str | None = None
    """The step to go back to, once, if nothing has changed."""

    skip_when: str | None = None
    """The condition under which the step is left out."""

    called: tuple[str, ...] = ()
    """What users call the step when they want to go to it: "the stretching"."""


@dataclass(frozen=True)
class Hedge:
    """The words that make a report say less than its intent: "nearly gone" is not yet "gone"."""

    words: tuple[str, ...]
    say: Row
    """Said to the first such report. If it asks, "yes" is the report in full."""

    then: Row | None = None
    """Said to later ones; without it, a later one counts in full."""


@dataclass(frozen=True)
class Places:
    """How a session depends on where the trouble is; by default it does not."""

    slot: str = ""
    """The slot that names a place in the sentences."""

    usual: str | None = None
    """The place that is assumed if none was named."""

    step: str | None = None
    """The step that differs by place: naming a place leads to it."""

    questions: Mapping[str, Row] = field(default_factory=dict)
    """The question to ask first, for a place that is not exact enough."""

    other: Row = NO_ROW
    """Said before the step for a place, if the user wants another one without naming it: "the other leg"."""


@dataclass(frozen=True)
class Guide:
    """The words and times of the whole session."""

    steps: tuple[Step, ...]
    limit_seconds: float
    stand: Step | None
    """An extra step that is given only on request."""

    help: Row
    which_step: Row
    """Contains `{step}` and `{steps}`, the numbers of this step and the last."""

    how_long: Row
    """Contains `{seconds}`, the time left."""

    count: Row
    """Contains `{seconds}`. Tells the user to count a hold, if the program does not count aloud."""

    repeat: Row
    """Contains `{rounds}`. Follows `count` if the hold should be repeated."""

    when_done: Row
    """Tells the user what to say next. Ends a turn if the program speaks only in reply."""

    article_first: tuple[Row, ...]
    """Said before everything else in a session with only the article's own words."""

    good: Row
    close: tuple[Row, ...]
    close_worse: tuple[Row, ...]
    close_limit: tuple[Row, ...]
    """Said when the time limit ends the session."""

    stopped: Row = field(default_factory=lambda: Row("", "talk"))
    """Shown, not said, when "stop" has ended the session. Contains `{command}`, what to type to begin again."""

    waiting: Row = NO_ROW
    """Said when the user asks to wait."""

    keep_going: Row = NO_ROW
    """Said if nothing has changed in the middle of a step."""

    again: Row = NO_ROW
    """Said when the steps begin once more because nothing has changed."""

    hedges: Mapping[str, Hedge] = field(default_factory=dict)
    """The hedge of each report, by its intent."""

    go_to: tuple[str, ...] = ()
    """Ways to ask for a step. `{step}` stands for what it is called."""

    before_trouble: tuple[str, ...] = ()
    """The words before a report of the trouble inside a longer text: "and now"."""

    after_trouble: tuple[str, ...] = ()
    """The words that begin something else after it: "i was"."""

    places: Places = field(default_factory=Places)
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The intents that make a condition of `skip_when` true, by condition."""

    def conditions_in(self, match: Match) -> frozenset[str]:
        """Return the conditions that a match makes true: by its intent, or by a slot of the condition's name."""
        return frozenset(
            name for name, intents in self.conditions.items() if match.intent in intents or name in match.slots
        )

    @property
    def ways_to_steps(self) -> Iterator[tuple[str, str]]:
        """Yield each way to ask for a step, and the name of the step."""
        for step in self.steps:
            for called in step.called:
                yield from ((way.replace("{step}", called), step.name) for way in self.go_to)

    def clauses(self, words: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield the parts of a text that may report the trouble, each with the words before and after it."""
        if len(words) > MAX_REPORT_WORDS:
            return
        starts = [at for at in range(len(words)) if at == 0 or _is_at(words[:at], self.before_trouble, at_end=True)]
        ends = [at for at in range(len(words), 1, -1) if at == len(words) or _is_at(words[at:], self.after_trouble)]
        for start in starts:
            for end in ends:
                if end > start + 1 and (start, end) != (0, len(words)):
                    yield " ".join(words[start:end]), (" ".join(words[:start]), " ".join(words[end:]))

    def article_only(self) -> Guide:
        """Return a guide with only the article's own words and the safety rows, without first aid."""
        steps = [replace(step, say=_without_first_aid(step.say), say_again=(), in_hold=()) for step in self.steps]
        kept = [step for step in steps if any(row.kind in {"article", "talk"} for row in step.say)]
        kept[:1] = [replace(step, say=(*self.article_first, *step.say)) for step in kept[:1]]
        first = kept[0].name if kept else None
        return replace(
            self,
            steps=tuple(replace(step, repeat_from=first if step.repeat_from else None) for step in kept),
            stand=None,
            hedges={intent: hedge for intent, hedge in self.hedges.items() if hedge.say.kind != "first_aid"},
        )

    def by_turns(self) -> Guide:
        """Return a guide for interfaces that speak only when spoken to. Time does not advance it, except to its end.

        The user counts the holds. Short waits are skipped.
        """
        stand = self._by_turns(self.stand) if self.stand is not None else None
        return replace(self, steps=tuple(self._by_turns(step) for step in self.steps), stand=stand)

    def _by_turns(self, step: Step) -> Step:
        if step.hold_seconds:
            count = filled(self.count, {"seconds": f"{step.hold_seconds:g}"})
            again = (filled(self.repeat, {"rounds": f"{step.rounds}"}),) if step.rounds > 1 else ()
            return replace(
                step, say=(*step.say, count, *again), rounds=1, hold_seconds=math.inf, five_more=None, rest=None
            )
        waits = step.asks or step.wait_seconds > ROOM_IN_A_TURN_SECONDS
        return replace(step, wait_seconds=math.inf if waits else 0.0)

    def index(self, name: str, otherwise: int = 0) -> int:
        """Return the position of the step with this name, or `otherwise` if there is none."""
        return next((index for index, step in enumerate(self.steps) if step.name == name), otherwise)


def _without_first_aid(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.kind != "first_aid")


def _is_at(words: tuple[str, ...], phrases: tuple[str, ...], *, at_end: bool = False) -> bool:
    """Return whether words begin with one of some phrases, or end with it."""
    parts = (tuple(phrase.split()) for phrase in phrases)
    return any((words[-len(part) :] if at_end else words[: len(part)]) == part for part in parts)
