"""Resolve the choices of a sentence template one by one, such as `(heat|cold)`, for systems that cannot answer each
option differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_SIGN: Final = re.compile(r"[()\[\]|;]|<\w+>")


def resolutions(template: str, rules: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield, for each outermost choice of a valid template, the templates that result when one option replaces the
    choice.

    A reference to a rule counts as a choice between the options of the rule's text. A permutation does not count as a
    choice.
    """
    for start, end in _outermost(template):
        group = template[start:end]
        options = _options(rules[group[1:-1]] if group[0] == "<" else group[1:-1])
        if group[0] == "[":
            options.append("")
        texts = (f"{template[:start]}{option}{template[end:]}" for option in options)
        if options:
            yield list(dict.fromkeys(" ".join(text.split()) for text in texts))


def _outermost(template: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each group or rule that is not inside another group."""
    depth = start = 0
    for sign in _SIGN.finditer(template):
        if sign[0][0] == "<":
            if depth == 0:
                yield sign.span()
        elif sign[0] in "([":
            if depth == 0:
                start = sign.start()
            depth += 1
        elif sign[0] in ")]":
            depth -= 1
            if depth == 0:
                yield start, sign.end()


def _options(text: str) -> list[str]:
    """Return the options of a choice.

    A text without alternatives is its own only option. A permutation has no options.
    """
    depth, options, begin = 0, [], 0
    for sign in _SIGN.finditer(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign[0], 0)
        if depth == 0 and sign[0] == ";":
            return []
        if depth == 0 and sign[0] == "|":
            options.append(text[begin : sign.start()])
            begin = sign.end()
    return [*options, text[begin:]]
