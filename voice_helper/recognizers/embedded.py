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
from voice_helper.types import AudioChunk, Phrases, Transcript


class EmbeddedRecognizer:
    """Words so far from PocketSphinx, words at a pause from the phoneme network."""

    name = "embedded"

    def __init__(self, phrases: Phrases) -> None:
        """Load both; raises `EngineMissingError` when one does not load."""
        built = build(phrases.questions, phrases.sounds, FREQUENT_WORDS)
        spotter = CommandSpotter(phrases.session, built.sounds)
        self._whole = PhoneticRecognizer(PhoneNetwork(), WordDecoder(built.arpa, built.sounds), spotter)
        self._so_far = PocketSphinxRecognizer(phrases, commands_only=True)

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; give the commands and signs heard so far among its words."""
        self._whole.accept(chunk)
        return self._so_far.accept(chunk)

    def pause(self) -> Transcript:
        """Give the words so far, ready for `finish` where nothing more comes."""
        return self._whole.pause()

    def finish(self) -> Transcript:
        """Give the words of the utterance, ready for the next one."""
        self._so_far.finish()
        return self._whole.finish()
