"""What was heard or typed, made comparable: case, punctuation, numbers, contractions, spellings, fillers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

MAX_CHARACTERS = 1_000
"""No spoken question is longer; what comes after is not read."""

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'"})
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # what a terminal takes as a command is no word
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|\d+")


@dataclass(frozen=True)
class Language:
    """What a language needs beyond its sentences, read from `language.yaml`."""

    code: str = "en"
    groups: tuple[str, ...] = ()
    """The intent groups, the one that wins first."""

    contractions: Mapping[str, str] = field(default_factory=dict)
    """`{"it is": "it's"}`: compared in the short form, as it is heard."""

    spellings: Mapping[str, str] = field(default_factory=dict)
    in_session: Mapping[str, str] = field(default_factory=dict)
    """Words that have another intent while a session is going on: a bare "help"."""

    fillers: tuple[str, ...] = ()
    """Words and phrases without meaning, such as "um" or "could you tell me"."""

    def words(self, text: str) -> tuple[str, ...]:
        """Give the lower-case words of a text: no punctuation, numbers spelled out."""
        return _words(text, self.code)

    def comparable(self, text: str) -> str:
        """Give a text in the one form in which texts are compared: short forms, one spelling."""
        joined = " ".join(self.words(text))
        return self._replacements.sub(joined)

    def essence(self, text: str) -> str:
        """Give a text in comparable form without fillers, as the nearest meaning compares it."""
        return self.without_fillers(self.comparable(text))

    def without_fillers(self, comparable: str) -> str:
        """Leave the fillers out of a comparable text, unless nothing else is there."""
        return self._fillers.sub(comparable) or comparable

    def __getstate__(self) -> dict[str, Any]:
        """Without the tables, which are quickly made."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _replacements(self) -> _PhraseTable:
        return _PhraseTable((*self.spellings.items(), *self.contractions.items()))

    @cached_property
    def _fillers(self) -> _PhraseTable:
        return _PhraseTable((self._replacements.sub(phrase), "") for phrase in self.fillers)


class _PhraseTable:
    """Whole-word phrase replacement, the longest phrase first."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._by_phrase = dict(pairs)
        ordered = sorted(self._by_phrase, key=lambda phrase: (-len(phrase), phrase))
        inner = "|".join(re.escape(phrase) for phrase in ordered)
        self._pattern = re.compile(rf"(?<![\w'])(?:{inner})(?![\w'])") if ordered else None

    def sub(self, text: str) -> str:
        if self._pattern is None:
            return text
        return " ".join(self._pattern.sub(lambda found: self._by_phrase[found[0]], text).split())


def _words(text: str, language: str) -> tuple[str, ...]:
    typed = _ESCAPES.sub(" ", text[:MAX_CHARACTERS])
    plain = unicodedata.normalize("NFKC", typed).translate(_APOSTROPHES).casefold()
    words: list[str] = []
    for found in _WORD.findall(plain):
        words.extend(_spelled(found, language) if found.isdecimal() else (found.rstrip("'"),))
    return tuple(words)


@lru_cache(maxsize=256)
def _spelled(digits: str, language: str) -> tuple[str, ...]:
    if len(digits) > 6:  # a telephone number, not an amount: digit by digit
        return tuple(word for digit in digits for word in _spelled(digit, language))
    spoken = _number_engine(language).format_number(int(digits)).text
    return tuple(re.findall(r"[^\W\d_]+", spoken))


@lru_cache(maxsize=4)
def _number_engine(language: str) -> RbnfEngine:
    from unicode_rbnf import RbnfEngine

    return RbnfEngine.for_language(language)
