"""Endpointing: find where an utterance starts and ends. Time is counted in samples, without a device or a clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

PAUSE_SECONDS: Final = 0.125
"""The silence, in seconds, after which the utterance may be over. The recognizer then returns its transcript so far."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """The durations, in seconds, that decide where an utterance starts and ends."""

    start_seconds: float = 0.25
    """The minimum duration of speech that starts an utterance. Shorter sounds are clicks or coughs."""

    kept_seconds: float = 0.5
    """How much audio from before the detected start is added to the utterance, because its first sound may be soft."""

    silence_seconds: float = 0.6
    """The silence that ends an utterance. With a shorter value, people are cut off in mid-sentence."""

    max_seconds: float = 15.0
    """The maximum length of an utterance. It ends then even if the speaker has not paused."""


ONE_QUESTION: Final = EndpointSettings(silence_seconds=1.5)
"""The settings for a recording of a single question. A pause for thought does not split the question."""

PATIENT: Final = EndpointSettings(silence_seconds=1.5)
"""The settings for people who speak slowly, selected by the `patient` option."""

IN_SESSION: Final = EndpointSettings(start_seconds=0.12, silence_seconds=0.35)
"""The settings during a guided session, whose commands are short words such as "next"."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The result of processing one chunk: the chunks to add to the utterance, and whether the utterance is over."""

    chunks: tuple[AudioChunk, ...] = ()
    is_over: bool = False


class Endpointer:
    """Splits a stream of chunks into utterances. Unless `split` is called, no sample is lost or repeated."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self.settings = settings or EndpointSettings()
        self._latest: deque[AudioChunk] = deque()
        self._reset()

    def _reset(self) -> None:
        self._latest.clear()
        self._latest_samples = 0
        self._speech_samples = 0
        self._silence_samples = 0
        self._utterance_samples = 0
        self._in_utterance = False

    @property
    def has_paused(self) -> bool:
        """Return whether the speaker has been silent for `PAUSE_SECONDS`, so that the utterance may be over."""
        return self._in_utterance and self._silence_samples >= PAUSE_SECONDS * SAMPLE_RATE

    @property
    def in_utterance(self) -> bool:
        """Return whether an utterance is in progress."""
        return self._in_utterance

    def accept(self, chunk: AudioChunk, is_speech: bool) -> Segment:
        """Process a chunk, given whether it contains speech. Return the chunks that belong to the utterance."""
        if self._in_utterance:
            return self._continue(chunk, is_speech)
        self._keep(chunk)
        self._speech_samples = (
            self._speech_samples + chunk.samples if is_speech else max(0, self._speech_samples - chunk.samples)
        )
        if self._speech_samples >= self.settings.start_seconds * SAMPLE_RATE:
            return self._begin()
        self._forget_before(self.settings.kept_seconds + self.settings.start_seconds)
        return Segment()

    def split(self, chunk: AudioChunk) -> Segment:
        """End the current utterance and start another one with this chunk. The new utterance's chunks come with the
        next segment.

        The start of the new utterance, up to `kept_seconds` back, belongs to both utterances.
        """
        over, kept = self._in_utterance, (*self._latest, chunk)
        self._reset()
        for each in kept:
            self._keep(each)
        # the new utterance begins with the next chunk, even without speech in it: a short word may continue softly
        self._speech_samples = round(self.settings.start_seconds * SAMPLE_RATE) + CHUNK_SAMPLES
        return Segment(is_over=over)

    def finish(self) -> Segment:
        """End the current utterance because the source has ended. Speech too short to have started one is dropped."""
        over = self._in_utterance
        self._reset()
        return Segment(is_over=over)

    def _begin(self) -> Segment:
        chunks, samples = tuple(self._latest), self._latest_samples
        self._reset()
        self._in_utterance = True
        self._utterance_samples = samples
        return Segment(chunks)

    def _continue(self, chunk: AudioChunk, is_speech: bool) -> Segment:
        self._keep(chunk)
        self._forget_before(self.settings.kept_seconds)
        self._utterance_samples += chunk.samples
        self._silence_samples = 0 if is_speech else self._silence_samples + chunk.samples
        silent = self._silence_samples >= self.settings.silence_seconds * SAMPLE_RATE
        too_long = self._utterance_samples + CHUNK_SAMPLES > self.settings.max_seconds * SAMPLE_RATE
        if silent or too_long:
            self._reset()
            return Segment((chunk,), is_over=True)
        return Segment((chunk,))

    def _keep(self, chunk: AudioChunk) -> None:
        self._latest.append(chunk)
        self._latest_samples += chunk.samples

    def _forget_before(self, seconds: float) -> None:
        """Drop the oldest chunks, but keep at least this many samples."""
        while self._latest_samples - self._latest[0].samples >= seconds * SAMPLE_RATE:
            self._latest_samples -= self._latest.popleft().samples
