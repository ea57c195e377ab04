"""Read YAML with the line of every value, so that a problem can name its place.

Only plain data is accepted: no tags, no anchors and aliases (a few lines of them can expand to gigabytes), and no deep
nesting.
"""

from __future__ import annotations

from typing import Any

import yaml

from voice_helper.content.documents import Item, Place, Problems

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_CHARACTERS = 2_000_000
_MAX_DEPTH = 40
_USUAL_CAUSES = {
    "mapping values are not allowed": "a text with a colon in it needs quotes around it",
    "cannot start any token": "indent with spaces, not with tabs",
    "expected ',' or '}'": "a text with quotes, a comma or a colon in it needs quotes around it",
    "did not find expected key": "a line here is indented otherwise than those that it belongs to",
    "expected <block end>": "a line here is indented otherwise than those that it belongs to",
}
"""Messages of the YAML reader, in both of its builds, and the most likely mistake behind each."""

_PLAIN_TAGS = frozenset({"tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"})


def read_document(text: str, file: str, problems: Problems) -> Item:
    """Read one YAML document. If it is invalid, add the mistakes to `problems` and return an empty document.

    `file` is the name of the file in problems.
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
                problems.add(place, "anchors (&) and aliases (*) are not read: write the value out")
                return Item(start, {})
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        problems.add(*_yaml_problem(error, file))
        return Item(start, {})
    if node is None:
        return Item(start, {})
    return _item(node, file, problems, depth=0)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _yaml_problem(error: Exception, file: str) -> tuple[Place, str]:
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "nested too deeply"
    usual = [cause for part, cause in _USUAL_CAUSES.items() if part in reason]
    more = "; ".join(filter(None, (getattr(error, "context", None), *usual)))
    return Place(file, line), f"is not YAML: {reason}" + (f" ({more})" if more else "")


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
                problems.add(key_place, f'key "{key}" stands here a second time; only one would count')
            else:
                read[key] = _item(value_node, file, problems, depth=depth + 1)
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
    problems.add(place, f"the tag {node.tag} is not read: only plain values are")
