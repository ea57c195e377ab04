"""The guided session, which leads a user through the steps of `guide.yaml`, hands-free.

All functions are pure: they take elapsed time in samples and return the rows to speak. The texts and times are data
(`guide.yaml`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import GuideFile, HedgeKeys, PlaceKeys, RowKeys, StepKeys
from voice_helper.content.schema import did_you_mean, read
from voice_helper.dialogue.answers import NO_VALUE, Sources, filled, row_of, rows_of
from voice_helper.types import SAMPLE_RATE, Match, Row

WORDS_PER_MINUTE: Final = 150
PAUSE_SECONDS: Final = 0.5

LONGEST_REPORT_WORDS: Final = 40
"""Longer texts are not searched for a report of the trouble."""

ROOM_IN_A_TURN_SECONDS: Final = 10
"""In a turn-based session, waits of at most this length are skipped."""

_NOTHING: Final = Row("", "talk")

EndReason = Literal["stopped", "better", "same", "worse", "time_limit"]
Stage = Literal["saying", "holding", "resting", "waiting", "paused"]


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
    """Whether the step asks how the trouble is. Silence counts as "the same"."""

    repeat_from: str | None = None
    """The step to go back to, once, if nothing has changed."""

    skip_when: str | None = None
    """The condition under which the step is skipped."""

    called: tuple[str, ...] = ()
    """What users call the step when they ask for it: "the stretching"."""


@dataclass(frozen=True)
class Hedge:
    """The words that weaken a report: "nearly gone" is not yet "gone"."""

    words: tuple[str, ...]
    say: Row
    """The reply to the first such report. If it is a question, "yes" confirms the full report."""

    then: Row | None = None
    """The reply to later ones. Without it, a later one counts as a full report."""


@dataclass(frozen=True)
class Places:
    """How a session depends on the location of the trouble. By default, it does not."""

    slot: str = ""
    """The slot that names a place in the sentences."""

    usual: str | None = None
    """The default place."""

    step: str | None = None
    """The step that depends on the place. When the user names a place, the session goes to this step."""

    questions: Mapping[str, Row] = field(default_factory=dict)
    """The question to ask first if a place is not precise enough."""

    other: Row = _NOTHING
    """Spoken before the step for a place if the user asks for another one without naming it: "the other leg"."""


@dataclass(frozen=True)
class Guide:
    """The texts and times of the whole session."""

    steps: tuple[Step, ...]
    limit_seconds: float
    stand: Step | None
    """An extra step for users who ask for it."""

    help: Row
    which_step: Row
    """Contains `{step}` and `{steps}`, the numbers of the current and the last step."""

    how_long: Row
    """Contains `{seconds}`, the remaining time."""

    count: Row
    """Contains `{seconds}`. Tells the user to count a hold, if the program does not count aloud."""

    repeat: Row
    """Contains `{rounds}`. Follows `count` if the hold should be repeated."""

    when_done: Row
    """Tells the user what to say next. Ends a turn if the program speaks only in reply."""

    article_first: tuple[Row, ...]
    """Spoken before everything else in a session that is limited to the article's text."""

    good: Row
    close: tuple[Row, ...]
    close_worse: tuple[Row, ...]
    close_limit: tuple[Row, ...]
    """Spoken when the time limit ends the session."""

    stopped: Row = field(default_factory=lambda: Row("", "talk"))
    """Shown, not spoken, when "stop" has ended the session. Contains `{command}`, the command that restarts it."""

    waiting: Row = _NOTHING
    """The reply when the user asks to wait."""

    keep_going: Row = _NOTHING
    """Spoken if the user reports no change in the middle of a step."""

    again: Row = _NOTHING
    """Spoken when the steps restart because nothing has changed."""

    hedges: Mapping[str, Hedge] = field(default_factory=dict)
    """The hedge of each report, by its intent."""

    go_to: tuple[str, ...] = ()
    """Ways to ask for a step. `{step}` stands for the name of the step."""

    before_trouble: tuple[str, ...] = ()
    """The words before a report of the trouble in a longer text: "and now"."""

    after_trouble: tuple[str, ...] = ()
    """The words after the report that begin another clause: "i was"."""

    places: Places = field(default_factory=Places)
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The intents that make a condition of `skip_when` true, by condition."""

    def conditions_in(self, match: Match) -> frozenset[str]:
        """Return the conditions that a match makes true, by its intent or by a slot with the condition's name."""
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
        """Yield the parts of a text that may report the trouble, each with the text before and after it."""
        if len(words) > LONGEST_REPORT_WORDS:
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
        """Return a guide for interfaces that speak only in reply. Apart from the time limit, time does not advance the
        session.

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


@dataclass(frozen=True, slots=True)
class Session:
    """The state of a guided session."""

    position: int = 0
    round: int = 1
    stage: Stage = "saying"
    stage_samples: int = 0
    total_samples: int = 0
    five_said: bool = False
    asking_place: bool = False
    """Whether the assistant has asked about a place that was not precise enough."""

    standing: bool = False
    repeated: bool = False
    asking: str | None = None
    """The report that the assistant has asked about. "Yes" confirms it."""

    hedged: frozenset[str] = frozenset()
    """The reports that were hedged before."""

    conditions: frozenset[str] = frozenset()
    place: str | None = None
    owed: tuple[Row, ...] = ()
    """Rows to speak as soon as a hold has time for them."""


@dataclass(frozen=True, slots=True)
class Move:
    """The result of a session function: the new state, and what to say."""

    session: Session | None
    """The new state, or `None` if the session is over."""

    say: tuple[Row, ...] = ()
    step: int | None = None
    hush: bool = False
    end: EndReason | None = None
    full_disclaimer: bool = False
    """Whether the full disclaimer follows the rows."""


def _without_first_aid(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.kind != "first_aid")


def begin(
    guide: Guide, short_disclaimer: Row, *, place: str | None = None, conditions: frozenset[str] = frozenset()
) -> Move:
    """Start a session with the first instruction."""
    owed = tuple(row for step in guide.steps for row in step.in_hold)
    session = Session(place=place, conditions=conditions, owed=(*owed, short_disclaimer))
    if not any(step.hold_seconds for step in guide.steps):  # there is no hold in which to speak them
        move = _enter(guide, replace(session, owed=()), 0)
        return replace(move, say=(*move.say, *session.owed))
    question = guide.places.questions.get(place or "")
    if question is not None:
        return Move(replace(session, asking_place=True), (*_rows(guide, guide.steps[0], session), question), 1)
    return _enter(guide, session, 0)


def pass_time(guide: Guide, session: Session, samples: int) -> Move:
    """Advance the time. The time limit always counts down; holds and waits only while they are running."""
    session = replace(session, total_samples=session.total_samples + samples)
    if session.total_samples >= guide.limit_seconds * SAMPLE_RATE:
        return Move(None, guide.close_limit, hush=True, end="time_limit", full_disclaimer=True)
    if session.stage in {"saying", "paused"}:
        return Move(session)
    session = replace(session, stage_samples=session.stage_samples + samples)
    step = current_step(guide, session)
    seconds = session.stage_samples / SAMPLE_RATE
    if session.stage == "holding":
        if step.five_more and not session.five_said and seconds >= step.hold_seconds - 5:
            return Move(replace(session, five_said=True), (step.five_more,), step.number)
        if seconds >= step.hold_seconds:
            return _after_hold(guide, session, step)
    elif session.stage == "resting" and seconds >= step.rest_seconds:
        again = replace(_at(session, "saying"), round=session.round + 1)
        return Move(again, _rows(guide, step, again), step.number)
    elif session.stage == "waiting" and seconds >= step.wait_seconds:
        return same(guide, session) if step.asks else _next(guide, session)
    return Move(session)


def done_speaking(guide: Guide, session: Session) -> Move:
    """Start a hold or a wait, because the voice has finished speaking."""
    if session.stage != "saying" or session.asking_place:
        return Move(session)
    step = current_step(guide, session)
    if step.hold_seconds:
        holding = _at(session, "holding")
        fitting, later = _fitting(holding.owed, step.hold_seconds - 5)
        return Move(replace(holding, owed=later), fitting, step.number if fitting else None)
    if step.wait_seconds:
        return Move(_at(session, "waiting"))
    return _next(guide, session)


def go_next(guide: Guide, session: Session) -> Move:
    """Go to the next step immediately."""
    return _at_once(_next(guide, replace(session, asking_place=False)))


def go_to_step(guide: Guide, session: Session, name: str) -> Move:
    """Go to the step with this name."""
    return _at_once(_enter(guide, session, guide.index(name, otherwise=session.position)))


def report(guide: Guide, session: Session, intent: str, comparable: str) -> Move | None:
    """Respond to a weakened report. Return `None` for a full report, or if the text is no report.

    The first one leads to a question or a tip. A later one gets a short reply, or counts as a full report.
    """
    hedge = guide.hedges.get(intent)
    if hedge is None or not any(f" {word} " in f" {comparable} " for word in hedge.words):
        return None
    if intent not in session.hedged:
        asks = hedge.say.text.endswith("?")
        hedged = replace(session, hedged=session.hedged | {intent}, asking=intent if asks else None)
        return Move(hedged, (hedge.say,), hush=True) if asks else say_between(guide, hedged, (hedge.say,))
    return say_between(guide, replace(session, asking=None), (hedge.then,)) if hedge.then is not None else None


def go_back(guide: Guide, session: Session) -> Move:
    """Go to the previous step. At the first step, repeat it."""
    position = session.position if session.standing else max(0, session.position - 1)
    return _at_once(_enter(guide, session, position))


def restart(guide: Guide, session: Session) -> Move:
    """Go back to the first step. The time limit keeps running."""
    return _at_once(_enter(guide, replace(session, repeated=False), 0))


def repeat(guide: Guide, session: Session) -> Move:
    """Repeat the instruction of the step, then restart its hold."""
    step = current_step(guide, session)
    again = _at(session, "saying")
    question = guide.places.questions.get(session.place or "") if session.asking_place else None
    return Move(again, _rows(guide, step, again) if question is None else (question,), step.number, hush=True)


def come_back(guide: Guide, session: Session, samples: int) -> Move:
    """Repeat the step after a time in which the user could not be reached. During that time, only the time limit was
    running.
    """
    away = replace(session, stage="paused")
    move = pass_time(guide, away, samples)
    return move if move.session is None else repeat(guide, move.session)


def pause(guide: Guide, session: Session) -> Move:
    """Pause everything except the time limit."""
    return Move(_at(session, "paused"), _spoken(guide.waiting), hush=True)


def resume(guide: Guide, session: Session) -> Move:
    """Continue after a pause, from the start of the step. If there is no pause, go to the next step."""
    if session.stage != "paused":
        return go_next(guide, session)
    return repeat(guide, session)


def go_to_place(guide: Guide, session: Session, places: str | None) -> Move:
    """Go to the step for the place that was named last, or ask about a place that is not precise enough."""
    if places is None:  # "the other leg"
        move = _enter(guide, session, guide.index(guide.places.step or "", otherwise=session.position))
        return _at_once(replace(move, say=(*_spoken(guide.places.other), *move.say)))
    last = places.split(", ")[-1]
    here, question = replace(session, place=last), guide.places.questions.get(last)
    if question is not None:
        return Move(replace(_at(here, "saying"), asking_place=True), (question,), hush=True)
    step = guide.index(guide.places.step or "", otherwise=session.position)
    return _at_once(_enter(guide, replace(here, asking_place=False), step))


def start_again(guide: Guide, session: Session, places: str | None) -> Move:
    """Respond to a report of the trouble during a session. If a place is known, go to the step for this place."""
    afresh = replace(session, repeated=False)
    return go_to_place(guide, afresh, places or session.place or guide.places.usual)


def stand(guide: Guide, session: Session) -> Move:
    """Start the extra step, which is used only if the user asks for it."""
    if guide.stand is None:
        return repeat(guide, session)
    standing = replace(_at(session, "saying"), standing=True, round=1)
    return Move(standing, guide.stand.say, guide.stand.number, hush=True)


def better(guide: Guide) -> Move:
    """Close the session because the trouble is better."""
    return Move(None, (guide.good, *guide.close), hush=True, end="better", full_disclaimer=True)


def worse(guide: Guide) -> Move:
    """Close the session immediately because the trouble is worse, with the advice to get help."""
    return Move(None, guide.close_worse, hush=True, end="worse", full_disclaimer=True)


def same(guide: Guide, session: Session) -> Move:
    """Repeat the steps once because nothing has changed. The second time, continue to the end."""
    step = current_step(guide, session)
    if step.repeat_from and not session.repeated:
        move = _enter(guide, replace(session, repeated=True), guide.index(step.repeat_from))
        return _at_once(replace(move, say=(*_spoken(guide.again), *move.say)))
    return _at_once(_next(guide, session))


def not_yet(guide: Guide, session: Session) -> Move:
    """Continue with the current step after a report of no change in the middle of it."""
    if current_step(guide, session).asks:
        return same(guide, session)
    return say_between(guide, session, _spoken(guide.keep_going))


def stop() -> Move:
    """End the session silently."""
    return Move(None, hush=True, end="stopped")


def say_between(guide: Guide, session: Session, rows: tuple[Row, ...]) -> Move:
    """Speak rows without leaving the step. If they interrupt the instruction, it is repeated afterwards."""
    if session.stage == "saying":
        step = current_step(guide, session)
        return Move(session, (*rows, *_rows(guide, step, session)), step.number, hush=True)
    return Move(session, rows)


def which_step(guide: Guide, session: Session) -> Move:
    """Say the number of the current step."""
    step, last = steps(guide, session)
    return say_between(guide, session, (filled(guide.which_step, {"step": str(step), "steps": str(last)}),))


def how_long(guide: Guide, session: Session) -> Move:
    """Say how many seconds of the countdown are left, or how long the hold will be. If there is neither, repeat the
    step.
    """
    left, hold = seconds_left(guide, session), current_step(guide, session).hold_seconds
    if left is None and hold == math.inf:  # the user counts, so the step tells the duration
        return repeat(guide, session)
    if left is None and hold and session.stage == "saying" and guide.count.text:
        return say_between(guide, session, (filled(guide.count, {"seconds": f"{hold:g}"}),))
    if left is None:
        return which_step(guide, session)
    return Move(session, (filled(guide.how_long, {"seconds": str(max(1, round(left[0])))}),))


def seconds_left(guide: Guide, session: Session) -> tuple[float, float] | None:
    """Return the remaining and the total seconds of the current hold, rest or wait, or `None` if there is none."""
    step = current_step(guide, session)
    whole = {"holding": step.hold_seconds, "resting": step.rest_seconds, "waiting": step.wait_seconds}
    seconds = whole.get(session.stage)
    return None if seconds in (None, math.inf) else (max(0.0, seconds - session.stage_samples / SAMPLE_RATE), seconds)


def steps(guide: Guide, session: Session) -> tuple[int, int]:
    """Return the numbers of the current step and of the last step."""
    return current_step(guide, session).number, max(step.number for step in guide.steps)


def current_step(guide: Guide, session: Session) -> Step:
    """Return the current step."""
    return guide.stand if session.standing and guide.stand else guide.steps[session.position]


def _at_once(move: Move) -> Move:
    """Return the same move, which also interrupts the current speech."""
    return replace(move, hush=True)


def _at(session: Session, stage: Stage) -> Session:
    """Return the session at the start of a stage."""
    return replace(session, stage=stage, stage_samples=0, five_said=False)


def _enter(guide: Guide, session: Session, position: int) -> Move:
    entered = replace(_at(session, "saying"), position=position, round=1, standing=False, asking=None)
    step = guide.steps[position]
    return Move(entered, _rows(guide, step, entered), step.number)


def _next(guide: Guide, session: Session) -> Move:
    position = session.position + 1
    while position < len(guide.steps) and guide.steps[position].skip_when in session.conditions:
        position += 1
    if position >= len(guide.steps):
        return Move(None, guide.close, end="same", full_disclaimer=True)
    return _enter(guide, session, position)


def _after_hold(guide: Guide, session: Session, step: Step) -> Move:
    rest = (step.rest,) if step.rest else ()
    if session.round < step.rounds:
        return Move(_at(session, "resting"), rest, step.number)
    move = _next(guide, session)
    return replace(move, say=(*rest, *move.say))


def _rows(guide: Guide, step: Step, session: Session) -> tuple[Row, ...]:
    rows = step.say_again if session.round > 1 and step.say_again else step.say
    slot, is_exact = guide.places.slot, session.place is not None and session.place not in guide.places.questions
    where = session.place if is_exact else NO_VALUE
    return tuple(row for row in rows if slot not in row.when or where in row.when[slot])


def _spoken(row: Row) -> tuple[Row, ...]:
    """Return a row as a tuple, which is empty if the folder omits the row."""
    return (row,) if row.text else ()


def _is_at(words: tuple[str, ...], phrases: tuple[str, ...], *, at_end: bool = False) -> bool:
    """Return whether a text begins or ends with one of the phrases."""
    parts = (tuple(phrase.split()) for phrase in phrases)
    return any((words[-len(part) :] if at_end else words[: len(part)]) == part for part in parts)


def seconds_to_say(rows: tuple[Row, ...]) -> float:
    """Estimate how many seconds the rows take at the normal pace."""
    return sum(len(row.text.split()) * 60 / WORDS_PER_MINUTE + PAUSE_SECONDS for row in rows)


def _fitting(rows: tuple[Row, ...], seconds: float) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Split rows into those that fit into the time and the rest."""
    count = len(rows)
    while count and seconds_to_say(rows[:count]) > seconds:
        count -= 1
    return rows[:count], rows[count:]


def read_guide(item: Item, sources: Sources, fill: Callable[[Row], Row], problems: Problems) -> Guide:
    """Read `guide.yaml`. `fill` inserts settings such as the emergency number into a row.

    Mistakes are added to `problems`.
    """
    file = read(GuideFile, item, problems)
    names = [_name_of(step, number) for number, step in enumerate(file.steps, 1)]
    _check_steps(file, names, problems)
    builder = _Builder(sources, problems, fill)
    steps = tuple(
        builder.step(step, name, number) for number, (name, step) in enumerate(zip(names, file.steps, strict=True), 1)
    )
    places = builder.places(file.place_) if file.place_ is not None else Places()

    trouble = file.trouble

    def one(name: str) -> Row:
        return builder.row(getattr(file, name), f"guide.yaml, {name}") or _NOTHING

    def several(name: str) -> tuple[Row, ...]:
        return builder.rows(getattr(file, name), f"guide.yaml, {name}")

    number_of_stand = next((step.number for step in steps if step.name == places.step), 1)
    return Guide(
        steps=steps,
        limit_seconds=file.limit_seconds,
        stand=builder.step(file.stand, "stand", number_of_stand) if file.stand is not None else None,
        help=one("help"),
        which_step=one("which_step"),
        how_long=one("how_long"),
        count=one("count"),
        repeat=one("repeat"),
        when_done=one("when_done"),
        article_first=several("article_first"),
        good=one("good"),
        close=several("close"),
        close_worse=several("close_worse"),
        close_limit=several("close_limit"),
        stopped=one("stopped"),
        waiting=one("waiting"),
        keep_going=one("keep_going"),
        again=one("again"),
        hedges={intent: builder.hedge(hedge, intent) for intent, hedge in file.hedges.items()},
        go_to=file.go_to,
        before_trouble=trouble.before if trouble is not None else (),
        after_trouble=trouble.after if trouble is not None else (),
        places=places,
        conditions=file.conditions,
    )


def _name_of(step: StepKeys, number: int) -> str:
    return step.name or f"{number}"


def _check_steps(file: GuideFile, names: list[str], problems: Problems) -> None:
    if not file.steps:
        problems.add(file.place, 'guide.yaml needs "steps:" with at least one step')
    place = file.place_
    if place is not None and place.step is not None and place.step not in names:
        problems.add(place.place_of("step"), f'place: "{place.step}" is not a step{did_you_mean(place.step, names)}')
    for name, step in zip(names, file.steps, strict=True):
        if step.repeat_from and step.repeat_from not in names:
            near = did_you_mean(step.repeat_from, names)
            problems.add(step.place, f'the step {name} repeats from "{step.repeat_from}", which is not a step{near}')
        if step.skip_when and step.skip_when not in file.conditions:
            problems.add(step.place, f'the step {name}: "conditions:" does not say when "{step.skip_when}" is true')


@dataclass(frozen=True)
class _Builder:
    """Builds rows with the settings filled in, and steps from such rows."""

    sources: Sources
    problems: Problems
    fill: Callable[[Row], Row]

    def rows(self, rows: tuple[RowKeys, ...], what: str) -> tuple[Row, ...]:
        return tuple(self._keep(row) for row in rows_of(rows, what, self.sources, self.problems))

    def row(self, row: RowKeys | None, what: str) -> Row | None:
        return self._keep(row_of(row, what, self.sources, self.problems)) if row is not None else None

    def _keep(self, row: Row) -> Row:
        return replace(self.fill(row), when=row.when)

    def step(self, step: StepKeys, name: str, number: int) -> Step:
        what = f"the step {name}"
        if not step.say:
            self.problems.add(step.place, f"{what} says nothing")
        return Step(
            name=name,
            number=int(step.number) if step.number is not None else number,
            say=self.rows(step.say, f"{what}, say"),
            say_again=self.rows(step.say_again, f"{what}, say_again"),
            rounds=int(step.rounds),
            hold_seconds=step.hold_seconds,
            rest_seconds=step.rest_seconds,
            wait_seconds=step.wait_seconds,
            in_hold=self.rows(step.in_hold, f"{what}, in_hold"),
            five_more=self.row(step.five_more, f"{what}, five_more"),
            rest=self.row(step.rest, f"{what}, rest"),
            asks=step.asks,
            repeat_from=step.repeat_from,
            skip_when=step.skip_when,
            called=step.called,
        )

    def places(self, place: PlaceKeys) -> Places:
        questions = {name: self.row(row, f"place, ask, {name}") for name, row in place.ask.items()}
        kept = {name: row for name, row in questions.items() if row is not None}
        return Places(place.slot, place.usual, place.step, kept, self.row(place.other, "place, other") or _NOTHING)

    def hedge(self, hedge: HedgeKeys, intent: str) -> Hedge:
        what = f"hedges, {intent}"
        say, then = self.row(hedge.say, f"{what}, say"), self.row(hedge.then, f"{what}, then")
        return Hedge(hedge.words, say or _NOTHING, then)
