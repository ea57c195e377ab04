"""The moves of a guided session, which leads a user through the steps of a guide, hands-free.

All functions are pure: time comes in as samples, and the rows to say come out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from voice_helper.dialogue.answers import NO_VALUE, filled
from voice_helper.dialogue.guide import Guide, Step
from voice_helper.types import SAMPLE_RATE, Row

WORDS_PER_MINUTE: Final = 150
PAUSE_SECONDS: Final = 0.5
FIVE_MORE_SECONDS: Final = 5
"""The number of seconds left in a hold when the user is told how much longer it lasts."""

EndReason = Literal["stopped", "better", "same", "worse", "time_limit"]
Stage = Literal["saying", "holding", "resting", "waiting", "paused"]


@dataclass(frozen=True, slots=True)
class Session:
    """The state of a guided session: its step, stage, times and open questions."""

    position: int = 0
    round: int = 1
    stage: Stage = "saying"
    stage_samples: int = 0
    total_samples: int = 0
    five_said: bool = False
    said_until: int = 0
    """When the rows spoken during the current hold will end, in samples from the start of the hold."""

    asking_place: bool = False
    """Whether the assistant has asked for a more precise place."""

    standing: bool = False
    repeated: bool = False
    asking: str | None = None
    """The report that the assistant has asked the user to confirm with "yes"."""

    hedged: frozenset[str] = frozenset()
    """The reports that the user has already made in a qualified form, such as "nearly gone"."""

    conditions: frozenset[str] = frozenset()
    place: str | None = None
    owed: tuple[Row, ...] = ()
    """The rows to speak after the hold, because the hold was too short for them."""


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
    """Advance the time. The time limit always counts down. Holds and waits count down only while they are running."""
    session = replace(session, total_samples=session.total_samples + samples)
    if session.total_samples >= guide.limit_seconds * SAMPLE_RATE:
        return Move(None, guide.close_limit, hush=True, end="time_limit", full_disclaimer=True)
    if session.stage in {"saying", "paused"}:
        return Move(session)
    session = replace(session, stage_samples=session.stage_samples + samples)
    step = current_step(guide, session)
    seconds = session.stage_samples / SAMPLE_RATE
    if session.stage == "holding":
        if step.five_more and not session.five_said and seconds >= step.hold_seconds - FIVE_MORE_SECONDS:
            is_free = session.said_until <= session.stage_samples
            said = (step.five_more,) if is_free else ()  # after other speech, it would come too late
            return Move(replace(session, five_said=True), said, step.number if said else None)
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
    session = replace(session, said_until=0)
    if session.stage != "saying" or session.asking_place:
        return Move(session)
    step = current_step(guide, session)
    if step.hold_seconds:
        holding = _at(session, "holding")
        fitting, later = _fitting(holding.owed, step.hold_seconds - FIVE_MORE_SECONDS)
        holding = _saying(replace(holding, owed=later), fitting)
        return Move(holding, fitting, step.number if fitting else None)
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
    """Respond to a qualified report, such as "nearly gone". Return `None` if the text is not a report, or if the report
    is not qualified.

    The first qualified report leads to a question or a tip. A later one gets a short reply, or counts as a full report.
    """
    hedge = guide.hedges.get(intent)
    if hedge is None or not any(f" {word} " in f" {comparable} " for word in hedge.words):
        return None
    if intent not in session.hedged:
        asks = hedge.say.text.endswith("?")
        hedged = replace(session, hedged=session.hedged | {intent}, asking=intent if asks else None)
        if not asks:
            return say_between(guide, hedged, (hedge.say,))
        return Move(_saying(replace(hedged, said_until=0), (hedge.say,)), (hedge.say,), hush=True)
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
    """Repeat the step after the connection to the user was interrupted.

    During the interruption, only the time limit was running.
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
    """Respond to a report of the problem during a session. If a place is known, go to the step for this place."""
    afresh = replace(session, repeated=False)
    return go_to_place(guide, afresh, places or session.place or guide.places.usual)


def stand(guide: Guide, session: Session) -> Move:
    """Start the extra step, which is used only if the user asks for it."""
    if guide.stand is None:
        return repeat(guide, session)
    standing = replace(_at(session, "saying"), standing=True, round=1)
    return Move(standing, guide.stand.say, guide.stand.number, hush=True)


def better(guide: Guide) -> Move:
    """Close the session because the user feels better."""
    return Move(None, (guide.good, *guide.close), hush=True, end="better", full_disclaimer=True)


def worse(guide: Guide) -> Move:
    """Close the session immediately because the user feels worse, with the advice to get help."""
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
    """Say rows without leaving the step. If the rows interrupt the instruction of the step, the instruction is repeated
    afterwards.

    During a hold, rows that take longer than the rest of the hold are spoken after it, so that the user lets go in
    time.
    """
    step = current_step(guide, session)
    if session.stage == "saying":
        return Move(session, (*rows, *_rows(guide, step, session)), step.number, hush=True)
    if session.stage != "holding" or not rows:
        return Move(session, rows)
    saying = _saying(session, rows)
    if saying.said_until > step.hold_seconds * SAMPLE_RATE:
        return _after_hold(guide, session, step, between=rows)
    return Move(saying, rows)


def which_step(guide: Guide, session: Session) -> Move:
    """Say the number of the current step."""
    step, last = steps(guide, session)
    return say_between(guide, session, (filled(guide.which_step, {"step": str(step), "steps": str(last)}),))


def how_long(guide: Guide, session: Session) -> Move:
    """Say how many seconds of the countdown are left, or how long the hold will be.

    If the step has no countdown and no hold, repeat the step.
    """
    left, hold = seconds_left(guide, session), current_step(guide, session).hold_seconds
    if left is None and hold == math.inf:  # the user counts, and the instruction itself says how long
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
    """Return the move, changed so that it interrupts the current speech."""
    return replace(move, hush=True)


def _at(session: Session, stage: Stage) -> Session:
    """Return the session at the start of a stage."""
    return replace(session, stage=stage, stage_samples=0, five_said=False, said_until=0)


def _saying(session: Session, rows: tuple[Row, ...]) -> Session:
    """Return the session while rows are spoken during a hold, after any rows that are already being spoken."""
    if session.stage != "holding" or not rows:
        return session
    begins = max(session.said_until, session.stage_samples)
    return replace(session, said_until=begins + round(seconds_to_say(rows) * SAMPLE_RATE))


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


def _after_hold(guide: Guide, session: Session, step: Step, between: tuple[Row, ...] = ()) -> Move:
    rest = (*((step.rest,) if step.rest else ()), *between)
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


def seconds_to_say(rows: tuple[Row, ...]) -> float:
    """Estimate how many seconds the rows take at the normal pace."""
    return sum(len(row.text.split()) * 60 / WORDS_PER_MINUTE + PAUSE_SECONDS for row in rows)


def _fitting(rows: tuple[Row, ...], seconds: float) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Split rows into those that can be spoken within the time, and the rest."""
    count = len(rows)
    while count and seconds_to_say(rows[:count]) > seconds:
        count -= 1
    return rows[:count], rows[count:]
