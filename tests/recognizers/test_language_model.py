"""The language model of the phrases, compared with a naive implementation of its definition."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from voice_helper.recognizers.embedded.language_model import DISCOUNT, GENERAL_SHARE, UNKNOWN, arpa, english_words

_WORDS = st.lists(st.sampled_from(["does", "heat", "help", "my", "calf", "ease", "it"]), min_size=1, max_size=6)
_GENERAL = {"heat": 0.25, "river": 0.75}


def grams_of(sentences: Sequence[Sequence[str]], length: int) -> list[tuple[str, ...]]:
    marked = [("<s>", *sentence, "</s>") for sentence in sentences]
    return [words[start : start + length] for words in marked for start in range(len(words) - length + 1)]


def chance(sentences: Sequence[Sequence[str]], gram: tuple[str, ...]) -> float:
    """Return the probability of the last word after the others, with interpolated absolute discounting."""
    if len(gram) == 1:
        alone = [word for (word,) in grams_of(sentences, 1) if word != "<s>"]
        if gram == ("<s>",) or gram[0] not in {*alone, *_GENERAL}:
            return 1e-9
        return (1 - GENERAL_SHARE) * alone.count(gram[0]) / len(alone) + GENERAL_SHARE * _GENERAL.get(gram[0], 0.0)
    said = grams_of(sentences, len(gram))
    after = [each for each in said if each[:-1] == gram[:-1]]
    left = DISCOUNT * len(set(after)) / len(after)
    return (after.count(gram) - DISCOUNT) / len(after) + left * chance(sentences, gram[1:])


def read(model: str) -> dict[tuple[str, ...], list[str]]:
    lines = [line.split("\t") for line in model.splitlines() if "\t" in line]
    return {tuple(text.split()): [value, *rest] for value, text, *rest in lines}


@given(st.lists(_WORDS, min_size=1, max_size=5))
def test_every_probability_matches_the_definition(sentences: list[list[str]]) -> None:
    model = arpa([" ".join(sentence) for sentence in sentences], _GENERAL)
    written = read(model)
    every = {gram for length in (1, 2, 3) for gram in grams_of(sentences, length)}
    assert set(written) == every | {(word,) for word in (*_GENERAL, UNKNOWN)}
    for gram, (value, *left) in written.items():
        assert math.isclose(float(value), math.log10(chance(sentences, gram)), abs_tol=1e-4), gram
        after = [each for each in grams_of(sentences, len(gram) + 1) if each[:-1] == gram]
        expected = math.log10(DISCOUNT * len(set(after)) / len(after)) if after else 0.0
        assert len(gram) == 3 or math.isclose(float(left[0]), expected, abs_tol=1e-4), gram
    for length in (1, 2, 3):
        assert f"ngram {length}={sum(len(gram) == length for gram in written)}" in model


def test_without_sentences_only_general_words_remain() -> None:
    assert set(read(arpa([], _GENERAL))) == {("<s>",), ("heat",), ("river",), (UNKNOWN,)}


def test_a_word_has_all_its_pronunciations() -> None:
    assert english_words()["read"][1] == ("R EH D", "R IY D")
