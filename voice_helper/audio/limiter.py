"""Keep sound below full scale: peaks that would be cut off are turned down smoothly instead."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

PEAK: Final = 10 ** (-1 / 20)
"""The highest output level, -1 dBFS: what a converter or a codec adds to a peak still fits."""

_BLOCK_SECONDS: Final = 0.01
_BLOCKS_AROUND: Final = 2  # the gain changes over 20 ms, slower than a voice vibrates


def limited(samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    """Return samples from -1.0 to 1.0 whose peaks are at most `PEAK`. Sound without such peaks stays as it is.

    The gain of each block of 10 ms suits the loudest of the blocks around it; between blocks, it changes in a line.
    """
    if not len(samples) or np.abs(samples).max() <= PEAK:
        return samples
    length = round(rate * _BLOCK_SECONDS)
    blocks = -(-len(samples) // length)
    padded = np.zeros(blocks * length, dtype=np.float32)
    padded[: len(samples)] = np.abs(samples)
    peaks = np.pad(padded.reshape(blocks, length).max(axis=1), _BLOCKS_AROUND)
    loudest = np.lib.stride_tricks.sliding_window_view(peaks, 2 * _BLOCKS_AROUND + 1).max(axis=1)
    gains = PEAK / np.maximum(loudest, PEAK)
    middles = (np.arange(blocks) + 0.5) * length
    gain = np.interp(np.arange(len(samples)), middles, gains)
    return np.asarray(np.clip(samples * gain, -PEAK, PEAK), dtype=np.float32)
