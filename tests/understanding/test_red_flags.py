"""The blind lines of bench/safety-test.jsonl in every state: none of the must-never-miss list may ever be missed."""

from __future__ import annotations

import pytest

from tests.support.safety_lines import read_safety_lines, tally, typed, unlearned
from voice_helper.dialogue.state import State
from voice_helper.skill import Skill
from voice_helper.types import SAMPLE_RATE, Heard, Match, PartlyHeard, Quiet, Say, Transcript, Understood
from voice_helper.understanding.learned_alarm import REDIRECTS
from voice_helper.understanding.understand import HELP_NOW, Context

NEVER_MISS = [(line.text, line.intent) for line in read_safety_lines("test") if line.kind == "must_never_miss"]
AS_IT_COMES = (
    "{}",
    "it's probably nothing but {}",
    "{} but my wife says it's nothing",
    "um well {} please",
    "how do i stop a cramp and also {}",
    "does heat help oh and {}",
    "no chest problems before today but now {}",
    "next {}",
    "worse and {}",
)


def enough(wanted: str, match: Match) -> bool:
    """Return whether an alarm is certain and its level high enough: an urgent sign may be answered as an emergency, but
    not the reverse.
    """
    return match.is_alarm and (match.intent == wanted or wanted == "urgent")


@pytest.mark.parametrize("context", ["none", "guide"])
@pytest.mark.parametrize("form", AS_IT_COMES)
def test_no_sentence_of_the_must_never_miss_list_is_missed_however_it_is_said(
    skill: Skill, form: str, context: Context
) -> None:
    missed = [
        text
        for text, wanted in NEVER_MISS
        if not enough(wanted, skill.understanding.understand(form.format(text), context))
    ]
    assert missed == []


def test_the_list_has_at_least_sixty_lines() -> None:
    assert len(NEVER_MISS) >= 60


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("hands_free", [False, True])
def test_a_sign_recognized_with_confidence_is_acted_on_in_every_state(
    skill: Skill, guided: bool, hands_free: bool
) -> None:
    clear = skill.understanding.thresholds.alarm_clear
    for text, wanted in NEVER_MISS:
        state = State(hands_free=hands_free, candidates=("remedy_heat", "remedy_cold"))
        if guided:
            state, _ = skill.conversation.begin_guide(state)
        state, actions = skill.conversation.step(state, Heard(Transcript(text, clear)))
        understood = next(action for action in actions if isinstance(action, Understood))
        assert enough(wanted, understood.match), text
        assert understood.match.decided_by == "safety"
        assert state.session is None
        said = next(action for action in actions if isinstance(action, Say))
        assert all(row.kind in {"safety", "talk"} or row.fact == "disclaimer" for row in said.rows), "no tip beside it"


def test_a_sign_recognized_with_low_confidence_names_the_number_and_ends_nothing(skill: Skill) -> None:
    flagged = [
        text
        for text, _ in NEVER_MISS
        if skill.understanding.urgent_flag(skill.understanding.normalize(text)) is not None
    ]
    assert len(flagged) > 40
    for text in flagged:
        session, _ = skill.conversation.begin_guide(State(hands_free=True))
        state, actions = skill.conversation.step(session, Heard(Transcript(text, 0.05)))
        understood = next(action for action in actions if isinstance(action, Understood))
        assert understood.match.certainty == "possible", text
        assert state.session is not None, text
        assert any(isinstance(action, Say) for action in actions), text


def test_an_emergency_is_acted_on_before_the_sentence_is_over(skill: Skill) -> None:
    for text, wanted in NEVER_MISS:
        if wanted == "emergency" and skill.understanding.urgent_flag(skill.understanding.normalize(text)):
            state, _ = skill.conversation.begin_guide(State(hands_free=True))
            state, _ = skill.conversation.step(state, PartlyHeard(f"{text} and"))
            state, actions = skill.conversation.step(state, Quiet(SAMPLE_RATE // 2))
            assert any(isinstance(action, Say) for action in actions), text
            assert state.session is None


@pytest.mark.slow
def test_wordings_that_no_rule_knows_are_raised_by_their_nearness(skill: Skill) -> None:
    dangers = [wording.text for wording in skill.content.wordings if wording.intent in HELP_NOW]
    understanding = skill.understanding
    unknown = [text for text in dangers[::8] if understanding.urgent_flag(understanding.normalize(text)) is None]
    assert len(unknown) > 40
    matches = [understanding.understand(text) for text in unknown]
    raised = [match for match in matches if match.intent in HELP_NOW]
    assert len(raised) / len(matches) > 0.93
    assert all(match.decided_by == "safety" for match in raised if match.certainty == "certain")


@pytest.mark.slow
def test_the_blind_lines_are_answered_as_well_as_the_safety_case_says(skill: Skill) -> None:
    """The minimum figures are slightly below those of bench/RESULTS.md, so that a deterioration is noticed."""
    shares = tally(skill, typed(skill, unlearned(skill, read_safety_lines("test"))))
    floors = {
        "must_never_miss, emergency": 1.0, "must_never_miss, urgent": 1.0, "red_flag, emergency": 0.92,
        "red_flag, urgent": 0.90, "ordinary": 0.96, "idiom": 0.90, "denied": 0.75, "redirect": 0.79,
    }  # fmt: skip
    assert {name: shares[name]["share"] for name in floors if shares[name]["share"] < floors[name]} == {}


@pytest.mark.parametrize(
    "text",
    [
        "learn it by heart", "cold hands warm heart", "this bleeding computer", "what's your poison", "you silly clot",
        "she fell in love", "i can't get up early", "my tea's gone cold", "take a deep breath", "come here",
        "i fell asleep on the sofa", "a bite to eat", "the wait was unbearable", "it broke my heart",
    ],
)  # fmt: skip
def test_an_idiom_is_not_similar_to_a_red_flag(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent not in HELP_NOW


@pytest.mark.parametrize(
    "text",
    ["no chest pain", "no chest pain but does heat help", "no swelling", "no i can breathe fine", "not a stroke"],
)
def test_a_denial_that_is_a_command_elsewhere_denies(skill: Skill, text: str) -> None:
    assert not skill.understanding.understand(text).is_alarm


@pytest.mark.parametrize(
    "text",
    [
        "it broke my heart and now i have chest pain", "i can't take a deep breath", "i can't breathe in",
        "come here i've fallen and i can't get up", "i fell asleep and now my leg is cold and white",
        "i ate poisonous mushrooms", "the kids ate poisonous plants",
        "my tea has gone cold and so has my foot it's white and numb", "a bite to eat then i coughed up blood",
    ],
)  # fmt: skip
def test_an_idiom_hides_no_sign_beside_it(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent in HELP_NOW


@pytest.mark.parametrize(
    ("people", "article"),
    [
        ("is this a trapped nerve", "can a trapped nerve cause a cramp"),
        ("what would a doctor call it", "what's it called when a muscle tightens"),
        ("should i have a vitamin injection", "i had my flu jab today"),
        ("is it a clot or just a cramp", "is a banana good for cramps"),
        ("could it be my thyroid", "can a cramp come from sitting"),
        ("how many tablets can i take", "how many times do i stretch"),
        ("can i stop my statin", "can i stop now"),
        ("my daughter's four and her leg's cramping", "my daughter gave me this"),
        ("i'm pregnant and my calves cramp", "i'm not pregnant"),
        ("do i need an x ray", "do i need a towel"),
    ],
)
def test_questions_for_a_person_are_referred_and_lookalikes_are_not(skill: Skill, people: str, article: str) -> None:
    assert skill.understanding.understand(people).intent in REDIRECTS
    assert skill.understanding.understand(article).intent not in REDIRECTS


@pytest.mark.parametrize(
    ("danger", "ordinary"),
    [
        ("i was running in the heat and i feel sick and dizzy", "i was running in the heat"),
        ("i can't put weight on it", "i can put weight on it"),
        ("my calf is swollen", "my calf isn't swollen"),
        ("it has been half an hour", "it has been half a minute"),
        ("i can't feel my leg", "i can feel my leg"),
        ("i have a blood clot", "i had a blood clot twenty years ago"),
        ("my husband collapsed", "my husband collapsed years ago"),
        ("i can't stand on it", "i can't stand these cramps"),
        ("i want to kill myself", "i'd kill for a cup of tea"),
        ("i took too many tablets", "i took too many photos"),
        ("the house is on fire", "my legs are on fire after that run"),
    ],
)
def test_a_danger_and_a_similar_remark_are_distinguished(skill: Skill, danger: str, ordinary: str) -> None:
    assert skill.understanding.understand(danger).is_alarm
    assert skill.understanding.understand(ordinary).certainty is None


@pytest.mark.parametrize(
    "text",
    [
        "is it bad if your leg turns purple",
        "what if your leg goes cold and white",
        "should you worry if a leg is swollen",
    ],
)
def test_a_general_question_about_danger_is_answered_by_no_tip(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent == "ask_diagnosis"


def test_a_name_that_is_spelled_is_no_cough(skill: Skill) -> None:
    assert skill.understanding.understand("d v t").intent == "urgent"
