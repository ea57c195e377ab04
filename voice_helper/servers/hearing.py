"""Transcribe one utterance from audio that arrives over a network."""

from __future__ import annotations

from typing import Final

from voice_helper.audio.devices import RawSound
from voice_helper.audio.endpoint import EndpointSettings, Segment
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import Listener, joined
from voice_helper.runtime.supervision import GuardedActivity
from voice_helper.types import CHUNK_SAMPLES, AudioChunk, Transcript

SAID_TO_US: Final = EndpointSettings(start_seconds=0.1, silence_seconds=1.0)
"""The endpoint settings for a user who was asked to speak: a short word counts as an utterance, and a short pause does
not end it.
"""


class Hearing:
    """Recognizes audio as it arrives, so that the transcript is ready when the audio ends."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer = recognizer
        self.samples = 0
        """The number of samples received so far, at 16 kHz."""

        self._listener, self._voice_activity = Listener(recognizer, SAID_TO_US), GuardedActivity()
        self._sound: RawSound | None = None
        self._waiting = bytearray()
        self._heard: list[Transcript] = []

    def take(self, raw: bytes, rate: int, width: int, channels: int) -> None:
        """Process audio in any valid format. Raises `SoundFormatError` for an invalid one."""
        if self._sound is None or self._sound.form != (rate, width, channels):
            following = RawSound(rate, width, channels)
            self._rest_of_sound()
            self._sound = following
        self._hear(self._sound.take(raw))

    def finish(self) -> Transcript:
        """Return the transcript of the whole utterance."""
        self._rest_of_sound()
        if self._waiting:
            self._take_chunk(AudioChunk(bytes(self._waiting)))
            self._waiting.clear()
        self._take_cut(self._listener.endpointer.finish())
        return joined([heard for heard in self._heard if heard.text or heard.command])

    def abandon(self) -> None:
        """Discard the utterance, so that the recognizer is ready for another client."""
        self._listener.endpointer.finish()
        self._listener.finish()

    def _rest_of_sound(self) -> None:
        if self._sound is not None:
            self._hear(self._sound.finish())
            self._sound = None

    def _hear(self, pcm: bytes) -> None:
        self.samples += len(pcm) // 2
        self._waiting += pcm
        while len(self._waiting) >= CHUNK_SAMPLES * 2:
            self._take_chunk(AudioChunk(bytes(self._waiting[: CHUNK_SAMPLES * 2])))
            del self._waiting[: CHUNK_SAMPLES * 2]

    def _take_chunk(self, chunk: AudioChunk) -> None:
        self._take_cut(self._listener.endpointer.accept(chunk, self._voice_activity.is_speech(chunk)))

    def _take_cut(self, cut: Segment) -> None:
        heard = self._listener.heard(cut)
        if heard is not None:
            self._heard.append(heard)
