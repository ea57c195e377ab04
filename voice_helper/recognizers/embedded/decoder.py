"""Turn the network's frames into text. The language graph is for sentences, and a closed set of phrases is for short
commands.
"""

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
"""The maximum difference between the cost of an alternative transcript and that of the best one."""

MAX_ALTERNATIVES: Final = 8
BLANK_PENALTY: Final = 1.5
"""The amount subtracted from the log-probability of silence, because the network outputs silence too readily in noise.
"""

MIN_FIT: Final = 0.05
"""The minimum fit, from 0.0 to 1.0, for accepting a command."""

_LEAD_WEIGHT: Final = 3.62
_FIT_WEIGHT: Final = 0.94
_BIAS: Final = -0.78
"""Coefficients of a logistic regression, trained on the spoken development lines and an equal amount of real speech
that was not meant for the assistant, each of them clean, in white noise, and in kitchen noise at 10 dB.

The model has two inputs: the lead over competing words, and the fit. In the three conditions, the lead alone has an
area under the ROC curve of 0.99, 0.93 and 0.84, and the fit alone 0.92, 0.84 and 0.85. Competing word pairs gave no
better results than single words.
"""

_MIN_LIKELIHOOD: Final = 1e-9
_MAX_ODDS: Final = 20.0
_OPPONENT_WIDTH: Final = Width(beam=12.0, max_active=1_000)
_FINAL_WIDTH: Final = Width(beam=20.0, max_active=3_000)
_COMMAND_WIDTH: Final = Width(beam=60.0, max_active=2_000)
_WORDINGS_BEAM: Final = 13.0
_MAX_WAYS: Final = 12  # pronunciations of one phrase: each word may have several


@dataclass(frozen=True, slots=True)
class WordGraph:
    """The vocabulary of the language and its graph. Safe to share between threads."""

    graph: Graph
    names: Sequence[str]
    """The words of the graph. The graph's word number N + 1 is `names[N]`."""

    opponent: Graph | None = None
    """A graph of the language's most frequent words, which models speech that is not meant for the assistant."""

    def text(self, words: Iterable[int]) -> str:
        """Return the words joined into a text."""
        return " ".join(self.names[number - 1] for number in words)

    def decode(self, frames: Frames) -> Transcript:
        """Return the most likely transcript, with its confidence and alternatives."""
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
        """Return the probability that the user spoke an expected sentence, from 0.0 to 1.0."""
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
    """Finds the phrase that a whole utterance is most likely to be, from a closed set of short phrases, and how well it
    fits.

    The graph contains no words other than the phrases, and each phrase counts as a single word, so that only the
    acoustic score decides. Safe to share between threads.
    """

    def __init__(self, graph: Graph | None, phrases: Sequence[str], lengths: Sequence[int]) -> None:
        """Set the phrases, their graph and the number of phones of each. With no phrases, the graph is `None`."""
        self._graph, self._phrases, self._lengths = graph, phrases, lengths

    def spot(self, frames: Frames) -> tuple[str, float]:
        """Return the best phrase and how well it fits the utterance, from 0.0 to 1.0. The phrase is empty if none
        fits.
        """
        if self._graph is None or not len(frames):
            return "", 0.0
        closed = frames.copy()  # here a word boundary counts as silence
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
    """Return the phrases whose words all have pronunciations, and the pronunciations of each phrase, in phones."""
    kept, ways = list[str](), list[list[str]]()
    for phrase in dict.fromkeys(phrases):
        words = phrase.split()
        if words and all(word in sounds for word in words):
            said = itertools.islice(itertools.product(*(sounds[word] for word in words)), _MAX_WAYS)
            long_enough = [
                way for way in (" ".join(each) for each in said) if " " in way
            ]  # any noise can resemble a single phone
            if long_enough:
                kept.append(phrase)
                ways.append(long_enough)
    return tuple(kept), ways


def with_less_silence(frames: Frames) -> Frames:
    """Return the frames with a lower probability of silence."""
    heard = frames.copy()
    heard[:, ALPHABET.blank] -= BLANK_PENALTY
    return heard
