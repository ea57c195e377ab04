"""Find speech models on this machine, and check whether a folder is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voice_helper.errors import ModelMissingError
from voice_helper.support.paths import data_folder, user_models_folder

_ENVIRONMENT: Final = "VOSK_MODEL_PATH"
_SYSTEM_FOLDER: Final = Path("/usr/share/vosk")
_VOSK_FILES: Final = ("am/final.mdl", "conf/model.conf")
_VOSK_GRAPHS: Final = (("graph/HCLG.fst",), ("graph/HCLr.fst", "graph/Gr.fst"))
_WHISPER_FILES: Final = ("config.json", "model.bin", "tokenizer.json")
_WHISPER_VOCABULARIES: Final = ("vocabulary.txt", "vocabulary.json")
_WHISPER_MARK: Final = b"WhisperSpec"  # CTranslate2 writes this into the first bytes of model.bin
_WHISPER_MARK_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class _Kind:
    """How to recognize the model folders of one engine."""

    title: str
    contents: str
    lacks: Callable[[Path], str | None]
    speaks: Callable[[str, str], bool]
    """Returns whether a model with this folder name recognizes this language."""


def find_model(engine: str, language: str, given: Path | None) -> Path:
    """Return the folder of the model to use with `vosk` or `whisper`.

    If `given` is set, it is used, or refused with a message that names what it lacks. Otherwise the search covers, in
    this order, the folder `models/`, `VOSK_MODEL_PATH` (Vosk only), the user's own models, and the folders where Vosk
    itself keeps its models (Vosk only). Raises `ModelMissingError`.
    """
    kind = _KINDS[engine]
    if given is not None:
        return _checked(engine, given)
    for folder in usable_models(engine):
        if kind.speaks(folder.name, language) or folder in _named():
            return folder
    raise ModelMissingError(
        f'there is no {kind.title} model for the language "{language}"',
        hint='install one of those that "voice-helper models list" shows, or give a folder with --model',
    )


def find_vosk_model(language: str, given: Path | None) -> Path:
    """Return the folder of the Vosk model to use. See `find_model`."""
    return find_model("vosk", language, given)


def usable_models(engine: str) -> Iterator[Path]:
    """Yield the folders of all models of an engine, in order of preference."""
    for folder in search_folders(engine):
        named = [folder] if engine == "vosk" and folder in _named() else []
        yield from (child for child in (*named, *_subfolders(folder)) if missing_in(child, engine) is None)


def missing_in(folder: Path, engine: str = "vosk") -> str | None:
    """Return what a folder lacks to be a model of the engine, or `None` if it is one."""
    return _KINDS[engine].lacks(folder) if folder.is_dir() else "there is no such folder"


def engine_of(folder: Path) -> str | None:
    """Return the engine that a model folder belongs to, or `None` if the folder is not a model."""
    return next((engine for engine in _KINDS if missing_in(folder, engine) is None), None)


def is_named_for_a_language(folder: Path) -> bool:
    """Return whether `find_model` can find the model by language. A Vosk model needs the language code in its name."""
    return engine_of(folder) != "vosk" or any(len(part) == 2 and part.isalpha() for part in folder.name.split("-"))


def search_folders(engine: str = "vosk") -> tuple[Path, ...]:
    """Return the folders that are searched for models of the engine, in search order."""
    if engine != "vosk":
        return (data_folder("models"), user_models_folder())
    vosks = (_SYSTEM_FOLDER, Path.home() / ".cache" / "vosk")
    return (data_folder("models"), *_named(), user_models_folder(), *vosks)


def _named() -> list[Path]:
    """Return the folders in `VOSK_MODEL_PATH`. A model listed there is accepted for every language."""
    return [Path(part) for part in os.environ.get(_ENVIRONMENT, "").split(os.pathsep) if part]


def _checked(engine: str, folder: Path) -> Path:
    missing = missing_in(folder, engine)
    if missing is None:
        return folder
    inner = [child for child in _subfolders(folder) if missing_in(child, engine) is None]
    if len(inner) == 1:  # an unpacked archive: the model is one level down
        return inner[0]
    kind = _KINDS[engine]
    raise ModelMissingError(
        f"{folder} is not a {kind.title} model: {missing}",
        hint=f"give the folder that has {kind.contents} in it, or leave --model out",
    )


def _vosk_lacks(folder: Path) -> str | None:
    for name in _VOSK_FILES:
        if not (folder / name).is_file():
            return f"{name} is missing"
    if not any(all((folder / name).is_file() for name in graph) for graph in _VOSK_GRAPHS):
        return "the word graph is missing (graph/HCLG.fst, or graph/HCLr.fst and graph/Gr.fst)"
    return None


def _whisper_lacks(folder: Path) -> str | None:
    for name in _WHISPER_FILES:
        if not (folder / name).is_file():
            return f"{name} is missing"
    if not any((folder / name).is_file() for name in _WHISPER_VOCABULARIES):
        return f"{_WHISPER_VOCABULARIES[0]} is missing"
    try:
        with (folder / "model.bin").open("rb") as file:
            is_whisper = _WHISPER_MARK in file.read(_WHISPER_MARK_BYTES)
    except OSError as error:
        return f"model.bin cannot be read: {error.strerror}"
    return None if is_whisper else "model.bin is no Whisper model for CTranslate2"


def _vosk_speaks(name: str, language: str) -> bool:
    return language in name.split("-")


def _whisper_speaks(name: str, language: str) -> bool:
    """Return whether the model recognizes the language. Names that end in `.en` are English only, others universal."""
    return language == "en" or not name.endswith(".en")


_KINDS: Final = {
    "vosk": _Kind("Vosk", "am/, conf/ and graph/", _vosk_lacks, _vosk_speaks),
    "whisper": _Kind(
        "Whisper", "config.json, model.bin, tokenizer.json and a vocabulary", _whisper_lacks, _whisper_speaks
    ),
}


def _subfolders(folder: Path) -> list[Path]:
    """Return the subfolders of a folder, without hidden ones, which are still being copied or removed."""
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return []
