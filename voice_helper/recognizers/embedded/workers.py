"""The embedded recognizer for many speakers at a time: whole utterances are recognized in processes of their own.

The searches hold Python's lock, a tenth of a second and more at a time: in one process all other speakers would wait
for each. The models are loaded once in each process, whatever the number of speakers.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process

import numpy as np

from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.buffered import Samples, WholeUtterance, WithWordsSoFar
from voice_helper.recognizers.embedded.engine import EmbeddedModels
from voice_helper.recognizers.embedded.network import PhoneticRecognizer
from voice_helper.recognizers.pocketsphinx import PocketSphinxRecognizer
from voice_helper.types import SAMPLE_RATE, Phrases, Transcript


class EmbeddedWorkers:
    """Processes that give the words of whole utterances; one that dies is replaced."""

    def __init__(self, phrases: Phrases, processes: int) -> None:
        """Start so many and wait until they are ready; raises `EngineMissingError` when the engines do not load."""
        self._phrases, self._count = phrases, processes
        self._replacing = threading.Lock()
        self._pool = self._open()
        try:
            list(self._pool.map(_transcribed, [np.zeros(SAMPLE_RATE, dtype=np.float32)] * processes))
        except BrokenProcessPool as error:
            raise EngineMissingError("the processes that recognize do not start", hint="try --workers 0") from error

    def recognizer(self) -> WithWordsSoFar:
        """Give a recognizer for one more speaker, for a thread of its own."""
        return WithWordsSoFar(_InAWorker(self), PocketSphinxRecognizer(self._phrases, commands_only=True))

    def transcribed(self, samples: Samples) -> Transcript:
        """Give the words of an utterance; where a process dies over it, another one tries once more."""
        pool = self._pool
        try:
            return pool.submit(_transcribed, samples).result()
        except BrokenProcessPool:
            with self._replacing:
                if self._pool is pool:
                    self._pool = self._open()
            return self._pool.submit(_transcribed, samples).result()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()

    def _open(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, get_context("spawn"), _begin, (self._phrases,))


class _InAWorker(WholeUtterance):
    name = "embedded"

    def __init__(self, workers: EmbeddedWorkers) -> None:
        super().__init__()
        self._workers = workers

    def transcribed(self, samples: Samples) -> Transcript:
        return self._workers.transcribed(samples)


# in a worker

_recognizers: list[PhoneticRecognizer] = []


def _begin(phrases: Phrases) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent ends us
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _recognizers.append(EmbeddedModels(phrases).whole())


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)  # it was killed, and nobody will ever ask again


def _transcribed(samples: Samples) -> Transcript:
    return _recognizers[0].transcribed(samples)
