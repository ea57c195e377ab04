"""Real users' wordings: labelled sentences for training the similarity model, in addition to the templates.

`wordings.txt` has one sentence per line, under headings of the form `[intent]` or `[intent family]`.
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
    """A sentence by a real user, and its meaning."""

    text: str
    intent: str
    family: str | None
    place: Place
    heading: Place

    @property
    def label(self) -> str:
        """Return the intent, followed by the red-flag family if there is one: `emergency/chest_pain`."""
        return f"{self.intent}/{self.family}" if self.family else self.intent


def read_wordings(lines: Iterable[str], file: str, problems: Problems) -> tuple[Wording, ...]:
    """Parse the lines of a wordings file, except empty lines and lines that begin with `#`.

    Mistakes are added to `problems`.
    """
    found: dict[str, Wording] = {}
    intent: str | None = None
    family: str | None = None
    heading_place: Place | None = None
    for number, raw in enumerate(lines, 1):
        line, place = raw.strip(), Place(file, number)
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            heading = _HEADING.fullmatch(line)
            if heading is None:
                problems.add(place, f'the heading "{line}" must be [intent] or [intent family]')
            intent, family = (heading[1], heading[2]) if heading else (None, None)
            heading_place = place
        elif len(line) > _MAX_LINE_CHARACTERS:
            problems.add(place, f"is longer than {_MAX_LINE_CHARACTERS} characters: nobody says that in one breath")
        elif line in found:
            problems.add(place, f'"{line}" stands in line {found[line].place.line} already')
        elif intent is not None and heading_place is not None:
            found[line] = Wording(line, intent, family, place, heading_place)
        elif heading_place is None:
            problems.add(place, f'"{line}" is under no heading [intent]')
    return tuple(found.values())
