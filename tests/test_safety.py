from __future__ import annotations

import pytest

from voice_helper.content import Content
from voice_helper.safety import LEVELS


def highest(content: Content, text: str) -> tuple[str, str] | None:
    flag = content.safety.find(text).highest
    return (flag.level, flag.family) if flag else None


@pytest.mark.parametrize(
    ("text", "level", "family"),
    [
        ("chest pain", "emergency", "chest_pain"),
        ("i've got this crushing feeling in my chest", "emergency", "chest_pain"),
        ("just pain and i can't breathe", "emergency", "chest_pain"),
        ("breathless", "emergency", "breathing"),
        ("i can't breeze", "emergency", "breathing"),
        ("my husband collapsed", "emergency", "fainted"),
        ("past out", "emergency", "fainted"),
        ("her speech is slurred", "emergency", "stroke"),
        ("my foot has gone white and cold", "emergency", "limb_in_danger"),
        ("overdose", "emergency", "poison"),
        ("i want to die", "emergency", "wish_to_die"),
        ("a snake bit me", "emergency", "snake_bite"),
        ("my wife says it's nothing but i'm coughing blood", "emergency", "coughing_blood"),
        ("my calf is red and swollen", "urgent", "swollen_leg"),
        ("blood cloth", "urgent", "clot"),
        ("my pee is dark brown", "urgent", "dark_urine"),
        ("i felt a pop in my calf", "urgent", "pop"),
        ("it's been half an hour and it's still cramping", "urgent", "too_long"),
        ("i fell down the stairs", "urgent", "fall"),
    ],
)
def test_a_sign_raises_its_family(content: Content, text: str, level: str, family: str) -> None:
    assert highest(content, text) == (level, family)


@pytest.mark.parametrize(
    "text",
    [
        "this cramp is killing me", "i'm dying here", "shooting pain in my calf", "charley horse",
        "does heat help", "hot water bottle", "are bananas good for cramps", "i fell asleep",
        "does your foot go white in a cramp", "should i breathe out while i stretch",
    ],
)  # fmt: skip
def test_idioms_and_ordinary_questions_raise_nothing(content: Content, text: str) -> None:
    flag = content.safety.find(text).highest
    assert flag is None or flag.level not in ("emergency", "urgent")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("no chest pain", ""),
        ("i don't have chest pain but does heat help", "i does heat help"),
        ("it isn't swollen", "it"),
        ("no fever or swelling just a cramp", "just a cramp"),
        ("no it isn't swollen next step", "no it next step"),
    ],
)
def test_a_clear_denial_is_cut_and_the_rest_stays(content: Content, text: str, rest: str) -> None:
    flags = content.safety.find(text)
    assert flags.highest is None
    assert flags.denied
    assert flags.rest == rest


@pytest.mark.parametrize(
    "text",
    [
        "i don't have chest pain but i can't breathe",
        "no i can't breathe",
        "i did not sleep because my chest hurts",
        "i don't think i have chest pain",
        "he's not responding",
        "not chest pain as such more a tightness in my chest",
    ],
)
def test_an_unsure_denial_counts_as_said(content: Content, text: str) -> None:
    flag = content.safety.find(text).highest
    assert flag is not None
    assert flag.level == "emergency"


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("is it a clot", False),
        ("how do i stop a cramp and also a clot", True),
        ("does heat help oh and dialysis", True),
        ("does a cramp make your leg swell and also go red", False),
    ],
)
def test_what_is_added_to_a_question_counts_as_told(content: Content, text: str, raised: bool) -> None:
    assert any(flag.level == "urgent" for flag in content.safety.find(text).raised) is raised


def test_the_highest_of_several_levels_wins(content: Content) -> None:
    flags = content.safety.find("my calf is swollen and i have chest pain and how much ibuprofen can i take")
    levels = [flag.level for flag in flags.raised]
    assert levels[0] == "emergency"
    assert "urgent" in levels
    assert levels == sorted(levels, key=LEVELS.index)
