"""Run hama's phoneme network in numpy on streaming audio.

hama's own engine accepts only whole utterances, has no Windows build and takes ten times as long. The network is a
conformer of four blocks (Gulati et al., Conformer: convolution-augmented transformer for speech recognition, 2020) with
1.2 million weights. This module reads the weights from the installed hama package and computes the network with numpy.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.errors import EngineMissingError, install_hint
from voice_helper.support.activations import gelu, sigmoid

Array = npt.NDArray[np.float32]
Samples = Array

FRAME_SAMPLES: Final = 320
"""The number of audio samples between two output frames of the network: 20 ms at 16 kHz."""

_HOP: Final = 160
_WINDOW: Final = 400
_PAD: Final = _WINDOW // 2
_HEADS: Final = 4
_KERNEL: Final = 31
_SIDE: Final = _KERNEL // 2
_BLOCKS: Final = 4
_LEAST_POWER: Final = np.float32(1e-10)
_EPSILON: Final = np.float32(1e-5)
_MAGIC: Final = b"HAMAPK"
_ALIGNED: Final = 16
_SIZES: Final = {0: "<f4", 1: "<f2"}


@dataclass(frozen=True, slots=True)
class _Dense:
    """A dense layer: a weight matrix and a bias."""

    weight: Array
    bias: Array

    def __call__(self, values: Array) -> Array:
        return values @ self.weight + self.bias


@dataclass(frozen=True, slots=True)
class _Norm:
    """Layer normalization."""

    weight: Array
    bias: Array

    def __call__(self, values: Array) -> Array:
        centred = values - values.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + _EPSILON) * self.weight + self.bias, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _FeedForward:
    norm: _Norm
    wide: _Dense
    narrow: _Dense

    def __call__(self, values: Array) -> Array:
        return values + np.float32(0.5) * self.narrow(_silu(self.wide(self.norm(values))))


@dataclass(frozen=True, slots=True)
class _Past:
    """The state that one block keeps from earlier frames: the keys and values of its attention, and the input of its
    convolution.
    """

    keys: Array
    """The attention's keys, as an array of heads by head width by frames."""

    values: Array
    """The attention's values, as an array of heads by frames by head width."""

    convolved: Array
    """The convolution's input in the last `_SIDE` frames, as an array of frames by width."""


@dataclass(frozen=True, slots=True)
class _Block:
    first: _FeedForward
    attention_norm: _Norm
    attention_in: _Dense
    attention_out: _Dense
    convolution_norm: _Norm
    convolution_in: _Dense
    kernel: _Dense
    convolution_out: _Dense
    last: _FeedForward
    norm: _Norm

    def run(self, frames: Array, past: _Past) -> tuple[Array, _Past]:
        """Return the output frames of this block, and the state to keep if all of them are final."""
        frames = self.first(frames)
        attended, keys, values = self._attend(self.attention_norm(frames), past)
        frames = frames + attended
        convolved, gated = self._convolve(self.convolution_norm(frames), past)
        return self.norm(self.last(frames + convolved)), _Past(keys, values, gated)

    def _attend(self, frames: Array, past: _Past) -> tuple[Array, Array, Array]:
        count, width = frames.shape
        mixed = self.attention_in(frames).reshape(count, 3, _HEADS, width // _HEADS)
        queries = mixed[:, 0].transpose(1, 0, 2)
        keys = np.concatenate([past.keys, mixed[:, 1].transpose(1, 2, 0)], axis=2)
        values = np.concatenate([past.values, mixed[:, 2].transpose(1, 0, 2)], axis=1)
        scores = queries @ keys * np.float32((width // _HEADS) ** -0.5)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return self.attention_out((shares @ values).transpose(1, 0, 2).reshape(count, width)), keys, values

    def _convolve(self, frames: Array, past: _Past) -> tuple[Array, Array]:
        mixed = self.convolution_in(frames)
        width = mixed.shape[1] // 2
        gated = np.concatenate([past.convolved, mixed[:, :width] * sigmoid(mixed[:, width:])])
        around = np.concatenate([gated, np.zeros((_SIDE, width), dtype=np.float32)])
        windows = np.lib.stride_tricks.sliding_window_view(around, _KERNEL, axis=0)  # frames x width x kernel
        heard = np.einsum("fwk,wk->fw", windows, self.kernel.weight) + self.kernel.bias
        return self.convolution_out(_silu(heard)), gated


class Conformer:
    """The network's weights, shared by all streams."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        """Load the weights by name. Raises `EngineMissingError` if they belong to a different network."""
        try:
            self._read(weights)
        except (KeyError, ValueError, IndexError) as error:
            raise EngineMissingError("the installed hama has an unknown network", hint=install_hint()) from error

    def _read(self, weights: Mapping[str, Array]) -> None:
        transforms = np.concatenate([weights["stft_real_kernel"][:, 0], weights["stft_imag_kernel"][:, 0]])
        self._transform = np.ascontiguousarray(transforms.T)
        self._mel = weights["mel_fb"]
        folded = iter(name for name in weights if name.startswith("onnx::"))  # in network order
        stem = weights[next(folded)]
        self._stem = _Dense(
            np.ascontiguousarray(stem.transpose(2, 1, 0).reshape(-1, stem.shape[0])), weights[next(folded)]
        )
        kernels = [_Dense(weights[next(folded)][:, 0], weights[next(folded)]) for _ in range(_BLOCKS)]
        self._blocks = []
        for number, kernel in enumerate(kernels):
            matrices = [weights[next(folded)] for _ in range(6)]
            part = {
                name.split(".", 4)[4]: values
                for name, values in weights.items()
                if name.startswith(f"acoustic_model.model.blocks.{number}.")
            }
            self._blocks.append(_block(part, kernel, matrices))
        proj = "acoustic_model.model.proj"
        self._out = _Dense(np.ascontiguousarray(weights[f"{proj}.weight"][:, :, 0].T), weights[f"{proj}.bias"])
        self.width = len(self._blocks[0].norm.bias)

    def features(self, samples: Samples) -> Array:
        """Return the log-mel features of the windows that lie entirely within the audio, one every 10 ms."""
        windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
        spectra = windows @ self._transform
        half = spectra.shape[1] // 2
        power = np.square(spectra[:, :half]) + np.square(spectra[:, half:])
        return np.asarray(np.log(np.maximum(power @ self._mel, _LEAST_POWER)), dtype=np.float32)

    def stem(self, features: Array) -> Array:
        """Return one frame every 20 ms. The features must extend one step beyond the frames at both ends."""
        threes = np.lib.stride_tricks.sliding_window_view(features, 3, axis=0)[::2]  # frames x mels x 3
        return gelu(self._stem(threes.transpose(0, 2, 1).reshape(len(threes), -1)))

    def past(self) -> tuple[_Past, ...]:
        """Return the initial state of the blocks, before any audio."""
        head = self.width // _HEADS
        return tuple(
            _Past(
                np.zeros((_HEADS, head, 0), dtype=np.float32),
                np.zeros((_HEADS, 0, head), dtype=np.float32),
                np.zeros((_SIDE, self.width), dtype=np.float32),
            )
            for _ in self._blocks
        )

    def run(self, frames: Array, past: tuple[_Past, ...], final: int) -> tuple[Array, tuple[_Past, ...]]:
        """Return the log-probabilities of the first `final` frames, and the state to keep after these frames.

        The remaining frames are right context. The caller passes them again with the next frames.
        """
        kept = []
        count = len(frames)
        for block, before in zip(self._blocks, past, strict=True):
            frames, after = block.run(frames, before)
            seen = after.keys.shape[2] - (count - final)
            convolved = after.convolved[: _SIDE + final][-_SIDE:]
            kept.append(_Past(after.keys[:, :, :seen], after.values[:, :seen], convolved))
        scores = self._out(frames[:final])
        scores -= scores.max(axis=-1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True)), tuple(kept)


class ConformerStream:
    """Runs one utterance through the network. Returns each frame once enough audio has followed it."""

    def __init__(self, network: Conformer, right_context: int) -> None:
        """Set how many 20 ms frames must follow a frame before it is final."""
        self._network, self._right_context = network, right_context
        self._past = network.past()
        self._samples = np.zeros(0, dtype=np.float32)
        self._features = np.zeros((1, len(network._mel[0])), dtype=np.float32)
        self._frames = np.zeros((0, network.width), dtype=np.float32)
        self._has_begun = False

    def accept(self, samples: Samples) -> Array:
        """Accept audio and return the frames that are now final."""
        self._samples = np.concatenate([self._samples, samples])
        if not self._has_begun:
            if len(self._samples) <= _PAD:
                return self._nothing()
            self._samples = np.concatenate([self._samples[_PAD:0:-1], self._samples])  # mirrored, as in training
            self._has_begun = True
        self._listen()
        return self._final(max(0, len(self._frames) - self._right_context))

    def finish(self) -> Array:
        """End the utterance and return the remaining frames."""
        if not self._has_begun:
            return self._nothing()
        self._samples = np.concatenate([self._samples, self._samples[-2 : -2 - _PAD : -1]])
        self._listen()
        if len(self._features) >= 2:
            self._features = np.concatenate([self._features, np.zeros_like(self._features[:1])])
            self._frames = np.concatenate([self._frames, self._network.stem(self._features)])
        return self._final(len(self._frames))

    def _nothing(self) -> Array:
        return np.zeros((0, len(self._network._out.bias)), dtype=np.float32)

    def _listen(self) -> None:
        if len(self._samples) >= _WINDOW:
            features = self._network.features(self._samples)
            self._samples = self._samples[len(features) * _HOP :]
            self._features = np.concatenate([self._features, features])
        frames = (len(self._features) - 1) // 2
        if frames > 0:
            self._frames = np.concatenate([self._frames, self._network.stem(self._features[: 2 * frames + 1])])
            self._features = self._features[2 * frames :]

    def _final(self, count: int) -> Array:
        if count <= 0:
            return self._nothing()
        scores, self._past = self._network.run(self._frames, self._past, count)
        self._frames = self._frames[count:]
        return scores


def read_hama_weights(path: Path) -> Mapping[str, Array]:
    """Read a weights file of hama. Raises `EngineMissingError` if the file is truncated or of another kind."""
    try:
        return _parsed(path.read_bytes())
    except (OSError, ValueError, struct.error, KeyError, UnicodeDecodeError) as error:
        raise EngineMissingError(
            f"{path} is not a weights file of hama", hint=f"{install_hint()} --force-reinstall"
        ) from error


def _parsed(data: bytes) -> Mapping[str, Array]:
    """Parse the file: a table with the name, type, size and offset of each array, followed by the arrays."""
    if not data.startswith(_MAGIC):
        raise ValueError("another kind of file")
    (count,) = struct.unpack_from("<I", data, 8)
    at, entries = 12, list[tuple[str, str, tuple[int, ...], int]]()
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        kind, dimensions = data[at], data[at + 1]
        shape = struct.unpack_from(f"<{dimensions}I", data, at + 2)
        at += 2 + 4 * dimensions
        (offset,) = struct.unpack_from("<Q", data, at)
        at += 16
        entries.append((name, _SIZES[kind], shape, offset))
    start = -(-at // _ALIGNED) * _ALIGNED
    return {
        name: np.frombuffer(data, kind, int(np.prod(shape)), start + offset).reshape(shape).astype(np.float32)
        for name, kind, shape, offset in entries
    }


def _block(part: Mapping[str, Array], kernel: _Dense, matrices: list[Array]) -> _Block:
    def norm(name: str) -> _Norm:
        return _Norm(part[f"{name}.weight"], part[f"{name}.bias"])

    def pointwise(name: str) -> _Dense:
        return _Dense(np.ascontiguousarray(part[f"{name}.weight"][:, :, 0].T), part[f"{name}.bias"])

    wide, narrow, attention_in, attention_out, last_wide, last_narrow = matrices
    return _Block(
        first=_FeedForward(
            norm("ffn1.norm"), _Dense(wide, part["ffn1.fc1.bias"]), _Dense(narrow, part["ffn1.fc2.bias"])
        ),
        attention_norm=norm("attn_norm"),
        attention_in=_Dense(attention_in, part["attn.in_proj_bias"]),
        attention_out=_Dense(attention_out, part["attn.out_proj.bias"]),
        convolution_norm=norm("conv.norm"),
        convolution_in=pointwise("conv.pointwise1"),
        kernel=kernel,
        convolution_out=pointwise("conv.pointwise2"),
        last=_FeedForward(
            norm("ffn2.norm"), _Dense(last_wide, part["ffn2.fc1.bias"]), _Dense(last_narrow, part["ffn2.fc2.bias"])
        ),
        norm=norm("norm"),
    )


def _silu(values: Array) -> Array:
    return values * sigmoid(values)
