"""Hears one phrase and nothing else: the wake word, with PocketSphinx's keyword spotting."""

from __future__ import annotations

from typing import Any, Final

from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.pocketsphinx import import_pocketsphinx
from voice_helper.types import SAMPLE_RATE, AudioChunk

_SEARCH: Final = "wake"
THRESHOLD: Final = 1e-20
"""How sure it must be; bench/RESULTS.md has the misses and false alarms."""


class WakeWord:
    """Spots a phrase in a stream of sound."""

    def __init__(self, phrase: str, threshold: float = THRESHOLD) -> None:
        """Raises `EngineMissingError` when a word of the phrase has no known sound or PocketSphinx does not load."""
        self.phrase = " ".join(phrase.casefold().split())
        self._decoder: Any = import_pocketsphinx().Decoder(
            samprate=SAMPLE_RATE, loglevel="FATAL", lm=None, kws_threshold=threshold
        )
        unknown = [word for word in self.phrase.split() if self._decoder.lookup_word(word) is None]
        if unknown or not self.phrase:
            raise EngineMissingError(
                f'the wake phrase "{phrase}" cannot be listened for: no sound is known for "{" ".join(unknown)}"',
                hint='choose plain English words, such as --wake "hey helper"',
            )
        self._decoder.add_keyphrase(_SEARCH, self.phrase)
        self._decoder.activate_search(_SEARCH)
        self._decoder.start_utt()

    def accept(self, chunk: AudioChunk) -> bool:
        """Take a chunk; tell whether the phrase has just been heard."""
        if chunk.pcm:
            self._decoder.process_raw(chunk.pcm, False, False)
        if self._decoder.hyp() is None:
            return False
        self._decoder.end_utt()
        self._decoder.start_utt()
        return True
