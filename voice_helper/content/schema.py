"""Read YAML documents with a schema: records that declare the keys of a file, their types and their meaning.

The same records produce a JSON Schema for editors and the reference page of the docs. Reading never stops at the first
mistake: each mistake is added to the problems with its line, and a blank value replaces the invalid one.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from voice_helper.content.documents import Item, Place, Problems, missing_space

_OWN: Final = ("place", "key_places")
_LIKENESS: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A mapping with known keys. Each field that is declared with `key` is one of them."""

    named: ClassVar[str] = ""
    """The name of the file, if the record describes a whole file."""

    place: Place
    key_places: Mapping[str, Place]
    """The line of each valid value, by key. Missing keys are not included."""

    def place_of(self, name: str) -> Place:
        """Return the line of a value, or of the record if the key is missing."""
        return self.key_places.get(name, self.place)

    def has(self, *names: str) -> bool:
        """Return whether the file has all of these keys, each with a valid value."""
        return self.key_places.keys() >= set(names)


@dataclass(frozen=True, slots=True)
class Text:
    """A text from a document, with its line."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Texts:
    """One or several texts from a document, with the line of the first."""

    texts: tuple[str, ...]
    place: Place


AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True, slots=True)
class Key:
    """What the schema says about a key, apart from its type."""

    about: str
    each: str = ""
    """How problem messages name an entry of this key's value:

    `the answer {}`, where `{}` is the entry's key, name or number.
    """

    low: float | None = None
    high: float | None = None
    names: frozenset[str] | None = None
    """The keys that are allowed in a mapping. `None` allows any."""

    hint: str = ""
    """What problem messages suggest writing if the key is missing."""

    unless: str = ""
    """The alternative to this key. A record must have exactly one of the two."""


def key(
    about: str,
    *,
    default: Any = MISSING,
    each: str = "",
    low: float | None = None,
    high: float | None = None,
    names: Iterable[str] | None = None,
    hint: str = "",
    unless: str = "",
) -> Any:
    """Declare a key of a record.

    Without a `default`, the key is required, unless the record has the key that `unless` names.
    """
    known = frozenset(names) if names is not None else None
    metadata = {"key": Key(about, each, low, high, known, hint, unless)}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


_Keys = Mapping[str, tuple[Field[Any], Any, Key]]
_keys: dict[type[Record], _Keys] = {}


def keys_of(record: type[Record]) -> _Keys:
    """Return the keys of a record, each with its field, its type and its schema information."""
    if record not in _keys:
        hints = get_type_hints(record)
        _keys[record] = {
            each.name.rstrip("_"): (each, hints[each.name], each.metadata["key"])
            for each in fields(record)
            if each.name not in _OWN
        }
    return _keys[record]


def is_needed(each: Field[Any]) -> bool:
    """Return whether the key of a field is required. A key that its alternative can replace also counts as required."""
    return each.default is MISSING and each.default_factory is MISSING


def read(record: type[AnyRecord], item: Item, problems: Problems) -> AnyRecord:
    """Read a document as the record of its file. Mistakes are added to `problems`."""
    return _read_record(record, item, _Where(record.named, ""), problems)


@dataclass(frozen=True, slots=True)
class _Where:
    """How problem messages name a value (`what`) and the values inside it (`inside`)."""

    what: str
    inside: str

    def key(self, name: str) -> _Where:
        return _same(f"{self.inside}, {name}" if self.inside else name)

    def entry(self, key: Key | None, name: str | int, list_name: _Where) -> _Where:
        if key is not None and key.each:
            own = key.each.format(name)
            return _same(f"{self.inside}, {own}" if self.inside else own)
        return _same(f"{list_name.what}, entry {name}" if isinstance(name, int) else f"{list_name.what}, {name}")


def _same(name: str) -> _Where:
    return _Where(name, name)


def _read_record(record: type[AnyRecord], item: Item, where: _Where, problems: Problems) -> AnyRecord:
    found = item.mapping(problems, where.what)
    is_mapping = isinstance(item.value, dict)
    known = keys_of(record)
    for name, value in found.items():
        if name not in known:
            problems.add(value.place, f'{where.what}: unknown key "{name}"{_known_names(name, known)}')
    for name, (each, _, about_key) in known.items():
        is_replaced = about_key.unless in found
        if name in found and is_replaced:
            problems.add(found[name].place, f'{where.what} has "{about_key.unless}", so "{name}" has no effect')
        elif name not in found and is_needed(each) and is_mapping and not is_replaced:
            hint = f", {about_key.hint}" if about_key.hint else ""
            problems.add(item.place, f'{where.what} needs "{name}"{hint}')
    values: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for name, (each, kind, about) in known.items():
        if name in found:
            before = len(problems)
            values[each.name] = _read(kind, found[name], where.key(name), problems, about, where)
            if len(problems) == before:
                places[name] = found[name].place
        elif is_needed(each):
            values[each.name] = _blank(kind, item.place)
    return record(place=item.place, key_places=places, **values)


def _read(kind: Any, item: Item, where: _Where, problems: Problems, key: Key | None, parent: _Where) -> Any:
    kind = _chosen(kind, item)
    simple = _SIMPLE.get(kind)
    if simple is not None:
        value = simple(item, where.what, problems)
        if key is not None and isinstance(value, float | int):
            _check_range(value, key, item.place, where.what, problems)
        return value
    origin = get_origin(kind)
    if origin is Literal:
        text = item.text(problems, where.what)
        if text and text not in get_args(kind):
            allowed = ", ".join(get_args(kind))
            problems.add(
                item.place, f'{where.what} must be one of {allowed}, not "{text}"{did_you_mean(text, get_args(kind))}'
            )
            return _blank(kind, item.place)
        return text
    if origin is tuple:
        entries = get_args(kind)[0]
        if entries is str:
            return item.texts(problems, where.what)
        return tuple(
            _read(entries, entry, parent.entry(key, _name_of(entry) or number, where), problems, None, parent)
            for number, entry in enumerate(item.items(problems, where.what), 1)
        )
    if origin is dict:
        found = item.mapping(problems, where.what, known=None)
        if key is not None and key.names is not None:
            for name, value in found.items():
                if name not in key.names:
                    problems.add(value.place, f'{where.what}: unknown key "{name}"{_known_names(name, key.names)}')
            found = {name: value for name, value in found.items() if name in key.names}
        entries = get_args(kind)[1]
        return {
            name: _read(entries, entry, parent.entry(key, name, where), problems, None, parent)
            for name, entry in found.items()
        }
    return _read_record(kind, item, where, problems)


def _name_of(item: Item) -> str | None:
    """Return the value of the `name` key of a list entry, which problem messages use to refer to the entry."""
    name = item.value.get("name") if isinstance(item.value, dict) else None
    return name.value if name is not None and isinstance(name.value, str) else None


def _chosen(kind: Any, item: Item) -> Any:
    """Return the member of a union type that fits the form of a value. Any other type is returned unchanged."""
    members = members_of(kind)
    if len(members) == 1:
        return members[0]
    shape = "list" if isinstance(item.value, list) else "mapping" if isinstance(item.value, dict) else "scalar"
    return next((member for member in members if _shape_of(member) == shape), members[0])


def members_of(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union type except `None`, or the type itself."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(member for member in get_args(kind) if member is not type(None))
    return (kind,)


def _shape_of(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is tuple:
        return "list"
    return "mapping" if origin is dict or (isinstance(kind, type) and issubclass(kind, Record)) else "scalar"


def _text_with_place(item: Item, what: str, problems: Problems) -> Text:
    return Text(item.text(problems, what), item.place)


_SIMPLE: Final[Mapping[Any, Callable[[Item, str, Problems], Any]]] = {
    str: lambda item, what, problems: item.text(problems, what),
    float: lambda item, what, problems: item.number(problems, what),
    bool: lambda item, what, problems: item.truth(problems, what),
    Text: _text_with_place,
    Texts: lambda item, what, problems: Texts(item.texts(problems, what), item.place),
}


def _check_range(value: float, key: Key, place: Place, what: str, problems: Problems) -> None:
    if key.low is not None and key.high is not None and not key.low <= value <= key.high:
        problems.add(place, f"{what} must be from {key.low:g} to {key.high:g}, not {value}")
    elif key.low is not None and value < key.low:
        problems.add(place, f"{what} must be at least {key.low:g}, not {value:g}")


def _blank(kind: Any, place: Place) -> Any:
    member = members_of(kind)[0]
    origin = get_origin(member)
    if origin is tuple:
        return ()
    if origin is dict:
        return {}
    if origin is Literal:
        return get_args(member)[0]
    if member is Text:
        return Text("", place)
    if member is Texts:
        return Texts((), place)
    if member in (str, float, bool):
        return member()
    inner = {each.name: _blank(each_kind, place) for each, each_kind, _ in keys_of(member).values() if is_needed(each)}
    return member(place=place, key_places={}, **inner)


def _known_names(name: str, known: Iterable[str]) -> str:
    missing = missing_space(name)
    cause = f": {missing}" if missing else did_you_mean(name, known)
    return f"{cause} (known: {', '.join(sorted(known))})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that suggests the known name most similar to a wrong one. Return "" if none is similar."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=_LIKENESS)
    return f', did you mean "{near[0]}"?' if near else ""


def json_schema(record: type[Record]) -> dict[str, Any]:
    """Return the JSON Schema of a file, which editors use for validation and completion."""
    definitions: dict[str, Any] = {}
    top = _object(record, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": record.named, **top} | (
        {"$defs": dict(sorted(definitions.items()))} if definitions else {}
    )


def _object(record: type[Record], definitions: dict[str, Any]) -> dict[str, Any]:
    known = keys_of(record)
    needed = [name for name, (each, _, about_key) in known.items() if is_needed(each) and not about_key.unless]
    return (
        {
            "type": "object",
            "description": about(record),
            "properties": {name: _schema(kind, each, definitions) for name, (_, kind, each) in known.items()},
            "additionalProperties": False,
        }
        | ({"required": needed} if needed else {})
        | _alternatives(known)
    )


def _alternatives(known: _Keys) -> dict[str, Any]:
    """Return the schema rule that requires an object to have either a key or the keys that it replaces."""
    replaced: dict[str, dict[str, bool]] = {}
    for name, (each, _, about_key) in known.items():
        if about_key.unless:
            replaced.setdefault(about_key.unless, {})[name] = is_needed(each)
    if not replaced:
        return {}
    either = [
        {
            "if": {"required": [other]},
            "then": {"not": {"anyOf": [{"required": [name]} for name in names]}},
            "else": {"required": [name for name, needed in names.items() if needed]},
        }
        for other, names in replaced.items()
    ]
    return {"allOf": either}


def _schema(kind: Any, key: Key | None, definitions: dict[str, Any]) -> dict[str, Any]:
    described = {"description": key.about} if key is not None else {}
    members = members_of(kind)
    if len(members) > 1:
        return described | {"anyOf": [_schema(member, None, definitions) for member in members]}
    (member,) = members
    if member is Texts:
        return _schema(tuple[str, ...], key, definitions)
    if member in (str, Text):
        return described | {"type": "string", "minLength": 1}
    if member is float:
        limits = {"minimum": key.low if key else None, "maximum": key.high if key else None}
        return described | {"type": "number"} | {name: value for name, value in limits.items() if value is not None}
    if member is bool:
        return described | {"type": "boolean"}
    origin = get_origin(member)
    if origin is Literal:
        return described | {"enum": list(get_args(member))}
    if origin is tuple:
        entries = _schema(get_args(member)[0], None, definitions)
        many = {"type": "array", "items": entries}
        return described | ({"anyOf": [entries, many]} if get_args(member)[0] is str else many)
    if origin is dict:
        names = {"propertyNames": {"enum": sorted(key.names)}} if key and key.names is not None else {}
        values = _schema(get_args(member)[1], None, definitions)
        return described | {"type": "object", "additionalProperties": values} | names
    if member.__name__ not in definitions:
        definitions[member.__name__] = {}
        definitions[member.__name__] = _object(member, definitions)
    return described | {"$ref": f"#/$defs/{member.__name__}"}


def about(record: type[Record]) -> str:
    """Return the description of a record: its docstring on one line."""
    return " ".join((record.__doc__ or "").split())


def reference(record: type[Record]) -> Iterator[str]:
    """Yield the lines of a file's section in the reference page, with a table of keys for each record."""
    yield from (f"## {record.named}", "", about(record), "")
    left: list[type[Record]] = [record]
    done: set[type[Record]] = set()
    while left:
        each = left.pop(0)
        if each in done:
            continue
        done.add(each)
        if each is not record:
            yield from (f"### {_title(each)} in {record.named}", "", about(each), "")
        yield from ("| key | value | required | meaning |", "|---|---|---|---|")
        for name, (declared, kind, about_key) in keys_of(each).items():
            needed = "yes" if is_needed(declared) else ""
            needed += f", or `{about_key.unless}`" if needed and about_key.unless else ""
            yield f"| `{name}` | {_shown(kind, about_key)} | {needed} | {about_key.about} |"
            left += _records_in(kind)
        yield ""


def _title(record: type[Record]) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in record.__name__)
    return words.strip().removesuffix(" keys").capitalize()


def _records_in(kind: Any) -> Iterator[type[Record]]:
    for member in members_of(kind):
        if isinstance(member, type) and issubclass(member, Record):
            yield member
        else:
            for inner in get_args(member):
                if inner is not Ellipsis and not isinstance(inner, str):
                    yield from _records_in(inner)


def _shown(kind: Any, key: Key | None) -> str:
    members = members_of(kind)
    if len(members) > 1:
        return " or ".join(_shown(member, None) for member in members)
    (member,) = members
    origin = get_origin(member)
    if member is float and key is not None and key.high is not None and key.low is not None:
        return f"number from {key.low:g} to {key.high:g}"
    if member in _SHOWN:
        return _SHOWN[member]
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(member))
    if origin is tuple:
        inner = get_args(member)[0]
        return "text or list of texts" if inner is str else f"list: {_shown(inner, None)}"
    if origin is dict:
        return f"mapping of names to {_shown(get_args(member)[1], None)}"
    return f"{_title(member).lower()} keys (below)"


_SHOWN: Final[Mapping[Any, str]] = {
    str: "text", Text: "text", Texts: "text or list of texts", float: "number", bool: "`true` or `false`",
}  # fmt: skip
