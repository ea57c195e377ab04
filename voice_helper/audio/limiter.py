"""Keep audio below full scale: peaks that would clip are reduced smoothly."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

PEAK: Final = 10 ** (-1 / 20)
"""The highest output level, -1 dBFS. It leaves room for overshoot in converters and codecs."""

_BLOCK_SECONDS: Final = 0.01
_BLOCKS_AROUND: Final = 2  # the gain changes over 20 ms, which is longer than a period of a voice


def limited(samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    """Limit the peaks of samples from -1.0 to 1.0 to `PEAK`. Audio without higher peaks is returned unchanged.

    Each block of 10 ms gets the gain that the highest peak in the block and its neighbours requires. Between blocks,
    the gain is interpolated linearly.
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
