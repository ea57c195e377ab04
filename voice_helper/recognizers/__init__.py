"""Recognizers, which turn audio into text while the user is still speaking.

`open_recognizer` chooses an engine from the table in `support/engines.py`. Only an engine's own file imports its
packages.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from voice_helper.errors import EngineMissingError, ModelMissingError
from voice_helper.speech_models.find import engine_of, find_model
from voice_helper.support.engines import MODEL_KINDS, RECOGNIZERS, RecognizerRecord, recognizer_named
from voice_helper.types import AudioChunk, Phrases, Transcript

ENGINE_NAMES: Final = ("auto", *(each.name for each in RECOGNIZERS))


class Recognizer(Protocol):
    """Recognizes speech, one utterance after another."""

    name: str

    def accept(self, chunk: AudioChunk) -> str:
        """Accept the next chunk of the utterance and return the partial transcript, which may still change."""

    def pause(self) -> Transcript:
        """Return the transcript so far when the user pauses. If no more audio follows, `finish` can return it without
        further work.
        """

    def finish(self) -> Transcript:
        """End the utterance, return its final transcript and get ready for the next one."""


@dataclass(frozen=True, slots=True)
class OpenedRecognizer:
    """An opened recognizer, with a note about its limitations, if it has any."""

    recognizer: Recognizer
    another: Callable[[], Recognizer]
    """Opens a recognizer for another speaker. The two share the models if the engine supports that."""

    advice: str | None = None


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Everything that an engine's module needs to open a recognizer."""

    phrases: Phrases
    language: str
    model: Path | None
    """The folder of the model, or `None` if the engine uses no model folder."""

    workers: int = 0
    """The number of processes that run the recognizer, if the engine supports several.

    With 0, it runs in this process.
    """

    @property
    def model_folder(self) -> Path:
        """Return the model folder. Raises `ValueError` if the engine uses no models."""
        if self.model is None:
            raise ValueError("the record of this engine has no kind of model")
        return self.model


class EngineModule(Protocol):
    """The interface that every engine's module implements."""

    def open_engine(self, request: EngineRequest) -> OpenedRecognizer:
        """Open the engine. Raises `EngineMissingError` or `ModelMissingError`."""


def engine_module(record: RecognizerRecord) -> EngineModule:
    """Import the module of an engine."""
    module: EngineModule = importlib.import_module(record.module)
    return module


def open_recognizer(
    engine: str, *, phrases: Phrases, language: str = "en", model: Path | None = None, workers: int = 0
) -> OpenedRecognizer:
    """Open the recognizer with this name, one of `ENGINE_NAMES`.

    `auto` chooses the engine that the given `model` belongs to. Without a `model`, it chooses Vosk if a Vosk model for
    the language is installed, and the embedded recognizer otherwise. `phrases` are the sentences that users are likely
    to say. With `workers`, the embedded recognizer runs in that many processes, to serve many users at a time.

    Raises `ModelMissingError` if `model` does not belong to the engine or no model is found, and `EngineMissingError`
    if the engine cannot run on this machine.
    """
    record, folder = _chosen(engine, language, model)
    if record.languages and language not in record.languages:
        raise ModelMissingError(
            f'the {record.name} recognizer supports {", ".join(record.languages.values())} only, not "{language}"',
            hint="choose a Vosk model for the language with --model",
        )
    opened = engine_module(record).open_engine(EngineRequest(phrases, language, folder, workers))
    if model is not None and folder is None:
        return replace(opened, advice=f"{record.name} uses no model, so {model} is not used")
    return opened


def _chosen(engine: str, language: str, model: Path | None) -> tuple[RecognizerRecord, Path | None]:
    """Return the engine to open, and its model folder if it uses one."""
    record = recognizer_named(engine)
    if record is None and engine != "auto":
        raise EngineMissingError(f'there is no engine "{engine}"', hint=f"engines: {', '.join(ENGINE_NAMES)}")
    if record is None and model is not None:
        record = recognizer_named(engine_of(model) or next(iter(MODEL_KINDS)))
    if record is not None:
        return record, find_model(record.name, language, model) if record.model else None
    *others, last = (each for each in RECOGNIZERS if each.automatic)
    for each in others:
        try:
            return each, find_model(each.name, language, None) if each.model else None
        except ModelMissingError:
            continue
    return last, None
