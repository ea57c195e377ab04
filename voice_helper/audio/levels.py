"""Measure the level of a microphone, and judge whether it is too low or too high."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from voice_helper.types import AudioChunk

QUIETEST_DECIBELS: Final = -90.0
"""The level shown for silence, relative to full scale (0 dB)."""

Verdict = Literal["silent", "soft", "good", "loud"]

_SOFT_DECIBELS: Final = (
    -50.0
)  # the level of the loudest third of a second; recordings were recognized at -56 dB and lost words at -66 dB
_FULL_SCALE: Final = 32_700
_CLIPPED_SHARE: Final = 0.002
_LOUD_CHUNKS: Final = 10  # a third of a second of speech


def decibels(chunk: AudioChunk) -> float:
    """Return the RMS level of a chunk in decibels relative to full scale, from `QUIETEST_DECIBELS` to 0."""
    samples = np.frombuffer(chunk.pcm, dtype="<i2").astype(np.float64)
    if not len(samples) or not samples.any():
        return QUIETEST_DECIBELS
    return max(QUIETEST_DECIBELS, 20 * math.log10(math.sqrt(float(np.mean(samples**2))) / 32_768))


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile: the value below which the given share of the values lies.

    Interpolates linearly, with the same result as `numpy.quantile`, but faster for short sequences.
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    beyond = place - below
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (high - low) * beyond if beyond < 0.5 else high - (high - low) * (1 - beyond)


class LevelMeter:
    """Measures chunks while the user speaks, and judges their level."""

    def __init__(self) -> None:
        self._decibels: list[float] = []
        self._samples = self._clipped = 0

    def accept(self, chunk: AudioChunk) -> float:
        """Measure a chunk and return its level in decibels relative to full scale."""
        level = decibels(chunk)
        self._decibels.append(level)
        self._samples += chunk.samples
        self._clipped += int(np.count_nonzero(np.abs(np.frombuffer(chunk.pcm, dtype="<i2").astype(int)) > _FULL_SCALE))
        return level

    @property
    def loud_decibels(self) -> float:
        """Return the minimum level, in decibels, of the loudest chunks of speech (a third of a second in total)."""
        loudest = sorted(self._decibels, reverse=True)[:_LOUD_CHUNKS]
        return loudest[-1] if loudest else QUIETEST_DECIBELS

    def verdict(self) -> Verdict:
        """Return the verdict on the level: silent (only zeros), too low to be recognized, good, or clipped."""
        if not self._decibels or max(self._decibels) <= QUIETEST_DECIBELS:
            return "silent"
        if self._clipped > _CLIPPED_SHARE * self._samples:
            return "loud"
        return "soft" if self.loud_decibels < _SOFT_DECIBELS else "good"
