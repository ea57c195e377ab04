"""The default recognizer. Its models come with its packages: hama's phoneme network, searched with our own graph.

One pass follows the speech and returns commands and emergency signs while they are spoken. The other returns the
words of the whole utterance, and which short command it is, as soon as the user pauses.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Final

from voice_helper.recognizers.buffered import WithWordsSoFar
from voice_helper.recognizers.embedded import search_graph
from voice_helper.recognizers.embedded.g2p import with_own_ways
from voice_helper.recognizers.embedded.language_model import Built, build
from voice_helper.recognizers.embedded.network import PhoneNetwork
from voice_helper.recognizers.embedded.phones import ALPHABET
from voice_helper.recognizers.embedded.recognizer import PhoneticRecognizer, StreamedWords
from voice_helper.recognizers.embedded.word_search import Graph
from voice_helper.recognizers.embedded.words import CommandSpotter, Words, sayable
from voice_helper.support.cache import kept_file
from voice_helper.types import Phrases

FREQUENT_WORDS: Final = 8_000
LANGUAGE_WEIGHT: Final = 1.2
"""Weight of the language model relative to the sound."""


class EmbeddedModels:
    """The network, graphs and words that the recognizers of several speakers share."""

    def __init__(self, phrases: Phrases) -> None:
        """Load the models. Raises `EngineMissingError` if the packages do not load."""
        words = {word for sentence in (*phrases.questions, *phrases.session) for word in sentence.split()}
        built = build(phrases.questions, with_own_ways(words, phrases.sounds), FREQUENT_WORDS)
        self._network = PhoneNetwork()
        self._words = Words(_language_graph(built), sorted(built.sounds))
        self._commands = _spotter(phrases, built)

    def recognizer(self) -> WithWordsSoFar:
        """Return a recognizer for one more speaker. It may run on a different thread from the others."""
        return WithWordsSoFar(self.whole(), self.words_so_far())

    def whole(self) -> PhoneticRecognizer:
        """Return a recognizer of whole utterances."""
        return PhoneticRecognizer(self._network, self._words, self._commands)

    def words_so_far(self) -> StreamedWords:
        """Return a recognizer of the words so far."""
        return StreamedWords(self._network, self._words)


def _language_graph(built: Built) -> Graph:
    content = json.dumps([built.arpa, sorted(built.sounds.items()), LANGUAGE_WEIGHT])
    return _kept_graph(
        "graph", content, lambda: search_graph.language_graph(built.arpa, built.sounds, ALPHABET, LANGUAGE_WEIGHT)
    )


def _spotter(phrases: Phrases, built: Built) -> CommandSpotter:
    kept, ways = sayable(phrases.session, built.sounds)
    if not kept:
        return CommandSpotter(None, (), ())
    graph = _kept_graph("commands", json.dumps(ways), lambda: search_graph.phrase_graph(ways, ALPHABET))
    return CommandSpotter(graph, kept, [len(each[0].split()) for each in ways])


def _kept_graph(name: str, content: str, make: Callable[[], bytes]) -> Graph:
    """Load a graph from the cache, under a key made from all of its inputs. Build it if it is not cached."""
    key = hashlib.sha256((inspect.getsource(search_graph) + content).encode()).hexdigest()
    with kept_file(name, key, make) as path:
        return Graph(path)
