"""Find the words that a recognizer may have misheard, and the words of the templates that sound most like them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from voice_helper.understanding.normalize import Language

MAX_WORDS = 16
"""The maximum number of words in a text for which repairs are tried. A longer text has enough words without them."""

_MAX_SPAN = 3  # "mag knees yum"
_MIN_LETTERS = 4  # shorter words resemble too many others
_MIN_SOUNDS = 3
_LIKENESS = 80
_MAX_PER_SPAN = 4
_MAX_REPAIRS = 8


@dataclass(frozen=True)
class Mishearing:
    """Repairs texts with words that no template and no example has."""

    language: Language
    vocabulary: frozenset[str]
    """The words of the templates, which a misheard word may have been."""

    is_known: Callable[[str], bool]
    """Returns whether a word counts as recognized correctly."""

    def repairs(self, text: str) -> tuple[str, ...]:
        """Return the texts that may have been said instead of a normalized text, the most similar first.

        In each, one to three adjacent words have been replaced, at least one of which is unknown. If several places
        need a repair, the first text has the best repair of each.
        """
        words = text.split()
        if not self.language.sounds or len(words) > MAX_WORDS or all(map(self.is_known, words)):
            return ()
        found = sorted(self._found(words), key=lambda each: (-each.likeness, each.end - each.start))
        best: list[_Repair] = []
        for each in found:
            if all(each.end <= other.start or other.end <= each.start for other in best):
                best.append(each)
        chosen = [best, *([each] for each in found)] if len(best) > 1 else [[each] for each in found]
        return tuple(dict.fromkeys(_replaced(words, each) for each in chosen))[:_MAX_REPAIRS]

    def _found(self, words: list[str]) -> Iterator[_Repair]:
        from rapidfuzz import fuzz, process

        for start in range(len(words)):
            for end in range(start + 1, min(start + _MAX_SPAN, len(words)) + 1):
                span = words[start:end]
                sounds = self.sounds(span)
                if all(map(self.is_known, span)) or len(sounds) < _MIN_SOUNDS:
                    continue
                alike = process.extract(
                    sounds, list(self._by_sounds), scorer=fuzz.ratio, score_cutoff=_LIKENESS, limit=_MAX_PER_SPAN
                )
                for key, likeness, _ in alike:
                    for word in self._by_sounds[key]:
                        spelled = fuzz.ratio("".join(span), word)
                        yield _Repair(start, end, word, (2 * likeness + spelled) / 3)

    def sounds(self, words: Iterable[str]) -> str:
        """Return how some words sound, written so that words that sound alike are spelled alike."""
        heard = "".join(self._sounds_of(word) for word in words)
        return re.sub(r"(.)\1+", r"\1", heard)

    def _sounds_of(self, word: str) -> str:
        heard = word.replace("'", "")
        for pattern, sound in self._rules:
            heard = pattern.sub(sound, heard)
        return heard

    @cached_property
    def _rules(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((re.compile(pattern), sound) for pattern, sound in self.language.sounds.items())

    @cached_property
    def _by_sounds(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self.vocabulary):
            if len(word) >= _MIN_LETTERS and "'" not in word:
                found[self.sounds([word])].append(word)
        return {key: tuple(words) for key, words in found.items()}


@dataclass(frozen=True, slots=True)
class _Repair:
    start: int
    end: int
    word: str
    likeness: float


def _replaced(words: list[str], repairs: Iterable[_Repair]) -> str:
    """Return the words, joined, with some of them replaced."""
    said = list(words)
    for each in sorted(repairs, key=lambda repair: -repair.start):
        said[each.start : each.end] = [each.word]
    return " ".join(said)
