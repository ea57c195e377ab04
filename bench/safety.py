"""How often red flags are raised, and raised by mistake: `python -m bench.safety [dev|test] [--spoken NTH]`.

Typed lines, or every NTH line spoken by every voice, clean and with white noise at 10 dB, through the embedded
recognizer. `safety-dev.jsonl` may be tuned on, and its lines are learned from; `safety-test.jsonl` never: it was
written by somebody who had not seen the rules.
"""

from __future__ import annotations

import argparse
import json

from bench.conditions import conditions
from bench.hearing import EVERY_VOICE, heard_as, utterances
from bench.lines import machine, write_result
from bench.speech import spoken_lines, voices
from tests.support.safety_lines import SafetyLine, read_safety_lines, tally, typed, unlearned
from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.recognizers import open_recognizer
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.tester.run import ask


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
