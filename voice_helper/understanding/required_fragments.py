"""Word fragments that a text must contain to match: a cheap pre-check that avoids expensive matching.

Requirements are expressed as clauses. The text must contain at least one fragment of every clause, anywhere, even
inside a word. A missing clause only costs time. A clause that is not truly required would lose matches. Clauses are
therefore never guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

Clause = frozenset[str]
Clauses = tuple[Clause, ...]

_MARK: Final = "\0"
_NOT_BRACKETS: Final = re.compile(r"[^()\[\]]+")


def is_balanced(text: str) -> bool:
    """Return whether every `(` and `[` in a text is closed, in order."""
    before, brackets = "", _NOT_BRACKETS.sub("", text)
    while brackets != before:
        before, brackets = brackets, brackets.replace("()", "").replace("[]", "")
    return not brackets


def either(branches: Iterable[Clauses]) -> Clauses:
    """Return the requirements of a choice: one clause that merges the most selective clause of every branch."""
    merged: set[str] = set()
    for clauses in branches:
        if not clauses:
            return ()
        merged |= clauses[0] if len(clauses) == 1 else min(clauses, key=_vagueness)
    return (frozenset(merged),) if merged else ()


def _vagueness(clause: AbstractSet[str]) -> tuple[int, int]:
    return len(clause), -min(map(len, clause))


class GroupReader:
    """Determines the requirements of nested groups of choices.

    It works from the innermost group outwards, and processes each group once.
    """

    def __init__(
        self,
        innermost: re.Pattern[str],
        clauses_of: Callable[[re.Match[str]], Clauses],
        fragments_of: Callable[[str], Iterable[str]],
    ) -> None:
        """Set the pattern that matches an innermost group, the function that returns the clauses of such a group, and
        the function that returns the fragments of a text.
        """
        self._innermost = innermost
        self._clauses_of = clauses_of
        self._fragments_of = fragments_of
        self._read: list[Clauses] = []
        self._marks: dict[str, str] = {}
        self._alone: dict[str, Clause] = {}

    def needs(self, text: str) -> Clauses:
        """Return what any text must contain to match `text`, whose groups must be balanced."""
        before = ""
        while text != before:
            before, text = text, self._innermost.sub(self._marked, text)
        return self.choice(text)

    def choice(self, text: str) -> Clauses:
        """Return the requirements of a choice such as `heat|a hot bath`. Its groups must already be marked."""
        if "|" not in text:
            return self._sequence(text)
        return either(self._branch(branch) for branch in text.split("|"))

    def _branch(self, text: str) -> Clauses:
        if _MARK in text:
            return self._sequence(text)
        longest = max(self._fragments_of(text), key=len, default=None)
        return (self._clause(longest),) if longest else ()

    def _clause(self, fragment: str) -> Clause:
        return self._alone.setdefault(fragment, frozenset((fragment,)))

    def _marked(self, found: re.Match[str]) -> str:
        whole = found[0]
        if whole not in self._marks:
            clauses = self._clauses_of(found)
            self._marks[whole] = f"{_MARK}{len(self._read)}{_MARK}"
            self._read.append(clauses)
        return self._marks[whole]

    def _sequence(self, branch: str) -> Clauses:
        clauses: dict[Clause, None] = {}
        for number, part in enumerate(branch.split(_MARK)):
            if number % 2:
                clauses.update(dict.fromkeys(self._read[int(part)]))
            elif part:
                clauses.update(dict.fromkeys(map(self._clause, self._fragments_of(part))))
        return tuple(clauses)


class FragmentIndex:
    """Finds the entries that may match a text, by its fragments. The lookup time hardly depends on their number."""

    def __init__(self, needed: Sequence[Clauses]) -> None:
        """Set the requirements of each entry. An entry without clauses may match any text."""
        often = Counter(fragment for clauses in needed for clause in clauses for fragment in clause)
        weights = {clause: sum(often[fragment] for fragment in clause) for clauses in needed for clause in clauses}
        self._needed = needed
        self._any_text = sum(1 << entry for entry, clauses in enumerate(needed) if not clauses)
        self._longest = max((len(fragment) for fragment in often), default=0)
        rarest = [min(clauses, key=weights.__getitem__, default=frozenset()) for clauses in needed]
        self._by_fragment = postings(rarest)

    def candidates(self, text: str, among: int = -1) -> list[int]:
        """Return the positions, in ascending order, of the entries that may match a lower-case text.

        `among` limits the search to the entries whose bits are set.
        """
        if not among:
            return []
        pieces = self._pieces(text)
        found = self._any_text
        for piece in pieces & self._by_fragment.keys():
            first, bits = self._by_fragment[piece]
            found |= bits << first
        left = positions(found & among)
        return [entry for entry in left if not any(clause.isdisjoint(pieces) for clause in self._needed[entry])]

    def _pieces(self, text: str) -> set[str]:
        return {
            word[start:end]
            for word in set(text.split())
            for start in range(len(word))
            for end in range(start + 1, min(len(word), start + self._longest) + 1)
        }


def postings(entries: Iterable[Iterable[str]]) -> dict[str, tuple[int, int]]:
    """Return, for each key, the position of the first entry that has it, and the positions of all such entries
    `as_bits`.
    """
    found: dict[str, list[int]] = {}
    for position, keys in enumerate(entries):
        for key in keys:
            found.setdefault(key, []).append(position)
    return {key: (positions_of[0], as_bits(positions_of)) for key, positions_of in found.items()}


def as_bits(entries: Sequence[int]) -> int:
    """Return ascending positions as the bits of one integer, counted from the first position.

    The positions of related entries are usually close together, so the integer is short. One operation on such integers
    handles all entries.
    """
    if not entries:
        return 0
    first = entries[0]
    flags = bytearray((entries[-1] - first >> 3) + 1)
    for entry in entries:
        flags[entry - first >> 3] |= 1 << (entry - first & 7)
    return int.from_bytes(flags, "little")


def positions(bits: int) -> list[int]:
    """Return the positions of the bits that are set, in ascending order."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
