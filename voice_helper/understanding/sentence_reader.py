"""Read and check the sentence templates of an intents folder, including lists and rules.

hassil silently accepts an invalid template and fails when a sentence is matched. Therefore, every template, list and
rule is checked here when it is read. Each problem is reported with its file and line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.content.file_kinds import ListKeys, SentencesFile, ValueKeys
from voice_helper.content.schema import Text, read
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.prefilter import Name, is_plain, reached_from
from voice_helper.understanding.sentences import NAMED, Sentences, Template, lists_and_rules_in
from voice_helper.understanding.slots import SlotValue

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_GROUPED = re.compile(r"[(\[|]")
_WORD = re.compile(r"[^\s()\[\]|;]+")
_STRAIGHT = str.maketrans("\u2019", "'")
_MAX_PHRASES = 1000  # of one list value; matching slows down with each
_MAX_RULES = 1_000  # uses of rules in a template, counted as often as they are written out
_MAX_NESTED = 50  # rules in rules
_NEVER_COMPARED = re.compile(r"[\d_]|[^\w'\u2019]")


def read_sentences(documents: Mapping[str, Item], language: Language, problems: Problems) -> Sentences:
    """Read the templates from sentence files.

    `documents` are the files by group name (`remedies`). Mistakes are added to `problems`. Invalid lines are left out,
    so that they never affect the others.
    """
    files = {group: read(SentencesFile, document, problems) for group, document in documents.items()}
    lists: dict[str, ListKeys] = {}
    rules: dict[str, Text] = {}
    templates: list[Template] = []
    group_of: dict[str, str] = {}
    for group, file in files.items():
        for name, entry in file.lists.items():
            if (known := lists.setdefault(name, entry)) is not entry:
                problems.add(entry.place, f"the list {{{name}}} is defined already, at {known.place}")
        for name, rule in file.expansion_rules.items():
            if name in rules:
                problems.add(rule.place, f"the rule <{name}> is defined already, at {rules[name].place}")
            elif rule.text and _parses(rule, f"the rule <{name}>", language, problems):
                rules[name] = rule
        for template in _templates_of(file):
            if not _parses(Text(template.text, template.place), str(template), language, problems):
                continue
            known_group = group_of.setdefault(template.intent, group)
            if known_group != group:
                problems.add(template.place, f"{template.intent} already has sentences in {known_group}.yaml")
            templates.append(template)
    values = {name: _values_of(name, entry, language, problems) for name, entry in lists.items()}
    values = {name: entries for name, entries in values.items() if entries}
    raw_lists = {
        name: {"values": [{"in": template, "out": value.value} for value, template in entries]}
        for name, entries in values.items()
    }
    checker = _References(frozenset(raw_lists), {name: rule.text for name, rule in rules.items()})
    good_rules = {name: rule.text for name, rule in rules.items() if checker.rule_is_sound(name, rule.place, problems)}
    good = tuple(template for template in templates if checker.is_sound(template, good_rules, problems))
    slot_values = {name: tuple(value for value, _ in entries) for name, entries in values.items()}
    return Sentences(language, good, group_of, slot_values, raw_lists, good_rules)


def _templates_of(file: SentencesFile) -> Iterator[Template]:
    """Yield the templates of a file, numbered within their intents."""
    for intent, keys in file.intents.items():
        sentences = (sentence for block in keys.data for sentence in block.sentences)
        for number, sentence in enumerate(sentences, 1):
            if sentence.text:
                yield Template(intent, sentence.text, sentence.place, number)


def _parses(template: Text, what: str, language: Language, problems: Problems) -> bool:
    text = template.text
    fault = None if is_plain(text) else _bracket_fault(text) or _parse_fault(text)
    fault = fault or _literal_fault(text, language)
    if fault is not None:
        problems.add(template.place, f"{what}: {fault}")
    return fault is None


def _literal_fault(text: str, language: Language) -> str | None:
    """Return the word that no text can match because normalization removes its punctuation, or `None` if all words can
    match.
    """
    for word in _WORD.findall(NAMED.sub(" ", unicodedata.normalize("NFC", text))):
        bare = word.translate(_STRAIGHT).strip("'")  # it may be part of a word: "{name}'s"
        said = bare if bare.isascii() else " ".join(language.words(bare))
        if _NEVER_COMPARED.search(word) or said.casefold() != bare.lower():
            said = " ".join(language.words(word))
            return f'no text can match "{word}": ' + (f'write "{said}"' if said else "leave it out")
    return None


def _parse_fault(text: str) -> str | None:
    from voice_helper.understanding.hassil_adapter import parse_fault

    return parse_fault(text)


def _texts_of(text: str, limit: int) -> list[str]:
    """Return at most `limit` texts of a valid template without references to lists or rules."""
    if is_plain(text) and not _GROUPED.search(text):
        return [text]
    from voice_helper.understanding.hassil_adapter import texts_of

    return texts_of(text, limit)


def _bracket_fault(text: str) -> str | None:
    """Return which bracket is unbalanced and where, or `None` if all are closed in order."""
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


def _values_of(name: str, entry: ListKeys, language: Language, problems: Problems) -> list[tuple[SlotValue, str]]:
    """Return the valid values of a list, each with its template."""
    what = f"the list {{{name}}}"
    values = [
        found
        for number, value in enumerate(entry.values, 1)
        if (found := _value_of(value, f"{what}, value {number}", language, problems)) is not None
    ]
    if not values and entry.has("values"):
        problems.add(entry.place, f"{what} is empty")
    return values


def _value_of(
    entry: Text | ValueKeys, what: str, language: Language, problems: Problems
) -> tuple[SlotValue, str] | None:
    if isinstance(entry, Text):
        template, value, say = entry, entry.text, ""
    else:
        template, value = Text(entry.in_, entry.place), entry.out
        say = entry.metadata.say if entry.metadata is not None else ""
    if not template.text or not value or not _parses(template, what, language, problems):
        return None
    if lists_and_rules_in(template.text):
        problems.add(template.place, f"{what}: a list value cannot use lists or rules")
        return None
    texts = _texts_of(template.text, _MAX_PHRASES + 1)
    if len(texts) > _MAX_PHRASES:
        problems.add(template.place, f"{what}: it has more than {_MAX_PHRASES} phrases; split it into several values")
        return None
    phrases = dict.fromkeys(" ".join(text.split()) for text in texts)
    return SlotValue(value, say or value, tuple(phrase for phrase in phrases if phrase)), template.text


class _References:
    """Checks that the lists and rules referenced in templates exist, that no rule refers to itself, and that writing
    out the rules comes to an end soon.
    """

    def __init__(self, lists: frozenset[str], rules: Mapping[str, str]) -> None:
        self._lists = lists
        self._rules = rules
        self._in_rule = {
            name: tuple(each for each in lists_and_rules_in(text) if each.is_rule) for name, text in rules.items()
        }
        self._sizes = _sizes_of(self._in_rule)

    def rule_is_sound(self, name: str, place: Place, problems: Problems) -> bool:
        what = f"the rule <{name}>"
        names = lists_and_rules_in(self._rules[name])
        sound = self._names_exist(names, what, place, problems)
        if name not in self._sizes and Name(name, is_rule=True) in self._reached(names):
            problems.add(place, f"{what} refers to itself, so its sentences would never end")
            return False
        return sound and self._is_small(names, what, place, problems)

    def is_sound(self, template: Template, good_rules: Mapping[str, str], problems: Problems) -> bool:
        names = lists_and_rules_in(template.text)
        if not self._names_exist(names, str(template), template.place, problems):
            return False
        return all(each.name in good_rules for each in self._reached(names) if each.is_rule) and self._is_small(
            names, str(template), template.place, problems
        )

    def _reached(self, names: Iterable[Name]) -> Iterator[Name]:
        return reached_from(names, lambda rule: self._in_rule.get(rule, ()))

    def _is_small(self, names: Iterable[Name], what: str, place: Place, problems: Problems) -> bool:
        """Return whether the text with these names is small when its rules are written out. A rule that is too large is
        reported once, and not again for everything that refers to it.
        """
        inner = [self._sizes[each.name] for each in names if each.is_rule and each.name in self._sizes]
        if _is_small_size(_size_with(inner)) or not all(map(_is_small_size, inner)):
            return True
        problems.add(
            place,
            f"{what} is too large: written out, its rules are used more than {_MAX_RULES} times"
            f" or nested more than {_MAX_NESTED} deep",
        )
        return False

    def _names_exist(self, names: Iterable[Name], what: str, place: Place, problems: Problems) -> bool:
        sound = True
        for each in names:
            if not each.is_rule and each.name not in self._lists:
                problems.add(place, f"{what}: there is no list {{{each.name}}}{_hint(each.name, self._lists)}")
                sound = False
            if each.is_rule and each.name not in self._rules:
                problems.add(place, f"{what}: there is no rule <{each.name}>{_hint(each.name, self._rules)}")
                sound = False
        return sound


_Size = tuple[int, int]
"""How many rules are used when a text is written out, and how deep they are nested."""


def _sizes_of(in_rule: Mapping[str, Iterable[Name]]) -> Mapping[str, _Size]:
    """Return the size of every rule, except of those that lead to a rule that refers to itself."""
    order = TopologicalSorter({name: [each.name for each in inner] for name, inner in in_rule.items()})
    with suppress(CycleError):  # the other rules are still in order
        order.prepare()
    sizes: dict[str, _Size] = {}
    while ready := order.get_ready():
        for name in ready:
            sizes[name] = _size_with([sizes[each.name] for each in in_rule.get(name, ())])
        order.done(*ready)
    return sizes


def _size_with(inner: Sequence[_Size]) -> _Size:
    uses = sum(1 + uses for uses, _ in inner)
    return min(uses, _MAX_RULES + 1), max((1 + levels for _, levels in inner), default=0)


def _is_small_size(size: _Size) -> bool:
    uses, levels = size
    return uses <= _MAX_RULES and levels <= _MAX_NESTED


def _hint(name: str, known: Iterable[str]) -> str:
    from rapidfuzz import process

    near = process.extractOne(name, list(known), score_cutoff=70)
    return f' (did you mean "{near[0]}"?)' if near else ""
