"""The models that all embedded recognizers of a process share: phoneme network, word graph and command graph.

A streaming pass spots commands and emergency signs while the user is speaking. A second pass transcribes the whole
utterance, and detects short commands, as soon as the user pauses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from voice_helper.recognizers.buffered import WithWordsSoFar
from voice_helper.recognizers.embedded import search_graph
from voice_helper.recognizers.embedded.decoder import CommandSpotter, WordGraph, sayable
from voice_helper.recognizers.embedded.g2p import with_own_ways
from voice_helper.recognizers.embedded.language_model import Built, build
from voice_helper.recognizers.embedded.network import PhoneNetwork
from voice_helper.recognizers.embedded.phones import ALPHABET
from voice_helper.recognizers.embedded.recognizer import PhoneticRecognizer, StreamedWords
from voice_helper.recognizers.embedded.word_search import Graph
from voice_helper.support.cache import kept_file
from voice_helper.support.code_key import code_key
from voice_helper.types import Phrases

FREQUENT_WORDS: Final = 8_000
FREQUENT_WORDS_SO_FAR: Final = 600
"""The number of general English words in the graph of the streaming pass.

While the user is speaking, only commands and emergency signs matter. With more general words than this, "chest pain" is
recognized as "chess pain".
"""

OPPONENT_WORDS: Final = 4_000
"""The number of frequent words that compete with the expected sentences.

The confidence is computed from this comparison.
"""

LANGUAGE_WEIGHT: Final = 1.5
"""The weight of the language model relative to the acoustic score."""

UNUSUAL_COST: Final = 5.0
"""The cost, as a natural logarithm, of a session command that is none of the usual ones.

There are a hundred times as many of these, and one of them resembles almost any sound.
"""


class SoFarModels:
    """The models that all streaming recognizers share: the network, and a graph of commands and emergency signs."""

    def __init__(self, phrases: Phrases) -> None:
        """Load the models. Raises `EngineMissingError` if the packages do not load."""
        urgent = _built(phrases.commands, phrases, FREQUENT_WORDS_SO_FAR)
        self._network = PhoneNetwork()
        self._urgent_words = WordGraph(_language_graph(urgent), sorted(urgent.sounds))

    def words_so_far(self) -> StreamedWords:
        """Return a streaming recognizer."""
        return StreamedWords(self._network, self._urgent_words)


class EmbeddedModels(SoFarModels):
    """The models that the recognizers of all speakers share: network, graphs and vocabulary."""

    def __init__(self, phrases: Phrases) -> None:
        """Load the models. Raises `EngineMissingError` if the packages do not load."""
        super().__init__(phrases)
        built = _built(phrases.questions, phrases, FREQUENT_WORDS)
        opponent = _language_graph(build((), {}, OPPONENT_WORDS))
        self._words = WordGraph(_language_graph(built), sorted(built.sounds), opponent)
        self._commands = _spotter(phrases, built)

    def recognizer(self) -> WithWordsSoFar:
        """Return a recognizer for another speaker. Each recognizer may run on its own thread."""
        return WithWordsSoFar(self.whole(), self.words_so_far())

    def whole(self) -> PhoneticRecognizer:
        """Return a recognizer that transcribes whole utterances."""
        return PhoneticRecognizer(self._network, self._words, self._commands)


def _built(sentences: Sequence[str], phrases: Phrases, general_words: int) -> Built:
    """Build the language model of the sentences. The lexicon also covers the words of the session commands."""
    words = {word for sentence in (*sentences, *phrases.session) for word in sentence.split()}
    return build(sentences, with_own_ways(words, phrases.sounds), general_words)


def _language_graph(built: Built) -> Graph:
    content = json.dumps([built.arpa, sorted(built.sounds.items()), LANGUAGE_WEIGHT])
    return _kept_graph(
        "graph", content, lambda: search_graph.language_graph(built.arpa, built.sounds, ALPHABET, LANGUAGE_WEIGHT)
    )


def _spotter(phrases: Phrases, built: Built) -> CommandSpotter:
    kept, ways = sayable(phrases.session, built.sounds)
    if not kept:
        return CommandSpotter(None, (), ())
    usual = frozenset(phrases.usual)
    costs = [0.0 if phrase in usual else UNUSUAL_COST for phrase in kept]
    graph = _kept_graph("commands", json.dumps([ways, costs]), lambda: search_graph.phrase_graph(ways, costs, ALPHABET))
    return CommandSpotter(graph, kept, [len(each[0].split()) for each in ways])


def _kept_graph(name: str, content: str, make: Callable[[], bytes]) -> Graph:
    """Load a graph from the cache, where a hash of its inputs is the key. Build the graph if it is not cached."""
    key = hashlib.sha256((code_key(Path(__file__).parent) + content).encode()).hexdigest()
    return kept_file(name, key, make, Graph)
