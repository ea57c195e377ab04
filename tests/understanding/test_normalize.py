# ruff: noqa: RUF001 - the other forms of letters are what is tested
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.dialogue.state import State
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import Content
from voice_helper.types import Heard, Transcript
from voice_helper.understanding.normalize import Language


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Does HEAT help?!", "does heat help"),
        ("vitamin B12", "vitamin b twelve"),
        ("It\u2019s 10 minutes…", "it's ten minutes"),
        ("call 911234567", "call nine one one two three four five six seven"),
        ("", ""),
        ("🙂 \x1b[31m\x00", ""),
        ("naïve café", "naive cafe"),
    ],
)
def test_case_punctuation_and_numbers_do_not_matter(content: Content, typed: str, words: str) -> None:
    assert " ".join(content.language.words(typed)) == words


@pytest.mark.parametrize(
    "inside",
    ["\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\ufe0f", "\U000e0100", "\u202e", "\u2066", "\u200f",
     "\u034f", "\u061c", "\u3164", "\x00", "\x08", "\U000e0041"],
    ids=ascii,
)  # fmt: skip
def test_invisible_characters_do_not_split_a_word(content: Content, inside: str) -> None:
    typed = f"{inside}my ch{inside}est hur{inside * 3}ts{inside} can{inside}'{inside}t{inside * 2_000} breathe"
    assert content.language.words(typed) == ("my", "chest", "hurts", "can't", "breathe")


@pytest.mark.parametrize(
    "typed",
    ["ｍｙ　ｃｈｅｓｔ　ｃａｎ＇ｔ", "my che\ufb06 can\u2019t", "my ch\u0301est can\u00b4t",
     "my ch\u20ddest can\u2032t", "𝐦𝐲 𝓬𝓱𝓮𝓼𝓽 𝚌𝚊𝚗'𝚝"],
    ids=ascii,
)  # fmt: skip
def test_other_forms_of_the_same_letters_are_normalized(content: Content, typed: str) -> None:
    assert content.language.words(typed) == ("my", "chest", "can't")


def test_a_combining_accent_equals_an_accented_letter(content: Content) -> None:
    assert content.language.words("nai\u0308ve cafe\u200d\u0301") == content.language.words("naïve café")


def test_long_and_contracted_forms_are_equal(content: Content) -> None:
    comparable = content.language.comparable
    assert comparable("what is it") == comparable("What's it")
    assert comparable("I cannot move") == comparable("i can not move") == comparable("I can't move")
    assert comparable("anaemia") == comparable("anemia")


def test_fillers_are_removed_unless_nothing_else_is_left(content: Content) -> None:
    normalize = content.language.normalize
    assert normalize("um could you tell me does heat help please").essence == "does heat help"
    assert normalize("please").essence == "please"


@given(st.text(max_size=3000))
def test_any_text_can_be_compared_and_comparing_again_changes_nothing(content: Content, text: str) -> None:
    once = content.language.comparable(text)
    assert content.language.comparable(once) == once


@given(st.text(max_size=3000))
def test_a_normalized_text_has_the_forms_that_its_language_gives(content: Content, text: str) -> None:
    said, language = content.language.normalize(text), content.language
    assert (said.words, said.comparable) == (language.words(text), language.comparable(text))
    assert [part.text for part in said.parts] == list(language.parts(text))


@pytest.mark.parametrize(
    "text",
    ["Does HEAT help?", "my chest pain is killing me", "no chest pain but does heat help",
     "um what about a wet flannel", "does it hurt and why", "cramp in my calf but not my foot"],
)  # fmt: skip
@pytest.mark.parametrize("in_session", [False, True])
def test_a_text_is_normalized_only_once_from_transcript_to_answer(
    skill: Skill, monkeypatch: pytest.MonkeyPatch, text: str, in_session: bool
) -> None:
    state = skill.conversation.begin_guide(State())[0] if in_session else State()
    normalized: list[str] = []
    words = Language.words

    def counted_words(language: Language, text: str) -> tuple[str, ...]:
        normalized.append(text)
        return words(language, text)

    monkeypatch.setattr(Language, "words", counted_words)
    skill.conversation.step(state, Heard(Transcript(text)))
    assert normalized.count(text) == 1
