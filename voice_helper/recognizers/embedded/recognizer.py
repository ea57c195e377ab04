"""Recognize questions with hama's phoneme network, this package's lexicon and its language model.

50 times a second, the network outputs the probability of each of 191 phonetic symbols (CTC). The symbols are mapped to
the 39 phones of the CMU dictionary. A beam search then finds the most likely words, given the audio and the language
model.

Decoding has two passes. While the user speaks, each frame becomes final after 0.25 s, and an incremental search gives
the partial transcript. At a pause, the network processes all audio that is not yet settled in one step, which reduces
word errors in noise by a quarter. A wider search then gives the final transcript.
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
"""The number of frames (0.2 s) that must follow a frame in the streaming pass before it is final.

With 8 frames, partial transcripts have 1.5 times as many errors as with 10. With 15 frames, they have no fewer errors.
"""

SETTLED_CONTEXT_FRAMES: Final = 15

STEP_SAMPLES: Final = 1_536
"""The number of samples that the streaming pass processes at a time: 0.096 s.

Shorter blocks cost more and hardly reduce the delay.
"""

SETTLED_SAMPLES: Final = 3 * SAMPLE_RATE
"""The minimum length of audio, in samples, whose frames a pause makes final ("settled").

Later pauses then need not process the whole utterance again.
"""

_SO_FAR_WIDTH: Final = Width(beam=14.0, max_active=1_000)
_LONGEST_COMMAND_SAMPLES: Final = 4 * SAMPLE_RATE


class PhoneticRecognizer(WholeUtterance):
    """Transcribes an utterance and detects short commands at each pause. There are no partial transcripts before a
    pause.
    """

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
        """Transcribe the utterance so far. Settled frames are kept until `finish` and not computed again."""
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
        """Return the final transcript and get ready for the next utterance."""
        heard = super().finish()
        self._begin()
        return heard


class StreamedWords:
    """Returns partial transcripts for one speaker, 0.25 s behind the speech."""

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
        """Accept a chunk and return the partial transcript."""
        for samples in self._steps.accept(chunk.pcm):
            self._listen(self._stream.accept(samples))
        return self._text

    def pause(self) -> Transcript:
        """Return the partial transcript with its confidence."""
        return Transcript(self._text, 0.0)

    def finish(self) -> Transcript:
        """End the utterance, return its last partial transcript and get ready for the next one."""
        heard = self.pause()
        self._begin()
        return heard

    def _listen(self, frames: Frames) -> None:
        if not len(frames):
            return
        self._search.accept(with_less_silence(frames))
        best = self._search.best(is_over=False)
        self._text = self._words.text(best.words) if best else ""
