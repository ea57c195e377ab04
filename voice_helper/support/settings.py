"""The user's settings, in a small TOML file with lines such as `number = "112"`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from voice_helper.errors import SettingsError
from voice_helper.support.atomic_write import write_whole
from voice_helper.support.paths import is_file, settings_file

SETTINGS: Final = (
    "number",
    "microphone",
    "loudspeaker",
    "device",
    "voice",
    "rate",
    "engine",
    "model",
    "language",
    "intents",
)
"""The settings whose value is text or a number. Each has the same name as an option of every command."""

SWITCHES: Final = ("patient",)
"""The settings whose value is true or false.

Each has the same name as an option of the commands that keep listening.
"""

_KNOWN: Final = (*SETTINGS, *SWITCHES)

Setting = str | float | bool


def read_settings(path: Path) -> Mapping[str, Setting]:
    """Read the settings file. Returns no settings if there is no file.

    Raises `SettingsError` with the file and the line if a setting is invalid.
    """
    return _parsed(_text_in(path), path)


def usable_settings(path: Path) -> Mapping[str, Setting]:
    """Return the settings whose lines are valid, for callers that must work in spite of invalid lines."""
    usable: dict[str, Setting] = {}
    with suppress(SettingsError):
        for line in _text_in(path).splitlines():
            with suppress(SettingsError):
                usable |= _parsed(line, path)
    return usable


def _text_in(path: Path) -> str:
    """Return the text of the file, or none if there is no file. Raises `SettingsError` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}", hint="check its permissions") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: cannot be read: {error}", hint=_MEND) from error


def _parsed(text: str, path: Path) -> dict[str, Setting]:
    import tomllib

    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", hint=_MEND) from error
    for name, value in settings.items():
        if name not in _KNOWN:
            raise SettingsError(
                f'{path}:{_line_of(name, text)}: unknown setting "{name}"',
                hint=f"known: {', '.join(_KNOWN)}",
            )
        if isinstance(value, bool) != (name in SWITCHES) or not isinstance(value, Setting | int):
            needed = "true or false" if name in SWITCHES else "a text or a number"
            raise SettingsError(f"{path}:{_line_of(name, text)}: {name} must be {needed}", hint=_MEND)
    return settings


def callable_number(value: object) -> str | None:
    """Return an emergency number as text, or `None` if it is blank or contains no digit and so cannot be dialed."""
    number = "" if value is None else str(value).strip()
    return number if any(character.isdigit() for character in number) else None


def file_that_sets(value: str, names: Collection[str]) -> Path | None:
    """Return the path of the settings file if the file sets one of `names` to `value`, and `None` otherwise."""
    path = settings_file()
    try:
        settings = read_settings(path)
    except SettingsError:  # reported elsewhere
        return None
    return path if any(str(settings.get(name)) == value for name in names) else None


def begin_settings(path: Path) -> None:
    """Create the settings file, with an explanatory comment, if it does not exist. Raises `SettingsError`."""
    if not is_file(path):
        _write(
            path,
            f"# What you set once for voice-helper: {', '.join(_KNOWN)}.\n",
            "set what you need in the environment: export VOICE_HELPER_NUMBER=112",
        )


def keep_setting(path: Path, name: str, value: str) -> None:
    """Set one value and leave all other lines unchanged. Raises `SettingsError` if the value is invalid or cannot be
    written.
    """
    import tomllib

    expected = {**read_settings(path), name: value}  # raises if the file is unreadable, which prevents overwriting it
    before = _text_in(path).splitlines()
    kept = [line for line in before if not _sets(name).match(line)]  # too little work to depend on tomlkit
    text = "".join(f"{line}\n" for line in (*kept, f"{name} = {json.dumps(value, ensure_ascii=False)}"))
    try:
        is_right = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:  # a multi-line value, or a character that a TOML string cannot hold
        is_right = False
    if not is_right:
        raise SettingsError(f"{path}: {name} cannot be set here", hint="set it in that file by hand")
    _write(path, text, f'set it in the environment: export VOICE_HELPER_{name.upper()}="{value}"')


def _write(path: Path, text: str, hint: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}", hint=hint) from error


_MEND: Final = 'write lines such as: number = "112"'


def _sets(name: str) -> re.Pattern[str]:
    return re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")


def _line_of(name: str, text: str) -> int:
    return next((number for number, line in enumerate(text.splitlines(), 1) if _sets(name).match(line)), 1)
