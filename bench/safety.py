"""How often red flags are raised, and raised by mistake: `python -m bench.safety [dev|test] [--spoken NTH]`.

Typed lines, or every NTH line spoken by every voice, clean and with white noise at 10 dB, through the embedded
recognizer. `safety-dev.jsonl` may be tuned on, and its lines are learned from; `safety-test.jsonl` never: it was
written by somebody who had not seen the rules.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.conditions import conditions
from bench.hearing import EVERY_VOICE, heard_as, utterances
from bench.lines import HELP_NOW, REFUSED, machine, write_result
from bench.speech import spoken_lines, voices
from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.recognizers import open_recognizer
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.tester.run import ask
from voice_helper.understanding.safety import LEVELS

_FOLDER = Path(__file__).parent
_NOT_RAISED = frozenset({"ordinary", "idiom", "denied"})
_HELP_NOW_ENDINGS = tuple(f", {level}" for level in HELP_NOW)
_TIPS = ("about", "causes", "remedies", "care", "guide")


@dataclass(frozen=True, slots=True)
class SafetyLine:
    text: str
    intent: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.intent}" if self.intent in HELP_NOW else self.kind

    def is_as_it_should_be(self, intent: str) -> bool:
        """An emergency must be answered as one; an urgent sign may be answered higher; others must not be raised."""
        if self.kind in _NOT_RAISED:
            return intent not in HELP_NOW
        if self.kind == "outside":
            return intent in REFUSED
        return intent in HELP_NOW if self.intent == "urgent" else intent == self.intent


def read_safety_lines(split: str) -> list[SafetyLine]:
    entries = [json.loads(raw) for raw in (_FOLDER / f"safety-{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [SafetyLine(entry["text"], entry["intent"], entry["kind"]) for entry in entries]


def least_share(right: int, lines: int) -> float:
    """The lower end of the 95 % interval of a share (Wilson, 1927)."""
    z, share = 1.96, right / lines
    middle = share + z * z / (2 * lines)
    spread = z * math.sqrt(share * (1 - share) / lines + z * z / (4 * lines * lines))
    return (middle - spread) / (1 + z * z / lines)


def tally(skill: Skill, meant: Iterable[tuple[SafetyLine, str]]) -> dict[str, dict[str, float]]:
    """Count, for each kind of line, the share that was as it should be, and red flags answered with a tip."""
    lines, right, tips, lower = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    group_of = skill.content.sentences.group_of
    for line, intent in meant:
        lines[line.name] += 1
        right[line.name] += line.is_as_it_should_be(intent)
        tips[line.name] += group_of.get(intent) in _TIPS
        lower[line.name] += intent in LEVELS and not line.is_as_it_should_be(intent)
    shares: dict[str, dict[str, float]] = {}
    for name in sorted(lines):
        share = right[name] / lines[name]
        shares[name] = {"lines": lines[name], "share": round(share, 4)}
        shares[name]["at_least_95"] = round(least_share(right[name], lines[name]), 4)
        if name.endswith(_HELP_NOW_ENDINGS):
            shares[name] |= {"answered_with_a_tip": tips[name], "answered_lower": lower[name]}
    return shares


def unlearned(skill: Skill, lines: Iterable[SafetyLine]) -> list[SafetyLine]:
    """Leave out the lines that by chance stand word for word in the wordings, those that must never be missed kept."""
    learned = {wording.text for wording in skill.content.wordings}
    return [line for line in lines if line.kind == "must_never_miss" or line.text not in learned]


def typed(skill: Skill, lines: Iterable[SafetyLine]) -> Iterator[tuple[SafetyLine, str]]:
    for line in lines:
        yield line, skill.understanding.understand(line.text).intent


def measure_spoken(skill: Skill, lines: list[SafetyLine]) -> dict[str, object]:
    recognizer = open_recognizer("embedded", phrases=phrases_of(skill.content)).recognizer
    speakers = voices()
    measured: dict[str, object] = {"voices": sorted(speakers)}
    for condition in EVERY_VOICE:
        sounds = spoken_lines(speakers, lines, conditions()[condition])
        heard = ((line, heard_as(utterances(recognizer, pcm, EndpointSettings()))) for line, pcm in sounds)
        meant = ((line, ask(skill, transcript).match.intent) for line, transcript in heard)
        measured[condition] = tally(skill, meant)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("splits", nargs="*", default=["dev", "test"])
    parser.add_argument("--spoken", type=int, metavar="NTH", help="every NTH line, spoken")
    options = parser.parse_args()
    skill = open_skill()
    for split in options.splits:
        every = read_safety_lines(split)
        lines = every if split == "dev" else unlearned(skill, every)
        result: dict[str, object] = {
            "split": split,
            "learned_lines_left_out": len(every) - len(lines),
            "machine": machine(),
        }
        if options.spoken:
            result |= {"every": options.spoken} | measure_spoken(skill, lines[:: options.spoken])
        else:
            result |= tally(skill, typed(skill, lines))
        print(json.dumps(result, indent=1))
        name = f"safety-{split}-spoken" if options.spoken else f"safety-{split}"
        print("written to", write_result(name, result))


if __name__ == "__main__":
    main()
