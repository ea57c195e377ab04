"""Unpack or copy models, with size limits. No file is ever written outside the target folder."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from voice_helper.errors import ModelInstallError

Count = Callable[[int], None]
"""The type of a progress function. It receives the number of bytes written so far."""

MAX_FILES: Final = 10_000
_MAX_TIMES: Final = 20  # an archive compresses a model less than 20-fold, and a zip bomb 1,000-fold
_MIN_LIMIT_BYTES: Final = 1_000_000  # small archives can contain long runs of the same byte
_BLOCK_BYTES: Final = 1 << 18
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_KINDS: Final = {0, stat.S_IFREG, stat.S_IFDIR}  # 0: the archive comes from a system without file types
_ENCRYPTED: Final = 1
_UNUSABLE: Final = re.compile(  # characters, endings and device names that are invalid on at least one system
    r'[\x00-\x1f\x7f"*:<>?\\|]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE
)
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)
_AGAIN: Final = "download it again from its publisher"


def unpack(archive: Path, folder: Path, *, count: Count) -> None:
    """Unpack a zip archive into a new folder.

    The archive is checked before anything is written. It is refused if it contains paths that lead outside the folder,
    links, devices, encrypted files, duplicate names (ignoring case), or more files or bytes than a model has. Raises
    `ModelInstallError`, or `OSError` if the folder cannot be written.
    """
    with _opened(archive) as opened:
        members = opened.infolist()
        most = max(_MAX_TIMES * archive.stat().st_size, _MIN_LIMIT_BYTES)
        _check_members(archive.name, members, most)
        check_room(folder.parent, sum(member.file_size for member in members))
        folder.mkdir()
        done = 0
        for member in members:
            path = folder / PurePosixPath(member.filename)
            (path if member.is_dir() else path.parent).mkdir(parents=True, exist_ok=True)
            if not member.is_dir():
                done = _write(path, _content(archive.name, opened, member), done, most, count)


def copy(source: Path, folder: Path, *, count: Count) -> None:
    """Copy a folder to a new one, under the rules of `unpack`.

    Raises `ModelInstallError`, or `OSError` if something cannot be read or written.
    """
    files = _checked_files(source)
    check_room(folder.parent, sum(path.stat().st_size for path in files))
    folder.mkdir()
    done = 0
    for path in files:
        to = folder / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as file:
            done = _write(to, _blocks(file), done, None, count)


def _opened(archive: Path) -> zipfile.ZipFile:
    with _reading(f"{archive.name} is not a complete zip archive"):
        return zipfile.ZipFile(archive)


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Convert every exception that a damaged archive can cause to `ModelInstallError`."""
    try:
        yield
    except _DAMAGED as error:
        raise ModelInstallError(f"{what}: {error}", hint=_AGAIN) from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ModelInstallError(f"{what}: it refers to data outside the file", hint=_AGAIN) from error


def _check_members(archive: str, members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    if len(members) > MAX_FILES or sum(member.file_size for member in members) > max_bytes:
        raise ModelInstallError(f"{archive} contains more than a model", hint=_AGAIN)
    for member in members:
        wrong = _wrong_with(member)
        if wrong:
            raise ModelInstallError(f'{archive} holds "{member.filename}", {wrong}', hint=_AGAIN)
    same = _first_same(members)
    if same:
        raise ModelInstallError(f'{archive} holds "{same}" twice', hint=_AGAIN)


def _wrong_with(member: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(member.filename)
    if not path.parts or path.is_absolute() or any(_UNUSABLE.search(part) for part in path.parts):
        return "a name that no model has"
    if stat.S_IFMT(member.external_attr >> 16) not in _KINDS:
        return "a link or a device, which no model has"
    if member.flag_bits & _ENCRYPTED:
        return "which is encrypted"
    if member.compress_type not in _METHODS:
        return "packed with an unknown method"
    return None


def _first_same(members: list[zipfile.ZipInfo]) -> str | None:
    """Return the first file whose path collides with another file or a folder, ignoring case and Unicode form.

    Returns `None` if there is no collision.
    """
    paths = {member: PurePosixPath(unicodedata.normalize("NFC", member.filename).casefold()) for member in members}
    taken = {parent for path in paths.values() for parent in path.parents}
    taken |= {path for member, path in paths.items() if member.is_dir()}
    for member, path in paths.items():
        if not member.is_dir() and path in taken:
            return member.filename
        taken.add(path)
    return None


def _content(archive: str, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with _reading(f'{archive} is damaged in "{member.filename}"'), opened.open(member) as source:
        yield from _blocks(source)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _write(path: Path, blocks: Iterator[bytes], done: int, max_bytes: int | None, count: Count) -> int:
    """Write one file and return the total number of bytes written so far.

    The actual size is checked against the limit, because the sizes listed in the archive cannot be trusted.
    """
    with path.open("xb") as file:
        for block in blocks:
            done += len(block)
            if max_bytes is not None and done > max_bytes:
                raise ModelInstallError(f"{path.name} is larger than a model", hint=_AGAIN)
            file.write(block)
            count(done)
    return done


def _checked_files(source: Path) -> list[Path]:
    files: list[Path] = []
    for folder, _, names in os.walk(source, onerror=_raise):
        files += [Path(folder) / name for name in names]
        wrong = [path for path in Path(folder).iterdir() if path.is_symlink() or not (path.is_file() or path.is_dir())]
        if wrong:
            raise ModelInstallError(
                f"{wrong[0]} is a link or a device, which no model has",
                hint="copy the folder with what its links lead to (cp -rL), and import the copy",
            )
        if len(files) > MAX_FILES:
            raise ModelInstallError(f"{source} contains more than a model", hint="name the folder of the model")
    return sorted(files)


def _raise(error: OSError) -> None:
    raise error


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raise `OSError` (`ENOSPC`) if the disk of an existing folder has too little free space."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise OSError(
            errno.ENOSPC, f"{needed_bytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free", str(folder)
        )
