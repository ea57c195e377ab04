"""The labelled lines that are measured on; `dev` may be tuned on, `test` never, nor `unseen`.

`unseen` was written by somebody who had seen the names of the intents and the article, but no template and no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HELP_NOW = frozenset({"emergency", "urgent"})
REFUSED = frozenset({"none", "unsure", "out_of_scope"})
_FOLDER = Path(__file__).parent
_UNSEEN = "unseen"
SPLITS = ("dev", "test", _UNSEEN)
_RESULTS = _FOLDER / "results"


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    intent: str
    kind: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    has_slots: bool = False
    """Whether somebody has written down which slots are right, be it none."""

    @property
    def is_ordinary(self) -> bool:
        """Neither a red flag nor something to refuse."""
        return self.intent not in HELP_NOW and self.intent != "out_of_scope"


def read_lines(split: str) -> list[Line]:
    name = "understanding-test.jsonl" if split == _UNSEEN else "utterances.jsonl"
    entries = [json.loads(raw) for raw in (_FOLDER / name).read_text(encoding="utf-8").splitlines()]
    return [
        Line(entry["text"], entry["intent"], entry.get("kind", ""), entry.get("slots", {}), "slots" in entry)
        for entry in entries
        if split == _UNSEEN or entry["split"] == split
    ]


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
    """What was written last, of doors or rows that are not measured now; nothing where there is none."""
    path = _RESULTS / f"{name}.json"
    if not path.is_file():
        return {}
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def machine() -> dict[str, str]:
    import os
    import platform

    return {"system": platform.platform(), "python": platform.python_version(), "cores": str(os.cpu_count())}
