"""Track the generated files of an intents folder: the sources of each file, and whether they have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voice_helper.content.files import generated_file
from voice_helper.skill.folder_reader import DRAWING_VERSION, Content
from voice_helper.support.cache import read_checked, read_texts, text_in
from voice_helper.understanding.learned_alarm import ALARM_FILE, ALARM_LINES_FILE

LEARNED_FILE: Final = "nearest.learned"
PHRASES_FILE: Final = "phrases.drawn"
TRAIN_ALARM: Final = "python -m bench.alarm"


@dataclass(frozen=True, slots=True)
class StaleFile:
    """A generated file whose sources have changed."""

    path: Path
    command: str
    """The command that regenerates the file."""

    needs_training: bool
    """Whether the command needs a checkout and the training tools, not only the installed program."""


def stale_files(content: Content) -> tuple[StaleFile, ...]:
    """Return the generated files of a folder that are out of date or cannot be read. Missing files are not stale."""
    learn = f"voice-helper learn {content.folder}"
    files: tuple[tuple[str, Callable[[Path], str], str, str], ...] = (
        (LEARNED_FILE, learned_from, content.learning_key, learn),
        (PHRASES_FILE, drawn_from, phrases_key(content), learn),
        (ALARM_FILE, learned_from, alarm_key(content), TRAIN_ALARM),
    )
    stale: list[StaleFile] = []
    for name, key_in, key, command in files:
        path = generated_file(content.folder, name)
        if path.is_file() and _key(key_in, path) != key:
            stale.append(StaleFile(path, command, needs_training=command == TRAIN_ALARM))
    return tuple(stale)


def is_learned(content: Content) -> bool:
    """Return whether a folder has every file that `learn` writes, and each is up to date."""
    files = (generated_file(content.folder, name) for name in (LEARNED_FILE, PHRASES_FILE))
    return all(path.is_file() for path in files) and all(file.needs_training for file in stale_files(content))


def phrases_key(content: Content) -> str:
    """Return the key of everything that the phrases are drawn from."""
    return f"{content.drawing_key} {DRAWING_VERSION}"


def alarm_key(content: Content) -> str:
    """Return the key of the labelled lines that the alarm is trained on: `wordings.txt` and `alarms.txt`.

    The alarm is also trained on sentences drawn from the templates. These sentences are not part of the key, because a
    few new ones change the alarm too little to require training.
    """
    lines = content.folder / ALARM_LINES_FILE
    digest = hashlib.sha256("\n".join(f"{each.label} {each.text}" for each in content.wordings).encode())
    digest.update(lines.read_bytes() if lines.is_file() else b"")
    return digest.hexdigest()


def learned_from(path: Path) -> str:
    """Return the key of the content that a trained model was learned from. Reads its file without numpy. Raises
    `OSError`, `ValueError` or `KeyError`.
    """
    return text_in(read_checked(path), "learned_from")


def drawn_from(path: Path) -> str:
    """Return the key of the content that a file of phrases was drawn from. Raises `OSError`, `ValueError` or
    `KeyError`.
    """
    return read_texts(path)["drawn_from"]


def _key(key_in: Callable[[Path], str], path: Path) -> str | None:
    with suppress(OSError, ValueError, KeyError):
        return key_in(path)
    return None
