"""Recognizes speech with a Vosk model on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voice_helper.errors import EngineMissingError, ModelMissingError
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript


class VoskRecognizer:
    """Streams: the words so far come with every chunk."""

    name = "vosk"

    def __init__(self, model: Path, grammar: tuple[str, ...] = ()) -> None:
        """Load the model; `grammar` is a closed list of phrases, empty for open recognition.

        Raises `ModelMissingError` when the model does not load, `EngineMissingError` when vosk does not.
        """
        vosk, self._model = _load(model)
        self.unknown_words = _outside(self._model, {word for phrase in grammar for word in phrase.split()})
        if grammar:
            closed = json.dumps([*grammar, "[unk]"], ensure_ascii=False)
            self._kaldi: Any = vosk.KaldiRecognizer(self._model, SAMPLE_RATE, closed)
        else:
            self._kaldi = vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        self._kaldi.SetWords(True)
        self._done: list[Transcript] = []

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; give the words so far."""
        if self._kaldi.AcceptWaveform(chunk.pcm):  # its own endpoint, earlier than ours: keep what it had
            self._done.append(read_reply(self._kaldi.Result()))
        return self.pause().text

    def pause(self) -> Transcript:
        """Give the words so far."""
        partial = read_reply(self._kaldi.PartialResult())
        return Transcript(" ".join(part.text for part in (*self._done, partial) if part.text), 0.0)

    def finish(self) -> Transcript:
        """Give the words of the utterance, ready for the next one."""
        parts = [part for part in (*self._done, read_reply(self._kaldi.FinalResult())) if part.text]
        self._done = []
        self._kaldi.Reset()
        if not parts:
            return Transcript("", 0.0)
        return Transcript(" ".join(part.text for part in parts), min(part.confidence for part in parts))


def _load(model: Path) -> tuple[Any, Any]:
    """Give vosk and the model that lies in a folder."""
    try:
        import vosk
    except (ImportError, OSError) as error:
        raise EngineMissingError(f"vosk does not load: {error}", hint="pip install vosk") from error
    vosk.SetLogLevel(-1)
    try:
        return vosk, vosk.Model(model_path=str(model))
    except Exception as error:  # all that vosk raises
        raise ModelMissingError(
            f"the Vosk model in {model} does not load: {error}", hint="unpack it again, or take another"
        ) from error


def unknown_words(model: Path, words: Iterable[str]) -> tuple[str, ...]:
    """Give the words outside the vocabulary of a model; raises as opening the recognizer does."""
    return _outside(_load(model)[1], words)


def _outside(loaded: Any, words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in sorted(set(words)) if loaded.vosk_model_find_word(word) < 0)


def read_reply(reply: str) -> Transcript:
    """Read vosk's JSON; kept apart from the engine so that tests need no model."""
    heard = json.loads(reply)
    text = heard.get("text") or heard.get("partial") or ""
    words = [word for word in text.split() if word != "[unk]"]
    sure = [entry["conf"] for entry in heard.get("result", ()) if entry["word"] != "[unk]"]
    confidence = sum(sure) / len(sure) if sure else (1.0 if words else 0.0)
    return Transcript(" ".join(words), confidence)
