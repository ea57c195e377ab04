"""Run the sentence model all-MiniLM-L6-v2 with numpy. The model converts the word pieces of a text to a unit vector.

As 32-bit floats, its six layers take 43 MB of memory, so they are unpacked only once. Source of the model: Wang et al.,
MiniLM (2020); of the layers: Devlin et al., BERT (2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.support.activations import gelu
from voice_helper.support.onnx_weights import Array

Floats = npt.NDArray[np.float32]

LAYERS: Final = 6
HEADS: Final = 12
MATRICES: Final = 6
"""The number of matrices in a layer: query, key, value, attention output, and the two feed-forward matrices."""
_TINY: Final = np.float32(1e-12)
_PREFIX: Final = "inner.encoder.layer"


@dataclass(frozen=True)
class Adapter:
    """An adapter, which changes a trained network for another task: the product of two narrow matrices, which is added
    to one of the network's matrices.

    Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (2021).
    """

    down: Floats
    up: Floats


@dataclass(frozen=True)
class Linear:
    """A linear layer: a matrix and a bias."""

    weight: Floats
    bias: Floats
    adapter: Adapter | None = None

    def __call__(self, states: Floats) -> Floats:
        """Return the states multiplied by the matrix, plus the bias."""
        rows = states.reshape(-1, states.shape[-1])  # one product: numpy would multiply text by text
        result = rows @ self.weight
        result += self.bias
        if self.adapter is not None:
            result += rows @ self.adapter.down @ self.adapter.up
        return result.reshape(*states.shape[:-1], -1)


@dataclass(frozen=True)
class Norm:
    """Layer normalization."""

    weight: Floats
    bias: Floats

    def __call__(self, states: Floats) -> Floats:
        """Return the states with mean 0 and variance 1, scaled and shifted by the learned parameters."""
        centred = states - states.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + _TINY) * self.weight + self.bias, dtype=np.float32)


@dataclass(frozen=True)
class Layer:
    """One transformer layer: attention across all word pieces, then a feed-forward part for each."""

    query: Linear
    key: Linear
    value: Linear
    attended: Linear
    norm: Norm
    wide: Linear
    narrow: Linear
    last_norm: Norm

    def __call__(self, states: Floats) -> Floats:
        """Return the states of texts (texts x pieces x dimensions) after this layer."""
        query, key, value = (_by_head(each(states)) for each in (self.query, self.key, self.value))
        scores = query @ key.swapaxes(-1, -2) * np.float32(1 / math.sqrt(query.shape[-1]))
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        together = (shares @ value).swapaxes(1, 2).reshape(states.shape)
        states = self.norm(self.attended(together) + states)
        return self.last_norm(self.narrow(gelu(self.wide(states))) + states)

    def adapted(self, adapters: Sequence[Adapter]) -> Layer:
        """Return the layer with an adapter added to each of its matrices, in the order of the fields."""
        linears = [
            replace(linear, adapter=adapter)
            for linear, adapter in zip(
                (self.query, self.key, self.value, self.attended, self.wide, self.narrow), adapters, strict=True
            )
        ]
        query, key, value, attended, wide, narrow = linears
        return Layer(query, key, value, attended, self.norm, wide, narrow, self.last_norm)


@dataclass(frozen=True)
class SentenceNetwork:
    """The complete network, which converts the word pieces of a text to a vector."""

    words: npt.NDArray[np.int8]
    """The embeddings of the word pieces as 8-bit integers, one row per piece, to be multiplied by `word_scale`."""

    word_scale: Floats
    positions: Floats
    norm: Norm
    layers: tuple[Layer, ...]

    def __call__(self, pieces: npt.NDArray[np.int64]) -> Floats:
        """Return one unit vector per text. All texts must have the same number of pieces (texts x pieces)."""
        states = self.words[pieces] * self.word_scale[pieces] + self.positions[: pieces.shape[1]]
        states = self.norm(states)
        for layer in self.layers:
            states = layer(states)
        mean = states.mean(axis=1)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)

    def adapted(self, adapters: Sequence[Adapter]) -> SentenceNetwork:
        """Return a network adapted to another task, with six adapters per layer.

        All other parameters are shared with this network.
        """
        parts = [adapters[MATRICES * number : MATRICES * (number + 1)] for number in range(LAYERS)]
        layers = tuple(layer.adapted(part) for layer, part in zip(self.layers, parts, strict=True))
        return replace(self, layers=layers)


def sentence_network(weights: Mapping[str, Array]) -> SentenceNetwork:
    """Build the network from its weights. Raises `LookupError` or `ValueError` if they do not fit."""
    matrices = sorted(
        (name.removesuffix("_q") for name in weights if name.startswith("val_") and name.endswith("_q")),
        key=lambda name: int(name.removeprefix("val_")),
    )

    def floats(name: str) -> Floats:
        return np.asarray(weights[name], dtype=np.float32)

    def unpacked(name: str) -> Floats:
        return np.ascontiguousarray(weights[f"{name}_q"] * floats(f"{name}_scale"), dtype=np.float32)

    def norm(name: str) -> Norm:
        return Norm(floats(f"{name}.weight"), floats(f"{name}.bias"))

    def layer(number: int) -> Layer:
        own = f"{_PREFIX}.{number}"
        parts = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
        biases = [floats(f"{own}.{part}.bias") for part in (*parts, "intermediate.dense", "output.dense")]
        names = matrices[MATRICES * number : MATRICES * (number + 1)]
        linears = [Linear(unpacked(name), bias) for name, bias in zip(names, biases, strict=True)]
        query, key, value, attended, wide, narrow = linears
        first, last = norm(f"{own}.attention.output.LayerNorm"), norm(f"{own}.output.LayerNorm")
        return Layer(query, key, value, attended, first, wide, narrow, last)

    words, scale = "inner.embeddings.word_embeddings.weight", "inner.embeddings.word_embeddings.weight_scale"
    types = floats("inner.embeddings.token_type_embeddings.weight")[0]  # single texts always have the first type
    return SentenceNetwork(
        words=np.asarray(weights[f"{words}_q"]),
        word_scale=floats(scale),
        positions=unpacked("inner.embeddings.position_embeddings.weight") + types,
        norm=norm("inner.embeddings.LayerNorm"),
        layers=tuple(layer(number) for number in range(LAYERS)),
    )


def _by_head(states: Floats) -> Floats:
    texts, pieces, dimensions = states.shape
    return states.reshape(texts, pieces, HEADS, dimensions // HEADS).swapaxes(1, 2)
