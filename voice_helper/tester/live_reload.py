"""Reload an intents folder while it is being edited. Every edit takes effect with the next sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from voice_helper.content.files import YAML_SUFFIXES, is_left_by_a_program
from voice_helper.skill import Skill, open_skill
from voice_helper.skill.generated_files import LEARNED_FILE

_READ: Final = frozenset({*YAML_SUFFIXES, ".txt", Path(LEARNED_FILE).suffix})
_Seen = Mapping[Path, tuple[int, ...]]


class WatchedSkill:
    """Reloads a folder when one of its files changes. If a file has a mistake, the last valid version stays in use."""

    def __init__(self, folder: Path, settings: Mapping[str, str], announce: Callable[[str], None]) -> None:
        """Open the skill. `announce` is called with messages for the user. Raises `IntentsError`."""
        self._folder, self._settings, self._announce = folder, settings, announce
        self._seen = _files(folder)
        self.is_behind = False
        """Whether the last edit has not taken effect, because of a mistake in it."""

        self._skill = open_skill(folder=folder, settings=settings, announce=announce)

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the files that have changed since the last load, by name."""
        differing = _files(self._folder).items() ^ self._seen.items()
        return tuple(sorted({path.relative_to(self._folder).as_posix() for path, _ in differing}))

    @property
    def skill(self) -> Skill:
        """Return the skill with the last valid content."""
        return self._skill

    def read_anew(self) -> None:
        """Reload the folder. If it has mistakes, keep the previous content and raise `VoiceHelperError`."""
        self._seen = _files(self._folder)
        self.is_behind = True
        self._skill = open_skill(
            folder=self._folder, settings=self._settings, announce=self._announce, before=self._skill
        )
        self.is_behind = False


def _files(folder: Path) -> _Seen:
    """Return the size of each file of a folder, and the time of its last write or permission change."""
    seen: dict[Path, tuple[int, ...]] = {}
    for path in folder.rglob("*"):
        if path.suffix in _READ and not is_left_by_a_program(path):
            with suppress(OSError):  # deleted between listing and reading: an editor is rewriting it
                status = path.stat()
                seen[path] = (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    return seen
