"""Nearest meaning: which intent a text is closest to, learned from templates and from people's own wordings.

Words, word pairs and pieces of words are hashed into one vector; a ridge classifier in
closed form (numpy alone, no fitting library) gives each intent a score, a softmax with a
calibrated temperature makes it comparable to a probability. The same templates always
give the same weights.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from voice_helper.sentences import Sentences, Template
from voice_helper.text import Language
from voice_helper.types import OUT_OF_SCOPE
from voice_helper.wordings import Wording

DIMENSIONS = 1 << 12
DRAWS_PER_TEMPLATE = 8
RIDGE = 0.5  # least error on the development lines between 0.3 and 5
TEMPERATURE = 0.11  # set with the thresholds, on the development lines

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Nearest:
    """The fitted classifier."""

    labels: tuple[str, ...]
    """An intent, or an intent and a red-flag family of it: `emergency/chest_pain`."""

    weights: npt.NDArray[np.float32]
    """One column a label: `DIMENSIONS` rows and the bias as the last."""

    idf: Vector
    examples: tuple[str, ...]
    """What it learned from, in comparable form."""

    example_labels: npt.NDArray[np.int32]
    example_templates: npt.NDArray[np.int32]
    """Index of the template that an example was drawn from; -1 for people's own wordings."""

    def scores(self, comparable: str) -> list[tuple[str, float]]:
        """Give every intent with its score (0.0 to 1.0, all adding up to 1.0), the highest first."""
        shares = self._shares(comparable)
        if shares is None:
            return []
        summed = dict.fromkeys(self._intents, 0.0)
        for intent, share in zip(self._intents, shares, strict=True):
            summed[intent] += float(share)
        return sorted(summed.items(), key=lambda item: -item[1])

    def family(self, comparable: str, intent: str) -> str | None:
        """Give the likeliest red-flag family of an intent."""
        shares = self._shares(comparable)
        own = [index for index in self._labels_of(intent) if "/" in self.labels[index]]
        if shares is None or not own:
            return None
        return self.labels[max(own, key=lambda index: float(shares[index]))].partition("/")[2]

    def known_share(self, comparable: str) -> float:
        """The share of the words of a text that stand in some example, those outside our subject left out."""
        words = comparable.split()
        return sum(word in self._words for word in words) / len(words) if words else 0.0

    def _shares(self, comparable: str) -> Vector | None:
        indices, values = _vector(comparable, self.idf)
        if not len(indices):
            return None
        raw = values @ self.weights[indices] + self.weights[-1]
        shifted = np.exp((raw - raw.max()) / TEMPERATURE)
        return np.asarray(shifted / shifted.sum(), dtype=np.float32)

    @cached_property
    def _intents(self) -> tuple[str, ...]:
        """The intent of each label."""
        return tuple(label.partition("/")[0] for label in self.labels)

    @cached_property
    def _words(self) -> frozenset[str]:
        outside = np.isin(self.example_labels, self._labels_of(OUT_OF_SCOPE))
        ours = np.flatnonzero((self.example_templates >= 0) | ~outside)
        return frozenset(word for index in ours for word in self.examples[index].split())

    def _labels_of(self, intent: str) -> list[int]:
        return [index for index, named in enumerate(self._intents) if named == intent]

    def nearest_example(self, comparable: str, intent: str) -> int | None:
        """Give the index of the template of an intent whose sentences are spelled most like a text."""
        from rapidfuzz import fuzz, process

        own = np.flatnonzero(np.isin(self.example_labels, self._labels_of(intent)) & (self.example_templates >= 0))
        found = process.extractOne(comparable, [self.examples[index] for index in own], scorer=fuzz.token_sort_ratio)
        return int(self.example_templates[own[found[2]]]) if found else None


def fit(sentences: Sentences, wordings: Sequence[Wording] = ()) -> Nearest:
    """Learn from the templates, and from people's own wordings."""
    labels = tuple(dict.fromkeys((*sentences.intents, *(wording.label for wording in wordings))))
    number = {label: index for index, label in enumerate(labels)}
    examples: list[str] = []
    targets: list[int] = []
    sources: list[int] = []

    def learn(text: str, label: str, source: int) -> None:
        examples.append(text)
        targets.append(number[label])
        sources.append(source)

    for index, template in enumerate(sentences.templates):
        for text in _draws(sentences, template):
            learn(text, template.intent, index)
    for wording in wordings:
        learn(comparable_text(sentences.language, wording.text), wording.label, -1)
    idf = _inverse_frequencies(examples)
    learned = np.asarray(targets, dtype=np.int32)
    weights = _ridge([_vector(text, idf) for text in examples], learned, len(labels))
    return Nearest(labels, weights, idf, tuple(examples), learned, np.asarray(sources, dtype=np.int32))


def comparable_text(language: Language, text: str) -> str:
    """Give a text as the classifier compares it."""
    return language.without_fillers(language.comparable(text))


def _draws(sentences: Sentences, template: Template) -> tuple[str, ...]:
    drawn = (comparable_text(sentences.language, text) for text in sentences.draw(template, DRAWS_PER_TEMPLATE))
    return tuple(dict.fromkeys(drawn))


def features(comparable: str) -> dict[int, float]:
    """Give the hashed features of a comparable text, and how often each stands in it."""
    counts: dict[int, float] = {}

    def add(name: str, weight: float) -> None:
        index = zlib.crc32(name.encode()) % DIMENSIONS
        counts[index] = counts.get(index, 0.0) + weight

    words = comparable.split()
    if not words:
        return counts
    for word in words:
        add(f"w {word}", 1.0)
        padded = f"<{word}>"
        for length in (3, 4, 5):
            for start in range(len(padded) - length + 1):
                add(f"c {padded[start : start + length]}", 0.4)
    marked = ["<s>", *words, "</s>"]
    for left, right in itertools.pairwise(marked):
        add(f"b {left} {right}", 0.8)
    for first, second, third in zip(marked, marked[1:], marked[2:], strict=False):
        add(f"t {first} {second} {third}", 0.5)
    return counts


def _vector(comparable: str, idf: Vector) -> tuple[npt.NDArray[np.int64], Vector]:
    counts = features(comparable)
    indices = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    values = np.fromiter((math.sqrt(count) for count in counts.values()), dtype=np.float32, count=len(counts))
    values *= idf[indices]
    norm = float(np.linalg.norm(values))
    return indices, (values / norm if norm else values).astype(np.float32)


def _inverse_frequencies(texts: Sequence[str]) -> Vector:
    seen = np.zeros(DIMENSIONS, dtype=np.float32)
    for text in texts:
        for index in features(text):
            seen[index] += 1.0
    return np.asarray(np.log((1 + len(texts)) / (1 + seen)) + 1.0, dtype=np.float32)


def _ridge(
    vectors: Sequence[tuple[npt.NDArray[np.int64], Vector]], labels: npt.NDArray[np.int32], classes: int
) -> npt.NDArray[np.float32]:
    """Least squares with a penalty, every intent counting the same however many sentences it has."""
    counts = np.bincount(labels, minlength=classes)
    importance = np.sqrt(len(labels) / (classes * np.maximum(counts, 1)))[labels].astype(np.float32) ** 0.5
    gram = np.zeros((DIMENSIONS + 1, DIMENSIONS + 1), dtype=np.float32)
    moments = np.zeros((DIMENSIONS + 1, classes), dtype=np.float32)
    step = 2048
    for start in range(0, len(vectors), step):
        block = np.zeros((min(step, len(vectors) - start), DIMENSIONS + 1), dtype=np.float32)
        for row, (indices, values) in enumerate(vectors[start : start + step]):
            block[row, indices] = values
            block[row, -1] = 1.0
        block *= importance[start : start + step, None]
        wanted = np.full((len(block), classes), -1.0 / classes, dtype=np.float32)
        wanted[np.arange(len(block)), labels[start : start + step]] = 1.0
        wanted *= importance[start : start + step, None]
        gram += block.T @ block
        moments += block.T @ wanted
    gram[np.arange(DIMENSIONS), np.arange(DIMENSIONS)] += RIDGE
    return np.asarray(np.linalg.solve(gram, moments), dtype=np.float32)


def to_arrays(nearest: Nearest) -> Mapping[str, npt.NDArray[np.generic]]:
    """Give the classifier as plain arrays, to be kept in a cache file."""
    return {
        "labels": np.array(nearest.labels),
        "weights": nearest.weights.astype(np.float16),
        "idf": nearest.idf,
        "examples": np.array(nearest.examples),
        "example_labels": nearest.example_labels,
        "example_templates": nearest.example_templates,
    }


def from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]]) -> Nearest:
    """Give the classifier back from its arrays."""
    return Nearest(
        labels=tuple(str(label) for label in arrays["labels"]),
        weights=arrays["weights"].astype(np.float32),
        idf=arrays["idf"].astype(np.float32),
        examples=tuple(str(text) for text in arrays["examples"]),
        example_labels=arrays["example_labels"].astype(np.int32),
        example_templates=arrays["example_templates"].astype(np.int32),
    )
