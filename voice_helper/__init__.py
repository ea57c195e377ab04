"""An offline voice assistant for leg cramps: it recognizes a spoken question, works out what it means and speaks the
answer.

The names below are the public API; docs/python.md shows how to use them. Each name is loaded on first use. Importing
the package therefore loads only the standard library and has no side effects.
"""

from __future__ import annotations

TYPE_CHECKING = False  # true for type checkers; importing `typing` would take longer than this whole module

if TYPE_CHECKING:
    from voice_helper.audio.devices import Player, SilentPlayer, Source
    from voice_helper.dialogue.turn_taking import Reply
    from voice_helper.errors import (
        AudioFileError,
        EngineFaultError,
        EngineMissingError,
        IntentsError,
        ModelMissingError,
        SoundDeviceError,
        VoiceHelperError,
    )
    from voice_helper.recognizers import Recognizer
    from voice_helper.runtime.assistant import LoopEvent
    from voice_helper.skill import Skill
    from voice_helper.skill.chat import Chat
    from voice_helper.skill.live_assistant import LiveAssistant
    from voice_helper.types import (
        CHUNK_SAMPLES,
        SAMPLE_RATE,
        AudioChunk,
        Match,
        Phrases,
        Row,
        RunnerUp,
        Transcript,
    )
    from voice_helper.voices import Voice

__version__ = "0.1.0"

__all__ = [
    "CHUNK_SAMPLES",
    "SAMPLE_RATE",
    "AudioChunk",
    "AudioFileError",
    "Chat",
    "EngineFaultError",
    "EngineMissingError",
    "IntentsError",
    "LiveAssistant",
    "LoopEvent",
    "Match",
    "ModelMissingError",
    "Phrases",
    "Player",
    "Recognizer",
    "Reply",
    "Row",
    "RunnerUp",
    "SilentPlayer",
    "Skill",
    "SoundDeviceError",
    "Source",
    "Transcript",
    "Voice",
    "VoiceHelperError",
    "__version__",
]

_NAMES_OF = {
    "audio.devices": ("Player", "SilentPlayer", "Source"),
    "dialogue.turn_taking": ("Reply",),
    "errors": (
        "AudioFileError", "EngineFaultError", "EngineMissingError", "IntentsError", "ModelMissingError",
        "SoundDeviceError", "VoiceHelperError",
    ),
    "recognizers": ("Recognizer",),
    "runtime.assistant": ("LoopEvent",),
    "skill": ("Skill",),
    "skill.chat": ("Chat",),
    "skill.live_assistant": ("LiveAssistant",),
    "types": (
        "CHUNK_SAMPLES", "SAMPLE_RATE", "AudioChunk", "Match", "Phrases", "Row", "RunnerUp", "Transcript",
    ),
    "voices": ("Voice",),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}


if not TYPE_CHECKING:  # so that a type checker reports unknown names

    def __getattr__(name: str) -> object:
        """Return a public name, imported from its module on first use. Raises `AttributeError` for any other name."""
        from importlib import import_module

        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
