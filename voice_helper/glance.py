"""Sentence templates at a glance: whether one is sound, what it names and what it needs, without parsing it.

Nearly all templates are plain: words, choices, optional parts, names of lists and rules. For these a few regular
expressions are enough, a tenth of the work of parsing. Any other template is left to the parser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from voice_helper.fragments import Clauses, GroupReader, either, is_balanced

_PLAIN: Final = re.compile(r"(?:[()\[\]|]|\{[^\W\d]\w*(?::[^\W\d]\w*)?\}|<\w+>|[\w',.?! -])+")
_NAMES: Final = re.compile(r"\{(\w+)(?::(\w+))?\}|<(\w+)>")
_INNERMOST: Final = re.compile(r"\(([^()\[\]]*)\)|\[[^()\[\]]*\]|\{(\w+)[^}]*\}|<(\w+)>")


@dataclass(frozen=True, slots=True)
class Name:
    """A list or a rule that a template names."""

    name: str
    is_rule: bool = False
    slot: str = ""
    """What the value of a list fills."""


@lru_cache(maxsize=1 << 17)
def is_plain(template: str) -> bool:
    """Tell whether a template is sound at a glance; one that is not may still be."""
    if not _PLAIN.fullmatch(template) or "()" in template or "[]" in template or not template.strip():
        return False
    return is_balanced(template) and unicodedata.is_normalized("NFC", template)


def names_in(plain: str) -> tuple[Name, ...]:
    """Give the lists and rules that a plain template names, from left to right."""
    found = (match.groups() for match in _NAMES.finditer(plain))
    return tuple(Name(rule, is_rule=True) if rule else Name(name, slot=slot or name) for name, slot, rule in found)


class NeedReader:
    """Reads what templates need: each group, list and rule once."""

    def __init__(
        self,
        lists: Mapping[str, Iterable[str]],
        rules: Mapping[str, str],
        parsed: Callable[[str], Clauses],
    ) -> None:
        """Take the templates of each list's values, those of the rules, and who reads what is not plain."""
        self._lists = lists
        self._rules = rules
        self._parsed = parsed
        self._groups = GroupReader(_INNERMOST, self._clauses, _fragments)

    def needs(self, template: str) -> Clauses:
        """Give what a text must have to match a template."""
        return self._groups.needs(template) if is_plain(template) else self._parsed(template)

    def _clauses(self, found: re.Match[str]) -> Clauses:
        group, list_name, rule_name = found.groups()
        if list_name:
            return either(self.needs(value) for value in self._lists[list_name])
        if rule_name:
            return self.needs(self._rules[rule_name])
        return self._groups.choice(group) if group is not None else ()  # an optional part needs nothing


def _fragments(text: str) -> list[str]:
    """Give the words; those with a sign in them may be said without it."""
    return [word.casefold() for word in text.split() if word.replace("'", "").isalnum()]
