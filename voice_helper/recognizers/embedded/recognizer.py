"""Recognize questions with hama's phoneme network, decoded with our lexicon and language model.

50 times a second, the network outputs how likely each of 191 phonetic signs is (CTC). The signs are mapped to the 39
phones of the CMU dictionary. A beam search then finds the most likely words, given the sound and what people ask.

Two passes share the work. While the user speaks, frames become final 0.25 s behind the speech and the search
continues from where it was: this gives the words so far. At a pause, the network sees everything said since the last
long stretch at once, which reduces word errors in noise by a quarter. A wider search then gives the words that count.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Final

import numpy as np

from voice_helper.recognizers.buffered import Samples, Steps, WholeUtterance
from voice_helper.recognizers.embedded.decoder import CommandSpotter, WordGraph, with_less_silence
from voice_helper.recognizers.embedded.network import PhoneNetwork
from voice_helper.recognizers.embedded.word_search import Frames, Width
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

SO_FAR_CONTEXT_FRAMES: Final = 10
"""While the user speaks, this many frames (0.2 s) must follow a frame before it is final. With 8, the words so far have
half as many errors again; 15 gives no fewer errors.
"""

SETTLED_CONTEXT_FRAMES: Final = 15

STEP_SAMPLES: Final = 1_536
"""Samples processed per step while the user speaks: 0.096 s. Shorter steps cost more and show words little sooner."""

SETTLED_SAMPLES: Final = 3 * SAMPLE_RATE
"""After a stretch this long, a pause makes its frames final, so that no pause reprocesses the whole utterance."""

_SO_FAR_WIDTH: Final = Width(beam=14.0, max_active=1_000)
_LONGEST_COMMAND_SAMPLES: Final = 4 * SAMPLE_RATE


class PhoneticRecognizer(WholeUtterance):
    """Returns the words of an utterance and which short command it is. There are no words before a pause."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: WordGraph, commands: CommandSpotter) -> None:
        super().__init__()
        self._network, self._words, self._commands = network, words, commands
        self._begin()

    def _begin(self) -> None:
        self._stream = self._network.stream(SETTLED_CONTEXT_FRAMES)
        self._settled: list[Frames] = []
        self._settled_samples = 0

    def transcribed(self, samples: Samples) -> Transcript:
        """Return the words of an utterance so far; until `finish`, frames that are settled are not computed again."""
        stretch, stream = samples[self._settled_samples :], self._stream
        if len(stretch) >= SETTLED_SAMPLES:
            self._settled.append(stream.accept(stretch))
            self._settled_samples = len(samples)
            rest = copy.copy(stream).finish()
        else:
            stream = copy.copy(stream)
            rest = np.concatenate([stream.accept(stretch), stream.finish()])
        frames = np.concatenate([*self._settled, rest])
        command, fit = self._commands.spot(frames) if len(samples) <= _LONGEST_COMMAND_SAMPLES else ("", 0.0)
        return replace(self._words.decode(frames), command=command, command_fit=fit)

    def finish(self) -> Transcript:
        """Return the words of the utterance and get ready for the next one."""
        heard = super().finish()
        self._begin()
        return heard


class StreamedWords:
    """Returns the words so far, 0.25 s behind the speech, for one speaker."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: WordGraph) -> None:
        self._network, self._words = network, words
        self._begin()

    def _begin(self) -> None:
        self._steps = Steps(STEP_SAMPLES)
        self._stream = self._network.stream(SO_FAR_CONTEXT_FRAMES)
        self._search = self._words.graph.search(_SO_FAR_WIDTH)
        self._text = ""

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return the words so far."""
        for samples in self._steps.accept(chunk.pcm):
            self._listen(self._stream.accept(samples))
        return self._text

    def pause(self) -> Transcript:
        """Return the words so far."""
        return Transcript(self._text, 0.0)

    def finish(self) -> Transcript:
        """End the utterance: return its words so far and get ready for the next one."""
        heard = self.pause()
        self._begin()
        return heard

    def _listen(self, frames: Frames) -> None:
        if not len(frames):
            return
        self._search.accept(with_less_silence(frames))
        best = self._search.best(is_over=False)
        self._text = self._words.text(best.words) if best else ""
