"""Use hassil to parse sentence templates, list their words, sample sentences from them and match texts against them.

hassil is slow for thousands of templates, so `sentences` passes it only the relevant ones.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, reduce
from typing import Any, NamedTuple, TypeAlias

from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    Sentence,
    TextChunk,
)
from hassil.intents import Intent, IntentData, Intents, SlotList
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError
from hassil.recognize import recognize_all

from voice_helper.understanding.prefilter import Name, reached_from
from voice_helper.understanding.required_fragments import Clauses
from voice_helper.understanding.slots import SlotValue

Drawing: TypeAlias = Callable[[random.Random, list[str]], None]
"""Draws one text of an expression and appends its pieces to a list."""


class Matched(NamedTuple):
    """One way in which a template matches a text."""

    intent: str
    template: str
    slots: Mapping[str, str]


@lru_cache(maxsize=1 << 14)
def parsed(template: str) -> Sentence:
    """Return the parsed template. The result is cached and must not be modified."""
    sentence = parse_sentence(template, keep_text=True)
    sentence.required_clauses = frozenset()  # `sentences` has already checked the required words
    return sentence


def parse_fault(template: str) -> str | None:
    """Return the error in a template, or `None` if it can be parsed."""
    try:
        parsed(template)
    except (ParseError, ValueError, IndexError, AssertionError) as error:  # AssertionError is raised for empty brackets
        return f"is not a template: {error}"
    return None


@lru_cache(maxsize=1 << 14)
def names_of(template: str) -> tuple[Name, ...]:
    """Return the lists and rules that a template names, from left to right."""
    return tuple(_names(parsed(template).expression))


def needs_of(template: str) -> Clauses:
    """Return the fragments that hassil requires a text to contain to match a template."""
    return tuple(parse_sentence(template).get_required_clauses({}))


def texts_of(template: str, limit: int) -> list[str]:
    """Return at most `limit` texts of a template. References to lists and rules are not expanded."""
    return _texts(parsed(template).expression, limit)


class Templates:
    """The lists and rules of a language, with operations on templates that refer to them."""

    def __init__(
        self,
        language: str,
        lists: Mapping[str, tuple[SlotValue, ...]],
        raw_lists: Mapping[str, Any],
        raw_rules: Mapping[str, str],
    ) -> None:
        """Set the parsed lists, and the raw lists and rules in the form that hassil expects."""
        self._language = language
        self._lists = lists
        self._raw_lists = raw_lists
        self._rules = raw_rules
        self._read_lists: dict[str, SlotList] = {}
        self._rule_pieces: dict[str, _Pieces] = {}
        self._rule_drawings: dict[str, Drawing] = {}

    def matches(self, text: str, candidates: Iterable[tuple[str, str]]) -> Iterator[Matched]:
        """Yield every match of a text with one of the candidates, which are pairs of an intent and a template."""
        by_intent: dict[str, list[str]] = {}
        for intent, template in candidates:
            by_intent.setdefault(intent, []).append(template)
        intents = {name: _intent(name, templates) for name, templates in by_intent.items()}
        lists, rules = self._named(template for templates in by_intent.values() for template in templates)
        for result in recognize_all(text, Intents(self._language, intents, lists, rules)):
            values: dict[str, dict[str, None]] = {}
            for entity in result.entities_list:
                values.setdefault(entity.name, {})[str(entity.value)] = None
            slots = {name: ", ".join(found) for name, found in values.items()}
            sentence = result.intent_sentence
            yield Matched(result.intent.name, (sentence.text if sentence else None) or "", slots)

    def _named(self, templates: Iterable[str]) -> tuple[dict[str, SlotList], dict[str, Sentence]]:
        """Return the lists and rules that the templates use, directly or through rules."""
        direct = (name for template in templates for name in names_of(template))
        names = tuple(reached_from(direct, lambda rule: names_of(self._rules[rule])))
        lists = {name.name: self._list(name.name) for name in names if not name.is_rule}
        return lists, {name.name: parsed(self._rules[name.name]) for name in names if name.is_rule}

    def _list(self, name: str) -> SlotList:
        if name not in self._read_lists:
            lists = {name: self._raw_lists[name]}
            self._read_lists[name] = Intents.from_dict(
                {"language": self._language, "intents": {}, "lists": lists}
            ).slot_lists[name]
        return self._read_lists[name]

    def draw(self, template: str, count: int) -> tuple[str, ...]:
        """Return at most `count` different sentences of a template. Repeated calls return the same sentences."""
        chance = random.Random(zlib.crc32(template.encode()))
        draw = self._drawing(parsed(template).expression)
        drawn: dict[str, None] = {}
        for _ in range(count * 3):
            pieces: list[str] = []
            draw(chance, pieces)
            words = " ".join("".join(pieces).split())
            if words:
                drawn[words] = None
            if len(drawn) == count:
                break
        return tuple(drawn)

    def plainest(self, template: str) -> str:
        """Return the plainest sentence of a template: the first option of every choice and no optional parts."""
        return " ".join(self._plainest(parsed(template).expression).split())

    def words(self, template: str) -> frozenset[str]:
        """Return every word that can occur in a sentence of a template."""
        pieces = self._pieces(parsed(template).expression)
        return (pieces.words | pieces.alone | pieces.first | pieces.last) - {""}

    def _rule(self, name: str) -> Expression:
        return parsed(self._rules[name]).expression

    def _drawing(self, expression: Expression) -> Drawing:
        """Return a function that draws one text of an expression. It is faster than a walk through the expression."""
        if isinstance(expression, TextChunk):
            text = expression.original_text
            return lambda chance, pieces: pieces.append(text)
        if isinstance(expression, Alternative):
            options = [self._drawing(item) for item in expression.items]
            return lambda chance, pieces: chance.choice(options)(chance, pieces)
        if isinstance(expression, Group):
            return _drawing_all([self._drawing(item) for item in expression.items], isinstance(expression, Permutation))
        if isinstance(expression, ListReference):
            entries = self._lists[expression.list_name]
            return lambda chance, pieces: pieces.append(chance.choice(chance.choice(entries).phrases))
        name = _rule_name(expression)
        if name not in self._rule_drawings:
            self._rule_drawings[name] = self._drawing(self._rule(name))
        return self._rule_drawings[name]

    def _plainest(self, expression: Expression) -> str:
        if isinstance(expression, TextChunk):
            return expression.original_text
        if isinstance(expression, Alternative):
            return "" if expression.is_optional else self._plainest(expression.items[0])
        if isinstance(expression, Group):
            return "".join(self._plainest(item) for item in expression.items)
        if isinstance(expression, ListReference):
            return self._lists[expression.list_name][0].phrases[0]
        return self._plainest(self._rule(_rule_name(expression)))

    def _pieces(self, expression: Expression) -> _Pieces:
        if isinstance(expression, TextChunk):
            return _pieces_of(expression.original_text)
        if isinstance(expression, Alternative):
            return _any_of(self._pieces(item) for item in expression.items)
        if isinstance(expression, Group):
            return reduce(_joined, (self._pieces(item) for item in expression.items), _pieces_of(""))
        if isinstance(expression, ListReference):
            return _any_of(_pieces_of(text) for entry in self._lists[expression.list_name] for text in entry.phrases)
        name = _rule_name(expression)
        if name not in self._rule_pieces:
            self._rule_pieces[name] = self._pieces(self._rule(name))
        return self._rule_pieces[name]


def _drawing_all(items: list[Drawing], is_permutation: bool) -> Drawing:
    """Return a function that draws one text of each item, for a permutation in any order."""

    def draw(chance: random.Random, pieces: list[str]) -> None:
        ordered = items
        if is_permutation:
            ordered = list(items)
            chance.shuffle(ordered)
        for item in ordered:
            item(chance, pieces)

    return draw


def _rule_name(expression: Expression) -> str:
    """Return the name of the rule that an expression refers to."""
    assert isinstance(expression, RuleReference)
    return expression.rule_name


def _intent(name: str, templates: Iterable[str]) -> Intent:
    data = IntentData([])
    vars(data)["sentences"] = [
        parsed(template) for template in templates
    ]  # set directly, so that hassil does not parse them again
    return Intent(name, [data])


class _Pieces(NamedTuple):
    """The words in all texts of an expression.

    The first or last word may continue beyond the expression ("cramp[s]").
    """

    words: frozenset[str]
    alone: frozenset[str]
    """The texts of the expression that contain no space."""

    first: frozenset[str]
    last: frozenset[str]


def _pieces_of(text: str) -> _Pieces:
    nothing: frozenset[str] = frozenset()
    first, *inner = re.split(r"\s", text)
    if not inner:
        return _Pieces(nothing, frozenset({first}), nothing, nothing)
    return _Pieces(frozenset(inner[:-1]), nothing, frozenset({first}), frozenset({inner[-1]}))


def _joined(left: _Pieces, right: _Pieces) -> _Pieces:
    def glued(befores: frozenset[str], afters: frozenset[str]) -> frozenset[str]:
        return frozenset(before + after for before in befores for after in afters)

    return _Pieces(
        words=left.words | right.words | glued(left.last, right.first),
        alone=glued(left.alone, right.alone),
        first=left.first | glued(left.alone, right.first),
        last=right.last | glued(left.last, right.alone),
    )


def _any_of(choices: Iterable[_Pieces]) -> _Pieces:
    every = tuple(choices)
    return _Pieces(*(frozenset().union(*(getattr(each, name) for each in every)) for name in _Pieces._fields))


def _names(expression: Expression) -> Iterator[Name]:
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _names(item)
    elif isinstance(expression, ListReference):
        yield Name(expression.list_name, slot=expression.slot_name)
    elif isinstance(expression, RuleReference):
        yield Name(expression.rule_name, is_rule=True)


def _texts(expression: Expression, limit: int) -> list[str]:
    if isinstance(expression, TextChunk):
        return [expression.original_text]
    if isinstance(expression, Alternative):
        return [text for item in expression.items for text in _texts(item, limit)][:limit]
    if isinstance(expression, Group):
        texts = [""]
        for item in expression.items:
            texts = [before + after for before in texts for after in _texts(item, limit)][:limit]
        return texts
    if isinstance(expression, ListReference):
        return [f"{{{expression.list_name}:{expression.slot_name}}}"]
    return [f"<{_rule_name(expression)}>"]
