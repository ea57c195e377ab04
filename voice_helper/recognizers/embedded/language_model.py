"""Build a language model and a lexicon from the sentence templates, so that recognizers expect what users ask.

The model is a back-off trigram in ARPA format, trained on sentences drawn from the templates. Frequent English words
are mixed in, so that an unexpected word does not derail the recognition of expected ones.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voice_helper.support.cache import kept_texts
from voice_helper.support.code_key import code_key
from voice_helper.support.paths import data_folder

UNKNOWN = "<unk>"
GENERAL_SHARE = 0.2
DISCOUNT = 0.75
START, END = "<s>", "</s>"
_MIN = 1e-9
_FILE = "english-words.txt"


@lru_cache(maxsize=1)
def english_words() -> Mapping[str, tuple[float, tuple[str, ...]]]:
    """Read the English words, with their probabilities and pronunciations: `{"calf": (1.7e-06, ("K AE F",))}`."""
    lines = _dictionary_file().read_text(encoding="utf-8").splitlines()
    entries = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {word: (10 ** float(chance), tuple(sounds.split(", "))) for word, chance, sounds in entries}


def dictionary_key() -> str:
    """Return a key that identifies the version of the dictionary, without reading the whole dictionary."""
    status = _dictionary_file().stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _dictionary_file() -> Path:
    return data_folder("models") / _FILE


@lru_cache(maxsize=4)
def frequent_words(count: int) -> Mapping[str, float]:
    """Return the most frequent English words with their probabilities."""
    words = english_words()
    frequent = sorted(words, key=lambda word: (-words[word][0], word))[:count]
    return {word: words[word][0] for word in frequent}


@dataclass(frozen=True, slots=True)
class Built:
    """A language model and the pronunciations of its words."""

    arpa: str
    sounds: Mapping[str, tuple[str, ...]]


def build(sentences: Sequence[str], own_sounds: Mapping[str, tuple[str, ...]], general_words: int) -> Built:
    """Build the model from the sentences whose words all have pronunciations, with general words mixed in.

    The result is cached under a key made from all inputs.
    """
    digest = hashlib.sha256((code_key(Path(__file__).parent) + dictionary_key()).encode())
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
    """Return the pronunciations of the words that have any. Those in `own` come first."""
    known = english_words()
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        sounds = tuple(dict.fromkeys((*own.get(word, ()), *(known[word][1] if word in known else ()))))
        if sounds:
            found[word] = sounds
    return found


def arpa(sentences: Iterable[str], general: Mapping[str, float] | None = None) -> str:
    """Build a trigram model of the sentences in the ARPA format that KenLM and PocketSphinx read.

    `general` holds the probabilities of words in general English. These words share `GENERAL_SHARE` of the unigram
    probability, so that a word that occurs in no template can still be recognized. The model uses interpolated absolute
    discounting (Ney, Essen and Kneser 1994): each longer context backs off to the shorter one.
    """
    spoken = [word for sentence in sentences for word in (START, *sentence.split(), END)]
    single = _single_word_chances(Counter(spoken), general or {})
    words = sorted(single)  # sorting n-grams by word number then also sorts them by word
    number = {word: index for index, word in enumerate(words)}
    said = np.fromiter((number[word] for word in spoken), dtype=np.int64, count=len(spoken))
    goes_on = np.fromiter((word != END for word in spoken), dtype=np.bool_, count=len(spoken))
    pairs = (said[:-1] * len(words) + said[1:])[goes_on[:-1]]
    threes = ((said[:-2] * len(words) + said[1:-1]) * len(words) + said[2:])[goes_on[:-2] & goes_on[1:-1]]
    ones = _Grams(np.arange(len(words)), np.array([single[word] for word in words]), tuple(words))
    twos, left_by_ones = _longer(pairs, ones, words, 1)
    rest, left_by_twos = _longer(threes, twos, words, 2)
    return _written([(ones, left_by_ones), (twos, left_by_twos), (rest, None)])


@dataclass(frozen=True, slots=True)
class _Grams:
    """Distinct n-grams, sorted."""

    keys: npt.NDArray[np.int64]
    """The numbers of the words in each n-gram, encoded as the digits of one integer."""

    chances: npt.NDArray[np.float64]
    """The probability of each n-gram's last word, given the words before it."""

    texts: Sequence[str]


def _longer(
    said: npt.NDArray[np.int64], shorter: _Grams, words: Sequence[str], length: int
) -> tuple[_Grams, list[float]]:
    """Return the n-grams of `length` + 1 words, and the back-off weight of each shorter n-gram."""
    keys, counts = np.unique(said, return_counts=True)
    before = np.searchsorted(shorter.keys, keys // len(words))
    without_first = np.searchsorted(shorter.keys, keys % len(words) ** length)
    totals = np.bincount(before, weights=counts, minlength=len(shorter.keys))
    kinds = np.bincount(before, minlength=len(shorter.keys))
    left = np.where(kinds, DISCOUNT * kinds / np.maximum(totals, 1), 1.0)
    chances = (counts - DISCOUNT) / totals[before] + left[before] * shorter.chances[without_first]
    pairs = zip(before.tolist(), (keys % len(words)).tolist(), strict=True)
    texts = tuple(f"{shorter.texts[context]} {words[last]}" for context, last in pairs)
    return _Grams(keys, chances, texts), left.tolist()


def _single_word_chances(counts: Counter[str], general: Mapping[str, float]) -> dict[str, float]:
    total = sum(count for word, count in counts.items() if word != START)
    general_total = sum(general.values()) or 1.0
    share = (GENERAL_SHARE if total else 1.0) if general else 0.0
    chances = {word: (1 - share) * count / max(1, total) for word, count in counts.items()}
    for word, chance in general.items():
        chances[word] = chances.get(word, 0.0) + share * chance / general_total
    chances.setdefault(UNKNOWN, _MIN)
    chances[START] = _MIN  # START only ever precedes other words
    return chances


def _written(levels: Sequence[tuple[_Grams, Sequence[float] | None]]) -> str:
    """Format the unigrams, bigrams and trigrams in ARPA format, each with its back-off weight."""
    lines = ["\\data\\"]
    lines += [f"ngram {length}={len(grams.texts)}" for length, (grams, _) in enumerate(levels, 1)]
    for length, (grams, left) in enumerate(levels, 1):
        lines += ["", f"\\{length}-grams:"]
        said = zip(map(math.log10, grams.chances.tolist()), grams.texts, strict=True)
        if left is None:
            lines += [f"{chance:.4f}\t{text}" for chance, text in said]
        else:
            back = map(math.log10, left)
            lines += [f"{chance:.4f}\t{text}\t{rest:.4f}" for (chance, text), rest in zip(said, back, strict=True)]
    return "\n".join([*lines, "", "\\end\\", ""])
