"""What a user can act on: one error base that carries a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class VoiceHelperError(Exception):
    """Something the user can mend.

    `message` says what is wrong, `hint` what to do about it. Only the command line
    catches it; any other exception is a fault of ours and keeps its traceback.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Terminated(KeyboardInterrupt):
    """The program was told from outside to end; Ctrl-C may end less than that."""


class AudioFileError(VoiceHelperError):
    """A sound file cannot be read or written."""


class SoundFormatError(VoiceHelperError):
    """Sound comes in a form that cannot be read."""


class SoundDeviceError(VoiceHelperError):
    """The microphone or the loudspeaker cannot be used."""


class ModelMissingError(VoiceHelperError):
    """No usable speech model lies where one was looked for."""


class ModelInstallError(VoiceHelperError):
    """A speech model could not be fetched, unpacked, checked or removed; what was there before is untouched."""


class SettingsError(VoiceHelperError):
    """The file of settings cannot be read or written; it is as it was."""


class EngineMissingError(VoiceHelperError):
    """A recognizer, a voice or a package of a server is not installed, or does not work, on this machine."""


class EngineFaultError(VoiceHelperError):
    """A recognizer or a voice that worked raised, hung or gave rubbish; where it can be, it is being started anew."""


class SavedStateError(VoiceHelperError):
    """A conversation that was saved cannot be taken up: it begins anew."""


class IntentsError(VoiceHelperError):
    """An intents folder has problems; all of them are listed, each with its place."""

    def __init__(self, problems: Sequence[str], folder: Path) -> None:
        super().__init__("\n".join(problems), hint=f"mend the lines named above, then run: voice-helper check {folder}")
        self.problems = tuple(problems)


def install_hint(extra: str = "") -> str:
    """Return the command that installs an extra, or anew what everybody has: the one of the README.

    It names no package of ours: it has no name at PyPI, and those of others come with the versions that work.
    """
    what = f'".[{extra}]"' if extra else "."
    return f"in the folder with the README of voice_helper: pip install {what}"


@contextmanager
def needs_package(what: str, extra: str = "", instead: str = "") -> Iterator[None]:
    """Import in this block what `what` needs.

    Raises `EngineMissingError` with how to install it, or what to do `instead`.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        reason = f"a package that does not load: {error}"
        if isinstance(error, ModuleNotFoundError):
            reason = f"a package that is not installed: {error.name}"
        hint = install_hint(extra)
        raise EngineMissingError(f"{what} needs {reason}", hint=f"{hint}; or {instead}" if instead else hint) from error
