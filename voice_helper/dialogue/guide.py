"""The guided session as data, as `guide.yaml` defines it: its steps, its places and everything it can say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from voice_helper.dialogue.answers import filled
from voice_helper.types import Match, Row

MAX_REPORT_WORDS: Final = 40
"""The maximum number of words of a text that is searched for a report of the problem."""

ROOM_IN_A_TURN_SECONDS: Final = 10
"""The maximum wait, in seconds, that a turn-based session skips. Longer waits are kept."""

NO_ROW: Final = Row("", "talk")
"""The placeholder for a row that an intents folder leaves out."""


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
    """Whether the step asks how the user feels. Silence counts as the reply "the same"."""

    repeat_from: str | None = None
    """The step to go back to if the user reports no change. This happens only once."""

    skip_when: str | None = None
    """The condition under which the step is skipped."""

    called: tuple[str, ...] = ()
    """What users call the step when they ask for it: "the stretching"."""


@dataclass(frozen=True)
class Hedge:
    """The words that qualify a report, and the replies to a qualified report: "nearly gone" is not yet "gone"."""

    words: tuple[str, ...]
    say: Row
    """The reply to the first qualified report. If the reply is a question, "yes" confirms the full report."""

    then: Row | None = None
    """The reply to later qualified reports. If there is none, a later one counts as a full report."""


@dataclass(frozen=True)
class Places:
    """How a session depends on the part of the body that the user names. By default, it does not."""

    slot: str = ""
    """The slot that names a place in the sentences."""

    usual: str | None = None
    """The place that a session assumes if the user names none."""

    step: str | None = None
    """The step that depends on the place. When the user names a place, the session goes to this step."""

    questions: Mapping[str, Row] = field(default_factory=dict)
    """The question to ask first if a place is not precise enough."""

    other: Row = NO_ROW
    """The row spoken before the step for a place if the user asks for another place without naming it:

    "the other leg".
    """


@dataclass(frozen=True)
class Guide:
    """All texts and times of the guided session."""

    steps: tuple[Step, ...]
    limit_seconds: float
    stand: Step | None
    """An extra step that is given only to users who ask for it."""

    help: Row
    which_step: Row
    """The row that tells the number of the step.

    Contains `{step}` and `{steps}`, the numbers of the current and the last step.
    """

    how_long: Row
    """The row that tells the remaining time. Contains `{seconds}`."""

    count: Row
    """The row that asks the user to count a hold if the program does not count aloud. Contains `{seconds}`."""

    repeat: Row
    """The row that follows `count` if the hold should be repeated. Contains `{rounds}`."""

    when_done: Row
    """The row that tells the user what to say next. It ends a turn if the program speaks only in reply."""

    article_first: tuple[Row, ...]
    """The rows spoken before everything else in a session that is limited to the article's text."""

    good: Row
    close: tuple[Row, ...]
    close_worse: tuple[Row, ...]
    close_limit: tuple[Row, ...]
    """The rows spoken when the time limit ends the session."""

    stopped: Row = field(default_factory=lambda: Row("", "talk"))
    """The row displayed, but not spoken, when "stop" has ended the session.

    Contains `{command}`, the command that restarts it.
    """

    waiting: Row = NO_ROW
    """The reply when the user asks to wait."""

    keep_going: Row = NO_ROW
    """The row spoken if the user reports no change in the middle of a step."""

    again: Row = NO_ROW
    """The row spoken when the steps restart because nothing has changed."""

    hedges: Mapping[str, Hedge] = field(default_factory=dict)
    """The hedge for each report, by the report's intent."""

    go_to: tuple[str, ...] = ()
    """Ways to ask for a step. `{step}` stands for the name of the step."""

    before_trouble: tuple[str, ...] = ()
    """The words that may come before a report of the problem in a longer text: "and now"."""

    after_trouble: tuple[str, ...] = ()
    """The words that may come after the report and begin another clause: "i was"."""

    places: Places = field(default_factory=Places)
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The intents that make each condition of `skip_when` true, by the name of the condition."""

    def conditions_in(self, match: Match) -> frozenset[str]:
        """Return the conditions that a match makes true.

        A match makes a condition true by its intent, or by a slot that has the name of the condition.
        """
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
        """Yield each part of a text that may report the problem, with the text before and after this part."""
        if len(words) > MAX_REPORT_WORDS:
            return
        starts = [at for at in range(len(words)) if at == 0 or _is_at(words[:at], self.before_trouble, at_end=True)]
        ends = [at for at in range(len(words), 1, -1) if at == len(words) or _is_at(words[at:], self.after_trouble)]
        for start in starts:
            for end in ends:
                if end > start + 1 and (start, end) != (0, len(words)):
                    yield " ".join(words[start:end]), (" ".join(words[:start]), " ".join(words[end:]))

    def article_only(self) -> Guide:
        """Return a guide with only the article's own text and the safety rows, without first aid."""
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
        """Return a guide for interfaces that speak only in reply. In such a session, only the user's replies lead to
        the next step. The user counts the holds, and short waits are skipped.

        Only the time limit depends on the clock.
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
    """Return whether a text begins or ends with one of the phrases."""
    parts = (tuple(phrase.split()) for phrase in phrases)
    return any((words[-len(part) :] if at_end else words[: len(part)]) == part for part in parts)
