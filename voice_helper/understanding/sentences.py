"""Read sentence templates, written in Home Assistant's template language, and match texts with them using hassil.

hassil silently accepts a broken template and fails at the first sentence. Therefore, every template, list and rule is
checked here when it is read, and each problem is reported with file and line. hassil itself is loaded only when a text
may match a template.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.prefilter import Name, NeedReader, PieceReader, is_plain, names_in
from voice_helper.understanding.required_fragments import Clauses, FragmentIndex
from voice_helper.understanding.slots import SlotValue

if TYPE_CHECKING:
    from voice_helper.understanding.hassil_adapter import Templates

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_GROUPED = re.compile(r"[(\[|]")
_NAMED = re.compile(r"\{[^{}]*\}|<[^<>]*>")
_WORD = re.compile(r"[^\s()\[\]|;]+")
_STRAIGHT = str.maketrans("\u2019", "'")
_NEVER_COMPARED = re.compile(r"[\d_]|[^\w'\u2019]")
_MAX_MISHEARD_WORDS = 3
_MIN_MISHEARD_LETTERS = 5  # shorter words resemble too many others
_MISHEARD_LIKENESS = 80
_FILE_KEYS = frozenset({"language", "intents", "lists", "expansion_rules"})


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence template of an intent, with its location in the files."""

    intent: str
    text: str
    place: Place
    number: int
    """The position among the sentences of its intent in its file, from 1."""

    def __str__(self) -> str:
        return f"{self.intent}, sentence {self.number}"

    def __reduce__(self) -> tuple[type[Template], tuple[str, str, Place, int]]:  # twice as fast as a dataclass's own
        return Template, (self.intent, self.text, self.place, self.number)


@dataclass(frozen=True, slots=True)
class Claim:
    """An intent that a text matches word for word."""

    intent: str
    template: str
    slots: Mapping[str, str]


@dataclass(frozen=True)
class Sentences:
    """All templates in one language, for matching texts and drawing sentences."""

    language: Language
    templates: tuple[Template, ...]
    group_of: Mapping[str, str]
    """The group (file) of each intent."""

    lists: Mapping[str, tuple[SlotValue, ...]]
    _raw_lists: Mapping[str, Any] = field(repr=False, default_factory=dict)
    _raw_rules: Mapping[str, str] = field(repr=False, default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields and everything that takes long to build, but no objects of hassil."""
        kept = {name: getattr(self, name) for name in ("intents", "slots_of", "_lists_of_slot", "_index")}
        return {each.name: getattr(self, each.name) for each in fields(self)} | kept

    @cached_property
    def intents(self) -> tuple[str, ...]:
        """Return every intent that has a template, in the order of the files."""
        return tuple(dict.fromkeys(template.intent for template in self.templates))

    def exact(self, text: str, only: Iterable[str] | None = None) -> tuple[Claim, ...]:
        """Return the intents that a text matches word for word, highest priority first.

        Tries the original text, the contracted text, and the text without fillers. `only` limits the intents to try.
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
        """Return at most `count` different sentences of a template. Repeated calls return the same ones."""
        return self._parsed.draw(template.text, count)

    def written_out(self, template: str, limit: int) -> tuple[str, ...]:
        """Expand the choices in a template, and return at most `limit` of the resulting texts. References to lists and
        rules are not expanded.
        """
        from voice_helper.understanding.hassil_adapter import texts_of

        return tuple(dict.fromkeys(" ".join(text.split()) for text in texts_of(template, limit)))

    def plainest(self, template: Template) -> str:
        """Return the plainest sentence of a template: the first option of every choice and no optional parts."""
        return self._parsed.plainest(template.text)

    def words_of(self, template: Template) -> frozenset[str]:
        """Return every word that can occur in a sentence of a template."""
        return self._parsed.words(template.text)

    @cached_property
    def words(self) -> Mapping[str, Template]:
        """Return every word in the templates, sorted, with the first template that contains it."""
        found: dict[str, Template] = {}
        for template in self.templates:
            for word in self.words_of(template):
                found.setdefault(word, template)
        return dict(sorted(found.items()))

    def find_slots(self, comparable: str, slots: Iterable[str], *, misheard: bool = True) -> dict[str, str]:
        """Find the slot values in a text, except those that it retracts. Several values of one slot are joined by
        commas.

        With `misheard`, words with a similar spelling also count.
        """
        found: dict[str, str] = {}
        for slot in slots:
            pattern, values = self._slot_patterns.get(slot, (None, {}))
            if pattern is not None:
                said = list(pattern.finditer(comparable))
                meant = [hit for hit in said if not self.language.is_taken_back(comparable[: hit.start()])]
                hits = dict.fromkeys(values[hit[0]] for hit in meant)
                value = ", ".join(hits)
                if not said and misheard:
                    value = self._misheard(comparable, values)
                if value:
                    found[slot] = value
        return found

    def may_name(self, slot: str, words: frozenset[str]) -> bool:
        """Return whether some words can spell a value of a slot."""
        _, values = self._slot_patterns.get(slot, (None, {}))
        known = {each for word in words for each in self.language.comparable(word).split()}
        return any(known.issuperset(phrase.split()) for phrase in values)

    def _misheard(self, comparable: str, values: Mapping[str, str]) -> str:
        """Return the value whose phrase is spelled most like some adjacent words, even if they are split differently,
        or "".

        At least one of these words must be absent from the templates. Other words count as recognized correctly.
        """
        from rapidfuzz import fuzz, process

        words = comparable.split()
        spans = [
            words[start : start + count]
            for count in range(1, _MAX_MISHEARD_WORDS + 1)
            for start in range(len(words) - count + 1)
        ]
        windows = {"".join(span) for span in spans if not self._known_words.issuperset(span)}
        joined = {phrase.replace(" ", ""): value for phrase, value in values.items()}
        phrases = [phrase for phrase in joined if len(phrase) >= _MIN_MISHEARD_LETTERS]
        alike = (process.extractOne(window, phrases, scorer=fuzz.ratio) for window in sorted(windows))
        best = max((each for each in alike if each), key=lambda each: each[1], default=None)
        return joined[best[0]] if best and best[1] >= _MISHEARD_LIKENESS else ""

    @cached_property
    def slots_of(self) -> Mapping[str, tuple[str, ...]]:
        """Return the slots that the templates of each intent use."""
        used: dict[str, dict[str, None]] = {}
        for template, name in self._lists_named:
            used.setdefault(template.intent, {})[name.slot] = None
        return {intent: tuple(names) for intent, names in used.items()}

    @cached_property
    def _lists_of_slot(self) -> Mapping[str, tuple[str, ...]]:
        """Return the lists that fill each slot: first the slot's own list, then those that a template references as
        `{list:slot}`.
        """
        lists: dict[str, dict[str, None]] = {name: {name: None} for name in self.lists}
        for _, name in self._lists_named:
            lists.setdefault(name.slot, {})[name.name] = None
        return {slot: tuple(names) for slot, names in lists.items()}

    @property
    def _lists_named(self) -> Iterator[tuple[Template, Name]]:
        for template in self.templates:
            for name in _names_of(template.text):
                yield from ((template, each) for each in self._unfolded(name))

    def _unfolded(self, name: Name) -> tuple[Name, ...]:
        """Return the lists that a reference resolves to: the list itself, or those in a rule and its nested rules."""
        if not name.is_rule:
            return (name,)
        return tuple(each for inner in _names_of(self._raw_rules[name.name]) for each in self._unfolded(inner))

    def named_in(self, texts: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the lists and rules that the given templates refer to, directly or through rules, in hassil's
        format.
        """
        lists: dict[str, Any] = {}
        rules: dict[str, str] = {}
        left = [name for text in texts for name in _names_of(text)]
        while left:
            name = left.pop()
            if not name.is_rule:
                lists[name.name] = self._raw_lists[name.name]
            elif name.name not in rules:
                rules[name.name] = self._raw_rules[name.name]
                left += _names_of(rules[name.name])
        return lists, rules

    def lists_named_in(self, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the slot and the list of each value that can occur in sentences of the given templates."""
        for text in texts:
            for name in _names_of(text):
                yield from ((each.slot, each.name) for each in self._unfolded(name))

    def say(self, slot: str, value: str) -> str | None:
        """Return the spoken form of a slot value, or `None` if no list of the slot contains the value."""
        lists = self._lists_of_slot.get(slot, (slot,))
        entries = (entry for name in lists for entry in self.lists.get(name, ()))
        return next((entry.say for entry in entries if entry.value == value), None)

    def _claims(self, text: str) -> Iterator[Claim]:
        words = sorted((word for word in text.split() if word.isascii() and word.isalpha()), key=len, reverse=True)
        candidates = (self.templates[each] for each in self._index.candidates(unicodedata.normalize("NFC", text)))
        templates = [(each.intent, each.text) for each in candidates if self._pieces.may_match(each.text, words)]
        if not templates:  # without any, the parser is not even loaded
            return
        for match in self._parsed.matches(text, templates):
            yield Claim(*match)

    @cached_property
    def _index(self) -> FragmentIndex:
        """Return the index of the templates' requirements."""
        reader = NeedReader(self._list_templates, self._raw_rules, _parsed_needs)
        return FragmentIndex([reader.needs(template.text) for template in self.templates])

    @cached_property
    def _pieces(self) -> PieceReader:
        return PieceReader(self._list_templates, self._raw_rules)

    @property
    def _list_templates(self) -> Mapping[str, list[str]]:
        """Return the templates of the values of each list."""
        return {name: [value["in"] for value in raw["values"]] for name, raw in self._raw_lists.items()}

    @cached_property
    def _parsed(self) -> Templates:
        from voice_helper.understanding.hassil_adapter import Templates

        return Templates(self.language.code, self.lists, self._raw_lists, self._raw_rules)

    def _rank(self, intent: str) -> tuple[int, str]:
        group = self.group_of.get(intent, "")
        groups = self.language.groups
        return (groups.index(group) if group in groups else len(groups), intent)

    @cached_property
    def _slot_patterns(self) -> Mapping[str, tuple[re.Pattern[str] | None, Mapping[str, str]]]:
        patterns: dict[str, tuple[re.Pattern[str] | None, Mapping[str, str]]] = {}
        for name, lists in self._lists_of_slot.items():
            entries = [entry for listed in lists for entry in self.lists.get(listed, ())]
            values = {self.language.comparable(phrase): entry.value for entry in entries for phrase in entry.phrases}
            ordered = sorted(values, key=lambda phrase: (-len(phrase), phrase))
            inner = "|".join(re.escape(phrase) for phrase in ordered)
            patterns[name] = (re.compile(rf"(?<![\w'])(?:{inner})(?!\w)") if ordered else None, values)
        return patterns

    def knows(self, word: str) -> bool:
        """Return whether a template, a list or a rule contains a word."""
        return word in self._known_words

    @cached_property
    def _known_words(self) -> frozenset[str]:
        """Return every word in the templates, lists and rules."""
        values = (value["in"] for raw in self._raw_lists.values() for value in raw["values"])
        texts = (*(template.text for template in self.templates), *values, *self._raw_rules.values())
        return frozenset(word for text in texts for word in self.language.words(text))


def read_sentences(documents: Mapping[str, Item], language: Language, problems: Problems) -> Sentences:
    """Read the templates from sentence files.

    `documents` are the files by group name (`remedies`). Mistakes are added to `problems` and left out, so that one bad
    line never affects the others.
    """
    lists: dict[str, Item] = {}
    rules: dict[str, tuple[str, Place]] = {}
    templates: list[Template] = []
    group_of: dict[str, str] = {}
    for group, document in documents.items():
        top = document.mapping(problems, "a sentence file", known=_FILE_KEYS)
        _read_lists(top.get("lists"), lists, problems)
        _read_rules(top.get("expansion_rules"), rules, language, problems)
        for template in _read_templates(top.get("intents"), language, problems):
            known_group = group_of.setdefault(template.intent, group)
            if known_group != group:
                problems.add(template.place, f"{template.intent} already has sentences in {known_group}.yaml")
            templates.append(template)
    raw_lists, values = _compile_lists(lists, language, problems)
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


def _read_rules(item: Item | None, rules: dict[str, tuple[str, Place]], language: Language, problems: Problems) -> None:
    if item is None:
        return
    for name, entry in item.mapping(problems, "expansion_rules").items():
        text = entry.text(problems, f"the rule <{name}>")
        if name in rules:
            problems.add(entry.place, f"the rule <{name}> is defined already, at {rules[name][1]}")
        elif text and _parses(text, f"the rule <{name}>", entry.place, language, problems):
            rules[name] = (text, entry.place)


def _read_templates(item: Item | None, language: Language, problems: Problems) -> Iterator[Template]:
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
                if template.text and _parses(template.text, str(template), template.place, language, problems):
                    yield template


def _parses(text: str, what: str, place: Place, language: Language, problems: Problems) -> bool:
    fault = None if is_plain(text) else _bracket_fault(text) or _parse_fault(text)
    fault = fault or _literal_fault(text, language)
    if fault is not None:
        problems.add(place, f"{what}: {fault}")
    return fault is None


def _literal_fault(text: str, language: Language) -> str | None:
    """Return the word that no text can match because normalization removes its punctuation, or `None` if all words can
    match.
    """
    for word in _WORD.findall(_NAMED.sub(" ", unicodedata.normalize("NFC", text))):
        bare = word.translate(_STRAIGHT).strip("'")  # it may be part of a word: "{name}'s"
        said = bare if bare.isascii() else " ".join(language.words(bare))
        if _NEVER_COMPARED.search(word) or said.casefold() != bare.lower():
            said = " ".join(language.words(word))
            return f'no text can match "{word}": ' + (f'write "{said}"' if said else "leave it out")
    return None


def _parse_fault(text: str) -> str | None:
    from voice_helper.understanding.hassil_adapter import parse_fault

    return parse_fault(text)


def _parsed_needs(text: str) -> Clauses:
    from voice_helper.understanding.hassil_adapter import needs_of

    return needs_of(text)


@lru_cache(maxsize=1 << 14)
def _names_of(text: str) -> tuple[Name, ...]:
    """Return the lists and rules that a valid template refers to, from left to right."""
    if is_plain(text):
        return names_in(text)
    from voice_helper.understanding.hassil_adapter import names_of

    return names_of(text)


def _texts_of(text: str) -> list[str]:
    """Return every text of a valid template without references to lists or rules."""
    if is_plain(text) and not _GROUPED.search(text):
        return [text]
    from voice_helper.understanding.hassil_adapter import texts_of

    return texts_of(text)


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


def _compile_lists(
    lists: Mapping[str, Item], language: Language, problems: Problems
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
            if (entry := _read_value(value, f"{what}, value {number}", language, problems)) is not None
        ]
        if not entries:
            problems.add(item.place, f"{what} is empty")
            continue
        values[name] = tuple(entry for entry, _ in entries)
        raw[name] = {"values": [{"in": template, "out": entry.value} for entry, template in entries]}
    return raw, values


def _read_value(item: Item, what: str, language: Language, problems: Problems) -> tuple[SlotValue, str] | None:
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
    if not template or not _parses(template, what, item.place, language, problems):
        return None
    if _names_of(template):
        problems.add(item.place, f"{what}: a list value cannot use lists or rules")
        return None
    phrases = tuple(dict.fromkeys(" ".join(text.split()) for text in _texts_of(template)))
    return SlotValue(value, say, tuple(phrase for phrase in phrases if phrase)), template


class _References:
    """Checks that the lists and rules referenced in templates exist, and that no rule refers to itself."""

    def __init__(self, lists: frozenset[str], rules: Mapping[str, str]) -> None:
        self._lists = lists
        self._rules = rules
        self._in_rule = {name: [each.name for each in _names_of(text) if each.is_rule] for name, text in rules.items()}

    def rule_is_sound(self, name: str, place: Place, problems: Problems) -> bool:
        sound = self._names_exist(_names_of(self._rules[name]), f"the rule <{name}>", place, problems)
        if self._reaches(name, name, set()):
            problems.add(place, f"the rule <{name}> refers to itself, so its sentences would never end")
            return False
        return sound

    def is_sound(self, template: Template, good_rules: Mapping[str, str], problems: Problems) -> bool:
        names = _names_of(template.text)
        if not self._names_exist(names, str(template), template.place, problems):
            return False
        return all(self._all_good(each.name, good_rules) for each in names if each.is_rule)

    def _all_good(self, rule: str, good_rules: Mapping[str, str]) -> bool:
        return rule in good_rules and all(self._all_good(each, good_rules) for each in self._in_rule[rule])

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

    def _reaches(self, start: str, goal: str, seen: set[str]) -> bool:
        for name in self._in_rule[start]:
            if name == goal:
                return True
            if name in self._in_rule and name not in seen:
                seen.add(name)
                if self._reaches(name, goal, seen):
                    return True
        return False


def _hint(name: str, known: Iterable[str]) -> str:
    from rapidfuzz import process

    near = process.extractOne(name, list(known), score_cutoff=70)
    return f' (did you mean "{near[0]}"?)' if near else ""
