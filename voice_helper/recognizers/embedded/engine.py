"""The default recognizer, its models inside its packages: each engine does what it measured best at.

PocketSphinx hears commands and signs of an emergency while they are spoken; hama's phoneme network with our language
model gives the words of the whole utterance, and which short command it is, as soon as somebody pauses.
"""

from __future__ import annotations

from voice_helper.recognizers.buffered import WithWordsSoFar
from voice_helper.recognizers.embedded.g2p import with_own_ways
from voice_helper.recognizers.embedded.language_model import build
from voice_helper.recognizers.embedded.network import (
    FREQUENT_WORDS,
    CommandSpotter,
    PhoneNetwork,
    PhoneticRecognizer,
    WordDecoder,
)
from voice_helper.recognizers.pocketsphinx import PocketSphinxRecognizer
from voice_helper.types import Phrases


class EmbeddedModels:
    """What the recognizers of several speakers share: language model and lexicons, two thirds of the memory."""

    def __init__(self, phrases: Phrases) -> None:
        """Load them; raises `EngineMissingError` when an engine does not load."""
        words = {word for sentence in (*phrases.questions, *phrases.session) for word in sentence.split()}
        built = build(phrases.questions, with_own_ways(words, phrases.sounds), FREQUENT_WORDS)
        self._phrases = phrases
        self._words = WordDecoder(built.arpa, built.sounds)
        self._commands = CommandSpotter(phrases.session, built.sounds)

    def recognizer(self) -> WithWordsSoFar:
        """Give a recognizer for one more speaker; it may be used on another thread than the others."""
        return WithWordsSoFar(self.whole(), PocketSphinxRecognizer(self._phrases, commands_only=True))

    def whole(self) -> PhoneticRecognizer:
        """Give one that hears whole utterances only."""
        return PhoneticRecognizer(PhoneNetwork(), self._words, self._commands)
