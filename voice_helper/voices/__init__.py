"""Voices, which turn text into 16 kHz sound."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from typing import Final, Protocol

from voice_helper.errors import EngineMissingError
from voice_helper.types import SAMPLE_RATE

WORDS_PER_MINUTE: Final = 150
"""Calm and clear, for a listener who is in pain or hard of hearing."""

SENTENCE_PAUSE_SECONDS: Final = 0.5
_SENTENCES_KEPT: Final = 256  # most of the sentences that exist; about 25 MB

NATURAL_LANGUAGE: Final = "en"
VOICE_NAMES: Final = ("auto", "natural", "pyttsx3", "none")


class Voice(Protocol):
    """A voice, which synthesizes sentences."""

    name: str

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono sound, or no bytes for a text without a word.

        Raises `EngineMissingError` if the voice does not work, or `EngineFaultError` if it has worked before.
        """


class NoVoice:
    """A silent voice, for users who only read."""

    name = "none"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return no sound."""
        return b""


class ReadingPace:
    """A silent voice that takes as long as reading the sentence does, so that the text is shown at that pace."""

    name = "shown"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return silence as long as the spoken sentence would be."""
        return bytes(2 * round(len(text.split()) * 60 / words_per_minute * SAMPLE_RATE))


class VoiceWithMemory:
    """A voice shared by many users, which caches the sentences it spoke most recently."""

    def __init__(self, voice: Voice) -> None:
        self.name = voice.name
        self._speak = lru_cache(_SENTENCES_KEPT)(voice.speak)

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono sound."""
        return self._speak(text, words_per_minute)


def open_voice(name: str, language: str = "en") -> Voice:
    """Open a voice by its name: `auto`, `natural`, `pyttsx3` or `none`.

    `auto` chooses the natural voice if it is installed and speaks the language. Raises `EngineMissingError` if the
    voice does not work on this machine or does not speak the language.
    """
    if name not in VOICE_NAMES:
        raise EngineMissingError(f'there is no voice "{name}"', hint=f"voices: {', '.join(VOICE_NAMES)}")
    if name == "none":
        return NoVoice()
    if name == "natural":
        return _open_natural(language)
    if name == "auto" and language == NATURAL_LANGUAGE and has_natural():
        with suppress(EngineMissingError):  # doctor says why
            return _open_natural(language)
    from voice_helper.voices.pyttsx3 import Pyttsx3Voice

    return Pyttsx3Voice()


def has_natural() -> bool:
    """Return whether the package of the natural voice is installed."""
    return find_spec("hibari") is not None


def _open_natural(language: str) -> Voice:
    if language != NATURAL_LANGUAGE:
        raise EngineMissingError(
            f'the natural voice speaks English only, not "{language}"', hint="use another one: --voice pyttsx3"
        )
    from voice_helper.voices.natural import NaturalVoice

    return NaturalVoice()
