"""Look up the answer to a meaning: the rows to say, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard, get_args

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.content.file_kinds import FactsFile
from voice_helper.content.schema import read
from voice_helper.dialogue.disclaimer import RULES, Disclaimers, rule_of_more
from voice_helper.types import Answer, DisclaimerRule, Kind, Match, Row

KINDS: Final = get_args(Kind)
ANY, NO_VALUE, OTHER = "any", "none", "other"
MAX_VALUES: Final = 3
"""The maximum number of values of one slot to answer: listeners cannot remember more."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ROW_KEYS = frozenset({"text", "kind", "fact", "source", "when"})
_ANSWER_KEYS = frozenset({"disclaimer", "title", "rows", "said_twice"})
_OUTAGES = frozenset({"hearing", "hearing_again", "voice", "microphone", "microphone_back"})
_TOP_KEYS = frozenset(
    {
        "language", "content_reviewed", "sources", "disclaimers", "markers", "settings",
        "not_understood", "unsure", "denied_flag", "possible_flag", "unread", "recording_notice", "outages",
        "last_of_several", "answers",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """The entry of `answers.yaml` for one intent."""

    intent: str
    rows: tuple[Row, ...]
    disclaimer: DisclaimerRule
    title: str
    """Its name in "Did you mean ..., or ...?"."""

    said_twice: bool
    place: Place


@dataclass(frozen=True)
class Answers:
    """All answers of a language."""

    entries: Mapping[str, Entry]
    disclaimers: Disclaimers
    again: Row
    samples: Row
    waiting: Row
    unsure: str
    denied_flag: Row
    possible: Row
    """Names the emergency number where danger is only possible."""

    unread: Row
    """Said after the answer to a text that is too long to read as a question."""

    recording_notice: Row
    """Said before everything else if the sound is being recorded."""

    outages: Mapping[str, Row] = field(default_factory=dict)
    """The row for each failure or recovery of an engine or a device."""

    reviewed: str = "none"
    """Which clinician has reviewed the words, and when; "none" if nobody has."""

    last_of_several: str = "{before}, {last}"
    """How to join the last of several values to those before it."""

    markers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str, str], str | None] = lambda slot, value: None
    """Returns the spoken form of a value, given the slot and the value, or `None` if it has none."""

    @property
    def full(self) -> Row:
        """Return the full disclaimer."""
        return self.disclaimers.full

    @property
    def short(self) -> Row:
        """Return the short disclaimer."""
        return self.disclaimers.short

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields without `say`, which belongs to the sentences."""
        return {name: value for name, value in vars(self).items() if name != "say"}

    def answer(self, match: Match, *, full_given: bool, situation: Mapping[str, str] | None = None) -> Answer:
        """Return the rows that answer a match, and the disclaimer.

        `full_given` says whether the user has heard the full disclaimer since start-up. `situation` holds what is known
        besides the sentence, such as `{"recording": "on"}`. Raises `KeyError` if the intent has no answer.
        """
        entry = self.entries[match.intent]
        rows = self.rows_for(entry.rows, match, situation)
        if match.denied:
            rows = (self.filled(self.denied_flag), *rows)
        return replace(
            self.disclaimers.after(rows, entry.disclaimer, full_given=full_given), said_twice=entry.said_twice
        )

    def rows_for(
        self, rows: tuple[Row, ...], match: Match, situation: Mapping[str, str] | None = None
    ) -> tuple[Row, ...]:
        """Return the rows that apply to a match, with its values filled in and their kinds marked."""
        values = {**(situation or {}), **match.slots}
        if match.family:
            values["family"] = match.family
        said: list[Row] = []
        for row in rows:
            aloud = self._values_aloud(row, rows, values)
            if aloud is not None:
                said.append(self.filled(row, aloud))
        return self._mark_kinds(tuple(dict.fromkeys(said)))

    def going_on(self, rows: tuple[Row, ...], *, full_given: bool) -> Answer:
        """Return an answer with rows that continue a topic. Rows that make no health claim need no disclaimer."""
        return self.disclaimers.after(rows, rule_of_more(rows), full_given=full_given)

    def filled(self, row: Row, values: Mapping[str, str] | None = None) -> Row:
        """Return the row with settings and values in place of `{name}`."""
        return replace(filled(row, {**self.settings, **(values or {})}), when={})

    def did_you_mean(self, first: str, second: str) -> Row:
        """Return the question which of two intents the user meant."""
        titles = {"first": self.entries[first].title, "second": self.entries[second].title}
        return filled(Row(self.unsure, "talk"), titles)

    def _values_aloud(self, row: Row, rows: Iterable[Row], values: Mapping[str, str]) -> dict[str, str] | None:
        """Return the values as this row says them aloud, or `None` if the row does not apply to them."""
        aloud = {slot: self._aloud(slot, _split(value)) for slot, value in values.items()}
        for slot, wanted in row.when.items():
            given = _split(values.get(slot, ""))
            named = _named_values(rows, slot)
            fitting = [
                value for value in given if value in wanted or ANY in wanted or (OTHER in wanted and value not in named)
            ]
            absent_fits = NO_VALUE in wanted or (slot == "family" and OTHER in wanted)
            if not fitting and (given or not absent_fits):
                return None
            if fitting:
                aloud[slot] = self._aloud(slot, fitting)
        needed = placeholders(row.text) - self.settings.keys()
        return aloud if all(aloud.get(name) for name in needed) else None

    def _aloud(self, slot: str, values: Iterable[str]) -> str:
        """Return the spoken form of values. It contains only words from the lists, never what the user typed."""
        said = [word for value in values if (word := self.say(slot, value))]
        if len(said) < 2:
            return "".join(said)
        return _put(self.last_of_several, {"before": ", ".join(said[:-1]), "last": said[-1]})

    def _mark_kinds(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Mark which rows come from the article and which are first aid, if an answer contains both."""
        kinds = {row.kind for row in rows}
        if not {"article", "first_aid"} <= kinds:
            return rows
        marked: list[Row] = []
        last: str | None = None
        for row in rows:
            marker = self.markers.get(row.kind) if row.kind in {"first_aid", "article"} and row.kind != last else None
            if marker and not self._names_itself(row, marker):
                marked.append(replace(row, text=f"{marker} {row.text}"))
            else:
                marked.append(row)
            last = row.kind
        return tuple(marked)

    def _names_itself(self, row: Row, marker: str) -> bool:
        """Return whether the row already contains the marker's main word ("The article lists ...")."""
        main_word = marker.rstrip(":").split()[-1].casefold()
        return main_word in row.text.casefold()


def placeholders(text: str) -> frozenset[str]:
    """Return the names in braces that stand for values."""
    return frozenset(_PLACEHOLDER.findall(text))


def filled(row: Row, values: Mapping[str, str]) -> Row:
    """Return the row with values in place of `{name}`. A name without a value is left unchanged."""
    return replace(row, text=_put(row.text, values))


def _put(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _is_kind(text: str) -> TypeGuard[Kind]:
    return text in KINDS


def _is_rule(text: str) -> TypeGuard[DisclaimerRule]:
    return text in RULES


def _split(value: str) -> list[str]:
    return [part for part in value.split(", ") if part][:MAX_VALUES]


def _named_values(rows: Iterable[Row], slot: str) -> frozenset[str]:
    """Return the values of a slot that the rows of an answer name explicitly."""
    return frozenset(value for row in rows for value in row.when.get(slot, ())) - {ANY, NO_VALUE, OTHER}


@dataclass(frozen=True)
class Sources:
    """What rows may refer to: the article's facts and the named public sources."""

    facts: frozenset[str]
    named: Mapping[str, str]
    """The key of each source, and its name and date as shown to users."""


def read_facts(item: Item, problems: Problems) -> dict[str, str]:
    """Read `facts.yaml`. Return the article's facts by id."""
    return read(FactsFile, item, problems).facts


def read_named_sources(item: Item, problems: Problems) -> dict[str, str]:
    """Read the `sources:` of `answers.yaml`. Return the name and date of each source by its key."""
    top = item.mapping(problems, "answers.yaml")
    named: dict[str, str] = {}
    if "sources" in top:
        for key, entry in top["sources"].mapping(problems, "sources").items():
            fields = entry.mapping(problems, f"the source {key}", known=frozenset({"name", "read", "page"}))
            if "name" not in fields:
                problems.add(entry.place, f"the source {key} has no name")
                continue
            read = fields["read"].text(problems, f"{key}, read") if "read" in fields else ""
            named[key] = fields["name"].text(problems, f"{key}, name") + (f" (read {read})" if read else "")
    return named


def read_row(item: Item, what: str, sources: Sources, problems: Problems) -> Row | None:
    """Read one row, and check that it has the fact or source that its kind requires. Return `None` if it is invalid."""
    fields = item.mapping(problems, what, known=_ROW_KEYS)
    if not fields:
        return None
    if "text" not in fields or "kind" not in fields:
        problems.add(item.place, f'{what} needs "text" and "kind"')
        return None
    text = fields["text"].text(problems, f"{what}, text")
    kind = fields["kind"].text(problems, f"{what}, kind")
    fact = fields["fact"].text(problems, f"{what}, fact") if "fact" in fields else None
    source = fields["source"].text(problems, f"{what}, source") if "source" in fields else None
    if not _is_kind(kind):
        problems.add(fields["kind"].place, f'{what}: kind "{kind}" is none of {", ".join(KINDS)}')
        return None
    _check_provenance(item.place, what, kind, fact, source, sources, problems)
    when = _read_when(fields["when"], what, problems) if "when" in fields else {}
    return Row(text, kind, fact, sources.named.get(source, source) if source else None, when)


def _check_provenance(
    place: Place, what: str, kind: str, fact: str | None, source: str | None, sources: Sources, problems: Problems
) -> None:
    if fact is not None and fact not in sources.facts:
        problems.add(place, f'{what}: there is no fact "{fact}" in facts.yaml')
    if source is not None and source not in sources.named:
        problems.add(place, f'{what}: there is no source "{source}" under "sources:" of answers.yaml')
    if kind == "article" and fact is None:
        problems.add(place, f'{what}: a row of kind article needs "fact:", an id of facts.yaml')
    if kind in {"first_aid", "safety"} and source is None:
        problems.add(place, f'{what}: a row of kind {kind} needs "source:", a key of "sources:" of answers.yaml')
    if kind == "talk" and (fact or source):
        problems.add(place, f"{what}: a row of kind talk makes no health claim, so it has neither fact nor source")


def _read_when(item: Item, what: str, problems: Problems) -> dict[str, tuple[str, ...]]:
    return {
        slot: entry.texts(problems, f"{what}, when {slot}")
        for slot, entry in item.mapping(problems, f"{what}, when").items()
    }


def read_rows(item: Item, what: str, sources: Sources, problems: Problems) -> tuple[Row, ...]:
    """Read a list of rows. Mistakes are added to `problems` and left out."""
    rows = [
        read_row(entry, f"{what}, row {number}", sources, problems)
        for number, entry in enumerate(item.items(problems, f"{what}, rows"), 1)
    ]
    return tuple(row for row in rows if row is not None)


def read_answers(item: Item, sources: Sources, problems: Problems) -> Answers:
    """Read `answers.yaml`. Mistakes are added to `problems` and left out."""
    top = item.mapping(problems, "answers.yaml", known=_TOP_KEYS)

    def texts(key: str) -> dict[str, str]:
        if key not in top:
            return {}
        return {name: entry.text(problems, f"{key}, {name}") for name, entry in top[key].mapping(problems, key).items()}

    disclaimers = texts("disclaimers")
    for rule in ("full", "short"):
        if rule not in disclaimers:
            problems.add(item.place, f'answers.yaml needs "disclaimers:" with "{rule}"')
    entries: dict[str, Entry] = {}
    if "answers" in top:
        for intent, entry_item in top["answers"].mapping(problems, "answers").items():
            entries[intent] = _read_entry(intent, entry_item, sources, problems)
    misunderstood = _read_not_understood(top.get("not_understood"), item.place, sources, problems)

    def line(key: str, default: str = "") -> str:
        return top[key].text(problems, key) if key in top else default

    def form(key: str, default: str) -> str:
        text, names = line(key, default), _PLACEHOLDER.findall(default)
        if set(_PLACEHOLDER.findall(text)) != set(names):
            problems.add(top[key].place, f"{key} needs {' and '.join(f'{{{name}}}' for name in names)}, nothing else")
        return text

    def disclaimer(kind: str) -> Row:
        is_fact = "disclaimer" in sources.facts
        return Row(disclaimers.get(kind, ""), "article" if is_fact else "talk", "disclaimer" if is_fact else None)

    return Answers(
        entries=entries,
        disclaimers=Disclaimers(disclaimer("full"), disclaimer("short")),
        again=misunderstood[0],
        samples=misunderstood[1],
        waiting=misunderstood[2],
        unsure=form("unsure", "{first}? {second}?"),
        denied_flag=Row(line("denied_flag"), "safety", source=misunderstood[2].source),
        possible=Row(line("possible_flag"), "safety", source=misunderstood[2].source),
        unread=Row(line("unread"), "talk"),
        recording_notice=Row(line("recording_notice"), "talk"),
        outages=_read_outages(top.get("outages"), problems),
        reviewed=line("content_reviewed", "none"),
        last_of_several=form("last_of_several", Answers.last_of_several),
        markers=texts("markers"),
        settings=texts("settings"),
    )


def _read_not_understood(item: Item | None, place: Place, sources: Sources, problems: Problems) -> tuple[Row, Row, Row]:
    empty = Row("", "talk")
    known = frozenset({"again", "samples", "waiting"})
    fields = item.mapping(problems, "not_understood", known=known) if item is not None else {}
    if "again" not in fields:
        where = item.place if item is not None else place
        problems.add(where, 'answers.yaml needs "not_understood:" with "again", what is said to unclear words')
    again = fields["again"].text(problems, "not_understood, again") if "again" in fields else ""
    samples = fields["samples"].texts(problems, "not_understood, samples") if "samples" in fields else ()
    waiting = read_row(fields["waiting"], "not_understood, waiting", sources, problems) if "waiting" in fields else None
    return Row(again, "talk"), Row(" ".join(f"{sample}." for sample in samples), "talk"), waiting or empty


def _read_outages(item: Item | None, problems: Problems) -> dict[str, Row]:
    if item is None:
        return {}
    fields = item.mapping(problems, "outages", known=_OUTAGES)
    return {name: Row(entry.text(problems, f"outages, {name}"), "talk") for name, entry in fields.items()}


def _read_entry(intent: str, item: Item, sources: Sources, problems: Problems) -> Entry:
    fields = item.mapping(problems, f"the answer {intent}", known=_ANSWER_KEYS)
    named = fields["disclaimer"].text(problems, f"{intent}, disclaimer") if "disclaimer" in fields else ""
    rule: DisclaimerRule = "topic"  # the careful choice until a mistake is mended
    if _is_rule(named):
        rule = named
    else:
        problems.add(item.place, f'the answer {intent} needs "disclaimer:", one of {", ".join(RULES)}, not "{named}"')
    rows = read_rows(fields["rows"], intent, sources, problems) if "rows" in fields else ()
    if not rows:
        problems.add(item.place, f"the answer {intent} has no rows")
    title = fields["title"].text(problems, f"{intent}, title") if "title" in fields else intent.replace("_", " ")
    twice = fields["said_twice"].truth(problems, f"{intent}, said_twice") if "said_twice" in fields else False
    return Entry(intent, rows, rule, title, twice, item.place)
