"""Things that take a second to make, kept in the user's cache folder under a key of what they are made from.

The same content gives the same key, so a kept thing is never stale. A file is written whole or
not at all; one that cannot be read, or cannot be written, is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voice_helper.paths import cache_folder

_DIGEST_BYTES = 32

Arrays = Mapping[str, npt.NDArray[np.generic]]


def kept_arrays(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Give the arrays kept under a name and key, or make and keep them."""
    path = cache_folder() / f"{name}-{key[:32]}.npz"
    whole = _read_whole(path)
    if whole is not None:
        with np.load(io.BytesIO(whole)) as kept:
            return {each: kept[each] for each in kept.files}
    made = make()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(made))  # type: ignore[arg-type]
    _write_whole(path, buffer.getvalue())
    return made


def kept_texts(name: str, key: str, make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Give the texts kept under a name and key, or make and keep them."""

    def arrays() -> Arrays:
        return {each: np.frombuffer(text.encode(), dtype=np.uint8) for each, text in make().items()}

    return {each: array.tobytes().decode() for each, array in kept_arrays(name, key, arrays).items()}


def _read_whole(path: Path) -> bytes | None:
    """Give what was kept; `None` when it is not there, or not as it was written."""
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write_whole(path: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):  # a read-only home or a full disk only costs time
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
