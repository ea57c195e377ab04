"""Judge whether a person is loud enough in a room: measured while nobody speaks to us, and while the person does."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, Literal

from voice_helper.audio.levels import LevelMeter
from voice_helper.audio.near_speaker import LOUDER_DECIBELS
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

MEASURED_SECONDS: Final = 2.0
"""How long the room is listened to."""

ENOUGH_DECIBELS: Final = 10.0
"""With kitchen noise 10 dB below them, 9 of 13 recorded questions were heard right; at 5 dB, 4."""

RoomVerdict = Literal["clear", "close", "drowned"]


def loud_decibels(chunks: Iterable[AudioChunk]) -> float:
    """Return the level that the loudest third of a second reaches."""
    meter = LevelMeter()
    for chunk in chunks:
        meter.accept(chunk)
    return meter.loud_decibels


def first_seconds(chunks: Iterable[AudioChunk], seconds: float = MEASURED_SECONDS) -> list[AudioChunk]:
    """Return the beginning of a source that does not end by itself."""
    return list(islice(chunks, round(seconds * SAMPLE_RATE / CHUNK_SAMPLES)))


def room_verdict(room_decibels: float, voice_decibels: float) -> RoomVerdict:
    """Return whether a voice is clear of the room, close to its level, or so close that the two are not told apart."""
    margin = voice_decibels - room_decibels
    if margin >= ENOUGH_DECIBELS:
        return "clear"
    return "close" if margin >= LOUDER_DECIBELS else "drowned"
