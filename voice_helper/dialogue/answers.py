"""Look up the answer to a meaning. An answer consists of rows to speak, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, get_args

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.content.file_kinds import AnswerKeys, AnswersFile, FactsFile, OutageKeys, RowKeys
from voice_helper.content.schema import did_you_mean, read
from voice_helper.dialogue.disclaimer import Disclaimers, rule_of_more
from voice_helper.types import Answer, DisclaimerRule, Kind, Match, Row

KINDS: Final = get_args(Kind)
ANY, NO_VALUE, OTHER = "any", "none", "other"
MAX_VALUES: Final = 3
"""The maximum number of slot values answered in one reply, because listeners cannot remember more."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Entry:
    """The entry of `answers.yaml` for one intent."""

    intent: str
    rows: tuple[Row, ...]
    disclaimer: DisclaimerRule
    title: str
    """The topic of the intent as it is named in the clarifying question "Did you mean ..., or ...?"."""

    said_twice: bool
    place: Place
    one_at_a_time: bool = False
    """Whether to answer only the first value of a slot, because the rows for several values would be too long."""


@dataclass(frozen=True)
class Answers:
    """All answers in one language."""

    entries: Mapping[str, Entry]
    disclaimers: Disclaimers
    again: Row
    samples: Row
    waiting: Row
    unsure: str
    """The clarifying question. Contains `{first}` and `{second}`, the two possible meanings."""

    denied_flag: Row
    possible: Row
    """The row that names the emergency number if danger is possible."""

    unread: Row
    """The row spoken after the answer to a text that was too long to be read completely."""

    recording_notice: Row
    """The row spoken before everything else if the audio is being recorded."""

    outages: Mapping[str, Row] = field(default_factory=dict)
    """The row for each failure or recovery of an engine or a device."""

    reviewed: str = "none"
    """The clinician who reviewed the content, and the date. "none" if nobody has reviewed it."""

    last_of_several: str = "{before}, {last}"
    """The pattern that joins the last of several values (`{last}`) to the previous ones (`{before}`)."""

    unsure_start: Row = field(default_factory=lambda: Row("", "talk"))
    """The row that asks whether the user needs a session now, if a session is one of the two possible meanings."""

    markers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str, str], str | None] = lambda slot, value: None
    """Returns the spoken form of a value, given the slot and the value, or `None` if it has no spoken form."""

    @property
    def full(self) -> Row:
        """Return the full disclaimer."""
        return self.disclaimers.full

    @property
    def short(self) -> Row:
        """Return the short disclaimer."""
        return self.disclaimers.short

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields for pickling, without `say`, which belongs to the sentences."""
        return {name: value for name, value in vars(self).items() if name != "say"}

    def answer(self, match: Match, *, full_given: bool, situation: Mapping[str, str] | None = None) -> Answer:
        """Return the rows that answer a match, and the disclaimer.

        `full_given` says whether the user has heard the full disclaimer since startup. `situation` holds facts other
        than the sentence, such as `{"recording": "on"}`. Raises `KeyError` if the intent has no answer.
        """
        entry = self.entries[match.intent]
        if entry.one_at_a_time:
            match = replace(match, slots={slot: _split(value)[0] for slot, value in match.slots.items()})
        rows = self.rows_for(entry.rows, match, situation)
        if match.denied:
            rows = (self.filled(self.denied_flag), *rows)
        return replace(
            self.disclaimers.after(rows, entry.disclaimer, full_given=full_given), said_twice=entry.said_twice
        )

    def rows_for(
        self, rows: tuple[Row, ...], match: Match, situation: Mapping[str, str] | None = None
    ) -> tuple[Row, ...]:
        """Return the rows that apply to a match, with their values filled in. If the rows are of several kinds, mark
        each kind.
        """
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
        """Return the rows, which continue a topic, as an answer.

        If no row makes a health claim, the answer has no disclaimer.
        """
        return self.disclaimers.after(rows, rule_of_more(rows), full_given=full_given)

    def filled(self, row: Row, values: Mapping[str, str] | None = None) -> Row:
        """Return the row with settings and values substituted for `{name}`."""
        return replace(filled(row, {**self.settings, **(values or {})}), when={})

    def did_you_mean(self, first: str, second: str) -> Row:
        """Return the question that asks which of two intents the user meant."""
        titles = {"first": self.entries[first].title, "second": self.entries[second].title}
        return filled(Row(self.unsure, "talk"), titles)

    def _values_aloud(self, row: Row, rows: Iterable[Row], values: Mapping[str, str]) -> dict[str, str] | None:
        """Return the spoken form of the values in this row, or `None` if the row does not apply to them."""
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
        """Return the spoken form of slot values.

        It contains only phrases from the lists, never the user's own words.
        """
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
        """Return whether the row names its own source ("The NHS says") or contains the marker's main word ("The
        article").
        """
        publisher = (row.source or "").split(",")[0]
        main_word = marker.rstrip(":").split()[-1].casefold()
        return main_word in row.text.casefold() or (publisher != "" and publisher in row.text)


def placeholders(text: str) -> frozenset[str]:
    """Return the names in braces, which stand for values."""
    return frozenset(_PLACEHOLDER.findall(text))


def filled(row: Row, values: Mapping[str, str]) -> Row:
    """Return the row with values substituted for `{name}`. A name without a value is left unchanged."""
    return replace(row, text=_put(row.text, values))


def _put(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _split(value: str) -> list[str]:
    return [part for part in value.split(", ") if part][:MAX_VALUES]


def _named_values(rows: Iterable[Row], slot: str) -> frozenset[str]:
    """Return the values of a slot that the rows of an answer name explicitly."""
    return frozenset(value for row in rows for value in row.when.get(slot, ())) - {ANY, NO_VALUE, OTHER}


@dataclass(frozen=True)
class Sources:
    """The sources that rows may refer to: the article's facts and the named public sources."""

    facts: frozenset[str]
    named: Mapping[str, str]
    """The name and date of each source as shown to users, by key."""


def read_facts(item: Item, problems: Problems) -> dict[str, str]:
    """Read `facts.yaml`. Return the article's facts by id."""
    return read(FactsFile, item, problems).facts


def named_sources(file: AnswersFile) -> dict[str, str]:
    """Return the name and date of each source of `answers.yaml` by its key."""
    return {key: each.name + (f" (read {each.read})" if each.read else "") for key, each in file.sources.items()}


def row_of(row: RowKeys, what: str, sources: Sources, problems: Problems) -> Row:
    """Return a row, and check that it has the fact or source that its kind requires. Problem messages refer to the row
    as `what`.
    """
    if row.has("text", "kind"):  # otherwise the problem is already recorded
        _check_provenance(row, what, sources, problems)
    source = sources.named.get(row.source, row.source) if row.source else None
    return Row(row.text, row.kind, row.fact, source, row.when)


def rows_of(rows: Iterable[RowKeys], what: str, sources: Sources, problems: Problems) -> tuple[Row, ...]:
    """Return a list of rows. Mistakes are added to `problems`."""
    return tuple(row_of(row, f"{what}, row {number}", sources, problems) for number, row in enumerate(rows, 1))


def _check_provenance(row: RowKeys, what: str, sources: Sources, problems: Problems) -> None:
    place, kind, fact, source = row.place, row.kind, row.fact, row.source
    if fact is not None and fact not in sources.facts:
        near = did_you_mean(fact, sources.facts)
        problems.add(place, f'{what}: there is no fact "{fact}" in facts.yaml{near}')
    if source is not None and source not in sources.named:
        near = did_you_mean(source, sources.named)
        problems.add(place, f'{what}: there is no source "{source}" under "sources:" of answers.yaml{near}')
    if kind == "article" and fact is None:
        problems.add(place, f'{what}: a row of kind article needs "fact:", an id from facts.yaml')
    if kind in {"first_aid", "safety"} and source is None:
        problems.add(place, f'{what}: a row of kind {kind} needs "source:", a key of "sources:" of answers.yaml')
    if kind == "talk" and (fact or source):
        problems.add(place, f"{what}: a row of kind talk makes no health claim, so it has neither fact nor source")


def answers_of(file: AnswersFile, sources: Sources, problems: Problems) -> Answers:
    """Return the answers in `answers.yaml`. Rows without a source and malformed entries are added to `problems`."""
    _check_form(file, "unsure", file.unsure, ("first", "second"), problems)
    _check_form(file, "last_of_several", file.last_of_several, ("before", "last"), problems)
    misunderstood = file.not_understood
    waiting = Row("", "talk")
    if misunderstood.waiting is not None:
        waiting = row_of(misunderstood.waiting, "not_understood, waiting", sources, problems)

    def disclaimer(text: str) -> Row:
        is_fact = "disclaimer" in sources.facts
        return Row(text, "article" if is_fact else "talk", "disclaimer" if is_fact else None)

    outages = file.outages
    failed = {each.name: getattr(outages, each.name) for each in fields(OutageKeys)} if outages is not None else {}
    shared = _entry_of("no_session", file.no_session, sources, problems) if file.no_session is not None else None
    return Answers(
        entries={intent: _entry_of(intent, each, sources, problems, shared) for intent, each in file.answers.items()},
        disclaimers=Disclaimers(disclaimer(file.disclaimers.full), disclaimer(file.disclaimers.short)),
        again=Row(misunderstood.again, "talk"),
        samples=Row(" ".join(f"{sample}." for sample in misunderstood.samples), "talk"),
        waiting=waiting,
        unsure=file.unsure,
        unsure_start=Row(file.unsure_start, "talk"),
        denied_flag=Row(file.denied_flag, "safety", source=waiting.source),
        possible=Row(file.possible_flag, "safety", source=waiting.source),
        unread=Row(file.unread, "talk"),
        recording_notice=Row(file.recording_notice, "talk"),
        outages={name: Row(text, "talk") for name, text in failed.items() if isinstance(text, str) and text},
        reviewed=file.content_reviewed,
        last_of_several=file.last_of_several,
        markers=file.markers,
        settings=file.settings,
    )


def _check_form(file: AnswersFile, name: str, text: str, names: tuple[str, ...], problems: Problems) -> None:
    if set(_PLACEHOLDER.findall(text)) != set(names):
        needed = " and ".join(f"{{{each}}}" for each in names)
        problems.add(file.place_of(name), f"{name} needs {needed}, nothing else")


def _entry_of(
    intent: str, answer: AnswerKeys, sources: Sources, problems: Problems, shared: Entry | None = None
) -> Entry:
    """Return the answer of an intent. An answer with `like: no_session` has its own title and the `shared` rows."""
    title = answer.title or intent.replace("_", " ")
    if answer.like is not None:
        if shared is None:
            where = answer.place_of("like")
            problems.add(where, f'the answer {intent} can be like "{answer.like}" if the file has "{answer.like}:"')
            shared = Entry(intent, (), answer.disclaimer, title, said_twice=False, place=answer.place)
        return replace(shared, intent=intent, title=title, place=answer.place)
    if not answer.rows:
        problems.add(answer.place, f"the answer {intent} has no rows")
    rows = rows_of(answer.rows, intent, sources, problems)
    return Entry(intent, rows, answer.disclaimer, title, answer.said_twice, answer.place, answer.one_at_a_time)
