"""The labelled lines about danger, and how many of them are answered correctly."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.support.labelled_lines import BENCH, HELP_NOW, REFUSED
from voice_helper.skill import Skill
from voice_helper.understanding.safety import LEVELS

_NOT_RAISED = frozenset({"ordinary", "idiom", "denied"})
_HELP_NOW_ENDINGS = tuple(f", {level}" for level in HELP_NOW)
TIPS = ("about", "causes", "remedies", "care", "guide")


@dataclass(frozen=True, slots=True)
class SafetyLine:
    text: str
    intent: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.intent}" if self.intent in HELP_NOW else self.kind

    def is_as_it_should_be(self, intent: str) -> bool:
        """Return whether the answer is correct: emergencies answered as such, urgent signs at least as urgent, and no
        alarm for others.
        """
        if self.kind in _NOT_RAISED:
            return intent not in HELP_NOW
        if self.kind == "outside":
            return intent in REFUSED
        return intent in HELP_NOW if self.intent == "urgent" else intent == self.intent


def read_safety_lines(split: str) -> list[SafetyLine]:
    entries = [json.loads(raw) for raw in (BENCH / f"safety-{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [SafetyLine(entry["text"], entry["intent"], entry["kind"]) for entry in entries]


def min_share(right: int, lines: int) -> float:
    """Return the lower end of the 95 % interval of a share (Wilson, 1927)."""
    z, share = 1.96, right / lines
    middle = share + z * z / (2 * lines)
    spread = z * math.sqrt(share * (1 - share) / lines + z * z / (4 * lines * lines))
    return (middle - spread) / (1 + z * z / lines)


def tally(skill: Skill, meant: Iterable[tuple[SafetyLine, str]]) -> dict[str, dict[str, float]]:
    """Return, per kind of line, the share answered correctly, and the red flags answered with a tip."""
    lines, right, tips, lower = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    group_of = skill.content.sentences.group_of
    for line, intent in meant:
        lines[line.name] += 1
        right[line.name] += line.is_as_it_should_be(intent)
        tips[line.name] += group_of.get(intent) in TIPS
        lower[line.name] += intent in LEVELS and not line.is_as_it_should_be(intent)
    shares: dict[str, dict[str, float]] = {}
    for name in sorted(lines):
        share = right[name] / lines[name]
        shares[name] = {"lines": lines[name], "share": round(share, 4)}
        shares[name]["at_least_95"] = round(min_share(right[name], lines[name]), 4)
        if name.endswith(_HELP_NOW_ENDINGS):
            shares[name] |= {"answered_with_a_tip": tips[name], "answered_lower": lower[name]}
    return shares


def unlearned(skill: Skill, lines: Iterable[SafetyLine]) -> list[SafetyLine]:
    """Leave out lines that happen to match a wording word for word, but keep the lines that must never be missed."""
    learned = {wording.text for wording in skill.content.wordings}
    return [line for line in lines if line.kind == "must_never_miss" or line.text not in learned]


def typed(skill: Skill, lines: Iterable[SafetyLine]) -> Iterator[tuple[SafetyLine, str]]:
    for line in lines:
        match = skill.understanding.understand(line.text)
        yield line, match.possible or match.intent
