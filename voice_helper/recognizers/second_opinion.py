"""Combine two recognizers: if the first one's confidence is low, the second one also transcribes the utterance.

The embedded recognizer is quick and knows typical questions; a Whisper or Vosk model knows more of the language. If the
first recognizer is confident, its transcript is returned immediately. Otherwise, the second one runs as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Final

from voice_helper.errors import ModelMissingError, VoiceHelperError
from voice_helper.recognizers import Recognizer
from voice_helper.speech_models.find import find_model
from voice_helper.support.engines import RECOGNIZERS, recognizer_named
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

SURE: Final = 0.5
"""The minimum confidence at which the first recognizer's transcript is used without a second opinion."""

MAX_SAMPLES: Final = 30 * SAMPLE_RATE
"""The maximum length of audio, in samples, that is kept for the second recognizer.

A Whisper model processes at most 30 seconds at a time.
"""


def second_engine(first: str, language: str) -> str | None:
    """Return the name of the engine that gives a second opinion on the results of the engine `first`, or `None` if no
    engine can.

    An engine can do so if it is installed and has a model for the language.
    """
    record = recognizer_named(first)
    if record is None or not record.wants_second_opinions:
        return None
    for each in RECOGNIZERS:
        if each.gives_second_opinions and each.name != first and find_spec(each.imports) is not None:
            try:
                find_model(each.name, language, None)
            except ModelMissingError:
                continue
            return each.name
    return None


class SharedRecognizer:
    """A recognizer that several speakers use in turn. It is opened when it is first needed."""

    def __init__(self, open_recognizer: Callable[[], Recognizer]) -> None:
        self._open = open_recognizer
        self._recognizer: Recognizer | None = None
        self._one_at_a_time = threading.Lock()

    def hear(self, pcm: bytes) -> Transcript:
        """Transcribe an utterance (16 kHz, 16-bit). Raises the errors of opening and of recognition."""
        with self._one_at_a_time:
            if self._recognizer is None:
                self._recognizer = self._open()
            self._recognizer.accept(AudioChunk(pcm))
            return self._recognizer.finish()


class SecondOpinion:
    """Recognizes with one recognizer, and asks a second one about utterances with low confidence."""

    def __init__(self, first: Recognizer, second: SharedRecognizer, sure: float = SURE) -> None:
        """Combine two recognizers. If the first one's confidence is at least `sure`, the second one is not asked."""
        self.name = first.name
        self._first, self._second, self._sure = first, second, sure
        self._sound = bytearray()
        self._has_failed = False

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk of the utterance and return the partial transcript."""
        if len(self._sound) < 2 * MAX_SAMPLES:
            self._sound += chunk.pcm
        return self._first.accept(chunk)

    def pause(self) -> Transcript:
        """Return the first recognizer's transcript so far."""
        return self._first.pause()

    def finish(self) -> Transcript:
        """End the utterance, return its final transcript and get ready for the next one."""
        sound, self._sound = bytes(self._sound), bytearray()
        heard = self._first.finish()
        is_sure = max(heard.confidence, heard.command_fit) >= self._sure
        if not heard.text or is_sure or self._has_failed:
            return heard
        try:
            second = self._second.hear(sound)
        except VoiceHelperError:  # the first recognizer's transcript is better than none
            self._has_failed = True
            return heard
        return merged(heard, second)


def merged(first: Transcript, second: Transcript) -> Transcript:
    """Return the first recognizer's transcript, with the second one's text as its most likely alternative.

    An alternative is used only if the first text has no meaning. If both texts agree, the confidence is raised. In a
    test with Whisper tiny and a signal-to-noise ratio of 10 dB, 12 of 20 low-confidence transcripts led to the right
    meaning. When the second text replaced the first, only 7 did.
    """
    if not second.text:
        return first
    if second.text == first.text:
        return replace(first, confidence=max(first.confidence, second.confidence))
    others = (each for each in first.alternatives if each != second.text)
    return replace(first, alternatives=(second.text, *others))
