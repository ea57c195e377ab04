"""Sentence templates: what people say, in Home Assistant's template language, read with hassil.

hassil accepts a broken template without a word and fails at the first spoken sentence,
so every template, list and rule is checked here while it is read, and each problem
names its file and line.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, reduce
from typing import Any

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
from hassil.intents import Intent, IntentData, Intents
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError
from hassil.recognize import recognize_all

from voice_helper.documents import Item, Place, Problems
from voice_helper.text import Language

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_FILE_KEYS = frozenset({"language", "intents", "lists", "expansion_rules"})


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence template of one intent, and where it stands."""

    intent: str
    text: str
    place: Place
    number: int
    """Its position among the sentences of its intent in its file, from 1."""

    def __str__(self) -> str:
        return f"{self.intent}, sentence {self.number}"


@dataclass(frozen=True, slots=True)
class SlotValue:
    """One value of a list: what it is called inside, and how it is said aloud."""

    value: str
    say: str
    phrases: tuple[str, ...]
    """Every way to say it, short lists only; the first is the plainest."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An intent that a text matches word for word."""

    intent: str
    template: str
    slots: Mapping[str, str]


@dataclass(frozen=True)
class Sentences:
    """All templates of a language: they match texts, and are drawn from."""

    language: Language
    templates: tuple[Template, ...]
    group_of: Mapping[str, str]
    """The group (file) of each intent."""

    lists: Mapping[str, tuple[SlotValue, ...]]
    _raw_lists: Mapping[str, Any] = field(repr=False, default_factory=dict)
    _raw_rules: Mapping[str, str] = field(repr=False, default_factory=dict)

    @cached_property
    def intents(self) -> tuple[str, ...]:
        """Every intent that has a template, in the order of the files."""
        return tuple(dict.fromkeys(template.intent for template in self.templates))

    def exact(self, text: str, only: Iterable[str] | None = None) -> tuple[Claim, ...]:
        """Give the intents that claim a text word for word, the winning one first.

        The text is tried as it is, in short forms, and without fillers. `only` limits the intents looked at.
        """
        plain = " ".join(self.language.words(text))
        short = self.language.comparable(text)
        tried = dict.fromkeys((plain, short, self.language.without_fillers(short)))
        allowed = frozenset(only) if only is not None else None
        claims: dict[str, Claim] = {}
        for variant in tried:
            if not variant:
                continue
            for claim in self._claims(variant):
                if allowed is None or claim.intent in allowed:
                    claims.setdefault(claim.intent, claim)
            if claims:
                break
        return tuple(sorted(claims.values(), key=lambda claim: self._rank(claim.intent)))

    def draw(self, template: Template, count: int) -> tuple[str, ...]:
        """Give up to `count` different sentences of a template, always the same ones."""
        chance = random.Random(zlib.crc32(template.text.encode()))
        sentence = _parsed(template.text)
        drawn: dict[str, None] = {}
        for _ in range(count * 3):
            words = " ".join("".join(self._walk(sentence.expression, chance)).split())
            if words:
                drawn[words] = None
            if len(drawn) == count:
                break
        return tuple(drawn)

    def plainest(self, template: Template) -> str:
        """Give the plainest sentence of a template: the first of every choice, nothing that may be left out."""
        return " ".join(self._plainest(_parsed(template.text).expression).split())

    def words_of(self, template: Template) -> frozenset[str]:
        """Give every word that any sentence of a template can have."""
        pieces = self._pieces(_parsed(template.text).expression)
        return (pieces.words | pieces.alone | pieces.first | pieces.last) - {""}

    @cached_property
    def words(self) -> Mapping[str, Template]:
        """Every word of the templates, sorted, and the first template that has it."""
        found: dict[str, Template] = {}
        for template in self.templates:
            for word in self.words_of(template):
                found.setdefault(word, template)
        return dict(sorted(found.items()))

    def find_slots(self, comparable: str, slots: Iterable[str]) -> dict[str, str]:
        """Find values of the named lists in a text that no template matched; several are joined by a comma."""
        found: dict[str, str] = {}
        for slot in slots:
            pattern, values = self._slot_patterns.get(slot, (None, {}))
            if pattern is not None:
                hits = dict.fromkeys(values[hit[0]] for hit in pattern.finditer(comparable))
                if hits:
                    found[slot] = ", ".join(hits)
        return found

    @cached_property
    def slots_of(self) -> Mapping[str, tuple[str, ...]]:
        """The lists that the templates of each intent use."""
        used: dict[str, dict[str, None]] = {}
        for template, reference in self._list_references:
            used.setdefault(template.intent, {})[reference.slot_name] = None
        return {intent: tuple(names) for intent, names in used.items()}

    @cached_property
    def _lists_of_slot(self) -> Mapping[str, tuple[str, ...]]:
        """The lists that fill each slot: its own first, then those a template names as `{list:slot}`."""
        lists: dict[str, dict[str, None]] = {name: {name: None} for name in self.lists}
        for _, reference in self._list_references:
            lists.setdefault(reference.slot_name, {})[reference.list_name] = None
        return {slot: tuple(names) for slot, names in lists.items()}

    @cached_property
    def _list_references(self) -> tuple[tuple[Template, ListReference], ...]:
        rules = {name: _parsed(text) for name, text in self._raw_rules.items()}
        return tuple(
            (template, reference)
            for template in self.templates
            for reference in _references(_parsed(template.text).expression, rules)
            if isinstance(reference, ListReference)
        )

    def say(self, slot: str, value: str) -> str | None:
        """How a value of a list is said aloud; `None` for a value the list does not have."""
        lists = self._lists_of_slot.get(slot, (slot,))
        entries = (entry for name in lists for entry in self.lists.get(name, ()))
        return next((entry.say for entry in entries if entry.value == value), None)

    def _claims(self, text: str) -> Iterator[Claim]:
        for result in recognize_all(text, self._compiled):
            values: dict[str, dict[str, None]] = {}
            for entity in result.entities_list:
                values.setdefault(entity.name, {})[str(entity.value)] = None
            slots = {name: ", ".join(found) for name, found in values.items()}
            sentence = result.intent_sentence
            yield Claim(result.intent.name, (sentence.text if sentence else None) or "", slots)

    def _rank(self, intent: str) -> tuple[int, str]:
        group = self.group_of.get(intent, "")
        groups = self.language.groups
        return (groups.index(group) if group in groups else len(groups), intent)

    def _walk(self, expression: Expression, chance: random.Random) -> Iterator[str]:
        if isinstance(expression, TextChunk):
            yield expression.original_text
        elif isinstance(expression, Alternative):
            yield from self._walk(chance.choice(expression.items), chance)
        elif isinstance(expression, Permutation):
            items = list(expression.items)
            chance.shuffle(items)
            for item in items:
                yield from (" ", *self._walk(item, chance), " ")
        elif isinstance(expression, Group):
            for item in expression.items:
                yield from self._walk(item, chance)
        elif isinstance(expression, ListReference):
            entry = chance.choice(self.lists[expression.list_name])
            yield chance.choice(entry.phrases)
        elif isinstance(expression, RuleReference):
            yield from self._walk(self._compiled.expansion_rules[expression.rule_name].expression, chance)

    def _plainest(self, expression: Expression) -> str:
        if isinstance(expression, TextChunk):
            return expression.original_text
        if isinstance(expression, Alternative):
            return "" if expression.is_optional else self._plainest(expression.items[0])
        if isinstance(expression, Group):
            return "".join(self._plainest(item) for item in expression.items)
        if isinstance(expression, ListReference):
            return self.lists[expression.list_name][0].phrases[0]
        if isinstance(expression, RuleReference):
            return self._plainest(self._compiled.expansion_rules[expression.rule_name].expression)
        return ""

    def _pieces(self, expression: Expression) -> _Pieces:
        if isinstance(expression, TextChunk):
            return _pieces_of(expression.original_text)
        if isinstance(expression, Alternative):
            return _any_of(self._pieces(item) for item in expression.items)
        if isinstance(expression, Group):
            return reduce(_joined, (self._pieces(item) for item in expression.items), _pieces_of(""))
        if isinstance(expression, ListReference):
            return _any_of(_pieces_of(text) for entry in self.lists[expression.list_name] for text in entry.phrases)
        if isinstance(expression, RuleReference):
            name = expression.rule_name
            if name not in self._rule_pieces:
                self._rule_pieces[name] = self._pieces(self._compiled.expansion_rules[name].expression)
            return self._rule_pieces[name]
        return _pieces_of("")

    @cached_property
    def _rule_pieces(self) -> dict[str, _Pieces]:
        """Of the rules that were looked at so far."""
        return {}

    @cached_property
    def _compiled(self) -> Intents:
        by_intent: dict[str, list[str]] = {}
        for template in self.templates:
            by_intent.setdefault(template.intent, []).append(template.text)
        compiled = Intents.from_dict(
            {
                "language": self.language.code,
                "intents": {},
                "lists": dict(self._raw_lists),
                "expansion_rules": dict(self._raw_rules),
            }
        )
        rules = tuple(self._raw_rules.items())
        compiled.intents.update(
            {name: _compiled_intent(name, tuple(texts), rules) for name, texts in by_intent.items()}
        )
        return compiled

    @cached_property
    def _slot_patterns(self) -> Mapping[str, tuple[re.Pattern[str] | None, Mapping[str, str]]]:
        patterns: dict[str, tuple[re.Pattern[str] | None, Mapping[str, str]]] = {}
        for name, lists in self._lists_of_slot.items():
            entries = [entry for listed in lists for entry in self.lists.get(listed, ())]
            values = {self.language.comparable(phrase): entry.value for entry in entries for phrase in entry.phrases}
            ordered = sorted(values, key=lambda phrase: (-len(phrase), phrase))
            inner = "|".join(re.escape(phrase) for phrase in ordered)
            patterns[name] = (re.compile(rf"(?<![\w'])(?:{inner})(?![\w'])") if ordered else None, values)
        return patterns


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The words in all texts of an expression; at its ends a word may go on beyond it ("cramp[s]")."""

    words: frozenset[str]
    alone: frozenset[str]
    """Texts without a space in them."""

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
    return _Pieces(*(frozenset().union(*(getattr(each, name) for each in every)) for name in _Pieces.__slots__))


@lru_cache(maxsize=128)
def _compiled_intent(name: str, templates: tuple[str, ...], rules: tuple[tuple[str, str], ...]) -> Intent:
    """Compiled once for the same templates and rules (hassil keeps with them which words they need)."""
    return Intent(name, [IntentData(list(templates))])


def read_sentences(documents: Mapping[str, Item], language: Language, problems: Problems) -> Sentences:
    """Read sentence files into templates.

    `documents` are the files by group name (`remedies`). What is wrong goes to `problems`
    and is left out, so that one bad line never takes the rest with it.
    """
    lists: dict[str, Item] = {}
    rules: dict[str, tuple[str, Place]] = {}
    templates: list[Template] = []
    group_of: dict[str, str] = {}
    for group, document in documents.items():
        top = document.mapping(problems, "a sentence file", known=_FILE_KEYS)
        _read_lists(top.get("lists"), lists, problems)
        _read_rules(top.get("expansion_rules"), rules, problems)
        for template in _read_templates(top.get("intents"), problems):
            known_group = group_of.setdefault(template.intent, group)
            if known_group != group:
                problems.add(template.place, f"{template.intent} has sentences in {known_group}.yaml already")
            templates.append(template)
    raw_lists, values = _compile_lists(lists, problems)
    checker = _References(frozenset(raw_lists), {name: text for name, (text, _) in rules.items()})
    good_rules = {name: text for name, (text, place) in rules.items() if checker.rule_is_sound(name, place, problems)}
    good = tuple(template for template in templates if checker.is_sound(template, good_rules, problems))
    return Sentences(language, good, group_of, values, raw_lists, good_rules)


def _read_lists(item: Item | None, lists: dict[str, Item], problems: Problems) -> None:
    if item is None:
        return
    for name, entry in item.mapping(problems, "lists").items():
        if name in lists:
            problems.add(entry.place, f"the list {{{name}}} is defined already, at {lists[name].place}")
        else:
            lists[name] = entry


def _read_rules(item: Item | None, rules: dict[str, tuple[str, Place]], problems: Problems) -> None:
    if item is None:
        return
    for name, entry in item.mapping(problems, "expansion_rules").items():
        text = entry.text(problems, f"the rule <{name}>")
        if name in rules:
            problems.add(entry.place, f"the rule <{name}> is defined already, at {rules[name][1]}")
        elif text and _parses(text, f"the rule <{name}>", entry.place, problems):
            rules[name] = (text, entry.place)


def _read_templates(item: Item | None, problems: Problems) -> Iterator[Template]:
    if item is None:
        return
    for intent, body in item.mapping(problems, "intents").items():
        number = 0
        data = body.mapping(problems, intent, known=frozenset({"data"})).get("data")
        if data is None:
            problems.add(body.place, f'{intent} has no "data" with sentences')
            continue
        for block in data.items(problems, f"{intent}, data"):
            fields = block.mapping(problems, f"{intent}, data", known=frozenset({"sentences"}))
            if "sentences" not in fields:
                problems.add(block.place, f'{intent} has a block without "sentences"')
                continue
            for sentence in fields["sentences"].items(problems, f"{intent}, sentences"):
                number += 1
                template = Template(
                    intent, sentence.text(problems, f"{intent}, sentence {number}"), sentence.place, number
                )
                if template.text and _parses(template.text, str(template), template.place, problems):
                    yield template


@lru_cache(maxsize=1 << 14)
def _parsed(text: str) -> Sentence:
    """Parsed once, for it is looked at again and again and takes most of the time of reading; nobody changes it."""
    return parse_sentence(text)


def _parses(text: str, what: str, place: Place, problems: Problems) -> bool:
    fault = _bracket_fault(text)
    if fault is None:
        try:
            _parsed(text)
        except (ParseError, ValueError, IndexError) as error:
            fault = f"is not a template: {error}"
    if fault is None:
        return True
    problems.add(place, f"{what}: {fault}")
    return False


def _bracket_fault(text: str) -> str | None:
    """Say which bracket is wrong and where; `None` when all are closed in order."""
    open_brackets: list[tuple[str, int]] = []
    for column, character in enumerate(text, 1):
        if character in _PAIRS:
            open_brackets.append((character, column))
        elif character in _OPENERS:
            if not open_brackets:
                return f'"{character}" at character {column} was never opened'
            opener, opened_at = open_brackets.pop()
            if _PAIRS[opener] != character:
                return f'"{opener}" at character {opened_at} is closed by "{character}" at character {column}'
    if open_brackets:
        opener, opened_at = open_brackets[-1]
        return f'"{opener}" at character {opened_at} is never closed'
    return None


def _compile_lists(
    lists: Mapping[str, Item], problems: Problems
) -> tuple[dict[str, Any], dict[str, tuple[SlotValue, ...]]]:
    raw: dict[str, Any] = {}
    values: dict[str, tuple[SlotValue, ...]] = {}
    for name, item in lists.items():
        what = f"the list {{{name}}}"
        fields = item.mapping(problems, what, known=frozenset({"values"}))
        if "values" not in fields:
            problems.add(item.place, f'{what} has no "values"')
            continue
        entries = [
            entry
            for number, value in enumerate(fields["values"].items(problems, what), 1)
            if (entry := _read_value(value, f"{what}, value {number}", problems)) is not None
        ]
        if not entries:
            problems.add(item.place, f"{what} is empty")
            continue
        values[name] = tuple(entry for entry, _ in entries)
        raw[name] = {"values": [{"in": template, "out": entry.value} for entry, template in entries]}
    return raw, values


def _read_value(item: Item, what: str, problems: Problems) -> tuple[SlotValue, str] | None:
    if isinstance(item.value, str):
        template = value = say = item.value
    else:
        fields = item.mapping(problems, what, known=frozenset({"in", "out", "metadata"}))
        if "in" not in fields or "out" not in fields:
            problems.add(item.place, f'{what} needs "in" (what is said) and "out" (the value)')
            return None
        template = fields["in"].text(problems, f"{what}, in")
        value = say = fields["out"].text(problems, f"{what}, out")
        if "metadata" in fields:
            metadata = fields["metadata"].mapping(problems, f"{what}, metadata", known=frozenset({"say"}))
            say = metadata["say"].text(problems, f"{what}, say") if "say" in metadata else say
    if not template or not _parses(template, what, item.place, problems):
        return None
    expression = _parsed(template).expression
    if any(not isinstance(node, TextChunk) for node in _references(expression, {})):
        problems.add(item.place, f"{what}: a list value cannot use lists or rules")
        return None
    phrases = tuple(dict.fromkeys(" ".join(text.split()) for text in _every_text(expression)))
    return SlotValue(value, say, tuple(phrase for phrase in phrases if phrase)), template


class _References:
    """Checks that the lists and rules which templates name are there, and that rules end."""

    def __init__(self, lists: frozenset[str], rules: Mapping[str, str]) -> None:
        self._lists = lists
        self._rules = rules
        self._parsed = {name: _parsed(text).expression for name, text in rules.items()}

    def rule_is_sound(self, name: str, place: Place, problems: Problems) -> bool:
        sound = self._names_exist(self._parsed[name], f"the rule <{name}>", place, problems)
        if self._reaches(name, name, set()):
            problems.add(place, f"the rule <{name}> leads back to itself, so no sentence of it would end")
            return False
        return sound

    def is_sound(self, template: Template, good_rules: Mapping[str, str], problems: Problems) -> bool:
        expression = _parsed(template.text).expression
        if not self._names_exist(expression, str(template), template.place, problems):
            return False
        return all(
            rule in good_rules and self._all_good(self._parsed[rule], good_rules) for rule in _rule_names(expression)
        )

    def _all_good(self, expression: Expression, good_rules: Mapping[str, str]) -> bool:
        return all(
            rule in good_rules and self._all_good(self._parsed[rule], good_rules) for rule in _rule_names(expression)
        )

    def _names_exist(self, expression: Expression, what: str, place: Place, problems: Problems) -> bool:
        sound = True
        for node in _references(expression, {}):
            if isinstance(node, ListReference) and node.list_name not in self._lists:
                problems.add(
                    place, f"{what}: there is no list {{{node.list_name}}}{_hint(node.list_name, self._lists)}"
                )
                sound = False
            if isinstance(node, RuleReference) and node.rule_name not in self._rules:
                problems.add(place, f"{what}: there is no rule <{node.rule_name}>{_hint(node.rule_name, self._rules)}")
                sound = False
        return sound

    def _reaches(self, start: str, goal: str, seen: set[str]) -> bool:
        for name in _rule_names(self._parsed[start]):
            if name == goal:
                return True
            if name in self._parsed and name not in seen:
                seen.add(name)
                if self._reaches(name, goal, seen):
                    return True
        return False


def _hint(name: str, known: Iterable[str]) -> str:
    from rapidfuzz import process

    near = process.extractOne(name, list(known), score_cutoff=70)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _rule_names(expression: Expression) -> list[str]:
    return [node.rule_name for node in _references(expression, {}) if isinstance(node, RuleReference)]


def _references(expression: Expression, rules: Mapping[str, Sentence]) -> Iterator[Expression]:
    """Walk through the list and rule references of an expression, into the given rules too."""
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _references(item, rules)
    elif isinstance(expression, ListReference):
        yield expression
    elif isinstance(expression, RuleReference):
        yield expression
        if expression.rule_name in rules:
            yield from _references(rules[expression.rule_name].expression, rules)


def _every_text(expression: Expression, limit: int = 200) -> list[str]:
    """Every text of an expression without lists and rules, up to a limit."""
    if isinstance(expression, TextChunk):
        return [expression.original_text]
    if isinstance(expression, Alternative):
        return [text for item in expression.items for text in _every_text(item, limit)][:limit]
    if isinstance(expression, Group):
        texts = [""]
        for item in expression.items:
            texts = [before + after for before in texts for after in _every_text(item, limit)][:limit]
        return texts
    return []
