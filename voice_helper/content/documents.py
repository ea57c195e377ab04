"""Values read from the files of an intents folder, each with its line number, so that problems can be located."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NO_SPACE = re.compile(r"\s*(?:-\s+)*(?P<key>[A-Za-z_]\w*):[^\s:/].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A location in the intents folder: a file and a line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def __reduce__(self) -> tuple[type[Place], tuple[str, int]]:  # twice as fast as a dataclass's own
        return Place, (self.file, self.line)


class Problems:
    """Collects problems, so that all of them can be shown at once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], None] = {}

    def add(self, place: Place, message: str) -> None:
        """Add a problem with its location."""
        self._found[place.file, place.line, message] = None

    def __len__(self) -> int:
        return len(self._found)

    def lines(self) -> tuple[str, ...]:
        """Return the problems as `file:line: message`, sorted by location."""
        return tuple(f"{file}:{line}: {message}" for file, line, message in sorted(self._found))


def missing_space(line: str) -> str:
    """Return what to do about a key without a space after its colon, which YAML reads as a part of a text:
    `title:socks`. Return "" if the line does not begin with such a key.
    """
    found = _NO_SPACE.fullmatch(line)
    return f'a space goes after the colon of "{found["key"]}:"' if found else ""


@dataclass(frozen=True, slots=True)
class Item:
    """A YAML value and its location: a text, a list of items, or items by key."""

    place: Place
    value: str | bool | int | float | list[Item] | dict[str, Item] | None

    def text(self, problems: Problems, what: str) -> str:
        """Return the text. For any other value, add a problem and convert the value to text."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        if isinstance(self.value, bool | int | float):
            problems.add(self.place, f'{what} must be a text: write it in quotes, "{self.value}"')
            return str(self.value)
        problems.add(self.place, f"{what} must be a text, not {self._named()}{self._usual_cause()}")
        return ""

    def number(self, problems: Problems, what: str) -> float:
        """Return the number. For any other value, add a problem and return 0."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return float(self.value)
        problems.add(self.place, f"{what} must be a number, not {self._named()}")
        return 0.0

    def truth(self, problems: Problems, what: str) -> bool:
        """Return the truth value. For any other value, add a problem and return false."""
        if isinstance(self.value, bool):
            return self.value
        problems.add(self.place, f"{what} must be true or false, not {self._named()}")
        return False

    def items(self, problems: Problems, what: str) -> list[Item]:
        """Return the items of a list. For any other value, add a problem and return an empty list."""
        if isinstance(self.value, list):
            return self.value
        cause = ": a space goes after each dash" if str(self.value).startswith("-") else ""
        problems.add(self.place, f"{what} must be a list, not {self._named()}{cause}")
        return []

    def texts(self, problems: Problems, what: str) -> tuple[str, ...]:
        """Return the texts of a list of texts, or of a single text."""
        if not isinstance(self.value, list):
            return (self.text(problems, what),)
        return tuple(item.text(problems, f"{what}, entry {number}") for number, item in enumerate(self.value, 1))

    def mapping(self, problems: Problems, what: str, *, known: frozenset[str] | None = None) -> dict[str, Item]:
        """Return the items by key. Keys that are not in `known` are reported as problems."""
        if not isinstance(self.value, dict):
            missing = missing_space(self.value) if isinstance(self.value, str) else ""
            problems.add(self.place, f"{what} must have keys, not be {self._named()}" + (missing and f": {missing}"))
            return {}
        if known is not None:
            for key, item in self.value.items():
                if key not in known:
                    expected = ", ".join(sorted(known))
                    problems.add(item.place, f'{what}: unknown key "{key}" (known: {expected})')
        return self.value

    def scalars(self) -> Iterator[Item]:
        """Yield every value that is neither a list nor a mapping."""
        if isinstance(self.value, list):
            for item in self.value:
                yield from item.scalars()
        elif isinstance(self.value, dict):
            for item in self.value.values():
                yield from item.scalars()
        else:
            yield self

    def _usual_cause(self) -> str:
        if isinstance(self.value, list):
            return ': if it is one that begins with "[", put quotes around it'
        if isinstance(self.value, dict):
            return ': if it is one with a colon in it or that begins with "{", put quotes around it'
        return ""

    def _named(self) -> str:
        if self.value is None or self.value == "":
            return "empty"
        if isinstance(self.value, list):
            return "a list"
        if isinstance(self.value, dict):
            return "keys with values"
        return f'"{self.value}"'
