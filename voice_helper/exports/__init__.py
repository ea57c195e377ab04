"""The same sentences and answers in the formats of other assistants."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from voice_helper.errors import VoiceHelperError


def write_files(folder: Path, files: Mapping[str, str], mark: str) -> None:
    """Write files below a folder, by their paths in it: all of them or none.

    A file that is there is replaced only if its first line has the `mark`, so that nobody loses what they wrote.
    Raises `VoiceHelperError`; what was there before is then untouched.
    """
    targets = {folder / name: text for name, text in files.items()}
    for path in targets:
        if (path.exists() or path.is_symlink()) and not _is_ours(path, mark):
            raise VoiceHelperError(
                f"{path} is there already and was not written by this command",
                hint="move it away, or choose another folder",
            )
    try:
        _write_all(folder, targets)
    except OSError as error:
        raise VoiceHelperError(
            f"{error.filename or folder} cannot be written: {error.strerror}", hint="choose another folder"
        ) from error


def _is_ours(path: Path, mark: str) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return mark in file.readline(1_000)
    except (OSError, UnicodeDecodeError):
        return False


def _write_all(folder: Path, targets: Mapping[Path, str]) -> None:
    """Write beside first; then put one after the other in its place, and all back if one fails."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".voice-helper-") as beside:
        new = {path: Path(beside) / f"new-{number}" for number, path in enumerate(targets)}
        for path, text in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            new[path].write_text(text, encoding="utf-8")
        before: dict[Path, Path | None] = {}
        try:
            for number, path in enumerate(targets):
                old = Path(beside) / f"old-{number}"
                if path.exists():
                    shutil.copy2(path, old)
                before[path] = old if path.exists() else None
                new[path].replace(path)
        except OSError:
            for path, old_file in before.items():
                if old_file is not None:
                    old_file.replace(path)
                else:
                    path.unlink(missing_ok=True)
            raise
