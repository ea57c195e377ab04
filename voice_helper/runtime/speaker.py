"""A voice and a player: text becomes sound, sentence by sentence, and it is known when each word is heard."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from voice_helper.audio.devices import Player
from voice_helper.errors import EngineFaultError
from voice_helper.runtime.self_hearing import TimedWord
from voice_helper.types import SAMPLE_RATE, Pace
from voice_helper.voices import SENTENCE_PAUSE_SECONDS, WORDS_PER_MINUTE, ReadingPace, Voice

PAUSE_SAMPLES: Final = round(SENTENCE_PAUSE_SECONDS * SAMPLE_RATE)
_SLOWEST, _FASTEST = 120.0, 180.0
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


@dataclass
class Speaker:
    """A voice and a player: rows become sound on the time line, sentence by sentence."""

    voice: Voice
    player: Player
    words_per_minute: float = WORDS_PER_MINUTE
    loudness: float = 1.0
    fault: EngineFaultError | None = None
    """What befell the voice; such a sentence is silence as long as it would have been."""

    def say(self, text: str, pause_samples: int = 0) -> tuple[int, tuple[TimedWord, ...]]:
        """Put a text behind what is being played, after a pause; each sentence is played as soon as it is spoken.

        Gives its length in samples with the pause, and when each word is heard, counted from the end of the pause.
        """
        if self.voice.name == "none":
            return 0, ()
        ends, words = 0, list[TimedWord]()
        for number, sentence in enumerate(sentences_of(text)):
            pause = PAUSE_SAMPLES if number else pause_samples
            piece = self._spoken(sentence)
            starts, ends = ends + pause, ends + pause + len(piece) // 2
            words += timed_words(sentence, starts - pause_samples, len(piece) // 2)
            self.player.play(bytes(2 * pause) + piece, self.loudness)
        return ends, tuple(words)

    def _spoken(self, sentence: str) -> bytes:
        try:
            return self.voice.speak(sentence, self.words_per_minute)
        except EngineFaultError as fault:
            self.fault = fault
            return ReadingPace().speak(sentence, self.words_per_minute)

    def say_all(self, texts: Iterable[str]) -> None:
        """Put texts behind what is being played, with a pause between two."""
        for number, text in enumerate(texts):
            self.say(text, PAUSE_SAMPLES if number else 0)

    def change_pace(self, pace: Pace) -> None:
        """Speak slower or faster, louder or softer, from the next sentence on."""
        self.words_per_minute = min(_FASTEST, max(_SLOWEST, self.words_per_minute * pace.rate))
        self.loudness = min(4.0, max(0.25, self.loudness * pace.loudness))


def timed_words(sentence: str, starts: int, samples: int) -> list[TimedWord]:
    """Share out the sound of a sentence among its words by their letters; engines do not tell."""
    words = _WORDS.findall(sentence.casefold())
    whole = sum(len(word) + 1 for word in words)
    timed, letters = [], 0
    for word in words:
        begins = starts + samples * letters // whole
        letters += len(word) + 1
        timed.append(TimedWord(word, begins, starts + samples * letters // whole))
    return timed


def sentences_of(text: str) -> list[str]:
    """Cut a text into sentences."""
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
