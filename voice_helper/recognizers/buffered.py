"""Base classes for recognizers that transcribe whole utterances: sound is buffered until the user pauses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from voice_helper.recognizers import Recognizer
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

Samples = npt.NDArray[np.float32]

_MIN_SAMPLES = SAMPLE_RATE // 10  # shorter than any word, and than the networks' first frames need


def samples_of(pcm: bytes | bytearray) -> Samples:
    """Return 16-bit sound as samples from -1.0 to 1.0."""
    return np.frombuffer(bytes(pcm), dtype="<i2").astype(np.float32) / np.float32(32768)


class Steps:
    """Cuts sound into steps of equal length as it arrives."""

    def __init__(self, samples: int) -> None:
        """Set the length of a step, in samples."""
        self._bytes = 2 * samples
        self._waiting = bytearray()

    def accept(self, pcm: bytes) -> Iterator[Samples]:
        """Accept 16-bit sound and yield the steps that are complete, in samples from -1.0 to 1.0."""
        self._waiting += pcm
        while len(self._waiting) >= self._bytes:
            step = samples_of(self._waiting[: self._bytes])
            del self._waiting[: self._bytes]
            yield step


class WholeUtterance(ABC):
    """Transcribes the whole utterance at a pause. Does no work at the end if no sound came after the pause."""

    is_quick = True
    """Whether it can transcribe the whole utterance again at each pause. If not, words come only at the end."""

    def __init__(self) -> None:
        self._heard = bytearray()
        self._ready: Transcript | None = None

    @abstractmethod
    def transcribed(self, samples: Samples) -> Transcript:
        """Return the words of 16 kHz sound with samples from -1.0 to 1.0."""

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk. Returns no words before a pause."""
        if chunk.pcm:
            self._heard += chunk.pcm
            self._ready = None
        return ""

    def pause(self) -> Transcript:
        """Return the words so far. `finish` reuses them if no more sound follows."""
        return self._transcript() if self.is_quick else Transcript("", 0.0)

    def _transcript(self) -> Transcript:
        if self._ready is None:
            samples = samples_of(self._heard)
            self._ready = self.transcribed(samples) if len(samples) >= _MIN_SAMPLES else Transcript("", 0.0)
        return self._ready

    def finish(self) -> Transcript:
        """Return the words of the utterance and get ready for the next one."""
        heard = self._transcript()
        self._heard.clear()
        self._ready = None
        return heard


class WithWordsSoFar:
    """Two recognizers as one: `so_far` hears commands and emergency signs at once, `whole` has the words that count."""

    def __init__(self, whole: Recognizer, so_far: Recognizer) -> None:
        self.name = whole.name
        self._whole, self._so_far = whole, so_far
        self._is_over = False

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk. Return the commands and emergency signs among its words so far."""
        if self._is_over:  # finishing takes time, and nobody is waiting for the words now
            self._so_far.finish()
            self._is_over = False
        self._whole.accept(chunk)
        return self._so_far.accept(chunk)

    def pause(self) -> Transcript:
        """Return the words so far. `finish` reuses them if no more sound follows."""
        return self._whole.pause()

    def finish(self) -> Transcript:
        """Return the words of the utterance and get ready for the next one."""
        self._is_over = True
        return self._whole.finish()
