"""Recognize speech with a Whisper model on this machine (extra `whisper`)."""

from __future__ import annotations

import importlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voice_helper.errors import EngineMissingError, ModelMissingError, needs_package
from voice_helper.recognizers import EngineRequest, OpenedRecognizer, Recognizer
from voice_helper.recognizers.buffered import Samples, WholeUtterance, WithWordsSoFar
from voice_helper.support.onnx import keep_onnxruntime_silent
from voice_helper.types import Phrases, Transcript

if TYPE_CHECKING:
    from voice_helper.recognizers.embedded.shared_models import SoFarModels

_MOST_PROMPT_WORDS: Final = 60  # the prompt may take half of the model's context, 224 tokens
_NO_SPEECH: Final = 0.6  # the model's own measure, with its authors' threshold for discarding a text
_MARKS: Final = re.compile(r"[^\w' ]+|_")
_ASIDES: Final = re.compile(r"\[[^]]*\]|\([^)]*\)|<[^>]*>")
"""Matches the model's notation for non-speech sounds, such as "[music]"."""


class WhisperRecognizer(WholeUtterance):
    """Transcribes whole utterances. The transcript is available about half a second after the utterance ends."""

    name = "whisper"
    is_quick = False

    def __init__(self, model: Path, language: str, prompt: str = "") -> None:
        """Load the model (CTranslate2). `prompt` is typical user text, which makes its words more likely.

        Raises `EngineMissingError` if faster-whisper is not installed, and `ModelMissingError` if the model does not
        load.
        """
        super().__init__()
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # otherwise it would look online for a model's missing files
        keep_onnxruntime_silent()  # faster-whisper may load it
        with needs_package("recognition with Whisper", "whisper"):
            engine = importlib.import_module("faster_whisper")
        try:
            self._model: Any = engine.WhisperModel(
                str(model), device="cpu", compute_type="int8", cpu_threads=min(4, os.cpu_count() or 1)
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelMissingError(
                f"the Whisper model in {model} does not load: {error}", hint="install it again, or use another"
            ) from error
        self._language, self._prompt = language, prompt

    def transcribed(self, samples: Samples) -> Transcript:
        """Transcribe an utterance."""
        segments, _ = self._model.transcribe(
            samples,
            language=self._language,
            initial_prompt=self._prompt or None,
            without_timestamps=True,
            condition_on_previous_text=False,
            temperature=0.0,  # the same audio gives the same transcript
        )
        spoken = [segment for segment in segments if segment.no_speech_prob < _NO_SPEECH]
        words = plain_words(" ".join(segment.text for segment in spoken))
        if not words:
            return Transcript("", 0.0)
        return Transcript(words, min(1.0, math.exp(min(segment.avg_logprob for segment in spoken))))


def open_engine(request: EngineRequest) -> OpenedRecognizer:
    """Load the model. For English, the embedded models supply partial transcripts if they are installed."""
    so_far = _so_far_models(request.phrases) if request.language == "en" else None

    def another() -> Recognizer:
        whole = WhisperRecognizer(request.model_folder, request.language, prompt_of(request.phrases.questions))
        return WithWordsSoFar(whole, so_far.words_so_far()) if so_far else whole

    advice = None if so_far else 'with this model, "stop" takes effect only when you pause after it'
    return OpenedRecognizer(another(), another, advice)


def _so_far_models(phrases: Phrases) -> SoFarModels | None:
    from voice_helper.recognizers.embedded.shared_models import SoFarModels

    try:
        return SoFarModels(phrases)
    except EngineMissingError:
        return None


def plain_words(text: str) -> str:
    """Convert written text to plain spoken words: lower case, no punctuation, no "[music]"."""
    spoken = _ASIDES.sub(" ", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()
    return " ".join(word for word in _MARKS.sub(" ", spoken).split() if word.strip("'"))


def prompt_of(sentences: Iterable[str]) -> str:
    """Return a prompt: the words of at least four letters that appear in the most sentences."""
    counts = Counter(word for sentence in sentences for word in set(sentence.split()) if len(word) > 3)
    by_count = sorted(counts, key=lambda word: (-counts[word], word))  # the same order in every process
    return ", ".join(by_count[:_MOST_PROMPT_WORDS])
