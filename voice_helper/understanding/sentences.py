"""Match texts with sentence templates, which are written in Home Assistant's template language. hassil does the
matching, and is loaded only when a text may match a template.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from voice_helper.content.documents import Place
from voice_helper.understanding.normalize import Language, NormalizedText
from voice_helper.understanding.prefilter import (
    Name,
    NeedReader,
    PieceReader,
    WordIndex,
    is_plain,
    names_in,
    reached_from,
)
from voice_helper.understanding.required_fragments import Clauses, FragmentIndex
from voice_helper.understanding.slots import SlotValue

if TYPE_CHECKING:
    from voice_helper.understanding.hassil_adapter import Templates

_MAX_RECENT = 1024
_MAX_MISHEARD_WORDS = 3
_MIN_MISHEARD_LETTERS = 5  # shorter words resemble too many others
_MISHEARD_LIKENESS = 80
NAMED = re.compile(r"\{[^{}]*\}|<[^<>]*>")
"""Matches a reference to a list or a rule in a template."""

_COMMON_SHARE = 0.25  # a word in a larger share of the intents is common


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence template of an intent, with its location in the files."""

    intent: str
    text: str
    place: Place
    number: int
    """The position of the template among those of its intent in its file, counted from 1."""

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
        """Return the fields for pickling, with everything that takes long to build but without objects of hassil."""
        kept = {
            name: getattr(self, name) for name in ("intents", "slots_of", "_lists_of_slot", "_index", "_words_index")
        }
        return {each.name: getattr(self, each.name) for each in fields(self)} | kept

    @cached_property
    def intents(self) -> tuple[str, ...]:
        """Return every intent that has a template, in the order of the files."""
        return tuple(dict.fromkeys(template.intent for template in self.templates))

    def exact(self, said: NormalizedText, only: Iterable[str] | None = None) -> tuple[Claim, ...]:
        """Return the intents that a text matches word for word, highest priority first.

        Tries the original text, the text with contractions, and the text without fillers. `only` limits the search to
        some intents.
        """
        if only is not None:
            return self._exact(said, frozenset(only))
        claims = self._recent.get(said.text)
        if claims is None:
            if len(self._recent) >= _MAX_RECENT:
                self._recent.clear()
            claims = self._recent[said.text] = self._exact(said, None)
        return claims

    @cached_property
    def _recent(self) -> dict[str, tuple[Claim, ...]]:
        """Return the cache of matches by text.

        It holds the last few results, because the same text is looked up several times on the way to an answer.
        """
        return {}

    def _exact(self, said: NormalizedText, allowed: frozenset[str] | None) -> tuple[Claim, ...]:
        tried = dict.fromkeys((" ".join(said.words), said.comparable, said.essence))
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
        """Return at most `count` different sentences of a template. Repeated calls return the same sentences."""
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

        With `misheard`, words that are spelled similarly to a value also count, because they may be recognition errors.
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
        """Return whether the given words can spell a value of a slot."""
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
            yield from ((template, name) for name in self._named(template.text) if not name.is_rule)

    def _named(self, text: str) -> Iterator[Name]:
        """Yield the lists and rules that a template refers to, directly or through rules."""
        return reached_from(lists_and_rules_in(text), lambda rule: lists_and_rules_in(self._raw_rules[rule]))

    def named_in(self, texts: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the lists and rules that the given templates refer to, directly or through rules, in hassil's
        format.
        """
        names = dict.fromkeys(name for text in texts for name in self._named(text))
        lists = {name.name: self._raw_lists[name.name] for name in names if not name.is_rule}
        return lists, {name.name: self._raw_rules[name.name] for name in names if name.is_rule}

    def lists_named_in(self, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the slot and the list of each value that can occur in sentences of the given templates."""
        for text in texts:
            yield from ((name.slot, name.name) for name in self._named(text) if not name.is_rule)

    def say(self, slot: str, value: str) -> str | None:
        """Return the spoken form of a slot value, or `None` if no list of the slot contains the value."""
        lists = self._lists_of_slot.get(slot, (slot,))
        entries = (entry for name in lists for entry in self.lists.get(name, ()))
        return next((entry.say for entry in entries if entry.value == value), None)

    def _claims(self, text: str) -> Iterator[Claim]:
        words = {word for word in text.split() if word.isascii() and word.isalpha()}
        candidates = self._index.candidates(unicodedata.normalize("NFC", text), self._words_index.candidates(words))
        templates = [(self.templates[each].intent, self.templates[each].text) for each in candidates]
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
    def _words_index(self) -> WordIndex:
        """Return the index of the words that the templates are made of."""
        reader = PieceReader(self._list_templates, self._raw_rules)
        return WordIndex([reader.pieces(template.text) for template in self.templates])

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

    @property
    def telling_words(self) -> frozenset[str]:
        """Return the words in the templates, lists and rules, except those that are common."""
        return self._known_words - self._common_words

    def means(self, intent: str, word: str) -> bool:
        """Return whether any template of an intent, or a rule that it uses, contains a word."""
        return word in self._words_of_intents[intent]

    def is_common(self, word: str) -> bool:
        """Return whether a word occurs in so many intents that it says nothing about which one is meant."""
        return word in self._common_words

    @cached_property
    def _common_words(self) -> frozenset[str]:
        intents_with = Counter(word for words in self._words_of_intents.values() for word in words)
        return frozenset(word for word, count in intents_with.items() if count > _COMMON_SHARE * len(self.intents))

    @cached_property
    def _words_of_intents(self) -> Mapping[str, set[str]]:
        """Return the words in the templates of each intent and in the rules that they use.

        Values of lists are not included.
        """
        of_rules = {name: set(self.language.words(text)) for name, text in self._raw_rules.items()}
        found: dict[str, set[str]] = {intent: set() for intent in self.intents}
        for template in self.templates:
            found[template.intent].update(self.language.words(NAMED.sub(" ", template.text)))
            for name in self._named(template.text):
                if name.is_rule:
                    found[template.intent].update(of_rules[name.name])
        return found

    @cached_property
    def _known_words(self) -> frozenset[str]:
        """Return every word in the templates, lists and rules."""
        values = (value["in"] for raw in self._raw_lists.values() for value in raw["values"])
        texts = (*(template.text for template in self.templates), *values, *self._raw_rules.values())
        return frozenset(word for text in texts for word in self.language.words(text))


def _parsed_needs(text: str) -> Clauses:
    from voice_helper.understanding.hassil_adapter import needs_of

    return needs_of(text)


@lru_cache(maxsize=1 << 14)
def lists_and_rules_in(text: str) -> tuple[Name, ...]:
    """Return the lists and rules that a valid template refers to, from left to right."""
    if is_plain(text):
        return names_in(text)
    from voice_helper.understanding.hassil_adapter import names_of

    return names_of(text)
