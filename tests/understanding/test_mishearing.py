"""Misheard words are taken for the words of the sentences that sound like them, and nothing else is."""

from __future__ import annotations

import pytest

from voice_helper.skill import Skill
from voice_helper.understanding.mishearing import MAX_WORDS, Mishearing
from voice_helper.understanding.normalize import Language

EN = Language(sounds={"ph": "f", "c(?=[eiy])": "s", "ck": "k", "c": "k", "[aeiouy]+": "e"})
MISHEARING = Mishearing(
    EN,
    frozenset({"magnesium", "broccoli", "recording", "bath"}),
    {"does", "help", "mag", "lee", "warm", "a"}.__contains__,
)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("does magneesium help", "does magnesium help"),
        ("does mag nesium help", "does magnesium help"),
        ("does brock lee help", "does broccoli help"),
        ("a warm barth", "a warm bath"),
    ],
)
def test_an_unknown_word_becomes_the_word_that_sounds_like_it(heard: str, said: str) -> None:
    assert MISHEARING.repairs(heard)[0].text == said


@pytest.mark.parametrize("text", ["does help help", "does zorbing help", "", "warm lee"])
def test_known_words_and_words_that_sound_like_none_are_left_alone(text: str) -> None:
    assert MISHEARING.repairs(text) == ()


def test_several_misheard_words_are_repaired_together() -> None:
    assert MISHEARING.repairs("does brock lee help magneesium")[0].text == "does broccoli help magnesium"


def test_a_long_text_is_not_repaired() -> None:
    assert MISHEARING.repairs(" ".join(["a"] * MAX_WORDS + ["magneesium"])) == ()


def test_a_language_without_sounds_repairs_nothing() -> None:
    assert Mishearing(Language(), MISHEARING.vocabulary, MISHEARING.is_known).repairs("does magneesium help") == ()


@pytest.mark.parametrize(
    ("heard", "intent", "slots"),
    [
        ("can i use a hot water brottle on my leg", "remedy_heat", {}),
        ("do ban anners help", "remedy_foods", {"food": "banana"}),
        ("does magneezium help with leg cramps", "remedy_minerals", {"mineral": "magnesium"}),
        ("can poor circle ation cause cramps", "cause_circulation", {}),
        ("are you wreck hording me", "privacy", {}),
        ("how do i stop night camps", "remedies_overview", {"night_time": "nighttime"}),
    ],
)
def test_a_misheard_question_is_answered(skill: Skill, heard: str, intent: str, slots: dict[str, str]) -> None:
    match = skill.understanding.understand(heard)
    assert (match.intent, dict(match.slots), match.decided_by) == (intent, slots, "nearest")
    assert match.score < skill.understanding.thresholds.overheard


@pytest.mark.parametrize(
    "text",
    ["is there a waiter here", "where are the best camps for kids", "tell me about the roman camps",
     "shall we gang up on him", "just the bananas and a tub of custard", "the coalman sat in it and so did i"],
)  # fmt: skip
def test_what_is_no_question_of_ours_is_not_repaired_into_one(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent in ("none", "unsure", "out_of_scope")
