"""Nearest meaning: find the intent most similar to a text, with a model trained on templates and real users' wordings.

The features combine two views of a text. Hashed words, word pairs, word triples and parts of words capture spelling,
which helps with recognition errors. The sentence embedding and its random Fourier features capture meaning, which helps
with synonyms. A closed-form ridge classifier (numpy alone, no fitting library) scores each intent, and a softmax with a
calibrated temperature makes the score comparable to a probability.

Source of the random features: Rahimi and Recht, Random features for large-scale kernel machines, 2007.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from voice_helper.content.wordings import Wording
from voice_helper.types import EMBEDDING_SIZE, OUT_OF_SCOPE
from voice_helper.understanding.ranking import NOTHING_NEAR, Ranking
from voice_helper.understanding.sentences import Sentences, Template

HASHED = 1 << 12
RANDOM_FEATURES = 3000
DIMENSIONS = HASHED + EMBEDDING_SIZE + RANDOM_FEATURES + 1  # the last one is constant: the bias
DRAWS_PER_TEMPLATE = 8
RIDGE = 0.5  # lowest error on the development lines, among values from 0.3 to 5
TEMPERATURE = 0.11  # tuned together with the thresholds, on the development lines
LEARNING_VERSION = 1
"""The version of the training. Increment it whenever the same sentences would produce a different model."""

_RANDOM_SPREAD = 1.0  # of the kernel: exp(-spread * squared distance)
_RANDOM_WEIGHT = 1.5
_BIAS = 10.0

Vector = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vector]
"""The type of an embedder, which returns one row per text: a unit vector of `EMBEDDING_SIZE` numbers."""


@dataclass(frozen=True)
class Learned:
    """The trained model: plain values that can be saved to a file."""

    labels: tuple[str, ...]
    """The classes of the model.

    Each is an intent, or an intent with one of its red-flag families: `emergency/chest_pain`.
    """

    weights: npt.NDArray[np.float32]
    """The weights, with `DIMENSIONS` rows and one column per label."""

    idf: Vector
    examples: tuple[str, ...]
    """The training texts, normalized."""

    example_labels: npt.NDArray[np.int32]
    templates: tuple[str, ...]
    example_templates: npt.NDArray[np.int32]
    """For each example, the index of the template from which it was drawn, or -1 for a real user's wording."""

    learned_from: str
    """The key of the content that the model was trained on. If the current key differs, the model is out of date."""


@dataclass(frozen=True)
class Nearest:
    """Ranks meanings by similarity with a trained model."""

    learned: Learned
    embed: Embed

    def rank(self, comparable: str) -> Ranking:
        """Return the similarity of a normalized text to every meaning."""
        learned = self.learned
        indices, values = _hashed(comparable, learned.idf)
        if not len(indices):
            return NOTHING_NEAR
        raw = values @ learned.weights[indices] + _embedded(self.embed([comparable]))[0] @ learned.weights[HASHED:]
        shifted = np.exp((raw - raw.max()) / TEMPERATURE)
        return Ranking(learned.labels, np.asarray(shifted / shifted.sum(), dtype=np.float32))

    def known_share(self, comparable: str) -> float:
        """Return the share of a text's words that occur in an in-scope example or in any template."""
        words = comparable.split()
        return sum(word in self._words for word in words) / len(words) if words else 0.0

    def knows(self, word: str, intent: str) -> bool:
        """Return whether any example of an intent contains a word."""
        return word in self._words_by_intent[intent]

    def is_familiar(self, word: str) -> bool:
        """Return whether at least two examples, in scope or not, contain a word."""
        return word in self._familiar_words

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return the template of an intent whose examples are spelled most like the text, or `None` if the intent has
        no template.
        """
        from rapidfuzz import fuzz, process

        learned = self.learned
        own = np.flatnonzero(
            np.isin(learned.example_labels, self._labels_of(intent)) & (learned.example_templates >= 0)
        )
        found = process.extractOne(comparable, [learned.examples[index] for index in own], scorer=fuzz.token_sort_ratio)
        return learned.templates[int(learned.example_templates[own[found[2]]])] if found else None

    @cached_property
    def _words(self) -> frozenset[str]:
        learned = self.learned
        outside = np.isin(learned.example_labels, self._labels_of(OUT_OF_SCOPE))
        ours = np.flatnonzero((learned.example_templates >= 0) | ~outside)
        return frozenset(word for index in ours for word in learned.examples[index].split())

    @cached_property
    def _familiar_words(self) -> frozenset[str]:
        counts = Counter(word for example in self.learned.examples for word in set(example.split()))
        return frozenset(word for word, count in counts.items() if count > 1)

    @cached_property
    def _words_by_intent(self) -> Mapping[str, set[str]]:
        learned, words = self.learned, defaultdict[str, set[str]](set)
        intents = [label.partition("/")[0] for label in learned.labels]
        for example, label in zip(learned.examples, learned.example_labels, strict=True):
            words[intents[label]].update(example.split())
        return words

    def _labels_of(self, intent: str) -> list[int]:
        return [index for index, label in enumerate(self.learned.labels) if label.partition("/")[0] == intent]


def learn(
    sentences: Sentences,
    wordings: Sequence[Wording],
    embed: Embed,
    learned_from: str = "",
    progress: Callable[[float], None] = lambda share: None,
) -> Learned:
    """Train the model on the templates and on real users' wordings.

    Training on three thousand templates takes about two minutes. `progress` is called with the share of the examples
    processed, once all of them have been embedded.
    """
    labels = tuple(dict.fromkeys((*sentences.intents, *(wording.label for wording in wordings))))
    number = {label: index for index, label in enumerate(labels)}
    examples: list[str] = []
    targets: list[int] = []
    sources: list[int] = []

    def add(text: str, label: str, source: int) -> None:
        examples.append(text)
        targets.append(number[label])
        sources.append(source)

    for index, template in enumerate(sentences.templates):
        for text in _draws(sentences, template):
            add(text, template.intent, index)
    for wording in wordings:
        add(sentences.language.normalize(wording.text).essence, wording.label, -1)
    idf = _inverse_frequencies(examples)
    example_labels = np.asarray(targets, dtype=np.int32)
    return Learned(
        labels=labels,
        weights=_ridge(examples, example_labels, len(labels), idf, embed, progress),
        idf=idf,
        examples=tuple(examples),
        example_labels=example_labels,
        templates=tuple(template.text for template in sentences.templates),
        example_templates=np.asarray(sources, dtype=np.int32),
        learned_from=learned_from,
    )


def _draws(sentences: Sentences, template: Template) -> tuple[str, ...]:
    drawn = (sentences.language.normalize(text).essence for text in sentences.draw(template, DRAWS_PER_TEMPLATE))
    return tuple(dict.fromkeys(drawn))


def features(comparable: str) -> dict[int, float]:
    """Return the hashed features of a normalized text, with their weighted counts."""
    counts: dict[int, float] = {}

    def add(name: str, weight: float) -> None:
        index = zlib.crc32(name.encode()) % HASHED
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


def _hashed(comparable: str, idf: Vector) -> tuple[npt.NDArray[np.int64], Vector]:
    counts = features(comparable)
    indices = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    values = np.fromiter((math.sqrt(count) for count in counts.values()), dtype=np.float32, count=len(counts))
    values *= idf[indices]
    norm = float(np.linalg.norm(values))
    return indices, (values / norm if norm else values).astype(np.float32)


def _embedded(vectors: Vector) -> Vector:
    """Return the embeddings, their random features and the bias, side by side."""
    directions, phases = _random_directions()
    waves = np.cos(vectors @ directions + phases) * np.float32(_RANDOM_WEIGHT * math.sqrt(2 / RANDOM_FEATURES))
    bias = np.full((len(vectors), 1), _BIAS, dtype=np.float32)
    return np.concatenate([vectors, waves, bias], axis=1)


@cache
def _random_directions() -> tuple[Vector, Vector]:
    """Return random directions and phases that are the same on every machine, because numpy guarantees the output of
    this generator.
    """
    generator = np.random.RandomState(1)
    directions = generator.standard_normal((EMBEDDING_SIZE, RANDOM_FEATURES)) * math.sqrt(2 * _RANDOM_SPREAD)
    return directions.astype(np.float32), (generator.random_sample(RANDOM_FEATURES) * 2 * math.pi).astype(np.float32)


def _inverse_frequencies(texts: Sequence[str]) -> Vector:
    seen = np.zeros(HASHED, dtype=np.float32)
    for text in texts:
        for index in features(text):
            seen[index] += 1.0
    return np.asarray(np.log((1 + len(texts)) / (1 + seen)) + 1.0, dtype=np.float32)


_BLOCK = 8192  # few blocks: adding up the large squares takes as long as computing them


def _ridge(
    examples: Sequence[str],
    labels: npt.NDArray[np.int32],
    classes: int,
    idf: Vector,
    embed: Embed,
    progress: Callable[[float], None],
) -> npt.NDArray[np.float32]:
    """Solve the penalized least-squares problem, with weights that limit the influence of labels with many
    sentences.
    """
    counts = np.bincount(labels, minlength=classes)
    importance = np.sqrt(len(labels) / (classes * np.maximum(counts, 1)))[labels].astype(np.float32) ** 0.5
    gram = np.zeros((DIMENSIONS, DIMENSIONS), dtype=np.float32)
    moments = np.zeros((DIMENSIONS, classes), dtype=np.float32)
    embeddings = embed(examples)
    for start in range(0, len(examples), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = np.zeros((len(examples[part]), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(examples[part]):
            indices, values = _hashed(text, idf)
            block[row, indices] = values
        block[:, HASHED:] = _embedded(embeddings[part])
        block *= importance[part, None]
        wanted = np.full((len(block), classes), -1.0 / classes, dtype=np.float32)
        wanted[np.arange(len(block)), labels[part]] = 1.0
        wanted *= importance[part, None]
        gram += block.T @ block
        moments += block.T @ wanted
        progress((start + len(block)) / len(examples))
    gram[np.arange(DIMENSIONS), np.arange(DIMENSIONS)] += RIDGE
    return np.asarray(np.linalg.solve(gram, moments), dtype=np.float32)


def to_arrays(learned: Learned) -> Mapping[str, npt.NDArray[np.generic]]:
    """Return the trained model as plain arrays that can be saved to a file."""
    return {
        "labels": np.array(learned.labels),
        "weights": learned.weights.astype(np.float16),
        "idf": learned.idf.astype(np.float16),
        "examples": _joined(learned.examples),
        "example_labels": learned.example_labels.astype(np.int16),
        "templates": _joined(learned.templates),
        "example_templates": learned.example_templates.astype(np.int16),
        "learned_from": np.array(learned.learned_from),
    }


def from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]]) -> Learned:
    """Restore the trained model from its arrays. Raises `ValueError` or `KeyError` if the arrays are invalid."""
    learned = Learned(
        labels=tuple(str(label) for label in arrays["labels"]),
        weights=arrays["weights"].astype(np.float32),
        idf=arrays["idf"].astype(np.float32),
        examples=_parted(arrays["examples"]),
        example_labels=arrays["example_labels"].astype(np.int32),
        templates=_parted(arrays["templates"]),
        example_templates=arrays["example_templates"].astype(np.int32),
        learned_from=str(arrays["learned_from"]),
    )
    if learned.weights.shape != (DIMENSIONS, len(learned.labels)) or learned.idf.shape != (HASHED,):
        raise ValueError(f"weights of the shape {learned.weights.shape}")
    if not len(learned.examples) == len(learned.example_labels) == len(learned.example_templates):
        raise ValueError("examples without a label or a source")
    return learned


def only(learned: Learned, intents: Sequence[str]) -> Learned:
    """Return the trained model without the intents that no longer exist."""
    kept = [index for index, label in enumerate(learned.labels) if label.partition("/")[0] in intents]
    if len(kept) == len(learned.labels):
        return learned
    new = {old: index for index, old in enumerate(kept)}
    rows = [row for row, label in enumerate(learned.example_labels.tolist()) if label in new]
    return replace(
        learned,
        labels=tuple(learned.labels[index] for index in kept),
        weights=learned.weights[:, kept],
        examples=tuple(learned.examples[row] for row in rows),
        example_labels=np.array([new[int(learned.example_labels[row])] for row in rows], dtype=np.int32),
        example_templates=learned.example_templates[rows],
    )


def _joined(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)


def _parted(array: npt.NDArray[np.generic]) -> tuple[str, ...]:
    return tuple(array.tobytes().decode().split("\n")) if array.size else ()
