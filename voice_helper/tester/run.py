"""Test how texts are understood: the meaning, how it was determined, and the answer."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.dialogue.state import LastAnswer, State
from voice_helper.errors import VoiceHelperError
from voice_helper.runtime.json_output import answer_form
from voice_helper.skill import Skill
from voice_helper.types import (
    NONE_INTENT,
    OUT_OF_SCOPE,
    Answer,
    Heard,
    Match,
    Say,
    Transcript,
    Understood,
)
from voice_helper.understanding.calibration import Trial
from voice_helper.understanding.understand import Context


@dataclass(frozen=True, slots=True)
class Case:
    """A text to test, and its expected meaning."""

    text: str
    intent: str | None = None
    slots: Mapping[str, str] | None = None
    context: Context = "none"
    after: str | None = None
    """The intent of the answer that precedes the text, or `None` if it begins a conversation."""

    place: Place | None = None
    """The file and line of the text. `None` if the text was typed."""

    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of the line, copied to the results unchanged."""

    sound: bytes | None = field(default=None, repr=False)
    """The content of an audio file that came from a pipe. It can be read only once."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a case."""

    case: Case
    match: Match
    answer: Answer
    transcript: Transcript = field(default_factory=lambda: Transcript(""))
    engine: str | None = None
    seconds: float = 0.0
    """The processing time, including speech recognition."""

    fault: str | None = None
    """Why the line could not be tested. `None` if it could. If a result was expected, such a line counts as wrong."""

    utterances: int = 1
    """The number of utterances in an audio file. Their texts are judged together."""

    @property
    def is_right(self) -> bool | None:
        """Return whether the result is as expected, or `None` if the line specifies no expected result."""
        if self.case.intent is None:
            return None
        if self.fault is not None:
            return False
        meant = self.match.intent
        if self.case.intent in (OUT_OF_SCOPE, NONE_INTENT):
            return meant in (OUT_OF_SCOPE, NONE_INTENT)
        if meant != self.case.intent:
            return False
        return self.case.slots is None or dict(self.case.slots) == dict(self.match.slots)

    def form(self) -> dict[str, Any]:
        """Return the result as a JSON object for `test-intents --format jsonl`."""
        form = answer_form(self.transcript, self.engine, self.match, self.answer)
        case = self.case
        said = {"text": case.text, "context": case.context, "after": case.after}
        more: dict[str, Any] = {} if self.utterances == 1 else {"utterances": self.utterances}
        if self.fault is not None:
            more["error"] = self.fault
        return {**case.extra, **form, **said, "expected": case.intent, "ok": self.is_right, **more}


def failed(case: Case, fault: str, engine: str | None = None) -> Result:
    """Return the result of a line that could not be tested."""
    nothing = Match(NONE_INTENT, score=0.0, decided_by="none")
    return Result(case, nothing, Answer(()), engine=engine, fault=fault)


def run_case(
    skill: Skill, case: Case, *, heard: Sequence[Transcript] | None = None, engine: str | None = None
) -> Result:
    """Return the meaning of one text, and the answer to it in a new conversation.

    `heard` are the utterances that the recognizer `engine` returned; they count as one text. Raises `VoiceHelperError`
    if the case names a previous intent that does not exist.
    """
    if heard is None:
        transcript = Transcript(case.text)
    else:
        from voice_helper.runtime.assistant import joined  # imports numpy

        transcript = joined(heard)
    state = State()
    if case.context == "guide":
        state, _ = skill.conversation.begin_guide(state)
    if case.after is not None:
        if case.after not in skill.content.answers.entries:
            raise VoiceHelperError(f'{case.place}: "after" names {case.after}, which is not an intent')
        said = Match(case.after)
        topic = said if case.after in skill.content.follow_ups.topics else None
        state = replace(state, last=LastAnswer(said, topic=topic))
    asked = ask_skill(skill, transcript, state)
    match = skill.understanding.with_runner_up(asked.transcript.text, asked.match)
    return Result(case, match, asked.answer, asked.transcript, engine, utterances=1 if heard is None else len(heard))


def trial(skill: Skill, case: Case) -> Trial:
    """Return a labelled line as a `Trial`, which says how similar the line is to its two nearest meanings.

    The thresholds are ignored.
    """
    any_score = replace(skill.content.thresholds, sure=0.0, margin=0.0, unsure=0.0, score_slope=1.0, score_offset=0.0)
    match = replace(skill.understanding, thresholds=any_score).understand(case.text)
    wanted = OUT_OF_SCOPE if case.intent in (NONE_INTENT, OUT_OF_SCOPE, None) else case.intent
    is_near = match.decided_by in ("nearest", "none")
    best = OUT_OF_SCOPE if match.intent == NONE_INTENT else match.intent
    second_score = match.runner_up.score if match.runner_up else 0.0
    return Trial(str(wanted), best, match.score, second_score, is_near)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its answer."""

    transcript: Transcript
    """The transcript that was answered, which may be one of the recognizer's alternatives."""

    match: Match
    answer: Answer
    state: State
    """The state of the conversation after the answer, for the next question."""


def ask_skill(skill: Skill, transcript: Transcript, state: State | None = None) -> Asked:
    """Ask one question in the given state. Return its meaning and its complete answer."""
    after, actions = skill.conversation.step(state or State(), Heard(transcript))
    said = tuple(row for action in actions if isinstance(action, Say) for row in action.rows)
    for action in actions:
        if isinstance(action, Understood):
            return Asked(action.transcript, action.match, action.answer or Answer(said), after)
    return Asked(transcript, Match(NONE_INTENT, score=0.0, decided_by="none"), Answer(said), after)


def read_cases(path: Path, text: str) -> Iterator[Case]:
    """Read test cases from text lines, JSON lines, a JSON array, a table (CSV or TSV), or the YAML of
    `tests/sentences`.

    Raises `VoiceHelperError` with file and line for anything that cannot be read.
    """
    text = text.removeprefix("\ufeff")
    if path.suffix in {".yaml", ".yml"}:
        yield from _yaml_cases(path, text)
        return
    if path.suffix == ".json" or _ARRAY.match(text):
        yield from _array_cases(path, text)
        return
    separator = _separator(path, text)
    if separator is not None:
        yield from _table_cases(path, text, separator)
        return
    for number, raw in enumerate(lines_of(text), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        place = Place(str(path), number)
        yield _json_case(line, place) if line.startswith("{") else Case(line, place=place)


_CASE_KEYS = frozenset({"text", "intent", "slots", "context", "after", "wav"})
_RESULT_KEYS = frozenset(
    {
        "transcript", "confidence", "engine", "score", "decided_by", "family", "template", "runner_up", "rows",
        "utterances", "error", "disclaimer", "spoken", "certainty", "possible", "candidates", "expected", "ok",
        "explanation",
    }
)  # fmt: skip
_EXAMPLE = 'write one JSON object a line, such as {"text": "what people say"}'
_ARRAY = re.compile(r'\s*\[\s*(?:[{"\]]|$)')
_SEPARATORS = ",;\t"  # a spreadsheet writes semicolons where the comma is a decimal point
_TABLES = {".csv": ",", ".tsv": "\t"}


def lines_of(text: str) -> list[str]:
    """Return the lines of a text. Characters such as U+2028 end no line: they may be in the middle of a JSON text."""
    return re.split(r"\r\n|\r|\n", text)


def _separator(path: Path, text: str) -> str | None:
    """Return the separator of a table, or `None` if the text is no table."""
    first_line = lines_of(text.lstrip())[0]
    for separator in _SEPARATORS:
        columns = {_column(name) for name in first_line.split(separator)}
        if columns >= {"text", "intent"} or ("text" in columns and path.suffix in _TABLES):
            return separator
    return _TABLES.get(path.suffix)


def _column(name: str) -> str:
    """Return the name of a column. Ours may be written in any case, as in a spreadsheet."""
    plain = name.strip().strip('"').strip()
    return plain.casefold() if plain.casefold() in _CASE_KEYS else plain


def _array_cases(path: Path, text: str) -> Iterator[Case]:
    """Read a JSON array of objects or sentences, or one object that spans several lines."""
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        if path.suffix == ".json" and error.msg == "Extra data":  # one object per line
            for number, line in enumerate(lines_of(text), 1):
                if line.strip():
                    yield _json_case(line, Place(str(path), number))
            return
        raise VoiceHelperError(f"{Place(str(path), error.lineno)}: is not JSON: {error}", hint=_EXAMPLE) from error
    except (ValueError, RecursionError) as error:
        raise VoiceHelperError(f"{Place(str(path), 1)}: is not JSON: {error}", hint=_EXAMPLE) from error
    decoder, at = json.JSONDecoder(), text.find("[") + 1
    for entry in entries if isinstance(entries, list) else [entries]:
        place = Place(str(path), 1)
        if isinstance(entries, list):
            at += len(text[at:]) - len(text[at:].lstrip(", \t\r\n"))
            place = Place(str(path), text.count("\n", 0, at) + 1)
            at = decoder.raw_decode(text, at)[1]
        if isinstance(entry, str) and entry.strip():
            yield Case(entry, place=place)
        elif isinstance(entry, dict):
            yield _case_of(entry, place)
        else:
            raise VoiceHelperError(f"{place}: must be an object with a text, or a text", hint=_EXAMPLE)


def _table_cases(path: Path, text: str, separator: str) -> Iterator[Case]:
    """Read a table whose first line names the columns."""
    rows = csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=True)
    hint = f"name the columns in the first line, such as text{separator}intent"
    try:
        rows.fieldnames = [_column(name) for name in rows.fieldnames or ()]
        if "text" not in rows.fieldnames:
            raise VoiceHelperError(f'{Place(str(path), 1)}: there is no column "text"', hint=hint)
        for row in rows:
            place = Place(str(path), rows.line_num)
            if None in row:
                raise VoiceHelperError(f"{place}: has more cells than columns", hint='put a text with commas in ""')
            entry: dict[str, Any] = {name: cell for name, cell in row.items() if cell}
            if "slots" in entry:
                entry["slots"] = json_object(entry["slots"], place, 'write slots as JSON, such as {"slot": "value"}')
            if entry:
                yield _case_of(entry, place)
    except csv.Error as error:
        raise VoiceHelperError(f"{Place(str(path), rows.line_num)}: is not a table: {error}", hint=hint) from error


def json_object(line: str, place: Place, hint: str) -> dict[str, Any]:
    """Parse a line that must be one JSON object. Raises `VoiceHelperError` with file and line."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise VoiceHelperError(f"{place}: is not JSON: {error}", hint=hint) from error
    if not isinstance(entry, dict):
        raise VoiceHelperError(f"{place}: must be an object with a text", hint=hint)
    return entry


def _json_case(line: str, place: Place) -> Case:
    return _case_of(json_object(line, place, _EXAMPLE), place)


def _case_of(entry: Mapping[str, Any], place: Place) -> Case:
    text = entry.get("text", entry.get("wav"))
    if not isinstance(text, str) or not text.strip():
        raise VoiceHelperError(f'{place}: has no "text"', hint=_EXAMPLE)
    extra = {name: value for name, value in entry.items() if name not in _CASE_KEYS}
    for name in sorted(extra):
        meant = get_close_matches(name.casefold(), _CASE_KEYS, n=1, cutoff=0.82)
        if meant:
            raise VoiceHelperError(f'{place}: unknown key "{name}"', hint=f'did you mean "{meant[0]}"?')
        if name in _RESULT_KEYS:
            raise VoiceHelperError(f'{place}: "{name}" is a key of the results', hint="give yours another name")
    intent, slots, after = entry.get("intent"), entry.get("slots"), entry.get("after")
    if intent is not None and not isinstance(intent, str):
        raise VoiceHelperError(f'{place}: "intent" must be a text')
    if slots is not None and not isinstance(slots, dict):
        raise VoiceHelperError(f'{place}: "slots" must be an object, such as {{"slot": "value"}}')
    if after is not None and not isinstance(after, str):
        raise VoiceHelperError(f'{place}: "after" must be the name of an intent')
    return Case(text, intent, slots, read_context(entry.get("context"), place), after, place, extra)


def read_context(value: object, place: Place) -> Context:
    """Parse the context of a line. Raises `VoiceHelperError` with file and line."""
    if value == "guide":
        return "guide"
    if value in ("none", None):
        return "none"
    raise VoiceHelperError(f'{place}: "context" must be none or guide, not "{value}"', hint="leave it out for none")


def _yaml_cases(path: Path, text: str) -> Iterator[Case]:
    problems = Problems()
    from voice_helper.content.yaml_documents import read_document

    document = read_document(text, str(path), problems)
    top = document.mapping(problems, "a test file", known=frozenset({"language", "tests"}))
    cases: list[Case] = []
    for test in top["tests"].items(problems, "tests") if "tests" in top else []:
        cases.extend(_yaml_test(test, problems))
    if len(problems):
        raise VoiceHelperError("\n".join(problems.lines()), hint="see tests/sentences for the form")
    yield from cases


def _yaml_test(test: Item, problems: Problems) -> Iterator[Case]:
    known = frozenset({"intent", "sentences", "slots", "context", "after"})
    fields = test.mapping(problems, "a test", known=known)
    intent = fields["intent"].text(problems, "intent") if "intent" in fields else None
    slots = None
    if "slots" in fields:
        slots = {name: item.text(problems, name) for name, item in fields["slots"].mapping(problems, "slots").items()}
    context: Context = "none"
    if "context" in fields and fields["context"].text(problems, "context") == "guide":
        context = "guide"
    after = fields["after"].text(problems, "after") if "after" in fields else None
    for sentence in fields["sentences"].items(problems, "sentences") if "sentences" in fields else []:
        yield Case(sentence.text(problems, "a sentence"), intent, slots, context, after, sentence.place)


def explain(skill: Skill, result: Result) -> list[str]:
    """Return plain lines that explain why a text has its meaning."""
    match, understanding = result.match, skill.understanding
    said = understanding.normalize(result.transcript.text)
    lines = [f'compared as: "{said.comparable}"']
    flags = understanding.safety.find(said)
    for flag in flags.raised:
        lines.append(f'red flag or redirect {flag.family} ({flag.level}) in "{flag.words}"')
    for flag in flags.denied:
        lines.append(f'{flag.family} ({flag.level}) in "{flag.words}" is denied')
    claims = understanding.sentences.exact(said)
    for claim in claims:
        lines.append(f"{claim.intent} matches word for word: {claim.template}")
    if not claims:
        lines.append("no template matches word for word")
    scores = understanding.nearest.rank(said.essence).scores()
    lines.append("nearest meanings: " + ", ".join(f"{intent} {score:.2f}" for intent, score in scores[:5]))
    thresholds = understanding.thresholds
    odds = understanding.suspicion(said, flags).odds
    lines.append(
        f"log odds of danger: {odds:.1f}, certain from {thresholds.alarm_certain:.1f}, possible from"
        f" {thresholds.alarm_possible:.1f}; if a rule matches, from {thresholds.rule_certain:.1f} and"
        f" {thresholds.rule_possible:.1f}"
    )
    lines.append(f"answered from {thresholds.sure:.2f}, clarified if the difference is below {thresholds.margin:.2f}")
    lines.append(f"decided by {match.decided_by}: {match.intent}")
    return lines
