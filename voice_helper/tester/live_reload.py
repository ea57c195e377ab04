"""The skill of an intents folder that is being edited: every edit takes effect from the next sentence on."""

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
        """Whether a mistake keeps the last edit from taking effect."""

        self._skill = open_skill(folder=folder, settings=settings, announce=announce)

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the files that changed since the last load, by their names in the folder."""
        differing = _files(self._folder).items() ^ self._seen.items()
        return tuple(sorted({path.relative_to(self._folder).as_posix() for path, _ in differing}))

    @property
    def skill(self) -> Skill:
        """Return the skill with the last valid words."""
        return self._skill

    def read_anew(self) -> None:
        """Reload the folder. Raises `VoiceHelperError` for its mistakes, and then keeps the words as they were."""
        self._seen = _files(self._folder)
        self.is_behind = True
        self._skill = open_skill(
            folder=self._folder, settings=self._settings, announce=self._announce, before=self._skill
        )
        self.is_behind = False


def _files(folder: Path) -> _Seen:
    """Return when each file of a folder was last written or made readable, and its size."""
    seen: dict[Path, tuple[int, ...]] = {}
    for path in folder.rglob("*"):
        if path.suffix in _READ and not is_left_by_a_program(path):
            with suppress(OSError):  # gone between listing and reading: an editor is rewriting it
                status = path.stat()
                seen[path] = (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    return seen
