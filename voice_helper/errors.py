"""Errors that a user can act on: one base class that carries a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "leg-cramp-voice"
"""The name that pip knows this package by. On PyPI, the name `voice-helper` belongs to somebody else."""

_CHECKOUT_FILE: Final = Path(__file__).resolve().parents[1] / "pyproject.toml"


class VoiceHelperError(Exception):
    """An error that the user can fix.

    `message` says what is wrong, `hint` what to do about it. Only the command line catches it; any other exception is a
    bug in this program and keeps its traceback.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Terminated(KeyboardInterrupt):
    """The system told the program to end. Ctrl-C, in contrast, may end only part of it."""


class AudioFileError(VoiceHelperError):
    """A sound file cannot be read or written."""


class SoundFormatError(VoiceHelperError):
    """The sound has a format that cannot be read."""


class SoundDeviceError(VoiceHelperError):
    """The microphone or the loudspeaker cannot be used."""


class ModelMissingError(VoiceHelperError):
    """There is no usable speech model at the expected place."""


class ModelInstallError(VoiceHelperError):
    """A speech model could not be downloaded, unpacked, checked or removed; existing files are unchanged."""


class SettingsError(VoiceHelperError):
    """The settings file cannot be read or written; it is unchanged."""


class EngineMissingError(VoiceHelperError):
    """A recognizer, a voice or a server package is not installed, or does not work, on this machine."""


class EngineFaultError(VoiceHelperError):
    """A working recognizer or voice failed, hung or returned invalid data. It is being restarted if possible."""


class SavedStateError(VoiceHelperError):
    """A saved conversation cannot be resumed, so it restarts."""


class IntentsError(VoiceHelperError):
    """An intents folder has problems; the error lists all of them, each with its location."""

    def __init__(self, problems: Sequence[str], folder: Path) -> None:
        super().__init__("\n".join(problems), hint=f"fix the lines named above, then run: voice-helper check {folder}")
        self.problems = tuple(problems)


def install_hint(extra: str = "") -> str:
    """Return the command from the README that installs an extra, or reinstalls the base packages.

    Our own package is not on PyPI, so the command installs from the checkout, with the versions that work. A program
    that runs from the checkout stays that way: without `-e`, pip would put a copy beside it, and edits to the words
    would do nothing.
    """
    what = f'".[{extra}]"' if extra else "."
    editable = "-e " if _CHECKOUT_FILE.is_file() else ""
    return f"in the folder with the README of voice_helper: pip install {editable}{what}"


@contextmanager
def needs_package(what: str, extra: str = "", instead: str = "") -> Iterator[None]:
    """Import in this block the packages that `what` needs.

    Raises `EngineMissingError` with how to install them, or what to do `instead`.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        reason = f"a package that does not load: {error}"
        if isinstance(error, ModuleNotFoundError):
            reason = f"a package that is not installed: {error.name}"
        hint = install_hint(extra)
        raise EngineMissingError(f"{what} needs {reason}", hint=f"{hint}; or {instead}" if instead else hint) from error
