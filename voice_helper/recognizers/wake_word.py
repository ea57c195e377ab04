"""Detect the wake phrase by the phones that the embedded recognizer's network outputs. No other words are recognized.

A chain of states, one per phone, follows the frames. The phrase is detected if the frames are about as likely as this
phrase as they are as any phones at all, per phone (keyword against filler: Rose and Paul, A hidden Markov model based
keyword recognition system, 1990).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.audio.endpoint import Endpointer, EndpointSettings
from voice_helper.audio.vad import VoiceActivity
from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.buffered import Steps
from voice_helper.recognizers.embedded.g2p import with_own_ways
from voice_helper.recognizers.embedded.language_model import pronunciations
from voice_helper.recognizers.embedded.network import PhoneNetwork, PhoneStream
from voice_helper.recognizers.embedded.phones import ALPHABET
from voice_helper.recognizers.embedded.recognizer import SO_FAR_CONTEXT_FRAMES, STEP_SAMPLES
from voice_helper.recognizers.embedded.word_search import Frames
from voice_helper.types import AudioChunk

THRESHOLD: Final = 0.15
"""The minimum fit of the wake phrase, from 0.0 to 1.0. bench/RESULTS.md has the rates of misses and false alarms."""

_MAX_WAYS: Final = 24
_ENDPOINT: Final = EndpointSettings(start_seconds=0.1, silence_seconds=0.8)


class WakeWord:
    """Detects a phrase in an audio stream. The network runs only while someone is speaking."""

    def __init__(self, phrase: str, threshold: float = THRESHOLD) -> None:
        """Prepare the detector. Raises `EngineMissingError` if a word of the phrase has no pronunciation or the network
        does not load.
        """
        self.phrase = " ".join(phrase.casefold().split())
        words = self.phrase.split()
        sounds = pronunciations(words, with_own_ways(words, {}))
        unknown = [word for word in words if word not in sounds]
        if unknown or not words:
            raise EngineMissingError(
                f'the wake phrase "{phrase}" cannot be used: no pronunciation is known for "{" ".join(unknown)}"',
                hint='choose plain English words, such as --wake "hey helper"',
            )
        said = itertools.islice(itertools.product(*(sounds[word] for word in words)), _MAX_WAYS)
        self._rows = [PhraseRow([ALPHABET.phones[phone] for phone in " ".join(way).split()]) for way in said]
        self._least = math.log(threshold)
        self._network = PhoneNetwork()
        self._activity, self._endpointer = VoiceActivity(), Endpointer(_ENDPOINT)
        self._begin()

    def _begin(self) -> None:
        self._stream: PhoneStream = self._network.stream(SO_FAR_CONTEXT_FRAMES)
        self._steps = Steps(STEP_SAMPLES)
        self._forget()

    def _forget(self) -> None:
        for row in self._rows:
            row.forget()

    def accept(self, chunk: AudioChunk) -> bool:
        """Accept a chunk and return whether the phrase has just ended."""
        if not chunk.pcm:
            return False
        cut = self._endpointer.accept(chunk, self._activity.is_speech(chunk))
        is_heard = False
        for samples in self._steps.accept(b"".join(part.pcm for part in cut.chunks)):
            is_heard = self._follow(self._stream.accept(samples)) or is_heard
        if cut.is_over:
            is_heard = self._follow(self._stream.finish()) or is_heard
            self._begin()
        return is_heard

    def _follow(self, frames: Frames) -> bool:
        for frame in frames - frames.max(axis=1, keepdims=True):
            if max(row.follow(frame) for row in self._rows) >= self._least:
                self._forget()
                return True
        return False


class PhraseRow:
    """One pronunciation of a phrase, which is matched against the frames one by one."""

    def __init__(self, phones: Sequence[int]) -> None:
        self._phones = np.array(phones)
        self.forget()

    def forget(self) -> None:
        """Reset: forget any partly matched phrase."""
        self._scores: npt.NDArray[np.float32] = np.full(len(self._phones) + 1, -np.inf, dtype=np.float32)
        self._scores[0] = 0.0  # the phrase may begin at any frame

    def follow(self, frame: npt.NDArray[np.float32]) -> float:
        """Process a frame of log-probabilities, given relative to the frame's likeliest phone.

        Return how well the phrase fits, per phone, if it ends with this frame.
        """
        own = frame[self._phones]
        stays = np.maximum(own, max(frame[ALPHABET.blank], frame[ALPHABET.boundary]))
        self._scores[1:] = np.maximum(self._scores[1:] + stays, self._scores[:-1] + own)
        return float(self._scores[-1]) / len(self._phones)
