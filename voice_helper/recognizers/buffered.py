"""Base classes for recognizers that transcribe whole utterances: they buffer audio until the user pauses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from voice_helper.recognizers import Recognizer
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

Samples = npt.NDArray[np.float32]

_MIN_SAMPLES = SAMPLE_RATE // 10  # shorter than any word, and than the first frame of either network


def samples_of(pcm: bytes | bytearray) -> Samples:
    """Convert 16-bit audio to samples from -1.0 to 1.0."""
    return np.frombuffer(bytes(pcm), dtype="<i2").astype(np.float32) / np.float32(32768)


class Steps:
    """Splits incoming audio into blocks of equal length."""

    def __init__(self, samples: int) -> None:
        """Set the length of a block in samples."""
        self._bytes = 2 * samples
        self._waiting = bytearray()

    def accept(self, pcm: bytes) -> Iterator[Samples]:
        """Accept 16-bit audio and yield each complete block as samples from -1.0 to 1.0."""
        self._waiting += pcm
        while len(self._waiting) >= self._bytes:
            step = samples_of(self._waiting[: self._bytes])
            del self._waiting[: self._bytes]
            yield step


class WholeUtterance(ABC):
    """Transcribes the whole utterance at each pause. `finish` does no work if no audio followed the last pause."""

    is_quick = True
    """Whether the engine is fast enough to transcribe the utterance at each pause.

    If not, it transcribes only when the utterance ends.
    """

    def __init__(self) -> None:
        self._heard = bytearray()
        self._ready: Transcript | None = None

    @abstractmethod
    def transcribed(self, samples: Samples) -> Transcript:
        """Transcribe 16 kHz samples from -1.0 to 1.0."""

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk. Always return an empty partial transcript."""
        if chunk.pcm:
            self._heard += chunk.pcm
            self._ready = None
        return ""

    def pause(self) -> Transcript:
        """Return the transcript so far. `finish` reuses it if no more audio follows."""
        return self._transcript() if self.is_quick else Transcript("", 0.0)

    def _transcript(self) -> Transcript:
        if self._ready is None:
            samples = samples_of(self._heard)
            self._ready = self.transcribed(samples) if len(samples) >= _MIN_SAMPLES else Transcript("", 0.0)
        return self._ready

    def finish(self) -> Transcript:
        """Return the final transcript and get ready for the next utterance."""
        heard = self._transcript()
        self._heard.clear()
        self._ready = None
        return heard


class WithWordsSoFar:
    """Combines two recognizers: `so_far` spots commands and emergency signs immediately, `whole` provides the
    transcript.
    """

    def __init__(self, whole: Recognizer, so_far: Recognizer) -> None:
        self.name = whole.name
        self._whole, self._so_far = whole, so_far
        self._is_over = False

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return a partial transcript of commands and emergency signs."""
        if self._is_over:  # finishing takes time, and no caller is waiting for the result now
            self._so_far.finish()
            self._is_over = False
        self._whole.accept(chunk)
        return self._so_far.accept(chunk)

    def pause(self) -> Transcript:
        """Return the transcript so far. `finish` reuses it if no more audio follows."""
        return self._whole.pause()

    def finish(self) -> Transcript:
        """Return the final transcript and get ready for the next utterance."""
        self._is_over = True
        return self._whole.finish()
