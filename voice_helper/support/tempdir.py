"""Temporary folders for the files that engines read or write."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from voice_helper.errors import EngineMissingError

_IN_MEMORY: Final = Path("/dev/shm")
_ENOUGH_BYTES: Final = 64 * 1024 * 1024


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder that is removed after the block. If the disk is full, the folder is in memory.

    Raises `EngineMissingError` if neither has enough space.
    """
    try:
        folder = tempfile.mkdtemp(prefix="voice-helper-", dir=_roomy())
    except OSError as error:
        raise EngineMissingError(
            f"there is no space for temporary files: {error.strerror or error}",
            hint="free some disk space, then try again",
        ) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _roomy() -> Path | None:
    """Return a parent folder with enough space for temporary files, or `None` for the system's default."""
    with suppress(OSError):  # gettempdir raises if it finds no writable folder
        usual = Path(tempfile.gettempdir())
        if shutil.disk_usage(usual).free >= _ENOUGH_BYTES:
            return usual
    with suppress(OSError):
        if shutil.disk_usage(_IN_MEMORY).free >= _ENOUGH_BYTES:
            return _IN_MEMORY
    return None
