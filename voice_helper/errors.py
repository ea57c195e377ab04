"""Errors that the user can fix. They share one base class, which carries a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "leg-cramp-voice"
"""The name of this package in pip. On PyPI, `voice-helper` is someone else's package."""

_CHECKOUT_FILE: Final = Path(__file__).resolve().parents[1] / "pyproject.toml"


class VoiceHelperError(Exception):
    """An error that the user can fix.

    `message` says what is wrong; `hint` says what to do about it. Only the command line catches this class. Any other
    exception is a bug in this program and keeps its traceback.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Terminated(KeyboardInterrupt):
    """The operating system asked the program to exit. Unlike Ctrl-C, this always ends the whole program."""


class AudioFileError(VoiceHelperError):
    """An audio file cannot be read or written."""


class SoundFormatError(VoiceHelperError):
    """The audio is in a format that cannot be read."""


class SoundDeviceError(VoiceHelperError):
    """The microphone or the loudspeaker cannot be used."""


class ModelMissingError(VoiceHelperError):
    """The expected location holds no usable speech model."""


class ModelInstallError(VoiceHelperError):
    """A speech model could not be downloaded, unpacked, verified or removed. Existing files are unchanged."""


class SettingsError(VoiceHelperError):
    """The settings file cannot be read or written. The file is unchanged."""


class EngineMissingError(VoiceHelperError):
    """A recognizer, voice or server package is not installed on this machine, or does not work."""


class EngineFaultError(VoiceHelperError):
    """A recognizer or voice that worked before has failed, hung or returned invalid data. It is restarted if
    possible.
    """


class SavedStateError(VoiceHelperError):
    """A saved conversation cannot be resumed, so the conversation starts over."""


class IntentsError(VoiceHelperError):
    """An intents folder has problems. The error lists all of them, each with its file and line."""

    def __init__(self, problems: Sequence[str], folder: Path) -> None:
        super().__init__("\n".join(problems), hint=f"fix the lines named above, then run: voice-helper check {folder}")
        self.problems = tuple(problems)


def install_hint(extra: str = "") -> str:
    """Return the README's command for installing an extra, or for reinstalling the base packages.

    In a checkout, the command includes `-e`. Otherwise pip would install a copy, and edits to the intents in the
    checkout would have no effect. A user of the wheel has no checkout. The command then names the installed
    distribution, to which pip adds only the packages that are missing.
    """
    if not _CHECKOUT_FILE.is_file():
        what = f'"{DISTRIBUTION}[{extra}]"' if extra else DISTRIBUTION
        return f"pip install {what}"
    what = f'".[{extra}]"' if extra else "."
    return f"in the folder with the README of voice_helper: pip install -e {what}"


@contextmanager
def needs_package(what: str, extra: str = "", instead: str = "") -> Iterator[None]:
    """Convert an `ImportError` raised in this block into `EngineMissingError`.

    `what` is the feature that needs the packages. The hint says how to install the extra, or what to do `instead`.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        reason = f"a package that does not load: {error}"
        if isinstance(error, ModuleNotFoundError):
            reason = f"a package that is not installed: {error.name}"
        hint = install_hint(extra)
        raise EngineMissingError(f"{what} needs {reason}", hint=f"{hint}; or {instead}" if instead else hint) from error
