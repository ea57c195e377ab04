from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.skill.content import Content


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Does HEAT help?!", "does heat help"),
        ("vitamin B12", "vitamin b twelve"),
        ("It\u2019s 10 minutes…", "it's ten minutes"),
        ("call 911234567", "call nine one one two three four five six seven"),
        ("", ""),
        ("🙂 \x1b[31m\x00", ""),
        ("naïve café", "naïve café"),
    ],
)
def test_case_punctuation_and_numbers_do_not_matter(content: Content, typed: str, words: str) -> None:
    assert " ".join(content.language.words(typed)) == words


def test_long_and_short_forms_are_the_same(content: Content) -> None:
    comparable = content.language.comparable
    assert comparable("what is it") == comparable("What's it")
    assert comparable("I cannot move") == comparable("i can not move") == comparable("I can't move")
    assert comparable("anaemia") == comparable("anemia")


def test_fillers_are_left_out_unless_nothing_else_is_there(content: Content) -> None:
    language = content.language
    assert (
        language.without_fillers(language.comparable("um could you tell me does heat help please")) == "does heat help"
    )
    assert language.without_fillers("please") == "please"


@given(st.text(max_size=3000))
def test_any_text_can_be_compared_and_comparing_again_changes_nothing(content: Content, text: str) -> None:
    once = content.language.comparable(text)
    assert content.language.comparable(once) == once
