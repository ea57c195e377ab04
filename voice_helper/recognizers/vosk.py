"""Recognize speech with a Vosk model on this machine, in a separate process."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import voice_helper
from voice_helper.errors import EngineFaultError, VoiceHelperError, needs_package
from voice_helper.recognizers import EngineRequest, OpenedRecognizer
from voice_helper.support.processes import starting_process
from voice_helper.types import AudioChunk, Phrases, Transcript

_MODULE = "voice_helper.recognizers.vosk_process"


class VoskProcess:
    """A process with one model, for any number of recognizers and threads."""

    def __init__(self, model: Path) -> None:
        """Start the process. Raises `EngineMissingError` if vosk is not installed. The model loads with the first
        request.
        """
        with needs_package("recognition with Vosk"):
            _find_vosk()
        self.model = model
        package = str(Path(voice_helper.__file__).parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        with starting_process():
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(model)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        self._one_at_a_time = threading.Lock()
        weakref.finalize(self, _end, self._process)

    @property
    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def do(self, method: str, *arguments: object) -> Any:
        """Run a request. Raises whatever the process raised, or `EngineFaultError` if the process has ended."""
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        with self._one_at_a_time:
            try:
                pickle.dump((method, arguments), requests)
                requests.flush()
                reply = pickle.load(replies)
            except (OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
                raise EngineFaultError(
                    f"Vosk crashed while using the model in {self.model}", hint="try again, or use another model"
                ) from error
        if isinstance(reply, VoiceHelperError):
            raise reply
        return reply


class VoskRecognizer:
    """Recognizes speech with Vosk. Every chunk returns a partial transcript.

    Two Vosk recognizers share one model: an open one for questions, and one limited to the short commands of a session.
    """

    name = "vosk"

    def __init__(self, model: Path, phrases: Phrases, loaded: VoskProcess | None = None) -> None:
        """Load the model, or share the one that another recognizer has `loaded`.

        Raises `ModelMissingError` if the model does not load, and `EngineMissingError` if vosk does not.
        """
        self.loaded = loaded if loaded is not None and loaded.is_alive else VoskProcess(model)
        self._number, self.unknown_words = self.loaded.do("open", phrases)

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return the partial transcript."""
        return str(self.loaded.do("accept", self._number, chunk.pcm))

    def pause(self) -> Transcript:
        """Return the partial transcript."""
        heard: Transcript = self.loaded.do("pause", self._number)
        return heard

    def finish(self) -> Transcript:
        """Return the final transcript and any short command, and get ready for the next utterance."""
        heard: Transcript = self.loaded.do("finish", self._number)
        return heard


def open_engine(request: EngineRequest) -> OpenedRecognizer:
    """Load the model, which all recognizers of this engine share."""
    model, phrases = request.model_folder, request.phrases
    recognizer = VoskRecognizer(model, phrases)
    unknown = ", ".join(recognizer.unknown_words)
    advice = f"the model in {model} cannot recognize: {unknown}" if unknown else None
    return OpenedRecognizer(recognizer, lambda: VoskRecognizer(model, phrases, recognizer.loaded), advice)


def unknown_words(model: Path, words: Iterable[str]) -> tuple[str, ...]:
    """Return the words outside a model's vocabulary. Raises the same errors as opening the recognizer."""
    found: tuple[str, ...] = VoskProcess(model).do("unknown_words", sorted(set(words)))
    return found


def _find_vosk() -> None:
    from importlib.util import find_spec

    if find_spec("vosk") is None:
        raise ModuleNotFoundError("No module named 'vosk'", name="vosk")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the process's input, which makes it exit, and wait briefly."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
