"""Activation functions in numpy."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_GELU_BLOCK: Final = 1 << 14
"""The number of values processed at a time.

A block of this size stays in the processor's cache through all steps of the formula.
"""
_GELU_FACTORS: Final = tuple(
    factor / 2 for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
)


def sigmoid(values: Floats) -> Floats:
    """Return the logistic function of the values: the probability for each log-odds."""
    return np.asarray(np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * values)), dtype=np.float32)


def gelu(values: Floats) -> Floats:
    """Return x times the normal distribution function of x, computed as max(x, 0) - |x| * P(X > |x|).

    The approximation of the error function is accurate to 1.5e-7. Source: Abramowitz and Stegun, formula 7.1.26.
    """
    result = np.maximum(values, np.float32(0), order="C")
    flat, flat_result = values.reshape(-1), result.reshape(-1)
    for start in range(0, flat.size, _GELU_BLOCK):
        part = slice(start, start + _GELU_BLOCK)
        size = np.abs(flat[part])
        step = size * np.float32(0.3275911 * math.sqrt(0.5))
        step += np.float32(1)
        np.reciprocal(step, out=step)
        beyond = step * np.float32(_GELU_FACTORS[0])
        for factor in _GELU_FACTORS[1:]:
            beyond += np.float32(factor)
            beyond *= step
        bell = np.square(size, out=step)
        bell *= np.float32(-0.5)
        np.exp(bell, out=bell)
        beyond *= bell
        beyond *= size
        flat_result[part] -= beyond
    return result
