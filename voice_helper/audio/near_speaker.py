"""Distinguish the user from other talk in the room, such as a television.

Both are speech, so voice activity detection cannot tell them apart. The user is closer to the microphone and therefore
louder. While the user speaks and afterwards, speech that is some decibels softer belongs to the room. Its level is
remembered, so that only speech that is clearly louder starts the next utterance. While others talk, the audio between
the user's words is attenuated before recognition. All levels are measured over the last two chunks, in decibels
relative to full scale.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from voice_helper.audio.endpoint import Endpointer, EndpointSettings, Segment
from voice_helper.audio.levels import decibels, quantile
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

LOUDER_DECIBELS: Final = 3.0
"""The minimum level difference, in decibels, by which the user is louder than other talk in the room."""

SOFTER_DECIBELS: Final = 8.0
"""The minimum level difference, in decibels, at which softer speech during an utterance may come from someone else."""

SOFTER_SECONDS: Final = 0.4
"""How long, in seconds, speech must stay softer by `SOFTER_DECIBELS` before it is attributed to someone else.

The user's own soft syllables are shorter.
"""

JUMP_DECIBELS: Final = 5.0
JUMP_SECONDS: Final = 0.1
"""How long, in seconds, speech must stay louder than all earlier speech before it is attributed to a closer person."""

SETTLED_SECONDS: Final = 1.0
"""The seconds of speech after which a speaker's level is known."""

REMEMBERED_SECONDS: Final = 8.0
"""The number of seconds of other people's most recent talk over which the room's level is measured."""

QUIET_SECONDS: Final = 15.0
"""The room counts as quiet after this many seconds without other talk."""

GATE_HOLD_CHUNKS: Final = 4
"""The number of chunks that the gate passes before the user's speech, and again after it (0.13 s each time), because
they may contain soft first and last sounds.
"""

GATE_GAIN: Final = 0.01
"""The factor by which the gate attenuates audio that is not the user's speech: -40 dB."""

_LOUD_SHARE: Final = 0.9
_CHUNKS_A_SECOND: Final = SAMPLE_RATE / CHUNK_SAMPLES
_SETTLED_CHUNKS: Final = round(SETTLED_SECONDS * _CHUNKS_A_SECOND)
_ROOM_CHUNKS: Final = round(REMEMBERED_SECONDS * _CHUNKS_A_SECOND)
_REMEMBERED_CHUNKS: Final = round(4 * _CHUNKS_A_SECOND)  # longer than the start of any utterance


@dataclass(frozen=True, slots=True)
class Presence:
    """What a chunk says about the user: whether they are speaking, and how loudly."""

    is_near: bool = False
    """The user is speaking, or spoke a moment ago."""

    is_loud: bool = False
    """The user is speaking at the usual loudness."""

    is_nearer: bool = False
    """Someone closer than the current speaker has started to speak."""


class _Levels:
    """The levels of the speech of one speaker or of the room, in the order of the chunks."""

    def __init__(self) -> None:
        self.levels: list[float] = []
        self._loud: float | None = -math.inf

    def add(self, levels: list[float], *, kept: int | None = None) -> None:
        """Add the levels of the next chunks. If `kept` is given, drop all but the last `kept` levels."""
        self.levels += levels
        if kept is not None:
            del self.levels[:-kept]
        if levels:
            self._loud = None

    @property
    def loud(self) -> float:
        """Return the level of the loud parts of the speech.

        Return -inf if there has been no speech.
        """
        if self._loud is None:
            self._loud = quantile(self.levels, _LOUD_SHARE)
        return self._loud


class NearSpeaker:
    """Tracks the loudness of the user and of other talk in the room, chunk by chunk."""

    def __init__(self) -> None:
        self._power_before = 0.0
        self._room = _Levels()
        self._chunks_without_room = 0
        self._begin()

    def _begin(self) -> None:
        self._person = _Levels()
        self._softer: list[float] = []
        self._louder: list[float] = []

    @property
    def hears_others(self) -> bool:
        """Return whether others are talking in the room."""
        return bool(self._room.levels)

    def accept(self, chunk: AudioChunk, is_speech: bool, *, in_utterance: bool, learns: bool = True) -> Presence:
        """Process a chunk, given whether it contains speech and whether an utterance is in progress.

        The levels are updated only if `learns` is true, because the assistant's own voice belongs neither to the user
        nor to the room.
        """
        level = self._level(chunk)
        if not learns:
            is_loud = is_speech and level >= self._room.loud + LOUDER_DECIBELS
            return Presence(is_loud, is_loud)
        if not in_utterance and (self._softer or self._louder):
            self._begin()
        self._forget_a_quiet_room()
        if not is_speech:
            return Presence()
        if level < self._room.loud + LOUDER_DECIBELS:
            self._hear_room([level])
            return Presence()
        if not in_utterance:
            self._person.add([level], kept=_SETTLED_CHUNKS + 1)
            return Presence(is_near=True, is_loud=True)
        if self._is_nearer(level):
            return Presence(is_near=True, is_loud=True, is_nearer=True)
        is_loud = bool(self._louder) or level >= self._person.loud - SOFTER_DECIBELS
        return Presence(not self._is_somebody_else(level, is_loud), is_loud)

    def is_rooms(self, chunk: AudioChunk) -> bool:
        """Return whether others are talking and the chunk is no louder than their speech."""
        return decibels(chunk) < self._room.loud + LOUDER_DECIBELS

    def _is_nearer(self, level: float) -> bool:
        """Return whether the level has jumped and stayed high up to this chunk.

        If so, all earlier speech came from others in the room.
        """
        is_settled = len(self._person.levels) >= SETTLED_SECONDS * _CHUNKS_A_SECOND
        if not is_settled or level < self._person.loud + JUMP_DECIBELS:
            self._person.add(self._louder)
            self._louder.clear()
            return False
        self._louder.append(level)
        if len(self._louder) < JUMP_SECONDS * _CHUNKS_A_SECOND:
            return False
        self._hear_room(self._person.levels)
        louder = self._louder
        self._begin()
        self._person.add(louder)
        return True

    def _is_somebody_else(self, level: float, is_loud: bool) -> bool:
        """Return whether speech has been softer than the user's for so long that it comes from someone else."""
        if self._louder:
            return False
        if is_loud:
            self._person.add([*self._softer, level])
            self._softer.clear()
            return False
        self._softer.append(level)
        if len(self._softer) < SOFTER_SECONDS * _CHUNKS_A_SECOND:
            return False
        self._hear_room(self._softer)
        self._softer.clear()
        return True

    def _level(self, chunk: AudioChunk) -> float:
        power = 10 ** (decibels(chunk) / 10)
        level = 10 * math.log10((power + self._power_before) / 2)
        self._power_before = power
        return level

    def _hear_room(self, levels: list[float]) -> None:
        self._room.add(levels, kept=_ROOM_CHUNKS)
        self._chunks_without_room = 0

    def _forget_a_quiet_room(self) -> None:
        self._chunks_without_room += 1
        if self._chunks_without_room > QUIET_SECONDS * _CHUNKS_A_SECOND:
            self._room = _Levels()


class Gate:
    """Attenuates the audio between the user's words. Its output is delayed by `GATE_HOLD_CHUNKS`."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[AudioChunk, bool]] = deque()
        self._chunks_since_loud = GATE_HOLD_CHUNKS + 1
        self._gain = 1.0

    def accept(self, chunk: AudioChunk, is_loud: bool) -> tuple[AudioChunk, ...]:
        """Accept a chunk, given whether it is the user's speech. Return the delayed chunks that are now ready."""
        self._waiting.append((chunk, is_loud))
        return self._passed(GATE_HOLD_CHUNKS)

    def finish(self) -> tuple[AudioChunk, ...]:
        """Return the delayed chunks at the end of the stream."""
        return self._passed(0)

    def _passed(self, to_keep: int) -> tuple[AudioChunk, ...]:
        ready = list[AudioChunk]()
        while len(self._waiting) > to_keep:
            chunk, is_loud = self._waiting.popleft()
            self._chunks_since_loud = 0 if is_loud else self._chunks_since_loud + 1
            follows = any(is_loud for _, is_loud in self._waiting)
            gain = 1.0 if follows or self._chunks_since_loud <= GATE_HOLD_CHUNKS else GATE_GAIN
            ready.append(_faded(chunk, self._gain, gain))
            self._gain = gain
        return tuple(ready)


class NearEndpointer:
    """Splits a stream into the utterances of the user."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self._endpointer = Endpointer(settings)
        self._speaker = NearSpeaker()
        self._gate: Gate | None = None
        self._loud: deque[bool] = deque(maxlen=_REMEMBERED_CHUNKS)

    @property
    def settings(self) -> EndpointSettings:
        """Return the endpoint settings, which may be changed at any time."""
        return self._endpointer.settings

    @settings.setter
    def settings(self, settings: EndpointSettings) -> None:
        self._endpointer.settings = settings

    @property
    def has_paused(self) -> bool:
        """Return whether the user has not spoken for `PAUSE_SECONDS`, so that the utterance may be over."""
        return self._endpointer.has_paused

    @property
    def in_utterance(self) -> bool:
        """Return whether an utterance is in progress."""
        return self._endpointer.in_utterance

    @property
    def hears_others(self) -> bool:
        """Return whether others are talking in the room."""
        return self._speaker.hears_others

    def is_rooms(self, chunk: AudioChunk) -> bool:
        """Return whether others are talking and the chunk is no louder than their speech, so that it cannot start an
        utterance.
        """
        return self._speaker.is_rooms(chunk)

    def accept(self, chunk: AudioChunk, is_speech: bool, *, is_own_voice: bool = False) -> Segment:
        """Process a chunk, given whether it contains speech. Return the chunks that belong to the utterance.

        `is_own_voice` is true if the assistant's voice is playing, so that the microphone may be picking it up.
        """
        presence = self._speaker.accept(chunk, is_speech, in_utterance=self.in_utterance, learns=not is_own_voice)
        self._loud.append(presence.is_loud)
        if presence.is_nearer:
            rest = self._flushed()
            return replace(self._endpointer.split(chunk), chunks=rest)
        return self._gated(self._endpointer.accept(chunk, presence.is_near))

    def finish(self) -> Segment:
        """End the current utterance because the source has ended. Speech too short to have started one is dropped."""
        return replace(self._endpointer.finish(), chunks=self._flushed())

    def _gated(self, cut: Segment) -> Segment:
        """If others are talking, return the segment with everything but the user's speech attenuated."""
        if not cut.chunks or (self._gate is None and not self._speaker.hears_others):
            return cut
        self._gate = self._gate or Gate()
        flags = list(self._loud)[-len(cut.chunks) :]
        ready = [
            part for chunk, is_loud in zip(cut.chunks, flags, strict=True) for part in self._gate.accept(chunk, is_loud)
        ]
        if cut.is_over or self.has_paused:
            ready += self._flushed() if cut.is_over else self._gate.finish()
        return replace(cut, chunks=tuple(ready))

    def _flushed(self) -> tuple[AudioChunk, ...]:
        gate, self._gate = self._gate, None
        return gate.finish() if gate else ()


def _faded(chunk: AudioChunk, start: float, end: float) -> AudioChunk:
    """Return the chunk with its gain ramped linearly from `start` to `end`."""
    if start == end == 1.0:
        return chunk
    samples = np.frombuffer(chunk.pcm, dtype="<i2") * np.linspace(start, end, chunk.samples)
    return AudioChunk(samples.astype("<i2").tobytes())
