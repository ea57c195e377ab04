"""People's own wordings: labelled lines, as they were said, that the nearest meaning learns from beside the templates.

`wordings.txt` holds them line by line under headings, `[intent]` or `[intent family]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voice_helper.content.documents import Place, Problems

_HEADING = re.compile(r"\[(\w+)(?: (\w+))?\]")
_MAX_LINE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Wording:
    """One line somebody said, and what it meant."""

    text: str
    intent: str
    family: str | None
    place: Place

    @property
    def label(self) -> str:
        """The intent, with the red-flag family where there is one: `emergency/chest_pain`."""
        return f"{self.intent}/{self.family}" if self.family else self.intent


def read_wordings(lines: Iterable[str], file: str, problems: Problems) -> tuple[Wording, ...]:
    """Read the lines of a wordings file; empty lines and lines that begin with `#` are left out."""
    found: dict[str, Wording] = {}
    intent: str | None = None
    family: str | None = None
    for number, raw in enumerate(lines, 1):
        line, place = raw.strip(), Place(file, number)
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            heading = _HEADING.fullmatch(line)
            if heading is None:
                problems.add(place, f'the heading "{line}" must be [intent] or [intent family]')
            intent, family = (heading[1], heading[2]) if heading else (None, None)
        elif len(line) > _MAX_LINE_CHARACTERS:
            problems.add(place, f"is longer than {_MAX_LINE_CHARACTERS} characters: nobody says that in one breath")
        elif line in found:
            problems.add(place, f'"{line}" stands in line {found[line].place.line} already')
        elif intent is not None:
            found[line] = Wording(line, intent, family, place)
        else:
            problems.add(place, f'"{line}" stands under no heading [intent]')
    return tuple(found.values())
