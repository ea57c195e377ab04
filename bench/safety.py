"""Measure how often red flags are detected, and how often they are raised by mistake.

Run it with `python -m bench.safety [dev|test|blind] [--spoken NTH]`.

The lines are typed, or every NTH line is spoken by every voice, without noise and with white noise at 10 dB, and
recognized with the embedded recognizer. `safety-dev.jsonl` may be used for tuning and training. `safety-test.jsonl`
must not: its author had not seen the rules. `safety-blind.jsonl` was written by two people who had seen neither rules
nor wordings. That file includes remarks in a session, and distinguishes certain from possible alarms. Never tune on it,
nor on `safety-blind-3.jsonl`, which is newer; `safety-blind-2.jsonl` was inspected, so it may be used for tuning.
`alarm-dev.jsonl` has the same labels and may be used for tuning, but none of its lines are used for training.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter

from bench.conditions import conditions
from bench.hearing import EVERY_VOICE, heard_as, utterances
from bench.lines import machine, write_result
from bench.speech import spoken_lines, voices
from tests.support.labelled_lines import BENCH, HELP_NOW
from tests.support.safety_lines import TIPS, SafetyLine, read_safety_lines, tally, typed, unlearned
from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.recognizers import open_recognizer
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.tester.run import ask_skill
from voice_helper.understanding.learned_alarm import REDIRECTS
from voice_helper.understanding.understand import Context


def measure_spoken(skill: Skill, lines: list[SafetyLine]) -> dict[str, object]:
    recognizer = open_recognizer("embedded", phrases=phrases_of(skill.content)).recognizer
    speakers = voices()
    measured: dict[str, object] = {"voices": sorted(speakers)}
    for condition in EVERY_VOICE:
        sounds = spoken_lines(speakers, lines, conditions()[condition])
        heard = ((line, heard_as(utterances(recognizer, pcm, EndpointSettings()))) for line, pcm in sounds)
        meant = ((line, ask_skill(skill, transcript).match.intent) for line, transcript in heard)
        measured[condition] = tally(skill, meant)
    return measured


SPLITS = ("dev", "test")
LABELLED = {
    "blind": "safety-blind.jsonl",
    "blind-2": "safety-blind-2.jsonl",
    "blind-3": "safety-blind-3.jsonl",
    "alarm-dev": "alarm-dev.jsonl",
}
"""The splits whose lines have a label and a context."""


def by_label(skill: Skill, split: str) -> dict[str, object]:
    """Return, per label of a split, the shares that are right, certain, possible, referred or answered with a tip."""
    lines = [json.loads(raw) for raw in (BENCH / LABELLED[split]).read_text(encoding="utf-8").splitlines()]
    counts: dict[str, Counter[str]] = {}
    for line in lines:
        context: Context = "guide" if line["context"] == "guide" else "none"
        match = skill.understanding.understand(line["text"], context)
        label, level = line["label"], match.intent if match.is_alarm else match.possible or match.intent
        own = counts.setdefault(label, Counter())
        own["lines"] += 1
        own["certain"] += match.is_alarm
        own["certain_and_high_enough"] += match.is_alarm and (label != "emergency" or level == "emergency")
        own["possible"] += match.certainty == "possible"
        own["referred"] += match.certainty is None and match.intent in REDIRECTS
        own["right"] += match.certainty is None and match.intent == label
        is_missed = label in HELP_NOW and match.certainty is None
        own["answered_with_a_tip"] += is_missed and skill.content.sentences.group_of.get(match.intent) in TIPS
    shares = {
        label: {name: round(number / own["lines"], 4) if name != "lines" else number for name, number in own.items()}
        for label, own in counts.items()
    }
    return {"split": split, "machine": machine(), "labels": shares}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("splits", nargs="*", metavar="SPLIT", help="dev, test, alarm-dev or blind; without one, all")
    parser.add_argument("--spoken", type=int, metavar="NTH", help="every NTH line, spoken")
    options = parser.parse_args()
    skill = open_skill()
    result: dict[str, object]
    for split in options.splits or (SPLITS if options.spoken else (*SPLITS, *LABELLED)):
        if split in LABELLED:
            result = by_label(skill, split)
            print(json.dumps(result, indent=1))
            print("written to", write_result(f"safety-{split}", result))
            continue
        every = read_safety_lines(split)
        lines = every if split == "dev" else unlearned(skill, every)
        result = {
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
