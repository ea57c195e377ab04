"""The voices, which convert text to 16 kHz speech, and the protocol that they share."""

from __future__ import annotations

import importlib
from functools import lru_cache
from importlib.util import find_spec
from typing import Final, Protocol

from voice_helper.errors import EngineMissingError
from voice_helper.support.engines import VOICES, VoiceRecord, voice_named
from voice_helper.types import SAMPLE_RATE

WORDS_PER_MINUTE: Final = 150
"""The pace of speech. It is slow enough for listeners who are in pain or hard of hearing."""

SENTENCE_PAUSE_SECONDS: Final = 0.5
_SENTENCES_KEPT: Final = 256  # covers nearly all sentences; about 25 MB

VOICE_NAMES: Final = ("auto", *(each.name for each in VOICES), "none")


class Voice(Protocol):
    """A speech synthesizer."""

    name: str

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono audio. Return `b""` if the text has no words.

        Raises `EngineMissingError` if the voice does not work, and `EngineFaultError` if it fails after it has worked
        before.
        """


class NoVoice:
    """A silent voice, for users who only read the text."""

    name = "none"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return no audio, because this voice is silent."""
        return b""


class ReadingPace:
    """A silent voice that paces the displayed text: each sentence takes as long as it would if spoken."""

    name = "shown"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return silence that is as long as the spoken sentence."""
        return bytes(2 * round(len(text.split()) * 60 / words_per_minute * SAMPLE_RATE))


class VoiceWithMemory:
    """A voice shared by many users, with a cache of the most recently spoken sentences."""

    def __init__(self, voice: Voice) -> None:
        self.name = voice.name
        self._speak = lru_cache(_SENTENCES_KEPT)(voice.speak)

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono audio."""
        return self._speak(text, words_per_minute)


def open_voice(name: str, language: str = "en") -> Voice:
    """Open the voice with this name, one of `VOICE_NAMES`.

    `auto` chooses the first voice in the table that is installed and speaks the language. Raises `EngineMissingError`
    if the voice does not work on this machine or does not speak the language.
    """
    if name not in VOICE_NAMES:
        raise EngineMissingError(f'there is no voice "{name}"', hint=f"voices: {', '.join(VOICE_NAMES)}")
    if name == "none":
        return NoVoice()
    record = voice_named(name)
    if record is not None:
        return _opened(record, language)
    *others, last = (each for each in VOICES if not each.languages or language in each.languages)
    for each in others:
        if is_installed(each):
            try:
                return _opened(each, language)
            except EngineMissingError:  # doctor reports the reason
                continue
    return _opened(last, language)


def is_installed(record: VoiceRecord) -> bool:
    """Return whether a voice's package is installed."""
    return find_spec(record.imports) is not None


def _opened(record: VoiceRecord, language: str) -> Voice:
    if record.languages and language not in record.languages:
        spoken = ", ".join(record.languages.values())
        raise EngineMissingError(
            f'the {record.title} speaks {spoken} only, not "{language}"', hint="use another one: --voice pyttsx3"
        )
    voice: Voice = importlib.import_module(record.module).open_engine()
    return voice
