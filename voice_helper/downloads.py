"""Files from the network and out of archives: resumed after a cut, bounded, and never outside their folder."""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

import requests

from voice_helper.errors import ModelInstallError

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there, and all that there will be where that is known."""

MOST_FILES: Final = 10_000
_BLOCK_BYTES: Final = 1 << 16
_CONNECT_SECONDS, _STALL_SECONDS = 10.0, 20.0
_TRIES: Final = 4
_WAIT_SECONDS: Final = 0.5  # before it tries again; twice as long each time
_GO_ON: Final = "run the same command again: it goes on where it was"


def check_address(url: str, *, is_mirror: bool) -> None:
    """Raise `ModelInstallError` for an address that is not encrypted, but for this machine's own and for mirrors."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and (is_mirror or _is_loopback(parts.hostname or ""))):
        return
    raise ModelInstallError(f"{url} is not fetched: it is not encrypted", hint="use an address that begins with https:")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch(url: str, part: Path, *, most_bytes: int, progress: Progress) -> None:
    """Fetch an address into a file; what is there of it already is kept, and the rest asked for.

    Raises `ModelInstallError` with what went wrong; what came until then stays in the file for the next time.
    """
    failed = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch_rest(url, part, before, most_bytes, progress)
        except requests.exceptions.SSLError as error:
            raise ModelInstallError(
                f"the certificate of {url} cannot be trusted: {error}", hint="check the clock and the address"
            ) from error
        except (requests.exceptions.RequestException, ConnectionError) as error:
            now = part.stat().st_size if part.exists() else 0
            failed = 1 if now > before else failed + 1
            if failed >= _TRIES:
                raise _unreachable(url, now, error) from error
            time.sleep(_WAIT_SECONDS * 2**failed)
        except OSError as error:
            raise not_written(part, error) from error
        else:
            return


def _fetch_rest(url: str, part: Path, have: int, most_bytes: int, progress: Progress) -> None:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=(_CONNECT_SECONDS, _STALL_SECONDS)) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            if answer.headers.get("Content-Range", "").endswith(f"/{have}"):
                return  # all of it is there
            part.unlink()
            raise requests.exceptions.ConnectionError("what is there does not belong to it: begun anew")
        if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise ModelInstallError(f"{url} answers {answer.status_code} {answer.reason}", hint="try --mirror")
        if "html" in answer.headers.get("Content-Type", ""):
            raise ModelInstallError(
                f"{url} gives a web page, not an archive", hint="log in to the network, or try --mirror"
            )
        goes_on = answer.status_code == requests.codes.partial_content and answer.headers.get(
            "Content-Range", ""
        ).startswith(f"bytes {have}-")
        have = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length and length.isdigit() else None
        with part.open("ab" if goes_on else "wb") as file:
            for block in answer.iter_content(_BLOCK_BYTES):
                have += len(block)
                if have > most_bytes:
                    raise ModelInstallError(f"{url} is larger than it should be", hint="check the address")
                file.write(block)
                progress(have, whole)
        if whole is not None and have < whole:
            raise requests.exceptions.ConnectionError(f"cut after {have} of {whole} bytes")


def _unreachable(url: str, have: int, error: Exception) -> ModelInstallError:
    if have:
        return ModelInstallError(f"the connection to {url} was cut after {have / 1e6:.1f} MB", hint=_GO_ON)
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):  # a stall in mid-answer is wrapped
        return ModelInstallError(f"{url} does not answer", hint="try again later, or --mirror")
    return ModelInstallError(
        f"{url} cannot be reached", hint="check the network; without one: voice-helper models import FILE.zip"
    )


def not_written(path: Path, error: OSError) -> ModelInstallError:
    """Give the error for a file that cannot be written, with what to do."""
    hints = {
        errno.ENOSPC: "make room on the disk",
        errno.EROFS: "the folder is read-only",
        errno.EACCES: "check its rights",
    }
    return ModelInstallError(
        f"{path} cannot be written: {error.strerror}", hint=hints.get(error.errno or 0, "check the folder")
    )


def sha256_of(path: Path) -> str:
    """Give the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path, *, most_bytes: int) -> None:
    """Unpack a zip into a folder: no file outside it, no link, no more than `most_bytes` in all.

    Raises `ModelInstallError`, before anything is written where the archive's own list shows it.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _check_members(archive, members, most_bytes)
            left = most_bytes
            for member in members:
                left = _unpack_one(opened, member, folder, left)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ModelInstallError(f"{archive.name} is not a whole zip archive: {error}", hint="fetch it again") from error
    except OSError as error:
        raise not_written(folder, error) from error


def _check_members(archive: Path, members: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if len(members) > MOST_FILES or sum(member.file_size for member in members) > most_bytes:
        raise ModelInstallError(f"{archive.name} holds more than a model does", hint="fetch it again")
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        is_outside = path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename
        if is_outside or kind not in (0, stat.S_IFREG, stat.S_IFDIR) or member.flag_bits & 1:
            raise ModelInstallError(
                f'{archive.name} holds "{member.filename}", which no model has', hint="fetch it again"
            )
        if member.filename.casefold() in seen:
            raise ModelInstallError(f'{archive.name} holds "{member.filename}" twice', hint="fetch it again")
        seen.add(member.filename.casefold())


def _unpack_one(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Unpack one file; give how many bytes may still come. What the list says of its length is not trusted."""
    path = folder / member.filename
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return left
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, path.open("wb") as file:
        while block := source.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise ModelInstallError(f"{member.filename} is larger than a model", hint="fetch it again")
            file.write(block)
    return left
