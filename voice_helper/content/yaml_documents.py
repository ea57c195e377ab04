"""Read YAML with the line of every value, so that problems can be located.

Only plain data is accepted: no tags, no anchors and aliases (a few lines of them can expand to gigabytes), and no deep
nesting.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from voice_helper.content.documents import Item, Place, Problems, missing_space

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_CHARACTERS = 2_000_000
_MAX_DEPTH = 40
_VALUE = re.compile(r"\s*(?:-\s+)*(?:[\w.]+:\s+)?(?P<value>\S.*?)\s*")
_IN_BRACKETS = re.compile(r"(\[[^\]]*\]|\{[^}]*\}).*[^\s,\]}].*")
_IN_QUOTES = re.compile(r"""("[^"]*"|'[^']*')\s*[^\s,#:\]}].*""")
_SIGNS = "@`%!&*|>?"
_TAB = "indent with spaces, not with tabs"
_COLON = "a text with a colon in it needs quotes around it"
_QUOTES = "a text with quotes in it needs quotes of the other kind around all of it"
_INDENT = "a line is indented differently from the lines that it belongs to"
_NO_ANCHORS = "anchors (&) and aliases (*) are not supported: write the value out, or put quotes around the text"
_PART = "the bracket is never closed, or a text in it with quotes, a comma or a colon needs quotes around it"

_PLAIN_TAGS = frozenset({"tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"})


def read_document(text: str, file: str, problems: Problems) -> Item:
    """Read one YAML document. If it is invalid, add the mistakes to `problems` and return an empty document.

    `file` is the name of the file in problem messages.
    """
    start = Place(file, 1)
    if len(text) > _MAX_CHARACTERS:
        problems.add(start, f"is larger than {_MAX_CHARACTERS} characters, which no intents file is")
        return Item(start, {})
    try:
        has_signs = "&" in text or "*" in text  # without these characters there are no anchors and aliases
        for event in yaml.parse(text, Loader=_Loader) if has_signs else ():
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                place = Place(file, _line(event))
                problems.add(place, _NO_ANCHORS)
                return Item(start, {})
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        problems.add(*_yaml_problem(error, file, text))
        return Item(start, {})
    if node is None:
        return Item(start, {})
    return _item(node, file, problems, depth=0)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _yaml_problem(error: Exception, file: str, text: str) -> tuple[Place, str]:
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "nested too deeply"
    context = getattr(error, "context", None) or ""
    if "quoted scalar" in context and "end of stream" in reason:
        line = int(getattr(error, "context_mark").line)  # noqa: B009 - only some of its classes have it
        return Place(file, line + 1), "is not YAML: the quotes that open here are never closed"
    line = mark.line if mark else 0
    lines = text.splitlines()
    opens = _unclosed_quotes(text, mark)
    if opens is not None:
        what = "the quotes that open here are not closed where the text ends"
        return Place(file, opens + 1), f"is not YAML: {what}, but only in line {line + 1}: close them on this line"
    without_space = _line_without_space(lines, error, line)
    if without_space is not None:
        return Place(file, without_space + 1), f"is not YAML: {missing_space(lines[without_space])}"
    cause = _usual_cause(lines[line] if line < len(lines) else "", reason, context)
    more = "; ".join(filter(None, (context, cause)))
    return Place(file, line + 1), f"is not YAML: {reason}" + (f" ({more})" if more else "")


def _unclosed_quotes(text: str, mark: Any) -> int | None:
    """Return the index of the line whose quotes are closed only by the quotes that open the text at `mark`.

    Return `None` if no quotes run on to the line of `mark`.
    """
    if mark is None:
        return None
    opens: int | None = None
    try:
        for token in yaml.scan(text, Loader=_Loader):
            start, end = token.start_mark, token.end_mark
            if (start.line, start.column) > (mark.line, mark.column):
                break
            if isinstance(token, yaml.ScalarToken) and token.style in {'"', "'"} and start.line < end.line == mark.line:
                opens = int(start.line)
    except yaml.YAMLError:
        pass  # a mistake that the scanner finds is at `mark`, and the tokens before it have been read
    return opens


def _line_without_space(lines: Sequence[str], error: Exception, line: int) -> int | None:
    """Return the index of the line before the mistake that has a key without a space after its colon.

    Return `None` if there is no such line.
    """
    start: Any = getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or ""
    if "could not find expected ':'" in reason and start is not None:
        candidate = int(start.line)
    elif "mapping values are not allowed" in reason:
        candidate = next((number for number in range(line - 1, -1, -1) if lines[number].strip()), line)
    else:
        return None
    return candidate if candidate < len(lines) and missing_space(lines[candidate]) else None


def _usual_cause(line: str, reason: str, context: str) -> str | None:
    """Return the most likely mistake behind an error message of the YAML parser, in either of its implementations."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _TAB
    found = _VALUE.fullmatch(line)
    value = found["value"] if found else ""
    if value and (_IN_BRACKETS.fullmatch(value) or value[0] in _SIGNS):
        return f'a text that begins with "{value[0]}" needs quotes around it'
    if _IN_QUOTES.fullmatch(value):
        return _QUOTES
    if "mapping values are not allowed" in reason:
        return _COLON
    if "flow" in context:
        return _PART
    return _INDENT if "expected <block end>" in reason or "did not find expected" in reason else None


def _item(node: yaml.Node, file: str, problems: Problems, *, depth: int) -> Item:
    place = Place(file, node.start_mark.line + 1)
    if depth > _MAX_DEPTH:
        problems.add(place, f"is nested more than {_MAX_DEPTH} levels deep")
        return Item(place, None)
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
        _refuse_tag(node, place, problems)
    if isinstance(node, yaml.SequenceNode):
        return Item(place, [_item(child, file, problems, depth=depth + 1) for child in node.value])
    if isinstance(node, yaml.MappingNode):
        read: dict[str, Item] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            key_place = Place(file, key_node.start_mark.line + 1)
            if not key:
                problems.add(key_place, "a key must be a text")
            elif key in read:
                first = next(each.start_mark.line for each, _ in node.value if each.value == key) + 1
                problems.add(key_place, f'key "{key}" occurs twice (first in line {first}): keep only one')
            else:
                value = _item(value_node, file, problems, depth=depth + 1)
                read[key] = Item(key_place, value.value)  # a block is found at its key, not at its first line
        return Item(place, read)
    return Item(place, _scalar(node, place, problems) if isinstance(node, yaml.ScalarNode) else None)


def _scalar(node: yaml.ScalarNode, place: Place, problems: Problems) -> str | bool | int | float | None:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "null":
        return None
    if kind == "bool":
        lower = node.value.lower()  # "yes", "no", "on" and "off" are words that people say, not truth values
        return lower == "true" if lower in {"true", "false"} else str(node.value)
    if kind in {"int", "float"}:
        try:
            return float(node.value) if kind == "float" else int(node.value, 0)
        except ValueError:
            return str(node.value)
    if kind not in {"str", "timestamp"}:
        _refuse_tag(node, place, problems)
    return str(node.value)


def _refuse_tag(node: yaml.Node, place: Place, problems: Problems) -> None:
    cause = (
        'a text that begins with "!" needs quotes around it' if node.tag.startswith("!") else "only plain values are"
    )
    problems.add(place, f"the tag {node.tag} is not read: {cause}")
