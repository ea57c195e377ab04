"""Recognize questions with hama's phoneme network, decoded with our lexicon and language model.

The network gives, 50 times a second, how likely each of 191 phonetic signs is (CTC). The signs are folded into the 39
phones of the CMU dictionary; a beam search then finds the most likely words, given how they sound and what people ask.

Two passes share the work. While somebody speaks, frames become final 0.25 s behind the speech, and the search goes on
from where it was: these are the words so far. At a pause the network sees all that was said since the last long stretch
at once, which in noise hears a quarter fewer words wrong, and a wider search gives the words that count.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Final

import numpy as np

from voice_helper.recognizers.embedded.network import PhoneNetwork, samples_of
from voice_helper.recognizers.embedded.word_search import Frames, Width
from voice_helper.recognizers.embedded.words import CommandSpotter, Words, with_less_silence
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

SO_FAR_CONTEXT_FRAMES: Final = 10
"""While somebody speaks, so many frames (0.2 s) follow before one is final: with 8 the words so far have half as many
errors again, with 15 no fewer."""

SETTLED_CONTEXT_FRAMES: Final = 15

STEP_SAMPLES: Final = 1_536
"""Sound taken at a time while somebody speaks: 0.096 s. A shorter step costs more and shows words little sooner."""

SETTLED_SAMPLES: Final = 3 * SAMPLE_RATE
"""After a stretch this long its frames are settled at a pause, so that no pause looks at the whole utterance anew."""

_SO_FAR_WIDTH: Final = Width(beam=14.0, max_active=1_000)
_LONGEST_COMMAND_SAMPLES: Final = 4 * SAMPLE_RATE
_MIN_SAMPLES: Final = SAMPLE_RATE // 10  # less than any word, and than the network's first frames need


class PhoneticRecognizer:
    """The words of an utterance, and which short command it is; there are none before a pause."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: Words, commands: CommandSpotter) -> None:
        self._network, self._words, self._commands = network, words, commands
        self._begin()

    def _begin(self) -> None:
        self._waiting = bytearray()
        self._samples = 0
        self._stream = self._network.stream(SETTLED_CONTEXT_FRAMES)
        self._settled: list[Frames] = []
        self._ready: Transcript | None = None

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; there are no words before a pause."""
        if chunk.pcm:
            self._waiting += chunk.pcm
            self._samples += chunk.samples
            self._ready = None
        return ""

    def pause(self) -> Transcript:
        """Return the words so far; `finish` has them ready unless more sound comes."""
        if self._ready is None:
            self._ready = self._heard() if self._samples >= _MIN_SAMPLES else Transcript("", 0.0)
        return self._ready

    def finish(self) -> Transcript:
        """Return the words of the utterance, ready for the next one."""
        heard = self.pause()
        self._begin()
        return heard

    def _heard(self) -> Transcript:
        stretch = samples_of(self._waiting)
        stream = self._stream
        if len(stretch) >= SETTLED_SAMPLES:
            self._settled.append(stream.accept(stretch))
            self._waiting.clear()
            rest = copy.copy(stream).finish()
        else:
            stream = copy.copy(stream)
            rest = np.concatenate([stream.accept(stretch), stream.finish()])
        frames = np.concatenate([*self._settled, rest])
        is_short = self._samples <= _LONGEST_COMMAND_SAMPLES
        command, fit = self._commands.spot(frames) if is_short else ("", 0.0)
        return replace(self._words.decode(frames), command=command, command_fit=fit)


class StreamedWords:
    """The words so far of what is being said, 0.25 s behind the speech; for one speaker."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: Words) -> None:
        self._network, self._words = network, words
        self._begin()

    def _begin(self) -> None:
        self._waiting = bytearray()
        self._stream = self._network.stream(SO_FAR_CONTEXT_FRAMES)
        self._search = self._words.graph.search(_SO_FAR_WIDTH)
        self._text = ""

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; return the words so far."""
        self._waiting += chunk.pcm
        while len(self._waiting) >= 2 * STEP_SAMPLES:
            samples = samples_of(self._waiting[: 2 * STEP_SAMPLES])
            del self._waiting[: 2 * STEP_SAMPLES]
            self._listen(self._stream.accept(samples))
        return self._text

    def pause(self) -> Transcript:
        """Return the words so far."""
        return Transcript(self._text, 0.0)

    def finish(self) -> Transcript:
        """Return the words so far of an utterance that is over, ready for the next one."""
        heard = self.pause()
        self._begin()
        return heard

    def _listen(self, frames: Frames) -> None:
        if not len(frames):
            return
        self._search.accept(with_less_silence(frames))
        best = self._search.best(is_over=False)
        self._text = self._words.text(best.words) if best else ""
