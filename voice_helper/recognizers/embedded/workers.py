"""The embedded recognizer for many speakers at a time: separate processes transcribe whole utterances.

The network and the search hold Python's global lock for much of their run time. In a single process, each speaker would
block all others. Each process loads the models once, whatever the number of speakers.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process, resource_tracker

import numpy as np

from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.buffered import Samples, WholeUtterance, WithWordsSoFar
from voice_helper.recognizers.embedded.recognizer import PhoneticRecognizer
from voice_helper.recognizers.embedded.shared_models import EmbeddedModels
from voice_helper.support.processes import starting_process
from voice_helper.types import SAMPLE_RATE, Phrases, Transcript


class EmbeddedWorkers:
    """A pool of processes that transcribe whole utterances. A process that dies is replaced."""

    def __init__(self, phrases: Phrases, processes: int) -> None:
        """Start `processes` processes and wait until they are ready. Raises `EngineMissingError` if the engines do not
        load.
        """
        self._phrases, self._count = phrases, processes
        self._models = EmbeddedModels(phrases)  # fill the cache before the processes start
        self._replacing = threading.Lock()
        self._pool = self._open()
        try:
            if sys.platform != "win32":
                resource_tracker.ensure_running()  # its start would let Ctrl-C through to the processes
            with starting_process():  # the pool starts its processes with the first request
                begun = self._pool.map(_transcribed, [np.zeros(SAMPLE_RATE, dtype=np.float32)] * processes)
            list(begun)
        except BrokenProcessPool as error:
            raise EngineMissingError("the recognizer processes do not start", hint="try --workers 0") from error

    def recognizer(self) -> WithWordsSoFar:
        """Return a recognizer for another speaker, for use on its own thread."""
        return WithWordsSoFar(_InAWorker(self), self._models.words_so_far())

    def transcribed(self, samples: Samples) -> Transcript:
        """Transcribe an utterance. If a process dies while transcribing it, retry once in another process."""
        pool = self._pool
        try:
            return pool.submit(_transcribed, samples).result()
        except BrokenProcessPool:
            with self._replacing:
                if self._pool is pool:
                    self._pool = self._open()
            with starting_process():
                again = self._pool.submit(_transcribed, samples)
            return again.result()

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


# Inside a worker process

_recognizers: list[PhoneticRecognizer] = []


def _begin(phrases: Phrases) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows, Ctrl-C goes to this process as well
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _recognizers.append(EmbeddedModels(phrases).whole())


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)  # the parent was killed, so no more requests will come


def _transcribed(samples: Samples) -> Transcript:
    heard = _recognizers[0].transcribed(samples)
    _recognizers[0].finish()  # ready for the next one
    return heard
