"""The moves of a guided session, tested on a small guide of five steps whose texts are their names."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.dialogue import guided_session as guided
from voice_helper.dialogue.answers import Sources, filled
from voice_helper.dialogue.guide import Guide, Hedge, Places, Step
from voice_helper.dialogue.guide_reader import read_guide
from voice_helper.dialogue.guided_session import Move, Session, Stage
from voice_helper.types import SAMPLE_RATE, Row

GUIDE = """
language: en
content_reviewed: none
limit_seconds: 100
place:
  slot: muscle
  usual: calf
  step: stretch
  ask: {thigh: {text: "Front or back?", kind: talk}}
  other: {text: "That one.", kind: talk}
conditions: {hot_weather: [cause_heat, cause_summer]}
steps:
  - name: sit
    say: [{text: "Sit.", kind: first_aid, source: nhs}]
  - name: stretch
    number: 12
    called: [the pull]
    rounds: 3
    hold_seconds: 20
    rest_seconds: 10
    say:
      - {text: "Toes.", kind: article, fact: stretching, when: {muscle: [none, calf]}}
      - {text: "Foot.", kind: first_aid, source: nhs, when: {muscle: foot}}
      - {text: "Hold.", kind: talk}
    say_again: [{text: "Once more.", kind: talk}]
    in_hold: [{text: "Call {number}.", kind: safety, source: nhs}, {text: "You can end this.", kind: talk}]
    five_more: {text: "Five.", kind: talk}
    rest: {text: "Rest.", kind: talk}
  - name: check
    number: 13
    wait_seconds: 11
    asks: true
    repeat_from: stretch
    say: [{text: "Better?", kind: talk}]
  - name: heat
    number: 14
    wait_seconds: 10
    skip_when: hot_weather
    say: [{text: "Heat.", kind: article, fact: heat}]
  - name: water
    number: 15
    say: [{text: "Water.", kind: first_aid, source: nhs}]
stand:
  hold_seconds: 15
  say: [{text: "Stand.", kind: first_aid, source: nhs}]
help: {text: "Say next.", kind: talk}
which_step: {text: "Step {step} of {steps}.", kind: talk}
how_long: {text: "{seconds} seconds.", kind: talk}
count: {text: "Count to {seconds}.", kind: talk}
repeat: {text: "Up to {rounds} times.", kind: talk}
when_done: {text: "Then say next.", kind: talk}
article_first: [{text: "First.", kind: safety, source: nhs}]
good: {text: "Good.", kind: talk}
close: [{text: "See a doctor.", kind: safety, source: nhs}]
close_worse: [{text: "Get help.", kind: safety, source: nhs}]
close_limit: [{text: "Too long.", kind: safety, source: nhs}]
waiting: {text: "Say ready.", kind: talk}
keep_going: {text: "Going on.", kind: talk}
again: {text: "Again.", kind: talk}
go_to: ["back to {step}"]
hedges:
  guide_better: {words: [nearly], say: {text: "Gone now?", kind: talk}, then: {text: "Fine.", kind: talk}}
  guide_worse: {words: [when i], say: {text: "Ease off.", kind: first_aid, source: nhs}}
trouble: {before: [and], after: [i was]}
"""
HOT = frozenset({"hot_weather"})
SHORT = Row("For education only.", "talk")


def read(text: str) -> tuple[Guide, tuple[str, ...]]:
    problems = Problems()
    sources = Sources(frozenset({"stretching", "heat"}), {"nhs": "NHS"})
    item = read_document(text, "guide.yaml", problems)
    read = read_guide(item, sources, lambda row: replace(filled(row, {"number": "112"}), when={}), problems)
    return read, problems.lines()


@pytest.fixture(scope="module")
def guide() -> Guide:
    guide, problems = read(GUIDE)
    assert problems == ()
    return guide


def talk(text: str) -> Row:
    return Row(text, "talk")


def aid(text: str, **when: tuple[str, ...]) -> Row:
    return Row(text, "first_aid", source="NHS", when=when)


def safety(text: str) -> Row:
    return Row(text, "safety", source="NHS")


TOES = Row("Toes.", "article", "stretching", when={"muscle": ("none", "calf")})
FOOT = aid("Foot.", muscle=("foot",))
HEAT = Row("Heat.", "article", "heat")
CALL, END_THIS = safety("Call 112."), talk("You can end this.")
SIT, STRETCH, CHECK, HEAT_STEP, WATER = range(5)


def said(move: Move) -> list[str]:
    return [row.text for row in move.say]


def seconds(count: float) -> int:
    return round(count * SAMPLE_RATE)


# Reading


def test_a_guide_is_read_from_its_file(guide: Guide) -> None:
    stretch = Step(
        name="stretch", number=12, say=(TOES, FOOT, talk("Hold.")), say_again=(talk("Once more."),), rounds=3,
        hold_seconds=20, rest_seconds=10, in_hold=(CALL, END_THIS), five_more=talk("Five."), rest=talk("Rest."),
        called=("the pull",),
    )  # fmt: skip
    assert guide == Guide(
        steps=(
            Step("sit", 1, (aid("Sit."),)),
            stretch,
            Step("check", 13, (talk("Better?"),), wait_seconds=11, asks=True, repeat_from="stretch"),
            Step("heat", 14, (HEAT,), wait_seconds=10, skip_when="hot_weather"),
            Step("water", 15, (aid("Water."),)),
        ),
        limit_seconds=100,
        stand=Step("stand", 12, (aid("Stand."),), hold_seconds=15),
        help=talk("Say next."),
        which_step=talk("Step {step} of {steps}."),
        how_long=talk("{seconds} seconds."),
        count=talk("Count to {seconds}."),
        repeat=talk("Up to {rounds} times."),
        when_done=talk("Then say next."),
        article_first=(safety("First."),),
        good=talk("Good."),
        close=(safety("See a doctor."),),
        close_worse=(safety("Get help."),),
        close_limit=(safety("Too long."),),
        waiting=talk("Say ready."),
        keep_going=talk("Going on."),
        again=talk("Again."),
        hedges={
            "guide_better": Hedge(("nearly",), talk("Gone now?"), talk("Fine.")),
            "guide_worse": Hedge(("when i",), aid("Ease off.")),
        },
        go_to=("back to {step}",),
        before_trouble=("and",),
        after_trouble=("i was",),
        places=Places("muscle", "calf", "stretch", {"thigh": talk("Front or back?")}, talk("That one.")),
        conditions={"hot_weather": ("cause_heat", "cause_summer")},
    )


def test_a_guide_with_one_step_has_the_default_limit_and_empty_texts() -> None:
    guide, problems = read('steps: [{name: stretch, say: [{text: "Pull.", kind: talk}]}]')
    assert problems == ()
    words = ("help", "which_step", "how_long", "count", "repeat", "when_done", "good")
    assert guide == Guide(
        steps=(Step("stretch", 1, (talk("Pull."),)),),
        limit_seconds=600,
        stand=None,
        article_first=(),
        close=(),
        close_worse=(),
        close_limit=(),
        **dict[str, Any](dict.fromkeys(words, talk(""))),
    )


def test_a_step_without_a_name_is_called_by_its_number() -> None:
    steps = '[{say: [{text: "Sit.", kind: talk}]}, {name: stretch, say: [{text: "Pull.", kind: talk}]}]'
    guide, _ = read(f"steps: {steps}")
    assert [(step.name, step.number) for step in guide.steps] == [("1", 1), ("stretch", 2)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[]", ["1: guide.yaml must have keys, not be a list", '1: guide.yaml needs "steps:" with at least one step']),
        ("steps: 1", ['1: guide.yaml needs "steps:" with at least one step', '1: steps must be a list, not "1"']),
        (
            "colour: red\nsteps: [3]",
            ['1: guide.yaml: unknown key "colour"',
             "2: the step 1 says nothing",
             '2: the step 1 must have keys, not be "3"'],
        ),
        ("steps:\n- {name: stretch, colour: red, say: []}",
         ["2: the step stretch says nothing", '2: the step stretch: unknown key "colour"']),
        ("steps:\n- {name: [stretch]}",
         ["2: the step 1, name must be a text, not a list", "2: the step 1 says nothing"]),
        ("steps:\n- {name: stretch, say: [{text: Pull}]}",
         ['2: the step stretch, say, row 1 needs "kind"']),
        (("steps:\n- name: stretch\n  say: [{text: Pull., kind: talk}]\n  say_again: 1\n  in_hold: 1\n  rounds: a\n"
         "  number: a\n  hold_seconds: a\n  rest_seconds: a\n  wait_seconds: a\n  five_more: 1\n  rest: 1\n  asks: a\n"
         "  repeat_from: [a]\n  skip_when: [a]"),
         ['4: the step stretch, say_again must be a list, not "1"',
          '5: the step stretch, in_hold must be a list, not "1"',
          '6: the step stretch, rounds must be a number, not "a"',
          '7: the step stretch, number must be a number, not "a"',
          '8: the step stretch, hold_seconds must be a number, not "a"',
          '9: the step stretch, rest_seconds must be a number, not "a"',
          '10: the step stretch, wait_seconds must be a number, not "a"',
          '11: the step stretch, five_more must have keys, not be "1"',
          '12: the step stretch, rest must have keys, not be "1"',
          '13: the step stretch, asks must be true or false, not "a"',
          "14: the step stretch, repeat_from must be a text, not a list",
          "15: the step stretch, skip_when must be a text, not a list"]),
        (("steps:\n- {name: stretch, say: [{text: Pull., kind: talk}]}\n"
         "- {name: heat, skip_when: cold, say: [{text: Warm., kind: talk}]}\n"
         "place:\n  step: pull\n  ask: {thigh: 1}\nconditions: {hot: {}}"),
         ['3: the step heat: "conditions:" does not say when "cold" is true',
          '4: place needs "slot", the slot that names a place in the sentences', '5: place: "pull" is not a step',
          '6: place, ask, thigh must have keys, not be "1"',
          "7: conditions, hot must be a text, not keys with values"]),
        (("steps:\n- {name: stretch, say: [{text: Pull., kind: talk}]}\n"
         "- {name: check, repeat_from: sit, say: [{text: Well?, kind: talk}]}\nstand: 1\nlimit_seconds: a\n"
         "good: 1\nclose: 1"),
         ['3: the step check repeats from "sit", which is not a step', "4: the step stand says nothing",
          '4: stand must have keys, not be "1"', '5: limit_seconds must be a number, not "a"',
          '6: good must have keys, not be "1"', '7: close must be a list, not "1"']),
    ],
)  # fmt: skip
def test_every_mistake_in_a_guide_is_named_with_its_line(text: str, lines: list[str]) -> None:
    found = [re.split(r" \(known: |: if it is one", line.removeprefix("guide.yaml:"))[0] for line in read(text)[1]]
    assert sorted(found) == sorted(lines)


# Variants of the guide


def test_the_article_only_guide_keeps_the_article_and_the_questions_and_begins_with_the_call_for_help(
    guide: Guide,
) -> None:
    article = guide.article_only()
    assert article.stand is None
    assert [(step.name, [row.text for row in step.say]) for step in article.steps] == [
        ("stretch", ["First.", "Toes.", "Hold."]),
        ("check", ["Better?"]),
        ("heat", ["Heat."]),
    ]
    assert [step.repeat_from for step in article.steps] == [None, "stretch", None]
    stretch = article.steps[0]
    assert (stretch.say_again, stretch.in_hold, stretch.rounds, stretch.five_more) == ((), (), 3, talk("Five."))


def test_the_article_only_guide_repeats_from_its_own_first_step(guide: Guide) -> None:
    first_is_aid = replace(guide, steps=guide.steps[:1] + guide.steps[2:])
    assert [step.repeat_from for step in first_is_aid.article_only().steps] == ["check", None]
    nothing = replace(guide, steps=guide.steps[:1])
    assert nothing.article_only().steps == ()


def test_by_turns_the_user_counts_the_holds_and_short_waits_are_skipped(guide: Guide) -> None:
    sit, stretch, check, heat, water = guide.by_turns().steps
    assert stretch == replace(
        guide.steps[STRETCH], say=(TOES, FOOT, talk("Hold."), talk("Count to 20."), talk("Up to 3 times.")),
        rounds=1, hold_seconds=math.inf, five_more=None, rest=None,
    )  # fmt: skip
    assert [step.wait_seconds for step in (sit, check, heat, water)] == [0, math.inf, 0, 0]
    assert (sit.hold_seconds, check.asks) == (0, True)


@pytest.mark.parametrize(("asks", "waited", "by_turns"), [(True, 3, math.inf), (False, 10.5, math.inf), (False, 10, 0)])
def test_by_turns_a_question_or_a_long_wait_waits_for_the_user(
    guide: Guide, asks: bool, waited: float, by_turns: float
) -> None:
    step = replace(guide.steps[CHECK], asks=asks, wait_seconds=waited)
    assert replace(guide, steps=(step,)).by_turns().steps[0].wait_seconds == by_turns


def test_by_turns_the_user_is_told_to_repeat_a_hold_only_if_there_are_several_rounds(guide: Guide) -> None:
    twice = replace(guide, steps=(replace(guide.steps[STRETCH], rounds=2),)).by_turns()
    assert twice.steps[0].say[-1] == talk("Up to 2 times.")
    stand = guide.by_turns().stand
    assert stand is not None
    assert [row.text for row in stand.say] == ["Stand.", "Count to 15."]
    assert replace(guide, stand=None).by_turns().stand is None


def test_a_step_is_found_by_its_name(guide: Guide) -> None:
    assert (guide.index("stretch"), guide.index("none"), guide.index("none", otherwise=3)) == (1, 0, 3)


# The beginning


def test_a_session_begins_with_the_first_step_and_saves_rows_for_the_first_hold(guide: Guide) -> None:
    move = guided.begin(guide, SHORT, place="calf", conditions=HOT)
    assert move == Move(Session(place="calf", conditions=HOT, owed=(CALL, END_THIS, SHORT)), (aid("Sit."),), 1)


def test_a_guide_without_a_hold_speaks_these_rows_at_once(guide: Guide) -> None:
    holdless = replace(guide, steps=tuple(replace(step, hold_seconds=0) for step in guide.steps))
    move = guided.begin(holdless, SHORT, place="foot")
    assert move == Move(Session(place="foot"), (aid("Sit."), CALL, END_THIS, SHORT), 1)


def test_a_bare_thigh_is_asked_about_after_the_first_step(guide: Guide) -> None:
    move = guided.begin(guide, SHORT, place="thigh")
    assert (said(move), move.step, move.hush) == (["Sit.", "Front or back?"], 1, False)
    assert move.session == Session(place="thigh", asking_place=True, owed=(CALL, END_THIS, SHORT))


@pytest.mark.parametrize(
    ("muscle", "words"),
    [(None, ["Toes.", "Hold."]), ("calf", ["Toes.", "Hold."]), ("thigh", ["Toes.", "Hold."]),
     ("foot", ["Foot.", "Hold."]), ("toes", ["Hold."])],
)  # fmt: skip
def test_only_the_rows_for_the_muscle_are_spoken(guide: Guide, muscle: str | None, words: list[str]) -> None:
    assert said(guided.repeat(guide, Session(STRETCH, place=muscle))) == words


# Time


def holding(**changes: Any) -> Session:
    return replace(Session(STRETCH, stage="holding"), **changes)


def until_said(*rows: Row) -> int:
    """Return when rows spoken from the start of a hold end, in samples from its start."""
    return sum(round(guided.seconds_to_say((row,)) * SAMPLE_RATE) for row in rows)


@pytest.mark.parametrize("stage", ["saying", "holding", "resting", "waiting", "paused"])
def test_the_limit_ends_a_session_in_every_stage(guide: Guide, stage: Stage) -> None:
    session = Session(STRETCH, stage=stage, total_samples=seconds(90))
    assert guided.pass_time(guide, session, seconds(10) - 1).end is None
    ended = Move(None, (safety("Too long."),), hush=True, end="time_limit", full_disclaimer=True)
    assert guided.pass_time(guide, session, seconds(10)) == ended


@pytest.mark.parametrize("stage", ["saying", "paused"])
def test_nothing_counts_down_while_a_step_is_spoken_or_the_session_is_paused(guide: Guide, stage: Stage) -> None:
    session = Session(STRETCH, stage=stage, stage_samples=5, total_samples=7)
    assert guided.pass_time(guide, session, 512) == Move(replace(session, total_samples=519))


@pytest.mark.parametrize("stage", ["holding", "resting", "waiting"])
def test_a_stage_counts_its_own_time(guide: Guide, stage: Stage) -> None:
    session = Session(STRETCH if stage != "waiting" else CHECK, stage=stage, stage_samples=5, total_samples=7)
    assert guided.pass_time(guide, session, 512) == Move(replace(session, stage_samples=517, total_samples=519))


def test_five_more_is_spoken_once_five_seconds_before_the_end_of_a_hold(guide: Guide) -> None:
    assert guided.pass_time(guide, holding(), seconds(15) - 1).say == ()
    move = guided.pass_time(guide, holding(), seconds(15))
    assert move.session is not None
    assert (said(move), move.step, move.session.five_said) == (["Five."], 12, True)
    assert guided.pass_time(guide, move.session, seconds(1)).say == ()


@pytest.mark.parametrize("round_number", [1, 2])
def test_after_a_hold_comes_a_rest_until_the_last_round(guide: Guide, round_number: int) -> None:
    session = holding(round=round_number, five_said=True)
    assert guided.pass_time(guide, session, seconds(20) - 1).say == ()
    move = guided.pass_time(guide, session, seconds(20))
    assert (said(move), move.step, move.hush) == (["Rest."], 12, False)
    assert move.session == Session(STRETCH, round=round_number, stage="resting", total_samples=seconds(20))


def test_after_the_last_hold_comes_the_next_step(guide: Guide) -> None:
    move = guided.pass_time(guide, holding(round=3, five_said=True), seconds(20))
    assert (said(move), move.step) == (["Rest.", "Better?"], 13)
    assert move.session == Session(CHECK, total_samples=seconds(20))


def test_a_hold_without_closing_rows_ends_silently(guide: Guide) -> None:
    standing = Session(SIT, stage="holding", standing=True)
    move = guided.pass_time(guide, standing, seconds(15))
    assert (said(move), move.session) == (["Toes.", "Hold."], Session(STRETCH, total_samples=seconds(15)))


def test_after_a_rest_comes_the_next_round_with_its_own_text(guide: Guide) -> None:
    session = Session(STRETCH, stage="resting")
    assert guided.pass_time(guide, session, seconds(10) - 1).say == ()
    move = guided.pass_time(guide, session, seconds(10))
    assert (said(move), move.step) == (["Once more."], 12)
    assert move.session == Session(STRETCH, round=2, total_samples=seconds(10))


def test_a_round_without_its_own_text_repeats_the_instruction(guide: Guide) -> None:
    steps = tuple(replace(step, say_again=()) for step in guide.steps)
    move = guided.pass_time(replace(guide, steps=steps), Session(STRETCH, stage="resting"), seconds(10))
    assert said(move) == ["Toes.", "Hold."]


def test_after_a_wait_comes_the_next_step(guide: Guide) -> None:
    session = Session(HEAT_STEP, stage="waiting")
    assert guided.pass_time(guide, session, seconds(10) - 1).say == ()
    assert guided.pass_time(guide, session, seconds(10)) == Move(
        Session(WATER, total_samples=seconds(10)), (aid("Water."),), 15
    )


def test_silence_after_a_question_counts_as_the_same(guide: Guide) -> None:
    session = Session(CHECK, stage="waiting")
    assert guided.pass_time(guide, session, seconds(11) - 1).say == ()
    move = guided.pass_time(guide, session, seconds(11))
    assert (said(move), move.hush) == (["Again.", "Toes.", "Hold."], True)
    assert move.session == Session(STRETCH, repeated=True, total_samples=seconds(11))


# The voice has finished


def test_a_hold_begins_when_the_voice_has_finished_and_rows_are_spoken_in_it(guide: Guide) -> None:
    session = Session(STRETCH, stage_samples=7, five_said=True, owed=(CALL, END_THIS, SHORT))
    move = guided.done_speaking(guide, session)
    assert move == Move(holding(said_until=until_said(CALL, END_THIS, SHORT)), (CALL, END_THIS, SHORT), 12)
    assert guided.done_speaking(guide, Session(STRETCH)) == Move(Session(STRETCH, stage="holding"))


def test_rows_that_do_not_fit_before_five_more_wait_for_the_next_hold(guide: Guide) -> None:
    twelve_words = talk(" ".join(["word"] * 12))
    assert guided.seconds_to_say((twelve_words,)) == pytest.approx(12 / 150 * 60 + 0.5)
    owed = (twelve_words, twelve_words, twelve_words, SHORT)  # 15.9 s are three of them, and there are 15
    move = guided.done_speaking(guide, Session(STRETCH, owed=owed))
    assert (move.say, move.session) == (owed[:2], holding(owed=owed[2:], said_until=until_said(*owed[:2])))
    ten_words = talk(" ".join(["word"] * 10))
    exactly = (ten_words, ten_words, ten_words, talk("word word"))
    assert guided.seconds_to_say(exactly) == pytest.approx(14.8)


def test_a_row_exactly_as_long_as_the_hold_fits(guide: Guide) -> None:
    words = talk(" ".join(["word"] * 10))  # 4.5 s
    hold = replace(guide.steps[STRETCH], hold_seconds=9.5)
    move = guided.done_speaking(replace(guide, steps=(hold,)), Session(owed=(words, words)))
    assert move.say == (words,)


def test_a_wait_begins_when_the_voice_has_finished(guide: Guide) -> None:
    session = Session(CHECK, stage_samples=7, five_said=True)
    assert guided.done_speaking(guide, session) == Move(Session(CHECK, stage="waiting"))


def test_a_step_without_a_hold_or_a_wait_continues_at_once(guide: Guide) -> None:
    assert guided.done_speaking(guide, Session()) == Move(Session(STRETCH), (TOES, talk("Hold.")), 12)


@pytest.mark.parametrize(
    "session", [Session(stage="paused"), Session(stage="holding"), Session(stage="saying", asking_place=True)]
)
def test_the_end_of_other_speech_does_not_advance_the_session(guide: Guide, session: Session) -> None:
    assert guided.done_speaking(guide, session) == Move(session)


# Commands and reports


def test_next_goes_to_the_next_step_and_drops_an_open_question(guide: Guide) -> None:
    session = Session(SIT, round=2, stage="paused", stage_samples=9, five_said=True, asking_place=True, place="thigh")
    move = guided.go_next(guide, session)
    assert move == Move(Session(STRETCH, place="thigh"), (TOES, talk("Hold.")), 12, hush=True)


def test_next_leaves_the_standing_stretch(guide: Guide) -> None:
    assert guided.go_next(guide, Session(STRETCH, standing=True)).session == Session(CHECK)


@pytest.mark.parametrize(("hot_weather", "words"), [(False, ["Heat."]), (True, ["Water."])])
def test_heat_is_skipped_in_hot_weather(guide: Guide, hot_weather: bool, words: list[str]) -> None:
    assert said(guided.go_next(guide, Session(CHECK, conditions=HOT if hot_weather else frozenset()))) == words


def test_other_steps_are_never_skipped_in_hot_weather(guide: Guide) -> None:
    assert said(guided.go_next(guide, Session(HEAT_STEP, conditions=HOT))) == ["Water."]
    heat_last = replace(guide, steps=guide.steps[:WATER])
    assert guided.go_next(heat_last, Session(CHECK, conditions=HOT)).end == "same"


def test_after_the_last_step_the_session_closes_with_the_full_disclaimer(guide: Guide) -> None:
    closed = Move(None, (safety("See a doctor."),), hush=True, end="same", full_disclaimer=True)
    assert guided.go_next(guide, Session(WATER)) == closed


@pytest.mark.parametrize(
    ("session", "position"),
    [(Session(CHECK), STRETCH), (Session(STRETCH), SIT), (Session(SIT), SIT), (Session(CHECK, standing=True), CHECK)],
)
def test_back_goes_to_the_step_before_and_from_standing_to_the_step_it_left(
    guide: Guide, session: Session, position: int
) -> None:
    move = guided.go_back(guide, session)
    assert move.session == Session(position)
    assert (move.step, move.hush) == (guide.steps[position].number, True)


def test_starting_over_allows_another_repetition_and_keeps_the_time_limit(guide: Guide) -> None:
    session = Session(WATER, round=2, stage="waiting", repeated=True, total_samples=99, place="foot")
    assert guided.restart(guide, session) == Move(
        Session(SIT, total_samples=99, place="foot"), (aid("Sit."),), 1, hush=True
    )


def test_repeat_says_the_step_again_with_the_text_of_its_round(guide: Guide) -> None:
    move = guided.repeat(guide, holding(round=2, stage_samples=99, five_said=True))
    assert move == Move(Session(STRETCH, round=2), (talk("Once more."),), 12, hush=True)


def test_repeat_asks_again_about_the_thigh(guide: Guide) -> None:
    move = guided.repeat(guide, Session(asking_place=True, place="thigh"))
    assert move == Move(Session(asking_place=True, place="thigh"), (talk("Front or back?"),), 1, hush=True)


def test_a_pause_stops_everything_and_continuing_repeats_the_step(guide: Guide) -> None:
    paused = guided.pause(guide, holding(stage_samples=99))
    assert (said(paused), paused.hush) == (["Say ready."], True)
    assert paused.session == Session(STRETCH, stage="paused")
    assert guided.pause(guide, paused.session) == paused
    assert guided.resume(guide, paused.session) == Move(Session(STRETCH), (TOES, talk("Hold.")), 12, hush=True)


def test_continue_without_a_pause_goes_to_the_next_step(guide: Guide) -> None:
    assert guided.resume(guide, holding()) == guided.go_next(guide, holding())


def test_naming_a_place_leads_to_its_stretch(guide: Guide) -> None:
    move = guided.go_to_place(guide, Session(CHECK, stage="waiting", asking_place=True), "calf, foot")
    assert move == Move(Session(STRETCH, place="foot"), (FOOT, talk("Hold.")), 12, hush=True)


def test_naming_a_place_repeats_the_step_if_no_step_depends_on_it(guide: Guide) -> None:
    article = replace(guide, steps=(guide.steps[CHECK], guide.steps[HEAT_STEP]))
    assert guided.go_to_place(article, Session(1), "foot").session == Session(1, place="foot")


def test_the_other_one_gets_the_stretch_of_the_previous_place(guide: Guide) -> None:
    move = guided.go_to_place(guide, Session(CHECK, place="foot"), None)
    assert (said(move), move.session) == (["That one.", "Foot.", "Hold."], Session(STRETCH, place="foot"))


def test_a_step_can_be_requested_by_its_names(guide: Guide) -> None:
    assert list(guide.ways_to_steps) == [("back to the pull", "stretch")]
    assert guided.go_to_step(guide, Session(WATER), "stretch").session == Session(STRETCH)


def test_a_partial_improvement_is_asked_about_once_and_does_not_end_the_session(guide: Guide) -> None:
    asked = guided.report(guide, holding(), "guide_better", "it's nearly gone")
    assert asked is not None
    assert asked.session is not None
    assert (said(asked), asked.session.asking, asked.end) == (["Gone now?"], "guide_better", None)
    again = guided.report(guide, asked.session, "guide_better", "nearly gone")
    assert again is not None
    assert (said(again), again.end) == (["Fine."], None)
    assert guided.report(guide, asked.session, "guide_better", "it's gone") is None


def test_pain_from_the_stretch_gets_a_tip_first_and_counts_as_worse_when_repeated(guide: Guide) -> None:
    first = guided.report(guide, holding(), "guide_worse", "it hurts more when i pull")
    assert first is not None
    assert first.session is not None
    assert (said(first), first.session.stage) == (["Ease off."], "holding")
    assert guided.report(guide, first.session, "guide_worse", "it hurts more when i pull") is None


@pytest.mark.parametrize(
    ("said", "beside"),
    [
        ("i have a cramp i was out", ("", "i was out")),
        ("out and i have a cramp", ("out and", "")),
        ("i have a cramp in the wall", None),
    ],
)
def test_a_report_of_the_problem_is_found_inside_a_longer_text(
    guide: Guide, said: str, beside: tuple[str, str] | None
) -> None:
    assert dict(guide.clauses(tuple(said.split()))).get("i have a cramp") == beside


def test_no_change_in_the_middle_of_a_step_gets_a_reply_and_the_step_continues(guide: Guide) -> None:
    going_on = talk("Going on.")
    assert guided.not_yet(guide, holding()) == Move(holding(said_until=until_said(going_on)), (going_on,))
    assert guided.not_yet(guide, Session(CHECK)) == guided.same(guide, Session(CHECK))


def test_a_bare_thigh_in_a_session_is_asked_about(guide: Guide) -> None:
    move = guided.go_to_place(guide, holding(stage_samples=99, five_said=True), "thigh")
    assert move == Move(
        Session(STRETCH, asking_place=True, place="thigh"), (talk("Front or back?"),), hush=True
    )  # fmt: skip


def test_the_standing_stretch_is_an_extra_step(guide: Guide) -> None:
    move = guided.stand(guide, holding(round=2, stage_samples=99, five_said=True))
    assert move == Move(Session(STRETCH, standing=True), (aid("Stand."),), 12, hush=True)
    assert guided.current_step(guide, Session(STRETCH, standing=True)) == guide.stand
    assert guided.current_step(guide, Session(STRETCH)) == guide.steps[STRETCH]


def test_without_a_standing_stretch_the_step_is_repeated(guide: Guide) -> None:
    seated = replace(guide, stand=None)
    assert guided.stand(seated, holding()) == guided.repeat(seated, holding())
    assert guided.current_step(seated, Session(STRETCH, standing=True)) == guide.steps[STRETCH]


def test_better_worse_and_stop_each_end_a_session_differently(guide: Guide) -> None:
    see_a_doctor = (talk("Good."), safety("See a doctor."))
    assert guided.better(guide) == Move(None, see_a_doctor, hush=True, end="better", full_disclaimer=True)
    assert guided.worse(guide) == Move(None, (safety("Get help."),), hush=True, end="worse", full_disclaimer=True)
    assert guided.stop() == Move(None, hush=True, end="stopped")


def test_no_change_repeats_the_steps_once_and_then_continues(guide: Guide) -> None:
    once = guided.same(guide, Session(CHECK))
    assert once == Move(Session(STRETCH, repeated=True), (talk("Again."), TOES, talk("Hold.")), 12, hush=True)
    assert guided.same(guide, Session(CHECK, repeated=True)) == Move(
        Session(HEAT_STEP, repeated=True), (HEAT,), 14, hush=True
    )
    assert guided.same(guide, Session(SIT)).session == Session(STRETCH)


def test_an_answer_during_an_instruction_comes_before_the_repeated_instruction(guide: Guide) -> None:
    between = (talk("Yes."),)
    assert guided.say_between(guide, Session(CHECK), between) == Move(
        Session(CHECK), (talk("Yes."), talk("Better?")), 13, hush=True
    )
    saying = holding(said_until=until_said(*between))
    assert guided.say_between(guide, holding(), between) == Move(saying, between)
    assert guided.say_between(guide, saying, between).session == holding(said_until=until_said(*between, *between))


def test_rows_longer_than_the_rest_of_the_hold_are_spoken_after_it(guide: Guide) -> None:
    long = (talk(" ".join(["word"] * 49)),)  # 20.1 s
    move = guided.say_between(guide, holding(), long)
    assert move == Move(Session(STRETCH, stage="resting"), (talk("Rest."), *long), 12)
    last = guided.say_between(guide, holding(round=3), long)
    assert (last.say[:2], last.session) == ((talk("Rest."), *long), Session(CHECK))


def test_five_more_is_skipped_while_something_is_being_spoken(guide: Guide) -> None:
    late = holding(stage_samples=seconds(14.9), said_until=seconds(16))
    assert guided.pass_time(guide, late, seconds(0.2)).say == ()
    assert guided.pass_time(guide, replace(late, said_until=0), seconds(0.2)).say == (talk("Five."),)


# Progress


@pytest.mark.parametrize(
    ("session", "text"), [(holding(), "Step 12 of 15."), (holding(standing=True), "Step 12 of 15.")]
)
def test_which_step_names_the_current_and_the_last_step(guide: Guide, session: Session, text: str) -> None:
    assert guided.which_step(guide, session) == Move(replace(session, said_until=until_said(talk(text))), (talk(text),))


@pytest.mark.parametrize(
    ("session", "left", "text"),
    [
        (holding(stage_samples=seconds(6)), (14, 20), "14 seconds."),
        (Session(STRETCH, stage="resting", stage_samples=seconds(1)), (9, 10), "9 seconds."),
        (Session(CHECK, stage="waiting"), (11, 11), "11 seconds."),
        (holding(stage_samples=seconds(19.8)), (0.2, 20), "1 seconds."),
        (holding(stage_samples=seconds(21)), (0, 20), "1 seconds."),
        (holding(standing=True), (15, 15), "15 seconds."),
    ],
)
def test_how_long_names_the_remaining_seconds(
    guide: Guide, session: Session, left: tuple[float, float], text: str
) -> None:
    assert guided.seconds_left(guide, session) == pytest.approx(left)
    assert guided.how_long(guide, session) == Move(session, (talk(text),))


def test_a_step_interrupted_by_which_step_is_repeated_after_the_reply(guide: Guide) -> None:
    assert said(guided.which_step(guide, Session(CHECK))) == ["Step 13 of 15.", "Better?"]


def test_before_a_hold_how_long_names_its_length(guide: Guide) -> None:
    assert said(guided.how_long(guide, Session(STRETCH))) == ["Count to 20.", "Toes.", "Hold."]
    by_turns = guide.by_turns()
    assert "Count to 20." in said(guided.how_long(by_turns, holding()))


def test_without_a_countdown_how_long_names_the_step(guide: Guide) -> None:
    paused = Session(STRETCH, stage="paused")
    assert guided.seconds_left(guide, paused) is None
    assert guided.how_long(guide, paused) == guided.which_step(guide, paused)
    assert guided.seconds_left(guide.by_turns(), holding()) is None
