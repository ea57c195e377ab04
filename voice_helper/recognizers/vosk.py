"""Recognize speech with a Vosk model on this machine, in a separate process."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import voice_helper
from voice_helper.errors import EngineFaultError, VoiceHelperError, needs_package
from voice_helper.recognizers import EngineRequest, OpenedRecognizer
from voice_helper.support.processes import starting_process
from voice_helper.types import AudioChunk, Phrases, Transcript

_MODULE: Final = "voice_helper.recognizers.vosk_process"
_CALL_SECONDS: Final = 20.0  # longer than supervision waits: a slow machine loses an utterance, not the process
_SECONDS_PER_SOUND_SECOND: Final = 2.0  # a second opinion passes a whole utterance at once
_OPEN_SECONDS: Final = 60.0  # the first request loads the model


class VoskProcess:
    """A process with one model, for any number of recognizers and threads. A process that hangs is killed."""

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
        self._has_failed = False
        self.has_answered = False
        """Whether the process has answered a request, so that its model loads."""
        self.released: deque[int] = deque()
        """The numbers of recognizers that are no longer used. The next request closes them."""
        weakref.finalize(self, _end, self._process)

    @property
    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return not self._has_failed and self._process.poll() is None

    def do(self, method: str, *arguments: object, max_seconds: float) -> Any:
        """Run a request. Raises whatever the process raised, or `EngineFaultError` if the process has ended or takes
        longer than `max_seconds`, in which case it is killed.
        """
        with self._one_at_a_time:
            is_late = threading.Event()
            limit = threading.Timer(max_seconds, self._kill, (is_late,))
            limit.daemon = True
            limit.start()
            try:
                reply = self._exchange((self._to_close(), method, arguments))
            except (OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
                self._has_failed = True
                happened = "did not answer" if is_late.is_set() else "crashed"
                raise EngineFaultError(
                    f"Vosk {happened} while using the model in {self.model}", hint="try again, or use another model"
                ) from error
            finally:
                limit.cancel()
            self.has_answered = True
        if isinstance(reply, VoiceHelperError):
            raise reply
        return reply

    def _exchange(self, request: object) -> object:
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        pickle.dump(request, requests)
        requests.flush()
        return pickle.load(replies)

    def _to_close(self) -> list[int]:
        return [self.released.popleft() for _ in range(len(self.released))]

    def _kill(self, is_late: threading.Event) -> None:
        is_late.set()
        self._process.kill()


_running: weakref.WeakValueDictionary[Path, VoskProcess] = weakref.WeakValueDictionary()
_starting: Final = threading.Lock()


def _process_with(model: Path) -> VoskProcess:
    """Return the running process with a model, or start one."""
    with _starting:
        process = _running.get(model)
        if process is None or not process.is_alive:
            process = _running[model] = VoskProcess(model)
        return process


def _asked(model: Path, method: str, *arguments: object) -> tuple[VoskProcess, Any]:
    """Run a request in the process with a model, and return both. If a shared process has failed, use a new one."""
    process = _process_with(model)
    try:
        return process, process.do(method, *arguments, max_seconds=_OPEN_SECONDS)
    except EngineFaultError:
        if not process.has_answered:
            raise
    process = _process_with(model)
    return process, process.do(method, *arguments, max_seconds=_OPEN_SECONDS)


class VoskRecognizer:
    """Recognizes speech with Vosk. Every chunk returns a partial transcript.

    Two Vosk recognizers share one model: an open one for questions, and one limited to the short commands of a session.
    """

    name = "vosk"

    def __init__(self, model: Path, phrases: Phrases) -> None:
        """Load the model, or share it with the other recognizers that use it.

        Raises `ModelMissingError` if the model does not load, and `EngineMissingError` if vosk does not.
        """
        self.loaded, (self._number, self.unknown_words) = _asked(model, "open", phrases)
        weakref.finalize(self, self.loaded.released.append, self._number).atexit = False

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return the partial transcript."""
        max_seconds = _CALL_SECONDS + _SECONDS_PER_SOUND_SECOND * chunk.seconds
        return str(self.loaded.do("accept", self._number, chunk.pcm, max_seconds=max_seconds))

    def pause(self) -> Transcript:
        """Return the partial transcript."""
        heard: Transcript = self.loaded.do("pause", self._number, max_seconds=_CALL_SECONDS)
        return heard

    def finish(self) -> Transcript:
        """Return the final transcript and any short command, and get ready for the next utterance."""
        heard: Transcript = self.loaded.do("finish", self._number, max_seconds=_CALL_SECONDS)
        return heard


def open_engine(request: EngineRequest) -> OpenedRecognizer:
    """Load the model, which all recognizers of this engine share."""
    model, phrases = request.model_folder, request.phrases
    recognizer = VoskRecognizer(model, phrases)
    unknown = ", ".join(recognizer.unknown_words)
    advice = f"the model in {model} cannot recognize: {unknown}" if unknown else None
    return OpenedRecognizer(recognizer, lambda: VoskRecognizer(model, phrases), advice)


def unknown_words(model: Path, words: Iterable[str]) -> tuple[str, ...]:
    """Return the words outside a model's vocabulary. Raises the same errors as opening the recognizer."""
    found: tuple[str, ...] = _asked(model, "unknown_words", sorted(set(words)))[1]
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
