from __future__ import annotations

import pytest

from voice_helper.skill.folder_reader import Content
from voice_helper.types import Match


def test_emergencies_are_said_twice_and_the_disclaimer_comes_last(content: Content) -> None:
    answer = content.answers.answer(Match("emergency", family="chest_pain"), full_given=False)
    texts = [row.text for row in answer.spoken_rows()]
    assert texts[0] == texts[1]
    assert texts[-1] == content.answers.short.text


def test_only_words_from_the_lists_are_spoken_never_the_users_text(content: Content) -> None:
    answer = content.answers.answer(Match("remedy_foods", {"food": "fifty tablets"}), full_given=False)
    assert "fifty" not in answer.spoken()


def test_a_named_food_gets_its_own_sentence(content: Content) -> None:
    banana = content.answers.answer(Match("remedy_foods", {"food": "banana"}), full_given=False)
    pickle = content.answers.answer(Match("remedy_foods", {"food": "pickle"}), full_given=False)
    assert banana.rows[0].text.startswith("Bananas are on the article's food list")
    assert pickle.rows[0].text == "The article does not say. Its food list does not have pickles."


def test_no_more_than_three_of_the_named_foods_are_answered(content: Content) -> None:
    foods = "tomato, potato, banana, broccoli, citrus, cantaloupe"
    answer = content.answers.answer(Match("remedy_foods", {"food": foods}), full_given=True)
    assert sum(row.fact == "remedy.foods" for row in answer.rows) == 3
    assert any(row.kind == "safety" for row in answer.rows)


def test_the_emergency_number_is_a_setting(content: Content) -> None:
    answer = content.answers.answer(Match("emergency"), full_given=False)
    assert "your local emergency number" in answer.spoken()
    assert "{" not in answer.spoken()


def test_the_privacy_answer_changes_if_audio_is_recorded(content: Content) -> None:
    usual = content.answers.answer(Match("privacy"), full_given=False).spoken()
    kept = content.answers.answer(Match("privacy"), full_given=False, situation={"recording": "on"}).spoken()
    assert "I do not save what I hear" in usual
    assert "I do not save what I hear" not in kept
    assert "I am saving what I hear" in kept


NO_STOPPING = "Do not stop"


@pytest.mark.parametrize("intent", ["cause_medicines", "ask_medicine"])
def test_a_statin_is_never_said_to_go_on_with_but_a_doctor_is_called(content: Content, intent: str) -> None:
    statin = content.answers.answer(Match(intent, {"drug_name": "statin"}), full_given=True).spoken()
    assert NO_STOPPING not in statin
    assert "call a doctor now" in statin
    other = content.answers.answer(Match(intent, {"drug_name": "steroid"}), full_given=True).spoken()
    assert NO_STOPPING in other


@pytest.mark.parametrize(
    ("intent", "slots", "source"),
    [
        ("ask_medicine", {"cramp_drug": "painkiller"}, "NHS, Leg cramps"),
        ("ask_medicine", {"cramp_drug": "tonic water"}, "FDA, Quinine"),
        ("ask_other_person", {"expecting": "pregnancy"}, "NHS, Leg cramps"),
        ("ask_diagnosis", {"likeness": "clot"}, "NHS, Deep vein thrombosis"),
    ],
)
def test_what_a_source_says_follows_the_referral(
    content: Content, intent: str, slots: dict[str, str], source: str
) -> None:
    rows = content.answers.answer(Match(intent, slots), full_given=True).rows
    assert rows[0].kind == "safety"
    assert str(rows[1].source).startswith(source)


@pytest.mark.parametrize("place", ["foot", "toes", "front of thigh"])
def test_nobody_is_told_to_lie_down_for_a_stretch_that_needs_a_seat_or_a_chair(content: Content, place: str) -> None:
    answer = content.answers.answer(Match("guide_start", {"muscle": place}), full_given=True)
    assert "lie" not in answer.spoken().split()
    assert content.guide is not None
    first = content.guide.steps[0].say
    said = content.answers.rows_for(first, Match("guide_start", {"muscle": place}))
    assert len(said) == 1
    assert "chair" in said[0].text
