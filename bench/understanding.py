"""How often the right meaning is found in typed lines: `python -m bench.understanding [dev|test|unseen]`."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

from bench.lines import SPLITS, Line, Score, machine, read_lines, write_result
from voice_helper.skill import Skill, open_skill
from voice_helper.understand import Context


def measure(split: str) -> dict[str, object]:
    skill = open_skill()
    score, milliseconds = Score(), []
    kinds: dict[str, Score] = {}
    outcomes: list[tuple[float, bool]] = []
    for line in read_lines(split):
        started = time.perf_counter()
        match = skill.understanding.understand(line.text, context_of(skill, line))
        milliseconds.append((time.perf_counter() - started) * 1000)
        score.add(line, match.intent)
        if line.kind:
            kinds.setdefault(line.kind, Score()).add(line, match.intent)
        if match.decided_by == "nearest":
            outcomes.append((match.score, match.intent == line.intent))
    return {
        "split": split,
        "lines": len(milliseconds),
        **rounded(score),
        **({"kinds": {kind: rounded(each) for kind, each in kinds.items()}} if kinds else {}),
        "nearest_by_score": reliability(outcomes),
        "milliseconds_p50": round(statistics.median(milliseconds), 2),
        "milliseconds_p95": round(statistics.quantiles(milliseconds, n=20)[18], 2),
        "machine": machine(),
    }


def context_of(skill: Skill, line: Line) -> Context:
    """Words of the guided session are said in one."""
    is_command = skill.content.sentences.group_of.get(line.intent) == "guide" and line.intent != "guide_start"
    return "guide" if is_command and line.kind else "none"


def rounded(score: Score) -> dict[str, float]:
    return {name: round(share, 4) for name, share in score.shares().items()} | {"lines": score.lines}


def reliability(outcomes: Sequence[tuple[float, bool]]) -> dict[str, str]:
    """Give, for each tenth of the score of near meanings, how many are right of how many."""
    tenths: dict[int, list[bool]] = {}
    for score, is_right in outcomes:
        tenths.setdefault(min(9, int(score * 10)), []).append(is_right)
    return {f"{tenth / 10:.1f}": f"{sum(right)} of {len(right)}" for tenth, right in sorted(tenths.items())}


def main() -> None:
    for split in sys.argv[1:] or SPLITS:
        result = measure(split)
        for name, value in result.items():
            print(f"{name:18} {value}")
        print("written to", write_result(f"understanding-{split}", result))


if __name__ == "__main__":
    main()
