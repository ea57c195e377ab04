"""Print the results of a mutation run as a table: `make mutants`, or `python -m bench.mutants` after `mutmut run`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from bench.lines import write_result

_MUTATED = Path(__file__).parent.parent / "mutants" / "voice_helper"
_SURVIVED = (0, 33)  # exit codes of the tests; 33 if no test reaches the mutant


def main() -> None:
    """Print the table and write it to a file."""
    rows = {path.name.removesuffix(".py.meta"): counted(path) for path in sorted(_MUTATED.rglob("*.meta"))}
    print("| module | mutants | killed | survived | not run | share that survived |")
    print("|---|---|---|---|---|---|")
    for module, row in rows.items():
        share = row["survived"] / max(1, row["mutants"] - row["not_run"])
        numbers = " | ".join(str(number) for number in row.values())
        print(f"| `{module}` | {numbers} | {share:.1%} |")
    write_result("mutants", rows)


def counted(path: Path) -> dict[str, int]:
    """Count the mutants of a module by outcome."""
    codes = Counter(json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].values())
    survived, not_run = sum(codes[code] for code in _SURVIVED), codes[None]
    killed = codes.total() - survived - not_run
    return {"mutants": codes.total(), "killed": killed, "survived": survived, "not_run": not_run}


if __name__ == "__main__":
    main()
