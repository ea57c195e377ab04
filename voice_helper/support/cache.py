"""Things that take a second to make, kept in the user's cache folder under a key of what they are made from.

The same content gives the same key, so a kept thing is never stale. A file is written whole or
not at all; one that cannot be read, or cannot be written, is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from voice_helper.support.paths import cache_folder
from voice_helper.support.tempdir import temporary_folder

if TYPE_CHECKING:  # many who keep something here do without it
    import numpy as np
    import numpy.typing as npt

_DIGEST_BYTES = 32
_MAX_KEPT = 8
_MAX_LARGE_KEPT = 4  # files of some 20 MB

Made = TypeVar("Made")
Arrays: TypeAlias = "Mapping[str, npt.NDArray[np.generic]]"


def kept_arrays(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Give the arrays kept under a name and key, or make and keep them."""
    return _kept(_path(name, key, "npz"), read_arrays, make, write_arrays)


def kept_texts(name: str, key: str, make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Give the texts kept under a name and key, or make and keep them."""

    def read(path: Path) -> Mapping[str, str]:
        texts: Mapping[str, str] = json.loads(read_checked(path))
        return texts

    return _kept(
        _path(name, key, "json"), read, make, lambda path, texts: write_checked(path, json.dumps(dict(texts)).encode())
    )


def kept_values(name: str, key: str, make: Callable[[], Made], modules: frozenset[str]) -> Made:
    """Give a value kept under a name and key, or make and keep it.

    It is made of plain values and of the classes of some modules, which are imported already: of no other class
    is anything read back. A file that another user wrote, or might have written, is as if it were not there.
    """

    def read(path: Path) -> Made:
        if not _is_own(path):
            raise ValueError("it belongs to somebody else")
        content = read_checked(path)
        try:
            value: Made = _Unpickler(content, modules).load()
        except Exception as error:  # whatever unpickling may raise, it is made anew
            raise ValueError(f"it cannot be read: {error}") from error
        return value

    def write(path: Path, value: Made) -> None:
        write_checked(path, pickle.dumps(value))
        _remove_oldest(path.parent.glob(f"{name}-*.values"))

    return _kept(_path(name, key, "values"), read, make, write)


@contextlib.contextmanager
def kept_file(name: str, key: str, make: Callable[[], bytes]) -> Iterator[Path]:
    """Yield the path of a file kept under a name and key, made if need be; its content is followed by a checksum.

    A file that another user wrote, or might have written, is as if it were not there. Where nothing can be kept, the
    file is there inside the block only.
    """
    path = _path(name, key, "whole")
    with contextlib.suppress(OSError, ValueError):
        if _is_own(path):
            _check_trailing(path)
            yield path
            return
    content = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content + hashlib.sha256(content).digest())
        _remove_oldest(path.parent.glob(f"{name}-*.whole"), keep=_MAX_LARGE_KEPT)
    except OSError:  # a read-only home or a full disk only costs time
        with temporary_folder() as folder:
            (folder / path.name).write_bytes(content)
            yield folder / path.name
        return
    yield path


def _check_trailing(path: Path) -> None:
    content = path.read_bytes()
    if hashlib.sha256(memoryview(content)[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise ValueError("it is damaged: its checksum is wrong")


def _path(name: str, key: str, ending: str) -> Path:
    return cache_folder() / f"{name}-{key[:32]}.{ending}"


def _kept(
    path: Path, read: Callable[[Path], Made], make: Callable[[], Made], write: Callable[[Path, Made], None]
) -> Made:
    with contextlib.suppress(OSError, ValueError):
        return read(path)
    made = make()
    with contextlib.suppress(OSError):  # a read-only home or a full disk only costs time
        write(path, made)
    return made


class _Unpickler(pickle.Unpickler):
    """Makes nothing but plain values and those of some classes of ours."""

    def __init__(self, content: bytes, modules: frozenset[str]) -> None:
        super().__init__(io.BytesIO(content))
        self._modules = modules

    def find_class(self, module: str, name: str) -> Any:
        found = getattr(sys.modules[module], name) if module in self._modules else None
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"{module}.{name} is not read")
        return found


def _remove_oldest(paths: Iterable[Path], keep: int = _MAX_KEPT) -> None:
    """Leave the newest few: each edit of the words makes another file at the next start."""
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)[:-keep]:
        path.unlink(missing_ok=True)


def _is_own(path: Path) -> bool:
    """Tell whether nobody but this user can have written a file, where the system knows users."""
    status = path.stat()
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o002)


def read_checked(path: Path) -> bytes:
    """Read a file of `write_checked`; raises `OSError`, and `ValueError` when it is not as it was written."""
    kept = path.read_bytes()
    digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged: its checksum is wrong")
    return content


def write_checked(path: Path, content: bytes) -> None:
    """Write a file with its checksum, whole or not at all; raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, hashlib.sha256(content).digest() + content)


def read_arrays(path: Path) -> Arrays:
    """Read a file of `write_arrays`; raises `OSError`, and `ValueError` when it is not as it was written."""
    return arrays_of(read_checked(path))


def read_texts(path: Path) -> Mapping[str, str]:
    """Read a file of `write_texts`; raises `OSError`, and `ValueError` when it is not as it was written."""
    import zlib

    try:
        texts = json.loads(zlib.decompress(read_checked(path)))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not isinstance(texts, dict):
        raise ValueError("it holds no texts by name")  # noqa: TRY004  as all that is damaged
    return texts


def write_texts(path: Path, texts: Mapping[str, str]) -> None:
    """Write texts, made small, whole or not at all; raises `OSError`."""
    import zlib

    write_checked(path, zlib.compress(json.dumps(dict(texts)).encode(), level=9))


def text_in(content: bytes, name: str) -> str:
    """Give the one text among the arrays of the checked content of a file, without numpy, which takes long to load.

    Raises `ValueError` or `KeyError` where there is none.
    """
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(io.BytesIO(content)) as arrays:
            array = arrays.read(f"{name}.npy")
    except BadZipFile as error:
        raise ValueError(str(error)) from None
    text_at = 10 + int.from_bytes(array[8:10], "little")  # after a mark of 8 bytes, the header's length, and the header
    if not array.startswith(b"\x93NUMPY\x01") or b"'<U" not in array[:text_at]:
        raise ValueError(f"{name} is no text")
    return array[text_at:].decode("utf-32-le").rstrip("\0")


def arrays_of(content: bytes) -> Arrays:
    """Give the arrays of the checked content of a file; raises `ValueError` when it is no such file."""
    import numpy as np

    with np.load(io.BytesIO(content)) as arrays:
        return {each: arrays[each] for each in arrays.files}


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays whole or not at all; raises `OSError`."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    write_checked(path, buffer.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whatever stood there before; raises `OSError`."""
    import tempfile

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
