"""Sound of one utterance, as it comes over a network, to its words."""

from __future__ import annotations

from typing import Final

from voice_helper.audio.devices import RawSound
from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import Listener
from voice_helper.runtime.supervision import GuardedActivity
from voice_helper.types import CHUNK_SAMPLES, AudioChunk, Transcript

SAID_TO_US: Final = EndpointSettings(start_seconds=0.1, silence_seconds=1.0)
"""Somebody was told to speak, so that short words count; who pauses goes on with the same utterance."""


class Hearing:
    """Hears while the sound comes: at its end the words are ready."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer = recognizer
        self.samples = 0
        """So much was heard, at 16 kHz."""

        self._listener, self._voice_activity = Listener(recognizer, SAID_TO_US), GuardedActivity()
        self._sound: RawSound | None = None
        self._waiting = bytearray()
        self._heard: list[Transcript] = []

    def take(self, raw: bytes, rate: int, width: int, channels: int) -> None:
        """Take a piece of sound of any form; raises `SoundFormatError` for a form that none has."""
        if self._sound is None or self._sound.form != (rate, width, channels):
            following = RawSound(rate, width, channels)
            self._rest_of_sound()
            self._sound = following
        self._hear(self._sound.take(raw))

    def finish(self) -> Transcript:
        """Give all that was said."""
        self._rest_of_sound()
        if self._waiting:
            self._take_chunk(AudioChunk(bytes(self._waiting)))
            self._waiting.clear()
        if self._listener.endpointer.finish().is_over:
            self._heard.append(self._listener.finish())
        spoken = [heard for heard in self._heard if heard.text or heard.command]
        if len(spoken) == 1:
            return spoken[0]
        words = " ".join(heard.text for heard in spoken if heard.text)
        return Transcript(words, min((heard.confidence for heard in spoken), default=0.0))

    def abandon(self) -> None:
        """Nobody waits for the words: make the recognizer ready for somebody else."""
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
        cut = self._listener.endpointer.accept(chunk, self._voice_activity.is_speech(chunk))
        for _ in self._listener.recognize(cut):
            pass
        if cut.is_over:
            self._heard.append(self._listener.finish())
