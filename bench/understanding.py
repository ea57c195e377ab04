"""How often the right meaning is found in typed lines: `python -m bench.understanding [dev|test]`."""

from __future__ import annotations

import statistics
import sys
import time

from bench.lines import Score, machine, read_lines, write_result
from voice_helper.skill import open_skill


def measure(split: str) -> dict[str, object]:
    skill = open_skill()
    score, milliseconds = Score(), []
    for line in read_lines(split):
        started = time.perf_counter()
        match = skill.understanding.understand(line.text)
        milliseconds.append((time.perf_counter() - started) * 1000)
        score.add(line, match.intent)
    return {
        "split": split,
        "lines": len(milliseconds),
        **{name: round(share, 4) for name, share in score.shares().items()},
        "milliseconds_p50": round(statistics.median(milliseconds), 2),
        "milliseconds_p95": round(statistics.quantiles(milliseconds, n=20)[18], 2),
        "machine": machine(),
    }


def main() -> None:
    for split in sys.argv[1:] or ["dev", "test"]:
        result = measure(split)
        for name, value in result.items():
            print(f"{name:18} {value}")
        print("written to", write_result(f"understanding-{split}", result))


if __name__ == "__main__":
    main()
