"""Score labelled lines, and read and write the files that hold results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.labelled_lines import HELP_NOW, REFUSED, Line

_FOLDER = Path(__file__).parent
_RESULTS = _FOLDER / "results"


@dataclass(slots=True)
class Score:
    """Counts over lines: right intents, refusals, red flags."""

    ordinary: int = 0
    ordinary_right: int = 0
    ordinary_refused: int = 0
    outside: int = 0
    outside_refused: int = 0
    flags: int = 0
    flags_raised: int = 0

    def add(self, line: Line, intent: str) -> None:
        if line.intent in HELP_NOW:
            self.flags += 1
            self.flags_raised += intent in HELP_NOW
        elif line.is_ordinary:
            self.ordinary += 1
            self.ordinary_right += intent == line.intent
            self.ordinary_refused += intent in REFUSED
        else:
            self.outside += 1
            self.outside_refused += intent in REFUSED

    @property
    def lines(self) -> int:
        return self.ordinary + self.outside + self.flags

    def shares(self) -> dict[str, float]:
        return {
            "right_intent": self.ordinary_right / max(1, self.ordinary),
            "refused": self.ordinary_refused / max(1, self.ordinary),
            "outside_refused": self.outside_refused / max(1, self.outside),
            "red_flags_raised": self.flags_raised / max(1, self.flags),
        }


def write_result(name: str, result: dict[str, Any]) -> Path:
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_result(name: str) -> dict[str, Any]:
    """Read the stored results, for rows that are not measured in this run. Return an empty result if there are none."""
    path = _RESULTS / f"{name}.json"
    if not path.is_file():
        return {}
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def machine() -> dict[str, str]:
    import os
    import platform

    return {"system": platform.platform(), "python": platform.python_version(), "cores": str(os.cpu_count())}
