"""Recognizers: turn sound into words while the user is still speaking.

`open_recognizer` chooses the engine. Each engine's heavy import stays in its own file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from voice_helper.errors import EngineMissingError, ModelMissingError
from voice_helper.speech_models.find import engine_of, find_model, find_vosk_model
from voice_helper.types import AudioChunk, Phrases, Transcript

if TYPE_CHECKING:
    from voice_helper.recognizers.embedded.engine import EmbeddedModels, SoFarModels
    from voice_helper.recognizers.embedded.workers import EmbeddedWorkers

ENGINE_NAMES: Final = ("auto", "vosk", "embedded", "pocketsphinx", "whisper")


class Recognizer(Protocol):
    """Recognizes one utterance after another."""

    name: str

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk of the utterance and return the words so far, which may still change."""

    def pause(self) -> Transcript:
        """Return the words so far, at a pause. If no more sound follows, `finish` has them ready."""

    def finish(self) -> Transcript:
        """End the utterance: return its words and get ready for the next one."""


@dataclass(frozen=True, slots=True)
class OpenedRecognizer:
    """The opened engine, and what it cannot do, if anything."""

    recognizer: Recognizer
    another: Callable[[], Recognizer]
    """Opens a recognizer for another speaker, which shares the models if the engine can."""

    advice: str | None = None


def open_recognizer(
    engine: str, *, phrases: Phrases, language: str = "en", model: Path | None = None, workers: int = 0
) -> OpenedRecognizer:
    """Open a recognizer by its name: `auto`, `vosk`, `embedded`, `pocketsphinx` or `whisper`.

    `auto` chooses the engine that the given `model` belongs to. Without a `model` it chooses Vosk if there is a Vosk
    model for the language, and the embedded recognizer otherwise. `phrases` are what people say to us. With `workers`,
    the embedded recognizer runs in that many processes, to serve many people at a time. Raises `ModelMissingError` if
    `model` is not one of the engine's or no model is found, `EngineMissingError` if the engine cannot run here.
    """
    if engine not in ENGINE_NAMES:
        raise EngineMissingError(f'there is no engine "{engine}"', hint=f"engines: {', '.join(ENGINE_NAMES)}")
    if engine == "whisper" or (engine == "auto" and model is not None and engine_of(model) == "whisper"):
        return _open_whisper(find_model("whisper", language, model), phrases, language)
    if engine == "vosk" or model is not None:
        return _open_vosk(find_vosk_model(language, model), phrases)
    if engine == "auto":
        try:
            return _open_vosk(find_vosk_model(language, None), phrases)
        except ModelMissingError:
            pass
    if language != "en":
        raise ModelMissingError(
            f'the embedded recognizer hears English only, not "{language}"',
            hint="choose a Vosk model for the language with --model",
        )
    if engine == "pocketsphinx":
        return _open_pocketsphinx(phrases)
    return _open_embedded(phrases, workers)


def _open_embedded(phrases: Phrases, workers: int) -> OpenedRecognizer:
    from voice_helper.recognizers.embedded.engine import EmbeddedModels

    models: EmbeddedModels | EmbeddedWorkers
    if workers:
        from voice_helper.recognizers.embedded.workers import EmbeddedWorkers

        models = EmbeddedWorkers(phrases, workers)
    else:
        models = EmbeddedModels(phrases)
    return OpenedRecognizer(models.recognizer(), models.recognizer)


def _so_far_models(phrases: Phrases) -> SoFarModels | None:
    """Return the embedded models if their packages are installed: they supply the words so far for other engines."""
    from voice_helper.recognizers.embedded.engine import SoFarModels

    try:
        return SoFarModels(phrases)
    except EngineMissingError:
        return None


def _open_pocketsphinx(phrases: Phrases) -> OpenedRecognizer:
    from voice_helper.recognizers.pocketsphinx import PocketSphinxRecognizer

    return OpenedRecognizer(PocketSphinxRecognizer(phrases), lambda: PocketSphinxRecognizer(phrases))


def _open_vosk(model: Path, phrases: Phrases) -> OpenedRecognizer:
    from voice_helper.recognizers.vosk import VoskRecognizer

    recognizer = VoskRecognizer(model, phrases)
    unknown = ", ".join(recognizer.unknown_words)
    advice = f"the model in {model} cannot hear: {unknown}" if unknown else None
    return OpenedRecognizer(recognizer, lambda: VoskRecognizer(model, phrases, recognizer.loaded), advice)


def _open_whisper(model: Path, phrases: Phrases, language: str) -> OpenedRecognizer:
    from voice_helper.recognizers.buffered import WithWordsSoFar
    from voice_helper.recognizers.whisper import WhisperRecognizer, prompt_of

    so_far = _so_far_models(phrases) if language == "en" else None

    def another() -> Recognizer:
        whole = WhisperRecognizer(model, language, prompt_of(phrases.questions))
        return WithWordsSoFar(whole, so_far.words_so_far()) if so_far else whole

    advice = None if so_far else 'with this model a "stop" counts only when you pause after it'
    return OpenedRecognizer(another(), another, advice)
