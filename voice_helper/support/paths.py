"""Locate the data files in a checkout, an editable install or an installed wheel."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parents[1]


def is_file(path: Path) -> bool:
    """Return whether a path is a file. A path that cannot be examined is not, such as one in another user's folder."""
    try:
        return path.is_file()
    except OSError:  # before Python 3.14, pathlib raises it for some causes
        return False


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder. A path that cannot be examined is not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def data_folder(name: str) -> Path:
    """Return the path of a data folder such as `intents` or `models`.

    A wheel contains these folders in the package. In a checkout and an editable install, they are next to the package.
    """
    inside = _PACKAGE / "data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def intents_folder(language: str = "en") -> Path:
    """Return the intents folder of a language. The folder may not exist."""
    return data_folder("intents") / language


def cache_folder() -> Path:
    """Return the folder for files that can be regenerated at any time. The folder may not exist."""
    return _users(platformdirs.user_cache_path)


def user_models_folder() -> Path:
    """Return the folder for speech models that the user installed. The folder may not exist."""
    return _users(platformdirs.user_data_path) / "models"


def settings_file() -> Path:
    """Return the path of the user's settings file. The file may not exist."""
    return _users(platformdirs.user_config_path) / "settings.toml"


def state_folder() -> Path:
    """Return the folder for recent user state, such as the history of typed lines. The folder may not exist."""
    return _users(platformdirs.user_state_path)


def _users(path_of: Callable[..., Path]) -> Path:
    """Return a folder of the user. A user without a home, as in some containers and services, has none that can be read
    or written.
    """
    nowhere = Path(os.devnull, "voice-helper")
    try:
        path = path_of("voice-helper", appauthor=False)
    except RuntimeError:
        return nowhere
    return path if path.is_absolute() else nowhere  # older versions return a folder named "~"
