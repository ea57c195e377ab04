"""Read the weights of a network from an ONNX file, so that numpy can run the network without onnxruntime.

An ONNX file is a protocol buffer. Only the fields that hold weights are read. Source of the field numbers: onnx.proto
of the Open Neural Network Exchange, and the wire format in the documentation of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from voice_helper.errors import EngineMissingError, install_hint

Array: TypeAlias = npt.NDArray[Any]

_GRAPH: Final = 7  # field number in a model
_INITIALIZER: Final = 5  # field number in a graph
_DIMENSIONS, _TYPE, _NAME, _RAW = 1, 2, 8, 9  # field numbers in a tensor
_TYPES: Final[Mapping[int, str]] = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 10: "<f2"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_LENGTHS: Final = {_FIXED64: 8, _FIXED32: 4}


_Network = TypeVar("_Network")


def read_network(
    path: Path,
    read: Callable[[Path], Mapping[str, Array]],
    network: Callable[[Mapping[str, Array]], _Network],
    what: str,
) -> _Network:
    """Build a network from the weights in a file. `read` parses the file, `network` receives the weights.

    `network` may raise `LookupError` or `ValueError` if the weights do not fit. Raises `EngineMissingError`, with
    `what` in its message, if the file is missing, damaged or of another network.
    """
    try:
        return network(read(path))
    except (OSError, LookupError, ValueError) as error:
        raise EngineMissingError(f"{path}: {what} cannot be loaded: {error}", hint=install_hint()) from None


def read_onnx_weights(path: Path) -> dict[str, Array]:
    """Return the weights in an ONNX file by name.

    Raises `OSError` if the file cannot be read, and `ValueError` if it is damaged or not an ONNX file.
    """
    content = memoryview(path.read_bytes())
    weights: dict[str, Array] = {}
    for number, graph in _fields(content):
        if number == _GRAPH and isinstance(graph, memoryview):
            for inner, tensor in _fields(graph):
                if inner == _INITIALIZER and isinstance(tensor, memoryview):
                    name, array = _tensor(tensor)
                    weights[name] = array
    if not weights:
        raise ValueError("it holds no weights")
    return weights


def _tensor(message: memoryview) -> tuple[str, Array]:
    shape: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for number, value in _fields(message):
        if number == _DIMENSIONS:
            shape += [value] if isinstance(value, int) else _varints(value)
        elif number == _TYPE and isinstance(value, int):
            kind = value
        elif number == _NAME and isinstance(value, memoryview):
            name = str(value, "utf-8")
        elif number == _RAW and isinstance(value, memoryview):
            raw = value
    return name, np.frombuffer(raw, dtype=_TYPES.get(kind, "u1")).reshape(shape if kind in _TYPES else -1)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field. The value is an integer or bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, place = _varint(message, place)
        elif wire_type in _FIXED_LENGTHS:
            length = _FIXED_LENGTHS[wire_type]
        else:
            raise ValueError(f"a field of the unknown type {wire_type}")
        if place + length > len(message):
            raise ValueError("it ends in the middle of a field")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message):
            raise ValueError("it ends in the middle of a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _varints(message: memoryview) -> list[int]:
    values, place = list[int](), 0
    while place < len(message):
        value, place = _varint(message, place)
        values.append(value)
    return values
