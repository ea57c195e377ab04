"""Speak text, sentence by sentence, with a voice and a player, and record when each word is played."""

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
    """Synthesizes text with a voice and queues the audio in a player."""

    voice: Voice
    player: Player
    words_per_minute: float = WORDS_PER_MINUTE
    loudness: float = 1.0
    fault: EngineFaultError | None = None
    """The last failure of the voice. A sentence that fails is replaced by silence of the same length."""

    def __post_init__(self) -> None:
        """Let users return to the speed at the start, even if it is unusually slow or fast."""
        self._slowest = min(_SLOWEST, self.words_per_minute)
        self._fastest = max(_FASTEST, self.words_per_minute)

    def say(self, text: str, pause_samples: int = 0) -> tuple[int, tuple[TimedWord, ...]]:
        """Queue a text for playback after a pause. Each sentence starts to play as soon as it is synthesized.

        Return the length in samples, including the pause, and the times of the words, counted from the end of the
        pause.
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
        """Queue several texts for playback, with a pause between them."""
        for number, text in enumerate(texts):
            self.say(text, PAUSE_SAMPLES if number else 0)

    def change_pace(self, pace: Pace) -> None:
        """Change speed and loudness, starting with the next sentence."""
        self.words_per_minute = min(self._fastest, max(self._slowest, self.words_per_minute * pace.rate))
        self.loudness = min(4.0, max(0.25, self.loudness * pace.loudness))


def timed_words(sentence: str, starts: int, samples: int) -> list[TimedWord]:
    """Estimate the times of the words in a sentence from their number of letters, because engines do not report
    them.
    """
    words = _WORDS.findall(sentence.casefold())
    whole = sum(len(word) + 1 for word in words)
    timed, letters = [], 0
    for word in words:
        begins = starts + samples * letters // whole
        letters += len(word) + 1
        timed.append(TimedWord(word, begins, starts + samples * letters // whole))
    return timed


def sentences_of(text: str) -> list[str]:
    """Split a text into sentences."""
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
