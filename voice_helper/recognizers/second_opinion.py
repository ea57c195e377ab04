"""Combine two recognizers: if the first one's confidence is low, the second one also transcribes the utterance.

The embedded recognizer is quick and knows typical questions; a Whisper or Vosk model knows more of the language. If the
first recognizer is confident, its transcript is returned immediately. Otherwise, the second one runs as well.
"""

from __future__ import annotations

import atexit
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Final

from voice_helper.errors import EngineFaultError, ModelMissingError, VoiceHelperError
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

WAIT_SECONDS: Final = 8.0
"""How long, in seconds, a speaker waits for the second recognizer while it loads or listens to another speaker.

The caller may be the voice loop, which hears nothing meanwhile. Supervision waits as long for a call of an engine.
"""

OPEN_SECONDS: Final = 60.0
"""The time limit, in seconds, for loading the second recognizer in the background."""

REST_SECONDS: Final = 60.0
"""The delay, in seconds, before a second recognizer that failed is used again, because each attempt may hang."""

_EXIT_SECONDS: Final = 10.0  # the native libraries of Whisper abort the program if it ends while they load


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
    """A recognizer that several speakers use in turn. It loads in the background when it is first needed. After a
    fault, it is used again after a delay.
    """

    def __init__(
        self,
        open_recognizer: Callable[[], Recognizer],
        announce: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`announce` is called when the recognizer fails or does not load, and `clock` times the attempts."""
        self._open, self._announce, self._clock = open_recognizer, announce, clock
        self._one_at_a_time = threading.Lock()
        self._rests_until = -math.inf
        self._is_announced = False
        self._opening: Future[Recognizer] | None = None
        self._opening_until = 0.0

    def hear(self, pcm: bytes) -> Transcript | None:
        """Transcribe an utterance (16 kHz, 16-bit). Return `None` if the recognizer is not available at the moment."""
        if not self._one_at_a_time.acquire(timeout=WAIT_SECONDS):
            return None
        try:
            if self._clock() < self._rests_until:
                return None
            recognizer = self._opened()
            heard = None if recognizer is None else _heard(recognizer, pcm)
        except Exception as error:  # opening an engine may raise anything
            self._fail(error)
            return None
        finally:
            self._one_at_a_time.release()
        self._is_announced = self._is_announced and heard is None
        return heard

    def _opened(self) -> Recognizer | None:
        """Return the recognizer, or `None` if it is still loading. Only the first caller waits for that.

        Raises what opening it raised, or `EngineFaultError` if it takes too long.
        """
        if self._opening is None:
            self._opening, self._opening_until = _opened_in_background(self._open), self._clock() + OPEN_SECONDS
            wait([self._opening], WAIT_SECONDS)
        if self._opening.done():
            return self._opening.result()
        if self._clock() < self._opening_until:
            return None
        raise EngineFaultError("it does not open")

    def _fail(self, error: Exception) -> None:
        if self._opening is None or not self._opening.done() or self._opening.exception() is not None:
            self._opening = None  # the next attempt opens it again
        self._rests_until = self._clock() + REST_SECONDS
        if not self._is_announced:
            self._is_announced = True
            why = error.message if isinstance(error, VoiceHelperError) else str(error) or type(error).__name__
            self._announce(f"no second opinion on unclear speech: {why}; the program continues without it for a minute")


def _opened_in_background(open_recognizer: Callable[[], Recognizer]) -> Future[Recognizer]:
    opened: Future[Recognizer] = Future()
    wait_at_exit = partial(wait, [opened], _EXIT_SECONDS)
    atexit.register(wait_at_exit)
    opened.add_done_callback(lambda _: atexit.unregister(wait_at_exit))
    threading.Thread(target=_open_into, args=(opened, open_recognizer), name="second opinion", daemon=True).start()
    return opened


def _open_into(opened: Future[Recognizer], open_recognizer: Callable[[], Recognizer]) -> None:
    try:
        opened.set_result(open_recognizer())
    except Exception as error:  # raised again in the waiting thread
        opened.set_exception(error)


def _heard(recognizer: Recognizer, pcm: bytes) -> Transcript:
    try:
        recognizer.accept(AudioChunk(pcm))
    except Exception:
        with suppress(VoiceHelperError):
            recognizer.finish()  # ready for the next utterance
        raise
    return recognizer.finish()


class SecondOpinion:
    """Recognizes with one recognizer, and asks a second one about utterances with low confidence."""

    def __init__(self, first: Recognizer, second: SharedRecognizer) -> None:
        """Combine two recognizers. If the first one's confidence is at least `SURE`, the second one is not asked."""
        self.name = first.name
        self._first, self._second = first, second
        self._sound = bytearray()

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
        is_sure = max(heard.confidence, heard.command_fit) >= SURE
        if not heard.text or is_sure:
            return heard
        second = self._second.hear(sound)
        return heard if second is None else merged(heard, second)


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
