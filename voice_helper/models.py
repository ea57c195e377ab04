"""Speech models on this machine: where they may lie, and whether a folder really is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from voice_helper.errors import ModelMissingError
from voice_helper.paths import data_folder, user_models_folder

_ENVIRONMENT: Final = "VOSK_MODEL_PATH"
_SYSTEM_FOLDER: Final = Path("/usr/share/vosk")
_NEEDED_FILES: Final = ("am/final.mdl", "conf/model.conf")
_GRAPHS: Final = (("graph/HCLG.fst",), ("graph/HCLr.fst", "graph/Gr.fst"))


def find_vosk_model(language: str, given: Path | None) -> Path:
    """Give the folder of the Vosk model to use.

    `given` is taken, or refused with what is missing in it. Without it, models are looked for in the folder
    `models/`, in `VOSK_MODEL_PATH`, among the user's own models, and where Vosk itself keeps them.
    Raises `ModelMissingError`.
    """
    if given is not None:
        return _checked(given)
    for folder in _candidates(language):
        if missing_in(folder) is None:
            return folder
    raise ModelMissingError(
        f'there is no Vosk model for the language "{language}"',
        hint="put an unpacked model into models/, set VOSK_MODEL_PATH, or give its folder with --model",
    )


def missing_in(folder: Path) -> str | None:
    """Say what a folder lacks to be a Vosk model; `None` when it is one."""
    if not folder.is_dir():
        return "there is no such folder"
    for name in _NEEDED_FILES:
        if not (folder / name).is_file():
            return f"{name} is missing"
    if not any(all((folder / name).is_file() for name in graph) for graph in _GRAPHS):
        return "the word graph is missing (graph/HCLG.fst, or graph/HCLr.fst and graph/Gr.fst)"
    return None


def search_folders() -> tuple[Path, ...]:
    """Give the folders that are searched for models, in order."""
    environment = os.environ.get(_ENVIRONMENT)
    own = [Path(part) for part in environment.split(os.pathsep)] if environment else []
    return (data_folder("models"), *own, user_models_folder(), _SYSTEM_FOLDER, Path.home() / ".cache" / "vosk")


def _checked(folder: Path) -> Path:
    missing = missing_in(folder)
    if missing is None:
        return folder
    inner = [child for child in _subfolders(folder) if missing_in(child) is None]
    if len(inner) == 1:  # an unpacked archive, given one level too high
        return inner[0]
    raise ModelMissingError(
        f"{folder} is not a Vosk model: {missing}",
        hint="give the unpacked folder that has am/, conf/ and graph/ in it, or leave --model out",
    )


def _candidates(language: str) -> Iterator[Path]:
    for folder in search_folders():
        yield from (child for child in (folder, *_subfolders(folder)) if _speaks(child, language, named=folder))


def _speaks(folder: Path, language: str, named: Path) -> bool:
    """A model's language stands in its folder's name; a folder that VOSK_MODEL_PATH names is taken at its word."""
    if folder == named:
        return str(folder) in os.environ.get(_ENVIRONMENT, "").split(os.pathsep)
    return language in folder.name.split("-")


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return []
