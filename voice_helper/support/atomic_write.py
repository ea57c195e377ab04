"""Write files atomically: a reader, a crash or a full disk never leaves half a file behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_PRIVATE: Final = 0o600
_USUAL: Final = 0o666  # the system subtracts the umask


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file atomically, replacing any existing one. Raises `OSError`.

    The file keeps the permissions of the one that it replaces. With `private`, only the owner can read it.
    """
    if path.exists() and not path.is_file():  # such as /dev/stdout, which cannot be replaced
        path.write_bytes(content)
        return
    path = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for a link that leads to itself
    mode = _PRIVATE if private else stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    temporary = path.parent / f".{os.urandom(8).hex()}.part"

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, _USUAL if mode is None else mode & _USUAL)

    try:
        with open(temporary, "xb", opener=create) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
