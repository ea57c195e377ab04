"""Write an export folder atomically. Files that an export did not write are never overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from voice_helper.errors import VoiceHelperError

LIST_FILE: Final = ".voice-helper-export.json"
"""The file that lists every exported file with a hash of its content."""


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files, keyed by their paths in the folder. An earlier export is replaced.

    Raises `VoiceHelperError` if the folder contains other files or modified ones, or if it cannot be written. The
    existing folder then stays as it is, also if the export is interrupted.
    """
    _refuse_foreign(folder)
    made = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        new, old = made / "new", made / "old"
        for name, text in {**files, LIST_FILE: _list_of(files)}.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as error:
        raise VoiceHelperError(
            f"{folder} cannot be written: {error.strerror}", hint="choose another location"
        ) from error
    finally:
        if made is not None:
            _clean_up(made, folder)


def _clean_up(made: Path, folder: Path) -> None:
    """Remove the temporary folder. If the export stopped halfway, move the earlier one back first.

    Looks at the disk and not at how the export ended, because Ctrl-C can come between any two steps. An earlier export
    that cannot be moved back stays in the temporary folder.
    """
    old = made / "old"
    if old.exists() and not folder.exists():
        with suppress(OSError):
            old.rename(folder)
    if folder.exists() or not old.exists():
        shutil.rmtree(made, ignore_errors=True)


def _list_of(files: Mapping[str, str]) -> str:
    return json.dumps({name: _hash(text.encode()) for name, text in sorted(files.items())}, indent=1) + "\n"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise VoiceHelperError(f"{folder} is not a folder", hint="name a folder that is empty or does not exist")
    written = _written(folder)
    for path in folder.rglob("*"):
        if not _is_as_written(path, path.relative_to(folder).as_posix(), written):
            raise VoiceHelperError(
                f"{path} was not written by an export, or was changed since",
                hint="name a folder that is empty or does not exist",
            )


def _written(folder: Path) -> Mapping[str, str]:
    try:
        written = json.loads((folder / LIST_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}


def _is_as_written(path: Path, name: str, written: Mapping[str, str]) -> bool:
    if path.is_symlink():
        return False
    if path.is_dir() or name == LIST_FILE:
        return True
    try:
        return written.get(name) == _hash(path.read_bytes())
    except OSError:
        return False
