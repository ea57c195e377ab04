"""The figures on the pages, and the measurements that they come from.

`bench/figures.yaml` says which key of which file in `bench/results` each figure on a page comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import yaml

from tests.support.labelled_lines import BENCH

_FIGURE = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
_UNCOMPARED = "*"
_NUMBER = re.compile(r"\d+(\.\d+)?")
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a page, with the key of a result for each of its figures in braces."""

    page: str
    result: str
    line: str

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"

    def updated(self, page: str) -> str:
        """Return the text of the page with the figures of the result. Raises `ValueError` unless one line fits."""
        found = re.findall(self._pattern, page, re.MULTILINE)
        if len(found) != 1:
            raise ValueError(f"{self}: {len(found)} lines of the page fit")
        return re.sub(self._pattern, self._filled, page, count=1, flags=re.MULTILINE)

    @property
    def _pattern(self) -> str:
        literal = map(re.escape, _FIGURE.sub("\0", self.line).split("\0"))
        return "^" + "([^|]+?)".join(literal) + "$"

    def _filled(self, found: re.Match[str]) -> str:
        result, stood = json.loads((BENCH / "results" / f"{self.result}.json").read_text("utf-8")), iter(found.groups())
        return _FIGURE.sub(lambda figure: _shown(result, figure[1], figure[2], next(stood)), self.line)


def _shown(result: Any, key: str, form: str | None, stood: str) -> str:
    if key == _UNCOMPARED:
        return stood
    value = sum((Decimal(str(_value(result, each))) for each in key.split(" & ")), Decimal(0))
    if form == "MB":
        return f"{value / _MEBIBYTE:.0f}"
    with localcontext() as context:
        context.rounding = ROUND_HALF_UP
        shown = format(value, form or "").replace("%", " %")
    return stood if _is_rounded(stood, value) else shown


def _is_rounded(stood: str, value: Decimal) -> bool:
    """Return whether the figure on the page is the rounded value. A value exactly in the middle may be rounded up or
    down.
    """
    number = stood.replace(",", "").removesuffix(" %")
    if not _NUMBER.fullmatch(number):
        return False
    exact = value * 100 if stood.endswith("%") else value
    return abs(Decimal(number) - exact) <= Decimal(5).scaleb(-1 - len(number.partition(".")[2]))


def _value(result: Any, key: str) -> Any:
    for part in key.split("/"):
        result = result[int(part) if isinstance(result, list) else part]
    return result


def places() -> Iterator[Place]:
    """Yield every line whose figures are checked."""
    for page, results in yaml.safe_load((BENCH / "figures.yaml").read_text(encoding="utf-8")).items():
        for result, lines in results.items():
            yield from (Place(page, result, line) for line in lines)
