"""What recognizers share that hear an utterance as a whole: the sound is kept until somebody pauses."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from voice_helper.recognizers import Recognizer
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

Samples = npt.NDArray[np.float32]

_LEAST_SAMPLES = SAMPLE_RATE // 10  # less than any word, and than the networks' first frames need


class WholeUtterance(ABC):
    """Transcribes all of an utterance at a pause, and no more at its end where nothing came since."""

    is_quick = True
    """Whether it can transcribe all anew at each pause; where it cannot, the words come at the end only."""

    def __init__(self) -> None:
        self._heard = bytearray()
        self._ready: Transcript | None = None

    @abstractmethod
    def transcribed(self, samples: Samples) -> Transcript:
        """Give the words of 16 kHz sound from -1.0 to 1.0."""

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; there are no words before a pause."""
        if chunk.pcm:
            self._heard += chunk.pcm
            self._ready = None
        return ""

    def pause(self) -> Transcript:
        """Give the words so far, ready for `finish` where nothing more comes."""
        return self._transcript() if self.is_quick else Transcript("", 0.0)

    def _transcript(self) -> Transcript:
        if self._ready is None:
            samples = np.frombuffer(bytes(self._heard), dtype="<i2").astype(np.float32) / 32768.0
            self._ready = self.transcribed(samples) if len(samples) >= _LEAST_SAMPLES else Transcript("", 0.0)
        return self._ready

    def finish(self) -> Transcript:
        """Give the words of the utterance, ready for the next one."""
        heard = self._transcript()
        self._heard.clear()
        self._ready = None
        return heard


class WithWordsSoFar:
    """Two recognizers as one: `so_far` hears commands and signs of an emergency at once, `whole` what counts."""

    def __init__(self, whole: Recognizer, so_far: Recognizer) -> None:
        self.name = whole.name
        self._whole, self._so_far = whole, so_far
        self._is_over = False

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; give the commands and signs heard so far among its words."""
        if self._is_over:  # it takes its time to end; now nobody waits for the words
            self._so_far.finish()
            self._is_over = False
        self._whole.accept(chunk)
        return self._so_far.accept(chunk)

    def pause(self) -> Transcript:
        """Give the words so far, ready for `finish` where nothing more comes."""
        return self._whole.pause()

    def finish(self) -> Transcript:
        """Give the words of the utterance, ready for the next one."""
        self._is_over = True
        return self._whole.finish()
