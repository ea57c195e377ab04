"""Find speech models on this machine, and check whether a folder holds a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from voice_helper.errors import ModelMissingError
from voice_helper.support.engines import MODEL_KINDS, ModelKind
from voice_helper.support.paths import data_folder, is_file, is_folder, user_models_folder

_MARK_WITHIN_BYTES: Final = 64


def find_model(engine: str, language: str, given: Path | None) -> Path:
    """Return the folder of the model to use with an engine, such as `vosk` or `whisper`.

    If `given` is set, that folder is used, or refused with a message that says what it lacks. Otherwise the search
    covers, in this order, the folder `models/`, the engine's environment variable if it has one, the user's own models,
    and the folders where the engine itself keeps its models. Raises `ModelMissingError`.
    """
    kind = MODEL_KINDS[engine]
    if given is not None:
        return _checked(engine, given)
    for folder in usable_models(engine):
        if _hears(kind, folder.name, language) or folder in _named(kind):
            return folder
    raise ModelMissingError(
        f'there is no {kind.title} model for the language "{language}"',
        hint='install one of those that "voice-helper models list" shows, or name a folder with --model',
    )


def find_vosk_model(language: str, given: Path | None) -> Path:
    """Return the folder of the Vosk model to use. See `find_model`."""
    return find_model("vosk", language, given)


def usable_models(engine: str) -> Iterator[Path]:
    """Yield the folders of all models of an engine, in order of preference."""
    for folder in search_folders(engine):
        named = [folder] if folder in _named(MODEL_KINDS[engine]) else []
        yield from (child for child in (*named, *_subfolders(folder)) if missing_in(child, engine) is None)


def missing_in(folder: Path, engine: str = "vosk") -> str | None:
    """Return what is missing from a folder that should hold a model of the engine, or `None` if nothing is."""
    return _lacks(MODEL_KINDS[engine], folder) if is_folder(folder) else "there is no such folder"


def engine_of(folder: Path) -> str | None:
    """Return the engine that a model folder belongs to, or `None` if the folder holds no model."""
    return next((engine for engine in MODEL_KINDS if missing_in(folder, engine) is None), None)


def most_like(folder: Path) -> str:
    """Return the engine whose models share the most files with a folder that holds no complete model."""
    return max(MODEL_KINDS, key=lambda engine: sum(is_file(folder / name) for name in MODEL_KINDS[engine].files))


def is_named_for_a_language(folder: Path) -> bool:
    """Return whether `find_model` would find the model by its language.

    Some kinds of models need the language code in their name.
    """
    kind = MODEL_KINDS.get(engine_of(folder) or "")
    if kind is None or not kind.language_in_name:
        return True
    return any(len(part) == 2 and part.isalpha() for part in folder.name.split("-"))


def search_folders(engine: str = "vosk") -> tuple[Path, ...]:
    """Return the folders that are searched for models of the engine, in search order."""
    kind = MODEL_KINDS[engine]
    others = (Path(os.path.expanduser(folder)) for folder in kind.folders)  # noqa: PTH111 - without a home, it stays
    return (data_folder("models"), *_named(kind), user_models_folder(), *others)


def _named(kind: ModelKind) -> list[Path]:
    """Return the model folders that the environment variable lists."""
    listed = os.environ.get(kind.variable, "") if kind.variable else ""
    return [Path(part) for part in listed.split(os.pathsep) if part]


def _checked(engine: str, folder: Path) -> Path:
    missing = missing_in(folder, engine)
    if missing is None:
        return folder
    inner = [child for child in _subfolders(folder) if missing_in(child, engine) is None]
    if len(inner) == 1:  # an unpacked archive, in which the model is one level down
        return inner[0]
    kind = MODEL_KINDS[engine]
    raise ModelMissingError(
        f"{folder} is not a {kind.title} model: {missing}",
        hint=f"give the folder that has {kind.contents} in it, or leave --model out",
    )


def _lacks(kind: ModelKind, folder: Path) -> str | None:
    for name in kind.files:
        if not is_file(folder / name):
            return f"{name} is missing"
    if not any(all(is_file(folder / name) for name in group) for group in kind.alternatives):
        return kind.without_alternatives
    if kind.mark is None:
        return None
    name, mark, unmarked = kind.mark
    try:
        with (folder / name).open("rb") as file:
            is_marked = mark in file.read(_MARK_WITHIN_BYTES)
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"
    return None if is_marked else unmarked


def _hears(kind: ModelKind, name: str, language: str) -> bool:
    """Return whether a model with this folder name recognizes the language."""
    if kind.language_in_name:
        return language in name.split("-")
    return language == "en" or not name.endswith(".en")


def _subfolders(folder: Path) -> list[Path]:
    """Return the subfolders of a folder, except hidden ones, which are still being copied or removed."""
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return []
