"""The models that all embedded recognizers of a process share: hama's phoneme network, graphs of words, commands.

One pass follows the speech and returns commands and signs of an emergency while the user is speaking. The other returns
the words of the whole utterance, and the short command that it is, as soon as the user pauses.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
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
from voice_helper.types import Phrases

FREQUENT_WORDS: Final = 8_000
FREQUENT_WORDS_SO_FAR: Final = 600
"""While the user speaks, only commands and signs of an emergency are useful. With more general words in the graph,
"chest pain" is heard as "chess pain"."""

OPPONENT_WORDS: Final = 4_000
"""So many of the most frequent words compete with our sentences, to tell how likely those were said."""

LANGUAGE_WEIGHT: Final = 1.5
"""The weight of the language model relative to the sound."""


class SoFarModels:
    """The models that recognizers of partial words share: the network, and a graph of commands and emergency signs."""

    def __init__(self, phrases: Phrases) -> None:
        """Load them. Raises `EngineMissingError` if the packages do not load."""
        urgent = _built(phrases.commands, phrases, FREQUENT_WORDS_SO_FAR)
        self._network = PhoneNetwork()
        self._urgent_words = WordGraph(_language_graph(urgent), sorted(urgent.sounds))

    def words_so_far(self) -> StreamedWords:
        """Return a recognizer of partial words."""
        return StreamedWords(self._network, self._urgent_words)


class EmbeddedModels(SoFarModels):
    """The models that the recognizers of several speakers share: network, graphs and words."""

    def __init__(self, phrases: Phrases) -> None:
        """Load them. Raises `EngineMissingError` if the packages do not load."""
        super().__init__(phrases)
        built = _built(phrases.questions, phrases, FREQUENT_WORDS)
        opponent = _language_graph(build((), {}, OPPONENT_WORDS))
        self._words = WordGraph(_language_graph(built), sorted(built.sounds), opponent)
        self._commands = _spotter(phrases, built)

    def recognizer(self) -> WithWordsSoFar:
        """Return a recognizer for another speaker. Each may run on its own thread."""
        return WithWordsSoFar(self.whole(), self.words_so_far())

    def whole(self) -> PhoneticRecognizer:
        """Return a recognizer of whole utterances."""
        return PhoneticRecognizer(self._network, self._words, self._commands)


def _built(sentences: Sequence[str], phrases: Phrases, general_words: int) -> Built:
    """Build the language model of the sentences, with pronunciations for the session's words as well."""
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
    graph = _kept_graph("commands", json.dumps(ways), lambda: search_graph.phrase_graph(ways, ALPHABET))
    return CommandSpotter(graph, kept, [len(each[0].split()) for each in ways])


def _kept_graph(name: str, content: str, make: Callable[[], bytes]) -> Graph:
    """Load a graph from the cache by a hash of its inputs. Build it if the cache does not have it."""
    key = hashlib.sha256((inspect.getsource(search_graph) + content).encode()).hexdigest()
    with kept_file(name, key, make) as path:
        return Graph(path)
