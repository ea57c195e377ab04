"""Frames in, words out: the language's graph for whole sentences, and a closed set of short commands."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from voice_helper.recognizers.embedded.phones import ALPHABET
from voice_helper.recognizers.embedded.word_search import Frames, Graph, Hypothesis, Width
from voice_helper.types import Transcript

NEAR_SCORE: Final = 3.0
"""A wording may be what was said if its cost exceeds the best by at most this."""

MAX_ALTERNATIVES: Final = 8
BLANK_PENALTY: Final = 1.5
"""Subtracted from the log-probability of silence: in noise the network outputs silence too soon."""

MIN_FIT: Final = 0.05
"""A command that fits less well than this is rejected."""

_LEAD_WEIGHT: Final = 3.62
_FIT_WEIGHT: Final = 0.94
_BIAS: Final = -0.78
"""A logistic regression on the spoken development lines and as much talk of real people that is not for us: clean, in
white noise and in a kitchen at 10 dB. Alone, the lead tells the two apart with an area under the curve of 0.99, 0.93
and 0.84, the fit with 0.92, 0.84 and 0.85. Pairs of general words did not improve on single ones."""

_MIN_LIKELIHOOD: Final = 1e-9
_MAX_ODDS: Final = 20.0
_OPPONENT_WIDTH: Final = Width(beam=12.0, max_active=1_000)
_FINAL_WIDTH: Final = Width(beam=20.0, max_active=3_000)
_COMMAND_WIDTH: Final = Width(beam=60.0, max_active=2_000)
_WORDINGS_BEAM: Final = 13.0
_MAX_WAYS: Final = 12  # pronunciations of one phrase: each word may have several


@dataclass(frozen=True, slots=True)
class WordGraph:
    """The words of the language and their graph. Threads can share it."""

    graph: Graph
    names: Sequence[str]
    """Word N + 1 of the graph is name N."""

    opponent: Graph | None = None
    """The most frequent words of the language: what talk that is not for us is made of."""

    def text(self, words: Iterable[int]) -> str:
        """Return the words as text."""
        return " ".join(self.names[number - 1] for number in words)

    def decode(self, frames: Frames) -> Transcript:
        """Return the most likely words of an utterance, how likely they are what was said, and other wordings."""
        frames = with_less_silence(frames)
        search = self.graph.search(_FINAL_WIDTH)
        search.accept(frames)
        best = search.best(is_over=True)
        if best is None or not best.words:
            return Transcript("", 0.0)
        text = self.text(best.words)
        near = (self.text(words) for words in self.graph.wordings(frames, _WORDINGS_BEAM, NEAR_SCORE))
        others = tuple(dict.fromkeys(other for other in near if other and other != text))[:MAX_ALTERNATIVES]
        return Transcript(text, self._confidence(best, frames), others)

    def _confidence(self, best: Hypothesis, frames: Frames) -> float:
        """Return how likely it is that somebody said one of our sentences and not something else, from 0.0 to 1.0."""
        phones = max(1.0, best.changes / 2)
        fit = best.fit(frames, phones)
        if self.opponent is None:
            return fit
        search = self.opponent.search(_OPPONENT_WIDTH)
        search.accept(frames)
        other = search.best(is_over=True)
        lead = (other.cost - best.cost) / phones if other is not None else 0.0
        odds = _LEAD_WEIGHT * lead + _FIT_WEIGHT * math.log(max(fit, _MIN_LIKELIHOOD)) + _BIAS
        return 1.0 / (1.0 + math.exp(-max(-_MAX_ODDS, min(_MAX_ODDS, odds))))


class CommandSpotter:
    """Finds which of a closed set of short phrases a whole utterance is, and how well it fits. No other words compete.

    Each phrase stands in the graph as one word, so that the sound alone decides. Threads can share it.
    """

    def __init__(self, graph: Graph | None, phrases: Sequence[str], lengths: Sequence[int]) -> None:
        """Keep the phrases, their graph and how many phones each has. With no phrases, the graph is `None`."""
        self._graph, self._phrases, self._lengths = graph, phrases, lengths

    def spot(self, frames: Frames) -> tuple[str, float]:
        """Return the phrase (empty if none fits) and how well the utterance fits it, from 0.0 to 1.0."""
        if self._graph is None or not len(frames):
            return "", 0.0
        closed = frames.copy()  # here a boundary between words counts as silence
        closed[:, ALPHABET.blank] = closed[:, ALPHABET.boundary] = np.logaddexp(
            frames[:, ALPHABET.blank], frames[:, ALPHABET.boundary]
        )
        search = self._graph.search(_COMMAND_WIDTH)
        search.accept(closed)
        best = search.best(is_over=True)
        if best is None or len(best.words) != 1:
            return "", 0.0
        number = best.words[0] - 1
        fit = best.fit(closed, self._lengths[number])
        return (self._phrases[number], fit) if fit >= MIN_FIT else ("", 0.0)


def sayable(phrases: Sequence[str], sounds: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the phrases whose every word has a pronunciation, and the pronunciations of each, in phones."""
    kept, ways = list[str](), list[list[str]]()
    for phrase in dict.fromkeys(phrases):
        words = phrase.split()
        if words and all(word in sounds for word in words):
            said = itertools.islice(itertools.product(*(sounds[word] for word in words)), _MAX_WAYS)
            long_enough = [
                way for way in (" ".join(each) for each in said) if " " in way
            ]  # any noise can sound like a single phone
            if long_enough:
                kept.append(phrase)
                ways.append(long_enough)
    return tuple(kept), ways


def with_less_silence(frames: Frames) -> Frames:
    """Return the frames with silence made less likely."""
    heard = frames.copy()
    heard[:, ALPHABET.blank] -= BLANK_PENALTY
    return heard
