"""Voices: text in, 16 kHz sound out."""

from __future__ import annotations

from typing import Final, Protocol

from voice_helper.errors import EngineMissingError

WORDS_PER_MINUTE: Final = 150
"""Calm and clear, for somebody in pain or hard of hearing."""

SENTENCE_PAUSE_SECONDS: Final = 0.5
VOICE_NAMES: Final = ("auto", "pyttsx3", "none")


class Voice(Protocol):
    """Something that speaks."""

    name: str

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Give a sentence as 16 kHz, 16-bit sound."""


class NoVoice:
    """Says nothing, for those who only read."""

    name = "none"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Give no sound."""
        return b""


def open_voice(name: str) -> Voice:
    """Open a voice by its name: `auto`, `pyttsx3` or `none`.

    Raises `EngineMissingError` when it does not work on this machine.
    """
    if name == "none":
        return NoVoice()
    if name in {"auto", "pyttsx3"}:
        from voice_helper.voices.pyttsx3 import Pyttsx3Voice

        return Pyttsx3Voice()
    raise EngineMissingError(f'there is no voice "{name}"', hint=f"voices: {', '.join(VOICE_NAMES)}")
