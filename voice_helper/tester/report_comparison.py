"""Compare the current results with those of an earlier run, to show what an edit of the intents broke or fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from voice_helper.content.documents import Place
from voice_helper.errors import VoiceHelperError
from voice_helper.tester.run import Case, Result, json_object, lines_of, read_context
from voice_helper.understanding.understand import Context

HINT = "name a file that voice-helper test-intents ... --format jsonl wrote before the change"

Kind = Literal["broken", "mended", "changed"]
Key = tuple[str, Context, str | None]
"""The key that identifies a line in both runs: its text, its context, and the intent of the previous answer."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The meaning of a line in the earlier run."""

    intent: str
    slots: Mapping[str, str]
    is_right: bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """A line whose meaning or correctness has changed."""

    kind: Kind
    result: Result
    before: Earlier

    def line(self) -> str:
        """Return the change as one line of text."""
        match, case = self.result.match, self.result.case
        before, now = meaning(self.before.intent, self.before.slots), meaning(match.intent, match.slots)
        expected = f", expected {case.intent}" if case.intent and self.kind != "mended" else ""
        return f'{self.kind}: "{case.text}"{circumstances(case)}: {before} -> {now}{expected}'


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of two runs."""

    old: Path
    changes: tuple[Change, ...]
    """The changed lines: broken ones first, then fixed ones, then those whose meaning changed without affecting
    correctness.
    """

    added: int
    """The number of lines that only the current run has."""

    gone: int
    """The number of lines that only the earlier run has."""

    def counts(self) -> str:
        """Return the number of lines of each kind, as text."""
        changed = ", ".join(f"{sum(change.kind == kind for change in self.changes)} {kind}" for kind in _KINDS)
        return f"{changed}, {self.added} new, {self.gone} no longer there"

    def lines(self) -> list[str]:
        """Return the whole comparison as lines of text, the summary first."""
        return [f"compared with {self.old}: {self.counts()}", *(change.line() for change in self.changes)]


_KINDS: tuple[Kind, ...] = ("broken", "mended", "changed")


def meaning(intent: str, slots: Mapping[str, str]) -> str:
    """Return an intent and its slots as text."""
    return " ".join((intent, *(f"{name}={value}" for name, value in slots.items())))


def circumstances(case: Case) -> str:
    """Return the context of a line as text, or an empty string for the usual one:

    ` (in a session, after remedy_heat)`.
    """
    parts = ["in a session"] if case.context == "guide" else []
    parts += [f"after {case.after}"] if case.after else []
    return f" ({', '.join(parts)})" if parts else ""


def read_results(path: Path) -> dict[Key, Earlier]:
    """Read the results of an earlier run. Raises `VoiceHelperError` with file and line if they are invalid."""
    try:
        lines = lines_of(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise VoiceHelperError(f"{path} cannot be read: {reason}", hint=HINT) from error
    earlier: dict[Key, Earlier] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = Place(str(path), number)
            key, result = _read_result(json_object(line, place, HINT), place)
            earlier[key] = result
    if not earlier:
        raise VoiceHelperError(f"{path}: there are no results in it", hint=HINT)
    return earlier


def _read_result(entry: Mapping[str, Any], place: Place) -> tuple[Key, Earlier]:
    text, intent, slots = entry.get("text"), entry.get("intent"), entry.get("slots")
    after, ok = entry.get("after"), entry.get("ok")

    def refuse(what: str) -> VoiceHelperError:
        return VoiceHelperError(f"{place}: is not a result of test-intents: {what}", hint=HINT)

    if not isinstance(text, str) or not isinstance(intent, str):
        raise refuse(f'"{"intent" if isinstance(text, str) else "text"}" must be a text')
    if not isinstance(slots, dict) or not all(isinstance(value, str) for value in slots.values()):
        raise refuse('"slots" must be an object of texts')
    if not (after is None or isinstance(after, str)):
        raise refuse('"after" must be the name of an intent')
    if not (ok is None or isinstance(ok, bool)):
        raise refuse('"ok" must be true, false or null')
    return (text, read_context(entry.get("context"), place), after), Earlier(intent, slots, ok)


def compare(old: Path, earlier: Mapping[Key, Earlier], results: Sequence[Result]) -> Comparison:
    """Compare the current results with those of an earlier run."""
    by_key = {_key(result): result for result in results}
    changes = [
        Change(kind, result, earlier[key])
        for key, result in by_key.items()
        if key in earlier and (kind := _kind(result, earlier[key])) is not None
    ]
    changes.sort(key=lambda change: _KINDS.index(change.kind))
    return Comparison(old, tuple(changes), len(by_key.keys() - earlier.keys()), len(earlier.keys() - by_key.keys()))


def _key(result: Result) -> Key:
    return result.case.text, result.case.context, result.case.after


def _kind(result: Result, before: Earlier) -> Kind | None:
    if before.is_right is True and result.is_right is False:
        return "broken"
    if before.is_right is False and result.is_right is True:
        return "mended"
    same = result.match.intent == before.intent and dict(result.match.slots) == dict(before.slots)
    return None if same else "changed"
