"""What a user can act on: one error base that carries a hint."""

from __future__ import annotations

from collections.abc import Sequence


class VoiceHelperError(Exception):
    """Something the user can mend.

    `message` says what is wrong, `hint` what to do about it. Only the command line
    catches it; any other exception is a fault of ours and keeps its traceback.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class AudioFileError(VoiceHelperError):
    """A sound file cannot be read or written."""


class SoundDeviceError(VoiceHelperError):
    """The microphone or the loudspeaker cannot be used."""


class ModelMissingError(VoiceHelperError):
    """No usable speech model lies where one was looked for."""


class ModelInstallError(VoiceHelperError):
    """A speech model could not be fetched, unpacked, checked or removed; what was there before is untouched."""


class SettingsError(VoiceHelperError):
    """The file of settings cannot be read or written; it is as it was."""


class EngineMissingError(VoiceHelperError):
    """A recognizer or a voice is not installed, or does not work, on this machine."""


class IntentsError(VoiceHelperError):
    """An intents folder has problems; all of them are listed, each with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            "\n".join(problems),
            hint="mend the lines named above, then run: voice-helper check",
        )
        self.problems = tuple(problems)
