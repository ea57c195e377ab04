"""Advice about a noisy room, shared by `setup` and `doctor`."""

from __future__ import annotations

from typing import Final

from voice_helper.audio.room_level import room_verdict

_MEND: Final = "come nearer to the microphone, or turn down the television or whatever else is on"
_TOO_LOUD: Final = {
    "close": "your voice is only {margin:.0f} dB louder than the room, so some words will be misheard",
    "drowned": "the room is about as loud as your voice, so you cannot be told apart from it",
}


def problem_of_room(room_decibels: float, voice_decibels: float) -> tuple[str, str] | None:
    """Return what is wrong and what to do if the user is too soft for the room; otherwise `None`."""
    verdict = room_verdict(room_decibels, voice_decibels)
    if verdict == "clear":
        return None
    return _TOO_LOUD[verdict].format(margin=voice_decibels - room_decibels), _MEND
