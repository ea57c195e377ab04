"""Save the state of a conversation as a short JSON text, so that any process with the same content can continue it.

The types of the frozen dataclasses define the format. A field with its default value is left out. A value that does
not fit its type exactly is refused. Neither msgspec 0.22 nor cattrs 26.2 can replace this module: with dataclasses,
msgspec accepts unknown keys and writes default values, and cattrs reads "5" as 5 and "abc" as ("a", "b", "c").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from voice_helper.dialogue.state import State
from voice_helper.errors import SavedStateError

VERSION: Final = 4
"""Incremented with every change to `State` or its parts that would change the meaning of a state saved earlier."""

_HUGE: Final = 2**53
"""No number of a state comes near this one. Up to it, integers and floats convert into each other exactly."""


def to_json(state: State, key: str) -> str:
    """Return a state as JSON text. `key` identifies the content that it belongs to.

    The only user input in the text is the slot values of the last questions ("pickle") and, in the middle of an
    utterance, the words that raise a red flag. Store the text where only this program can change it, because it
    determines what the program says next.
    """
    return json.dumps({"version": VERSION, "key": key, "state": _written(state)}, separators=(",", ":"))


def from_json(text: str, key: str) -> State:
    """Restore a state from its JSON text.

    Raises `SavedStateError` if the text is invalid, or if it has another version or another `key`. The caller then
    starts a new conversation.
    """
    try:
        saved = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise SavedStateError("it is not JSON") from None
    if not isinstance(saved, dict) or saved.keys() != {"version", "key", "state"}:
        raise SavedStateError("it is not a saved state")
    if type(saved["version"]) is not int or saved["version"] != VERSION:
        raise SavedStateError(f"it is of version {saved['version']!r}, and this one reads {VERSION}")
    if saved["key"] != key:
        raise SavedStateError("it belongs to other content")
    state: State = _read(State, saved["state"], "state")
    return state


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _written(value: Any) -> Any:
    if is_dataclass(value):
        values = {each.name: getattr(value, each.name) for each in fields(value) if not _is_usual(each, value)}
        return {name: _written(held) for name, held in values.items()}
    if isinstance(value, tuple):
        return [_written(held) for held in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return {name: _written(held) for name, held in value.items()}
    return value


def _is_usual(each: Field[Any], owner: object) -> bool:
    usual = each.default if each.default_factory is MISSING else each.default_factory()
    return bool(getattr(owner, each.name) == usual)


def _read(kind: Any, value: Any, where: str) -> Any:
    """Convert a JSON value to a type. `where` names the value in error messages. Raises `SavedStateError`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _read_one_of(arguments, value, where)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_read(arguments[0], held, f"{where}[{number}]") for number, held in enumerate(value))
    if origin is frozenset and isinstance(value, list):
        return frozenset(_read(arguments[0], held, f"{where}[{number}]") for number, held in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {name: _read(arguments[1], held, f"{where}.{name}") for name, held in value.items()}
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_fields(kind, value, where)
    if type(value) in (int, float) and not -_HUGE < value < _HUGE:
        raise SavedStateError(f"{where} is too large a number")
    if kind is float and type(value) is int:
        return float(value)
    if kind in (bool, int, float, str, NoneType) and type(value) is kind:
        return value
    raise SavedStateError(f"{where} has an invalid value")


def _read_one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    for kind in kinds:
        try:
            return _read(kind, value, where)
        except SavedStateError as error:
            refused = error
    raise refused


def _read_fields(kind: Any, values: dict[str, Any], where: str) -> Any:
    hints = _hints(kind)
    if unknown := values.keys() - hints.keys():
        raise SavedStateError(f"{where} has {', '.join(sorted(unknown))}, which it cannot have")
    read = {name: _read(hints[name], held, f"{where}.{name}") for name, held in values.items()}
    missing = [each.name for each in fields(kind) if each.name not in read and not _may_be_left_out(each)]
    if missing:
        raise SavedStateError(f"{where} lacks {', '.join(missing)}")
    return kind(**read)


def _may_be_left_out(each: Field[Any]) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
