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
    with contextlib.suppress(OSError, ValueError):
        return read_arrays(path)
    made = make()
    with contextlib.suppress(OSError):  # a read-only home or a full disk only costs time
        write_arrays(path, made)
    return made


def read_arrays(path: Path) -> Arrays:
    """Read a file of `write_arrays`; raises `OSError`, and `ValueError` when it is not as it was written."""
    kept = path.read_bytes()
    digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged: its checksum is wrong")
    with np.load(io.BytesIO(content)) as arrays:
        return {each: arrays[each] for each in arrays.files}


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays whole or not at all; raises `OSError`."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    content = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, hashlib.sha256(content).digest() + content)


def kept_texts(name: str, key: str, make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Give the texts kept under a name and key, or make and keep them."""

    def arrays() -> Arrays:
        return {each: np.frombuffer(text.encode(), dtype=np.uint8) for each, text in make().items()}

    return {each: array.tobytes().decode() for each, array in kept_arrays(name, key, arrays).items()}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whatever stood there before; raises `OSError`."""
    if path.exists() and not path.is_file():  # such as /dev/stdout: nothing can be put in its place
        path.write_bytes(content)
        return
    path = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(path.stat().st_mode if path.exists() else 0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What new files of this person may not be; the system gives it only in exchange for another."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
