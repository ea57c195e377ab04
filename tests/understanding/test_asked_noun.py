"""An answer is about the thing that was asked, not about what resembles it."""

from __future__ import annotations

import pytest

from voice_helper.skill import Skill
from voice_helper.understanding.normalize import Language

EN = Language(
    asked=("does {words} help leg cramps", "are leg cramps a sign of {words}"),
    corrections=("not the", "isn't my"),
)


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("does vitamin e help leg cramps", "not_in_article", {"unlisted": "vitamin e"}),
        ("would some extra vitamin e maybe do my legs good", "not_in_article", {"unlisted": "vitamin e"}),
        ("can cold weather cause leg cramps", "not_in_article", {"unlisted": "cold weather"}),
        ("can i get cramps from drinking too much water", "not_in_article", {"unlisted": "too much water"}),
        ("is being overweight the cause", "not_in_article", {"unlisted": "overweight"}),
        ("are potato crisps good for cramps", "remedy_foods", {"food": "crisp"}),
        ("do sweet potatoes help", "remedy_foods", {"food": "sweet potato"}),
        ("are leg cramps a sign of ms", "care_conditions", {"condition": "multiple sclerosis"}),
        ("can hypothyroidism cause leg cramps", "care_conditions", {"condition": "thyroid"}),
        ("can statins cause leg cramps", "cause_medicines", {"drug_name": "statin"}),
        ("can amlodipine cause leg cramps", "cause_medicines", {"drug_name": "blood pressure"}),
        ("how do i stop night cramps", "remedies_overview", {"night_time": "nighttime"}),
    ],
)
def test_what_resembles_the_article_is_not_taken_for_it(
    skill: Skill, text: str, intent: str, slots: dict[str, str]
) -> None:
    match = skill.understanding.understand(text)
    assert (match.intent, dict(match.slots)) == (intent, slots)


@pytest.mark.parametrize("thing", ["zorbing", "ozokerite", "a quokka", "purple flumox"])
def test_a_thing_that_no_sentence_has_is_not_in_the_article(skill: Skill, thing: str) -> None:
    assert skill.understanding.understand(f"does {thing} help leg cramps").intent == "not_in_article"


def test_a_silent_article_names_the_thing_and_the_source_that_speaks_of_it(skill: Skill) -> None:
    said = [row.text for row in skill.chat().send("does walking help leg cramps").rows]
    assert said[:2] == ["The article does not mention walking.", "The Mayo Clinic says to walk, or to shake the leg."]


def test_only_the_first_of_several_things_is_answered_where_the_rows_are_long(skill: Skill) -> None:
    said = [row.text for row in skill.chat().send("what about walking").rows]
    answers = skill.content.answers
    match = skill.understanding.understand("what about walking")
    both = answers.answer(type(match)("not_in_article", {"unlisted": "walking, soap"}), full_given=False)
    assert [row.text for row in both.rows] == said[: len(both.rows)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("not the calf the foot", "foot"),
        ("it isn't my calf it's my foot", "foot"),
        ("it's the foot not the calf", "foot"),
        ("the underside of my thigh", "back of thigh"),
        ("the top of my thigh", "front of thigh"),
        ("the ball of my foot", "foot"),
        ("not the calf", None),
    ],
)
def test_a_place_in_other_words_is_found_and_one_that_is_taken_back_is_not(
    skill: Skill, text: str, place: str | None
) -> None:
    sentences = skill.understanding.sentences
    assert sentences.find_slots(sentences.language.comparable(text), ("muscle",)).get("muscle") == place


def test_the_asked_words_are_those_of_the_form() -> None:
    assert EN.asked_about("does a hot bath help leg cramps") == "a hot bath"
    assert EN.asked_about("are leg cramps a sign of gout") == "gout"
    assert EN.asked_about("a hot bath helps leg cramps") == ""
    assert Language().asked_about("does heat help leg cramps") == ""


def test_only_the_words_right_before_a_value_take_it_back() -> None:
    assert EN.is_taken_back("it is not the ")
    assert not EN.is_taken_back("not the left but the ")
    assert not EN.is_taken_back("knot the")
    assert not Language().is_taken_back("not the")
