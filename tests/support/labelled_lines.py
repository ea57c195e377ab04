"""The labelled lines for measurements. Tune on `dev` only, never on `test` or `unseen`.

The author of `unseen` had seen the names of the intents and the article, but no template and no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.sound import CHECKOUT

HELP_NOW = frozenset({"emergency", "urgent"})
REFUSED = frozenset({"none", "unsure", "out_of_scope"})
BENCH = CHECKOUT / "bench"
"""The folder that holds the files."""

_UNSEEN = "unseen"
SPLITS = ("dev", "test", _UNSEEN)


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    intent: str
    kind: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    has_slots: bool = False
    """Whether the expected slots are labelled, even if there are none."""

    @property
    def is_ordinary(self) -> bool:
        """Return whether the line is neither a red flag nor something to refuse."""
        return self.intent not in HELP_NOW and self.intent != "out_of_scope"


def read_lines(split: str) -> list[Line]:
    name = "understanding-test.jsonl" if split == _UNSEEN else "utterances.jsonl"
    entries = [json.loads(raw) for raw in (BENCH / name).read_text(encoding="utf-8").splitlines()]
    return [
        Line(entry["text"], entry["intent"], entry.get("kind", ""), entry.get("slots", {}), "slots" in entry)
        for entry in entries
        if split == _UNSEEN or entry["split"] == split
    ]
