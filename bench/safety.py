"""How often red flags are raised, and raised by mistake, in typed lines: `python -m bench.safety [dev|test]`.

`safety-dev.jsonl` may be tuned on; `safety-test.jsonl` never: it was written by somebody who had not seen the rules.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from bench.lines import HELP_NOW, REFUSED, machine, write_result
from voice_helper.skill import Skill, open_skill

_FOLDER = Path(__file__).parent
_NOT_RAISED = frozenset({"ordinary", "idiom", "denied"})


def is_as_it_should_be(kind: str, wanted: str, intent: str) -> bool:
    """An emergency must be answered as one; an urgent sign may be answered higher; other lines must not be raised."""
    if kind in _NOT_RAISED:
        return intent not in HELP_NOW
    if kind == "outside":
        return intent in REFUSED
    return intent in HELP_NOW if wanted == "urgent" else intent == wanted


def measure(skill: Skill, split: str) -> dict[str, object]:
    lines, right = Counter[str](), Counter[str]()
    for raw in (_FOLDER / f"safety-{split}.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(raw)
        kind, wanted = line["kind"], line["intent"]
        name = f"{kind}, {wanted}" if wanted in HELP_NOW else kind
        lines[name] += 1
        right[name] += is_as_it_should_be(kind, wanted, skill.understanding.understand(line["text"]).intent)
    shares = {name: {"lines": lines[name], "share": round(right[name] / lines[name], 4)} for name in sorted(lines)}
    return {"split": split, **shares, "machine": machine()}


def main() -> None:
    skill = open_skill()
    for split in sys.argv[1:] or ["dev", "test"]:
        result = measure(skill, split)
        for name, value in result.items():
            print(f"{name:28} {value}")
        print("written to", write_result(f"safety-{split}", result))


if __name__ == "__main__":
    main()
