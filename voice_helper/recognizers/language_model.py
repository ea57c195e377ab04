"""A language model and a lexicon from our own phrases, so that recognizers expect what people ask us.

The model is a back-off trigram in ARPA form, counted on sentences drawn from the templates;
frequent English words are mixed in, so that an unforeseen word does not derail the known ones.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pocketsphinx import LogMath, NGramModel, get_model_path

from voice_helper.cache import kept_texts

UNKNOWN = "<unk>"
GENERAL_SHARE = 0.2
DISCOUNT = 0.75
_START, _END = "<s>", "</s>"
_LEAST = 1e-9
_ONE_LETTER_WORDS = ("a", "i", "o")
_VARIANT = re.compile(r"\(\d+\)$")


@lru_cache(maxsize=1)
def cmu_dictionary() -> Mapping[str, tuple[str, ...]]:
    """Give the pronunciations of pocketsphinx's English dictionary: `{"calf": ("K AE F",)}`."""
    sounds: dict[str, list[str]] = {}
    with (Path(get_model_path("en-us")) / "cmudict-en-us.dict").open(encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.strip().partition(" ")
            sounds.setdefault(_VARIANT.sub("", word), []).append(phones)
    return {word: tuple(found) for word, found in sounds.items()}


@lru_cache(maxsize=4)
def frequent_words(count: int) -> Mapping[str, float]:
    """Give the most frequent words of English with their chances, as pocketsphinx's general model has them."""
    model = NGramModel.readfile(str(Path(get_model_path("en-us")) / "en-us.lm.bin"))
    logarithm = LogMath()
    chances = ((model.prob([word]), word) for word in cmu_dictionary() if len(word) > 1 or word in _ONE_LETTER_WORDS)
    return {word: logarithm.exp(chance) for chance, word in sorted(chances, reverse=True)[:count]}


@dataclass(frozen=True, slots=True)
class Built:
    """A language model and how its words sound."""

    arpa: str
    sounds: Mapping[str, tuple[str, ...]]


def build(sentences: Sequence[str], own_sounds: Mapping[str, tuple[str, ...]], general_words: int) -> Built:
    """Give the model of sentences whose every word can be pronounced, with general words mixed in.

    It is kept in the cache under a key of all that goes into it.
    """
    digest = hashlib.sha256(inspect.getsource(sys.modules[__name__]).encode())
    digest.update(json.dumps([list(sentences), sorted(own_sounds.items()), general_words]).encode())

    def make() -> dict[str, str]:
        built = _build(sentences, own_sounds, general_words)
        return {"arpa": built.arpa, "sounds": json.dumps(built.sounds)}

    kept = kept_texts("language-model", digest.hexdigest(), make)
    return Built(kept["arpa"], {word: tuple(sounds) for word, sounds in json.loads(kept["sounds"]).items()})


def _build(sentences: Sequence[str], own_sounds: Mapping[str, tuple[str, ...]], general_words: int) -> Built:
    general = frequent_words(general_words)
    words = {word for sentence in sentences for word in sentence.split()}
    sounds = pronunciations(sorted(words | general.keys()), own_sounds)
    sayable = [sentence for sentence in sentences if all(word in sounds for word in sentence.split())]
    return Built(arpa(sayable, {word: chance for word, chance in general.items() if word in sounds}), sounds)


def pronunciations(words: Iterable[str], own: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Give the pronunciations of those of the words that have any; our own come first."""
    known = cmu_dictionary()
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        sounds = tuple(dict.fromkeys((*own.get(word, ()), *known.get(word, ()))))
        if sounds:
            found[word] = sounds
    return found


def arpa(sentences: Iterable[str], general: Mapping[str, float] | None = None) -> str:
    """Give a trigram model of sentences in ARPA form, as KenLM and PocketSphinx read it.

    `general` are the chances of words in the language at large: they make `GENERAL_SHARE` of the
    single-word model, so that a word no template has can still be heard. Absolute discounting,
    interpolated (Ney, Essen and Kneser 1994): each longer context leans on the shorter one.
    """
    grams = [Counter[tuple[str, ...]]() for _ in range(3)]
    for sentence in sentences:
        words = (_START, *sentence.split(), _END)
        for length in (1, 2, 3):
            grams[length - 1].update(zip(*(words[start:] for start in range(length)), strict=False))
    single = _single_word_chances(grams[0], general or {})
    chances: list[dict[tuple[str, ...], float]] = [{(word,): chance for word, chance in single.items()}]
    back_off: list[dict[tuple[str, ...], float]] = []
    for longer in grams[1:]:
        totals: Counter[tuple[str, ...]] = Counter()
        kinds: Counter[tuple[str, ...]] = Counter()
        for gram, count in longer.items():
            totals[gram[:-1]] += count
            kinds[gram[:-1]] += 1
        left = {context: DISCOUNT * kinds[context] / totals[context] for context in totals}
        shorter = chances[-1]
        chances.append(
            {
                gram: (count - DISCOUNT) / totals[gram[:-1]] + left[gram[:-1]] * shorter[gram[1:]]
                for gram, count in longer.items()
            }
        )
        back_off.append(left)
    return _written(chances, [*back_off, {}])


def _single_word_chances(counts: Counter[tuple[str, ...]], general: Mapping[str, float]) -> dict[str, float]:
    total = sum(count for (word,), count in counts.items() if word != _START)
    general_total = sum(general.values()) or 1.0
    share = GENERAL_SHARE if general else 0.0
    chances = {word: (1 - share) * count / total for (word,), count in counts.items()}
    for word, chance in general.items():
        chances[word] = chances.get(word, 0.0) + share * chance / general_total
    chances.setdefault(UNKNOWN, _LEAST)
    chances[_START] = _LEAST  # it only ever stands before, never after a word
    return chances


def _written(
    chances: Sequence[Mapping[tuple[str, ...], float]], back_off: Sequence[Mapping[tuple[str, ...], float]]
) -> str:
    lines = ["\\data\\"]
    lines += [f"ngram {length}={len(grams)}" for length, grams in enumerate(chances, 1)]
    for length, (grams, left) in enumerate(zip(chances, back_off, strict=True), 1):
        lines += ["", f"\\{length}-grams:"]
        for gram in sorted(grams):
            line = f"{math.log10(grams[gram]):.4f}\t{' '.join(gram)}"
            if length < len(chances):
                line += f"\t{math.log10(left.get(gram, 1.0)):.4f}"
            lines.append(line)
    return "\n".join([*lines, "", "\\end\\", ""])
