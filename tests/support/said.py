"""Every answer that a user can get, for each value of its slots. Tests check rules against all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from voice_helper.skill.folder_reader import SITUATIONS, Content
from voice_helper.types import Answer, Match


@dataclass(frozen=True)
class Said:
    """One answer that a user can get."""

    match: Match
    answer: Answer
    full_given: bool = False
    situation: Mapping[str, str] = field(default_factory=dict)
    follow_up: str = ""
    """The follow-up that led to it, such as "why". Empty for a first answer."""


def every_answer(content: Content) -> Iterator[Said]:
    """Yield the answers of every intent: without slots, for each value, for each pair of values and for each situation,
    with and without a denied sign of danger.
    """
    for match in _every_match(content):
        for situation in _situations(content, match.intent):
            for full_given in (False, True):
                answer = content.answers.answer(match, full_given=full_given, situation=situation)
                yield Said(match, answer, full_given, situation)
    yield from _every_follow_up(content)


def _every_follow_up(content: Content) -> Iterator[Said]:
    for topic in content.follow_ups.topics.values():
        for slots in _slots(content, topic.intent):
            match = Match(topic.intent, slots)
            for kind, pages in topic.pages.items():
                for rows in (content.answers.rows_for(page, match) for page in pages):
                    answer = content.answers.going_on(rows, full_given=False)
                    if rows:
                        yield Said(match, answer, full_given=False, situation={}, follow_up=kind)


def _every_match(content: Content) -> Iterator[Match]:
    """Yield every meaning that leads to a different answer."""
    for intent in content.answers.entries:
        for family in (None, *sorted(_families(content, intent))):
            for slots in _slots(content, intent):
                for denied in (False, True):
                    yield Match(intent, slots, family=family, denied=denied)


def _families(content: Content, intent: str) -> frozenset[str]:
    return frozenset(family.name for family in content.safety.families if family.level == intent)


def _slots(content: Content, intent: str) -> Iterator[dict[str, str]]:
    yield {}
    for slot in content.sentences.slots_of.get(intent, ()):
        if slot not in content.sentences.lists:
            continue
        values = list(dict.fromkeys(entry.value for entry in content.sentences.lists[slot]))
        yield from ({slot: value} for value in values)
        yield from ({slot: ", ".join(pair)} for pair in combinations(values, 2))


def _situations(content: Content, intent: str) -> Iterator[dict[str, str]]:
    named = {slot for row in content.answers.entries[intent].rows for slot in row.when if slot in SITUATIONS}
    yield {}
    for name in sorted(named):
        yield {name: "on"}
    if len(named) > 1:
        yield dict.fromkeys(sorted(named), "on")
