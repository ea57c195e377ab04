"""Kill the program at random moments and restart it: `python -m bench.kills [TIMES]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.kills import kill_often


def main() -> None:
    """Kill the program the given number of times, and print the results."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        killed, wrong = kill_often(times, 1, Path(folder))
    print(*wrong, sep="\n")
    print(f"{times} starts, {killed} killed before their end, {times - len(wrong)} of {times} next starts fine")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
