"""Signs of danger: a possible one ends nothing, and a certain one is remembered until the user withdraws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.skill import Skill, open_skill
from voice_helper.types import (
    SAMPLE_RATE,
    Action,
    Answer,
    End,
    Heard,
    Quiet,
    Say,
    Transcript,
    Understood,
)
from voice_helper.understanding.learned_alarm import Suspicion

NUMBER = "112"
POSSIBLE = f"If this is an emergency, call {NUMBER} now."
CERTAIN = f"Call {NUMBER} now. I cannot call for you."
URGENT = "I can't help with this one. Get urgent medical advice today."


class Judge:
    """An alarm that finds danger in the given texts."""

    def __init__(self, odds: dict[str, float]) -> None:
        self._odds = odds

    def suspicion(self, comparable: str) -> Suspicion:
        return Suspicion(self._odds.get(comparable, -20.0), 0.9)


@pytest.fixture(scope="module")
def skill() -> Skill:
    return open_skill("en", settings={"number": NUMBER})


@pytest.fixture(scope="module")
def unsure(skill: Skill) -> Conversation:
    """Return a conversation in which two remarks are possible signs of danger."""
    middle = (skill.understanding.thresholds.alarm_certain + skill.understanding.thresholds.alarm_possible) / 2 + 0.01
    judge = Judge(
        {"everything is wobbling": middle, "wobbling again": middle, "would a wobbling warm flannel help": middle}
    )
    return replace(skill.conversation, understanding=replace(skill.understanding, alarm=judge))


def said(actions: Sequence[Action]) -> list[str]:
    return [row.text for action in actions if isinstance(action, Say) for row in action.rows]


def answers(actions: Sequence[Action]) -> list[Answer]:
    return [each.answer for each in actions if isinstance(each, Understood) and each.answer is not None]


def tell(conversation: Conversation, state: State, text: str) -> tuple[State, tuple[Action, ...]]:
    return conversation.step(state, Heard(Transcript(text)))


def test_after_a_possible_sign_only_the_number_is_named(unsure: Conversation) -> None:
    state, actions = tell(unsure, State(), "everything is wobbling")
    assert said(actions) == [POSSIBLE]
    (understood,) = (each for each in actions if isinstance(each, Understood))
    assert (understood.match.certainty, understood.match.intent) == ("possible", "emergency")
    assert state.alerts.level is None


def test_a_possible_sign_neither_ends_nor_moves_a_session(unsure: Conversation) -> None:
    state, _ = unsure.begin_guide(State(hands_free=True, can_lead=True))
    after, actions = tell(unsure, state, "everything is wobbling")
    assert said(actions) == [POSSIBLE]
    assert after.session == state.session
    assert not any(isinstance(each, End) for each in actions)


@pytest.mark.parametrize("then", ["wobbling again", "everything is wobbling", "yes"])
def test_a_second_possible_sign_or_a_yes_makes_it_certain(unsure: Conversation, then: str) -> None:
    state, _ = tell(unsure, State(), "everything is wobbling")
    state, actions = tell(unsure, state, then)
    assert said(actions)[0] == CERTAIN
    assert state.alerts.level == "emergency"


def test_after_half_a_minute_another_possible_sign_is_again_only_possible(unsure: Conversation) -> None:
    state, _ = tell(unsure, State(), "everything is wobbling")
    state, _ = unsure.step(state, Quiet(30 * SAMPLE_RATE))
    state, actions = tell(unsure, state, "wobbling again")
    assert said(actions) == [POSSIBLE]


def test_a_question_with_a_possible_sign_in_it_is_answered_after_the_number(unsure: Conversation) -> None:
    _, actions = tell(unsure, State(), "would a wobbling warm flannel help")
    (answer,) = answers(actions)
    assert answer.rows[0].text == POSSIBLE
    assert any("heat" in row.text.lower() for row in answer.rows[1:])
    assert said(actions)[0] == POSSIBLE


@pytest.mark.parametrize(
    "question", ["should i massage it", "should i put heat on it", "does stretching help", "help i have a cramp"]
)
def test_after_a_swollen_red_calf_no_tips_are_given(skill: Skill, question: str) -> None:
    state, _ = tell(skill.conversation, State(can_lead=True), "my calf is red and swollen")
    state, actions = tell(skill.conversation, state, question)
    assert URGENT in said(actions)
    assert state.session is None


def test_questions_unrelated_to_the_sign_are_still_answered(skill: Skill) -> None:
    state, _ = tell(skill.conversation, State(), "my calf is red and swollen")
    _, actions = tell(skill.conversation, state, "where did you get that")
    assert URGENT not in said(actions)


@pytest.mark.parametrize("taking_back", ["that was wrong", "you misheard me", "it's not swollen", "false alarm"])
def test_a_sign_can_be_withdrawn(skill: Skill, taking_back: str) -> None:
    state, _ = tell(skill.conversation, State(), "my calf is red and swollen")
    state, actions = tell(skill.conversation, state, taking_back)
    assert any(f"If that changes, call {NUMBER}." in text for text in said(actions))
    _, actions = tell(skill.conversation, state, "should i massage it")
    assert URGENT not in said(actions)


def test_without_a_sign_a_withdrawal_is_not_understood(skill: Skill) -> None:
    _, actions = tell(skill.conversation, State(), "you misheard me")
    assert said(actions) == ["Sorry. Please say it again."]


@pytest.mark.parametrize("alternatives", [("help i have a cramp",), ("chest pain",)])
def test_alternative_transcripts_of_silence_or_overheard_talk_are_ignored(
    skill: Skill, alternatives: tuple[str, ...]
) -> None:
    state = State(hands_free=True, can_lead=True)
    for heard in (
        Heard(Transcript("", 0.2, alternatives)),
        Heard(Transcript("minutes of the meeting", 0.9, alternatives), overheard=True),
    ):
        after, actions = skill.conversation.step(state, heard)
        assert after.session is None
        assert said(actions) == []


@pytest.mark.parametrize("text", ["a", "m", "i", "b", "t b"])
def test_a_single_letter_is_not_an_illness(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent in {"none", "out_of_scope"}


@pytest.mark.parametrize("condition", ["i have diabetes", "i'm diabetic", "my feet are numb"])
@pytest.mark.parametrize("question", ["should i put heat on it", "can i use a hot water bottle"])
def test_after_diabetes_or_numbness_heat_is_answered_with_its_warning_first(
    skill: Skill, condition: str, question: str
) -> None:
    state, _ = tell(skill.conversation, State(), condition)
    _, actions = tell(skill.conversation, state, question)
    assert said(actions)[0].startswith("No heat if you have diabetes")
