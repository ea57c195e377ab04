"""Store results that take about a second to compute. They are in the user's cache folder, keyed by a hash of their
inputs.

Different inputs have different keys, so an entry is never stale. Files are written atomically. A file that cannot be
read or written is treated as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from voice_helper.support.atomic_write import write_whole
from voice_helper.support.paths import cache_folder
from voice_helper.support.tempdir import temporary_folder

if TYPE_CHECKING:  # many callers of this module run without numpy
    import numpy as np
    import numpy.typing as npt

_DIGEST_BYTES = 32
MAX_KEPT = 9
"""How many files of each kind are kept: an intents folder can need three graphs, and other folders are in use too."""

_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that an archive can store

Made = TypeVar("Made")
Arrays: TypeAlias = "Mapping[str, npt.NDArray[np.generic]]"


def kept_arrays(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays cached under a name and key. If there are none, make and cache them."""
    return _kept(_path(name, key, "npz"), read_arrays, make, write_arrays)


def kept_texts(name: str, key: str, make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Return the texts cached under a name and key. If there are none, make and cache them."""

    def read(path: Path) -> Mapping[str, str]:
        texts: Mapping[str, str] = json.loads(read_checked(path))
        return texts

    return _kept(
        _path(name, key, "json"), read, make, lambda path, texts: write_checked(path, json.dumps(dict(texts)).encode())
    )


def kept_values(name: str, key: str, make: Callable[[], Made], modules: frozenset[str]) -> Made:
    """Return the value cached under a name and key. If there is none, make and cache it.

    The value may contain plain values and instances of classes from `modules`, which must already be imported.
    Instances of any other class are refused when the file is read. A file is treated as missing if another user wrote
    it or could have written it.
    """

    def read(path: Path) -> Made:
        if not _is_own(path):
            raise ValueError("it belongs to another user")
        content = read_checked(path)
        try:
            value: Made = _Unpickler(content, modules).load()
        except Exception as error:  # unpickling can raise anything; in every case the value is recomputed
            raise ValueError(f"it cannot be read: {error}") from error
        return value

    def write(path: Path, value: Made) -> None:
        write_checked(path, pickle.dumps(value))

    return _kept(_path(name, key, "values"), read, make, write)


def kept_file(name: str, key: str, make: Callable[[], bytes], read: Callable[[Path], Made]) -> Made:
    """Return what `read` returns for a file cached under a name and key. If there is none, make and cache it.

    The content of the file ends with a checksum. A file is treated as missing if another user wrote it or could have
    written it. If the cache is not writable, or another process removes the file before it is read, `read` gets a
    temporary file without a checksum.
    """
    path = _path(name, key, "whole")
    content = None
    is_cached = _is_whole(path)
    if is_cached:
        _mark_as_used(path)
    else:
        content = make()
        with contextlib.suppress(OSError):  # a read-only home or a full disk only costs time
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content + hashlib.sha256(content).digest())
            is_cached = True
        _remove_older(path)
    if is_cached:
        try:
            return read(path)
        except (OSError, ValueError):
            if _is_whole(path):
                raise
    with temporary_folder() as folder:
        (folder / path.name).write_bytes(make() if content is None else content)
        return read(folder / path.name)


def _is_whole(path: Path) -> bool:
    """Return whether a file written by `kept_file` exists, belongs to this user and has a valid checksum."""
    try:
        if not _is_own(path):
            return False
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(memoryview(content)[:-_DIGEST_BYTES]).digest() == content[-_DIGEST_BYTES:]


def _path(name: str, key: str, ending: str) -> Path:
    return cache_folder() / f"{name}-{key[:32]}.{ending}"


def _kept(
    path: Path, read: Callable[[Path], Made], make: Callable[[], Made], write: Callable[[Path, Made], None]
) -> Made:
    with contextlib.suppress(OSError, ValueError):
        kept = read(path)
        _mark_as_used(path)
        return kept
    made = make()
    with contextlib.suppress(OSError):  # a read-only home or a full disk only costs time
        write(path, made)
    _remove_older(path)
    return made


class _Unpickler(pickle.Unpickler):
    """An unpickler that accepts only plain values and instances of classes from the given modules."""

    def __init__(self, content: bytes, modules: frozenset[str]) -> None:
        super().__init__(io.BytesIO(content))
        self._modules = modules

    def find_class(self, module: str, name: str) -> Any:
        found = getattr(sys.modules[module], name) if module in self._modules else None
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"{module}.{name} is not read")
        return found


def _mark_as_used(path: Path) -> None:
    """Make a file the newest one, so that files in use are not removed."""
    with contextlib.suppress(OSError):  # a cache that cannot be written
        os.utime(path)


def _remove_older(path: Path) -> None:
    """Remove all but the newest files of the same kind as a cached file."""
    remove_oldest(path.parent.glob(f"{path.name.rpartition('-')[0]}-*{path.suffix}"))


def remove_oldest(paths: Iterable[Path], keep: int = MAX_KEPT) -> None:
    """Remove all but the newest `keep` files. Otherwise, each edit of the intents would leave a file behind.

    Files that cannot be removed stay, and files that another process removes meanwhile are skipped.
    """
    times: dict[Path, int] = {}
    with contextlib.suppress(OSError):
        for path in paths:
            with contextlib.suppress(OSError):
                times[path] = path.stat().st_mtime_ns
    for path in sorted(times, key=times.__getitem__)[:-keep]:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _is_own(path: Path) -> bool:
    """Return whether this user is the only one who can have written the file. Always true on systems without user
    ids.
    """
    status = path.stat()
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o002)


def read_checked(path: Path) -> bytes:
    """Read a file written by `write_checked`. Raises `OSError`, or `ValueError` if the checksum does not match."""
    kept = path.read_bytes()
    digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged: its checksum is wrong")
    return content


def write_checked(path: Path, content: bytes) -> None:
    """Write a file and its checksum atomically. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, hashlib.sha256(content).digest() + content)


def read_arrays(path: Path) -> Arrays:
    """Read a file written by `write_arrays`. Raises `OSError`, or `ValueError` if the file is damaged."""
    return arrays_of(read_checked(path))


def read_texts(path: Path) -> Mapping[str, str]:
    """Read a file written by `write_texts`. Raises `OSError`, or `ValueError` if the file is damaged."""
    import zlib

    try:
        texts = json.loads(zlib.decompress(read_checked(path)))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not isinstance(texts, dict):
        raise ValueError("it holds no texts by name")  # noqa: TRY004  the same error as for any other damage
    return texts


def write_texts(path: Path, texts: Mapping[str, str]) -> None:
    """Write compressed texts atomically. Raises `OSError`."""
    import zlib

    write_checked(path, zlib.compress(json.dumps(dict(texts)).encode(), level=9))


def text_in(content: bytes, name: str) -> str:
    """Return the text stored as an array under `name`, from the verified content of a file.

    Works without numpy, which is slow to import. Raises `ValueError` or `KeyError` if there is no such text.
    """
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(io.BytesIO(content)) as arrays:
            array = arrays.read(f"{name}.npy")
    except BadZipFile as error:
        raise ValueError(str(error)) from None
    text_at = 10 + int.from_bytes(array[8:10], "little")  # header follows magic and version (8 bytes) and header length
    if not array.startswith(b"\x93NUMPY\x01") or b"'<U" not in array[:text_at]:
        raise ValueError(f"{name} is not a text")
    return array[text_at:].decode("utf-32-le").rstrip("\0")


def arrays_of(content: bytes) -> Arrays:
    """Return the arrays from the verified content of a file. Raises `ValueError` if it is not an array file."""
    import numpy as np

    with np.load(io.BytesIO(content)) as arrays:
        return {each: arrays[each] for each in arrays.files}


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write compressed arrays atomically. The same arrays always give the same bytes. Raises `OSError`."""
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    import numpy as np

    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:  # not np.savez, which may store the time and the system
        for name, array in arrays.items():
            entry = ZipInfo(f"{name}.npy", date_time=_NO_DATE)
            entry.create_system = 3
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), ZIP_DEFLATED, compresslevel=9)
    write_checked(path, buffer.getvalue())
