"""Measure how often the right meaning is found in typed lines: `python -m bench.understanding [dev|test|unseen]`."""

from __future__ import annotations

import statistics
import sys
import time

from bench.lines import Score, machine, write_result
from tests.support.labelled_lines import SPLITS, Line, read_lines
from voice_helper.skill import Skill, open_skill
from voice_helper.understanding.calibration import calibration_error, reliability
from voice_helper.understanding.understand import Context


def measure(split: str) -> dict[str, object]:
    skill = open_skill()
    score, milliseconds = Score(), []
    kinds: dict[str, Score] = {}
    scored: list[tuple[float, bool]] = []
    slots_right: list[bool] = []
    for line in read_lines(split):
        started = time.perf_counter()
        match = skill.understanding.understand(line.text, context_of(skill, line))
        milliseconds.append((time.perf_counter() - started) * 1000)
        score.add(line, match.intent)
        if line.kind:
            kinds.setdefault(line.kind, Score()).add(line, match.intent)
        if match.intent == line.intent and line.has_slots:
            slots_right.append(dict(match.slots) == dict(line.slots))
        if match.decided_by == "nearest":
            scored.append((match.score, match.intent == line.intent))
    bins = reliability(scored)
    return {
        "split": split,
        "lines": len(milliseconds),
        **rounded(score),
        **({"kinds": {kind: rounded(each) for kind, each in kinds.items()}} if kinds else {}),
        "slots_right_given_the_intent": f"{sum(slots_right)} of {len(slots_right)}",
        "nearest_by_score": {f"{each.low:.1f}": f"{each.right} of {each.count}" for each in bins},
        "calibration_error": round(calibration_error(bins), 4),
        "milliseconds_p50": round(statistics.median(milliseconds), 2),
        "milliseconds_p95": round(statistics.quantiles(milliseconds, n=20)[18], 2),
        "milliseconds_p99": round(statistics.quantiles(milliseconds, n=100)[98], 2),
        "machine": machine(),
    }


def context_of(skill: Skill, line: Line) -> Context:
    """Return the context of a line. Commands of the guided session are tested in a session."""
    is_command = skill.content.sentences.group_of.get(line.intent) == "guide" and line.intent != "guide_start"
    return "guide" if is_command and line.kind else "none"


def rounded(score: Score) -> dict[str, float]:
    return {name: round(share, 4) for name, share in score.shares().items()} | {"lines": score.lines}


def main() -> None:
    for split in sys.argv[1:] or SPLITS:
        result = measure(split)
        for name, value in result.items():
            print(f"{name:18} {value}")
        print("written to", write_result(f"understanding-{split}", result))


if __name__ == "__main__":
    main()
