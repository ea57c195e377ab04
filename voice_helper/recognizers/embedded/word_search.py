"""Search a graph for the words that best fit the frames, incrementally, with kaldi-decoder's beam search.

Source: Povey et al., The Kaldi speech recognition toolkit, 2011.
"""

from __future__ import annotations

import heapq
import importlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from voice_helper.errors import needs_package
from voice_helper.support.silence_stderr import quiet_stderr

Frames = npt.NDArray[np.float32]
"""Log-probabilities as an array with 50 rows per second and one column per phone."""

_MAX_STEPS: Final = 20_000
"""The step limit of the search for alternative transcripts.

Only babble exceeds the limit, and alternatives for babble are meaningless.
"""


@dataclass(frozen=True, slots=True)
class Width:
    """How many paths a search follows at the same time."""

    beam: float
    """The maximum difference between a path's cost and the best cost, in natural logarithms.

    Paths with higher costs are dropped.
    """

    max_active: int
    """The maximum number of states kept from one frame to the next."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The best path through a graph."""

    words: tuple[int, ...] = ()
    """The words on the path, by their numbers in the graph, counted from 1."""

    changes: int = 0
    """The number of label changes between frames: about two per phone."""

    sound_cost: float = 0.0
    """The negative log-likelihood of the labels, without the language model."""

    language_cost: float = 0.0
    """The cost of the language model, in the same unit."""

    @property
    def cost(self) -> float:
        """Return the total cost: acoustic and language model."""
        return self.sound_cost + self.language_cost

    def fit(self, frames: Frames, phones: float) -> float:
        """Return how well the words explain the frames, compared with an unconstrained phone sequence (per phone, 0.0
        to 1.0).
        """
        free = float(frames.max(axis=1).sum())
        return math.exp(min(0.0, (-self.sound_cost - free) / max(1.0, phones)))


class Graph:
    """A graph file, mapped into memory. Any number of searches can share it."""

    def __init__(self, path: Path) -> None:
        """Map the file. Raises `EngineMissingError` if kaldi-decoder does not load, and `ValueError` if the file holds
        no graph.
        """
        transducers, self._decoders = import_search()
        with quiet_stderr():  # the reader reports a bad file on stderr only, and returns nothing
            self._fst: Any = transducers.StdConstFst.read(str(path))
        if self._fst is None:
            raise ValueError(f"{path} holds no graph")
        self._transducers = transducers

    def search(self, width: Width) -> WordSearch:
        """Return a search that has not processed any frames yet."""
        options = self._decoders.FasterDecoderOptions(beam=width.beam, max_active=width.max_active)
        return WordSearch(self, self._decoders.FasterDecoder(self._fst, options))

    def wordings(self, frames: Frames, beam: float, near: float) -> tuple[tuple[int, ...], ...]:
        """Return the alternative transcripts within the beam whose cost is at most `near` above the best one, best
        first.
        """
        if not len(frames):
            return ()
        config = self._decoders.LatticeSimpleDecoderConfig(beam=beam, lattice_beam=near)
        decoder = self._decoders.LatticeSimpleDecoder(self._fst, config)
        decoder.init_decoding()
        decoder.decode(self._decoders.DecodableCtc(frames))
        is_whole, lattice = decoder.get_raw_lattice(True)
        return _wordings(lattice.to_str(), near) if is_whole else ()


class WordSearch:
    """A search over one utterance, which continues as frames arrive."""

    def __init__(self, graph: Graph, decoder: Any) -> None:
        """Create the search (called by `Graph.search`). Keeps a reference to the graph, because the decoder does
        not.
        """
        self._graph, self._decoder = graph, decoder
        self._heard = 0
        decoder.init_decoding()

    def accept(self, frames: Frames) -> None:
        """Accept the next frames."""
        if len(frames):
            self._decoder.advance_decoding(self._graph._decoders.DecodableCtc(frames, self._heard))
            self._heard += len(frames)

    def best(self, *, is_over: bool) -> Hypothesis | None:
        """Return the best path so far. If the utterance is over, prefer paths that end in a final state."""
        if not self._heard:
            return None
        found, lattice = self._decoder.get_best_path(is_over)
        if not found:
            return None
        is_linear, labels, words, weight = self._graph._transducers.get_linear_symbol_sequence(lattice)
        if not is_linear:
            return None
        changes = sum(1 for left, right in itertools.pairwise(labels) if left != right)
        return Hypothesis(tuple(words), changes, float(weight.value2), float(weight.value1))


def _wordings(lattice: str, near: float) -> tuple[tuple[int, ...], ...]:
    """Return the distinct word sequences in a lattice in OpenFst's text format, cheapest first."""
    arcs, ends = _read_lattice(lattice)
    rest = _costs_to_the_end(arcs, ends)
    if math.isinf(rest[0]):
        return ()
    most = rest[0] + near
    waiting: list[tuple[float, int, float, int, tuple[int, ...]]] = [(rest[0], 0, 0.0, 0, ())]
    seen, found, order = set[tuple[int, tuple[int, ...]]](), dict[tuple[int, ...], None](), itertools.count(1)
    for _ in range(_MAX_STEPS):
        if not waiting:
            break
        _, _, paid, state, words = heapq.heappop(waiting)
        if (state, words) in seen:
            continue
        seen.add((state, words))
        if state < 0:
            found.setdefault(words)
            continue
        for to, word, cost in arcs.get(state, ()):
            expected = paid + cost + rest[to]
            if expected <= most:
                heapq.heappush(waiting, (expected, next(order), paid + cost, to, (*words, word) if word else words))
        if state in ends and paid + ends[state] <= most:
            heapq.heappush(waiting, (paid + ends[state], next(order), paid + ends[state], -1, words))
    return tuple(found)


_LatticeArcs = dict[int, list[tuple[int, int, float]]]


def _read_lattice(lattice: str) -> tuple[_LatticeArcs, dict[int, float]]:
    """Read the arcs by origin (to, word, cost) and the final costs."""
    arcs, ends = _LatticeArcs(), dict[int, float]()
    for line in lattice.splitlines():
        parts = line.split()
        if len(parts) >= 4:
            origin, to, word = int(parts[0]), int(parts[1]), int(parts[3])
            arcs.setdefault(origin, []).append((to, word, _cost(parts[4:])))
        elif parts:
            ends[int(parts[0])] = _cost(parts[1:])
    return arcs, ends


def _cost(written: Sequence[str]) -> float:
    return sum(map(float, written[0].split(","))) if written else 0.0


def _costs_to_the_end(arcs: _LatticeArcs, ends: dict[int, float]) -> dict[int, float]:
    """Return the lowest cost from each state to a final state. A lattice has no cycles, so one visit per state is
    enough.
    """
    rest = dict[int, float]()
    waiting = [0]
    while waiting:
        state = waiting[-1]
        missing = [to for to, _, _ in arcs.get(state, ()) if to not in rest]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        ways = (cost + rest[to] for to, _, cost in arcs.get(state, ()))
        rest[state] = min([ends.get(state, math.inf), *ways])
    return rest


def import_search() -> tuple[Any, Any]:
    """Import kaldifst and kaldi-decoder. Raises `EngineMissingError` if they do not load."""
    with needs_package("the embedded question recognizer", instead="take another one: --engine pocketsphinx"):
        return importlib.import_module("kaldifst"), importlib.import_module("kaldi_decoder")
