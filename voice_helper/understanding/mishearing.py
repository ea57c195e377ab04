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
_CLOSE = 88  # "planets" and "peanuts" are less alike than that
_MAX_PER_SPAN = 4
_MAX_REPAIRS = 8


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text that may have been said instead of the one that was heard."""

    text: str
    is_close: bool
    """Whether each repaired word is very similar to what was heard, or was split into several words."""


@dataclass(frozen=True)
class Mishearing:
    """Repairs texts with words that no template and no example has."""

    language: Language
    vocabulary: frozenset[str]
    """The words of the templates, which a misheard word may have been."""

    is_known: Callable[[str], bool]
    """Returns whether a word counts as recognized correctly."""

    def repairs(self, text: str) -> tuple[Repaired, ...]:
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
        texts = {_replaced(words, each): all(repair.is_close for repair in each) for each in chosen}
        return tuple(Repaired(text, is_close) for text, is_close in texts.items())[:_MAX_REPAIRS]

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
                        together = (2 * likeness + fuzz.ratio("".join(span), word)) / 3
                        if together >= _LIKENESS:
                            yield _Repair(start, end, word, together)

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

    @property
    def is_close(self) -> bool:
        return self.likeness >= _CLOSE or self.end - self.start > 1


def _replaced(words: list[str], repairs: Iterable[_Repair]) -> str:
    """Return the words, joined, with some of them replaced."""
    said = list(words)
    for each in sorted(repairs, key=lambda repair: -repair.start):
        said[each.start : each.end] = [each.word]
    return " ".join(said)
