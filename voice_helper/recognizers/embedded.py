"""The default recognizer, its models inside its packages: each engine does what it measured best at.

PocketSphinx hears commands and signs of an emergency while they are spoken; hama's phoneme network with our language
model gives the words of the whole utterance, and which short command it is, as soon as somebody pauses.
"""

from __future__ import annotations

from voice_helper.recognizers.language_model import build
from voice_helper.recognizers.phonetic import (
    FREQUENT_WORDS,
    CommandSpotter,
    PhoneNetwork,
    PhoneticRecognizer,
    WordDecoder,
)
from voice_helper.recognizers.pocketsphinx import PocketSphinxRecognizer
from voice_helper.recognizers.spelling import with_own_ways
from voice_helper.recognizers.whole import WithWordsSoFar
from voice_helper.types import Phrases


def open_embedded(phrases: Phrases) -> WithWordsSoFar:
    """Load both; raises `EngineMissingError` when one does not load."""
    words = {word for sentence in (*phrases.questions, *phrases.session) for word in sentence.split()}
    built = build(phrases.questions, with_own_ways(words, phrases.sounds), FREQUENT_WORDS)
    spotter = CommandSpotter(phrases.session, built.sounds)
    whole = PhoneticRecognizer(PhoneNetwork(), WordDecoder(built.arpa, built.sounds), spotter)
    return WithWordsSoFar(whole, PocketSphinxRecognizer(phrases, commands_only=True))
