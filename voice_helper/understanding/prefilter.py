"""Cheap checks of sentence templates without parsing: validity, references, required fragments and possible words.

Nearly all templates are plain: words, choices, optional parts, and references to lists and rules. A few regular
expressions are enough for these, at a tenth of the cost of parsing. All other templates are left to the parser.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from voice_helper.understanding.required_fragments import Clauses, GroupReader, either, is_balanced, postings

_PLAIN: Final = re.compile(r"(?:[()\[\]|]|\{[^\W\d]\w*(?::[^\W\d]\w*)?\}|<\w+>|[\w',.?! -])+")
_NAMES: Final = re.compile(r"\{(\w+)(?::(\w+))?\}|<(\w+)>")
_PIECE: Final = re.compile(r"[^\W_]+")
_LONGEST_WORD: Final = 40  # letters; a longer word is assumed to match
_INNERMOST: Final = re.compile(r"\(([^()\[\]]*)\)|\[[^()\[\]]*\]|\{(\w+)[^}]*\}|<(\w+)>")


@dataclass(frozen=True, slots=True)
class Name:
    """A reference to a list or a rule in a template."""

    name: str
    is_rule: bool = False
    slot: str = ""
    """The slot that is filled with the list's value."""


@lru_cache(maxsize=1 << 17)
def is_plain(template: str) -> bool:
    """Return whether a template is valid and plain: whether it uses only the syntax that this module can read. Only the
    parser can tell whether any other template is valid.
    """
    if not _PLAIN.fullmatch(template) or "()" in template or "[]" in template or not template.strip():
        return False
    return is_balanced(template) and unicodedata.is_normalized("NFC", template)


def names_in(plain: str) -> tuple[Name, ...]:
    """Return the lists and rules that a plain template names, from left to right."""
    found = (match.groups() for match in _NAMES.finditer(plain))
    return tuple(Name(rule, is_rule=True) if rule else Name(name, slot=slot or name) for name, slot, rule in found)


def reached_from(names: Iterable[Name], in_rule: Callable[[str], Sequence[Name]]) -> Iterator[Name]:
    """Yield the given names and all names in the rules that they reach, each once, in the order of the texts.

    `in_rule` returns the names in a rule. Rules may refer to each other in circles.
    """
    left = [*names][::-1]
    seen: set[Name] = set()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            yield name
            if name.is_rule:
                left += in_rule(name.name)[::-1]


class NeedReader:
    """Determines which fragments a text must contain to match a template.

    Each group, list and rule is processed once.
    """

    def __init__(
        self,
        lists: Mapping[str, Iterable[str]],
        rules: Mapping[str, str],
        parsed: Callable[[str], Clauses],
    ) -> None:
        """Set the templates of the rules and of each list's values, and the parser for templates that are not plain."""
        self._lists = lists
        self._rules = rules
        self._parsed = parsed
        self._groups = GroupReader(_INNERMOST, self._clauses, _fragments)

    def needs(self, template: str) -> Clauses:
        """Return what a text must contain to match a template."""
        return self._groups.needs(template) if is_plain(template) else self._parsed(template)

    def _clauses(self, found: re.Match[str]) -> Clauses:
        group, list_name, rule_name = found.groups()
        if list_name:
            return either(self.needs(value) for value in self._lists[list_name])
        if rule_name:
            return self.needs(self._rules[rule_name])
        return self._groups.choice(group) if group is not None else ()  # an optional part requires nothing


def _fragments(text: str) -> list[str]:
    """Return the words of a text in lower case.

    Words that contain a punctuation mark are left out, because users may say them without it.
    """
    return [word.casefold() for word in text.split() if word.replace("'", "").isalnum()]


class PieceReader:
    """Collects the word fragments in templates. Every word of a matching text consists of such fragments.

    A fragment contains no space, so it always lies within one word of the text, wherever the template has its spaces.
    """

    def __init__(self, lists: Mapping[str, Iterable[str]], rules: Mapping[str, str]) -> None:
        """Set the templates of the rules and of each list's values."""
        self._lists = lists
        self._rules = rules
        self._read: dict[str, frozenset[str] | None] = {}

    def pieces(self, template: str) -> frozenset[str] | None:
        """Return the pieces of a template. Return `None` if only the parser can determine them."""
        if template not in self._read:
            self._read[template] = self._found(template) if is_plain(template) else None
        return self._read[template]

    def _found(self, plain: str) -> frozenset[str] | None:
        pieces = {sys.intern(piece) for piece in _PIECE.findall(_NAMES.sub(" ", plain).casefold())}
        for name in names_in(plain):
            for named in (self._rules[name.name],) if name.is_rule else self._lists[name.name]:
                inner = self.pieces(named)
                if inner is None:
                    return None
                pieces |= inner
        return frozenset(pieces)


class WordIndex:
    """Finds the entries whose pieces can be joined to spell every word of a text.

    Lookup time hardly grows with the number of entries.
    """

    def __init__(self, pieces: Sequence[frozenset[str] | None]) -> None:
        """Set the pieces of each entry. An entry whose pieces are `None` may match any text."""
        self._all = (1 << len(pieces)) - 1
        self._any_text = sum(1 << entry for entry, each in enumerate(pieces) if each is None)
        self._with_piece = postings(each or () for each in pieces)
        self._longest = max(map(len, self._with_piece), default=0)

    def candidates(self, words: Iterable[str]) -> int:
        """Return the entries that may contain all of these words, as the bits of an integer.

        The words consist of the letters a to z.
        """
        left = self._all
        for word in sorted(words, key=self._frequency):  # rare words leave few entries
            left = self._spelling(word, left) | (left & self._any_text)
            if not left:
                break
        return left

    def _frequency(self, piece: str) -> int:
        _, bits = self._with_piece.get(piece, (0, 0))
        return bits.bit_count()

    def _spelling(self, word: str, among: int) -> int:
        """Return which of the given entries can spell a word by joining their pieces."""
        if len(word) > _LONGEST_WORD:
            return among
        up_to = [among] + [0] * len(word)
        for start, entries in enumerate(up_to):
            if not entries:
                continue
            for end in range(start + 1, min(len(word), start + self._longest) + 1):
                first, bits = self._with_piece.get(word[start:end], (0, 0))
                if bits:
                    up_to[end] |= entries & bits << first
        return up_to[-1]
