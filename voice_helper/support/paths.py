"""Where data lies: in a checkout, an editable install, or an installed wheel."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parents[1]


def data_folder(name: str) -> Path:
    """Give the folder `intents` or `models`.

    A wheel carries both inside the package; a checkout and an editable install
    have them beside it.
    """
    inside = _PACKAGE / "data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def intents_folder(language: str = "en") -> Path:
    """Give the intents folder of a language; it need not exist."""
    return data_folder("intents") / language


def cache_folder() -> Path:
    """Give the folder for what can be made anew at any time; it need not exist."""
    return platformdirs.user_cache_path("voice-helper", appauthor=False)


def user_models_folder() -> Path:
    """Give the folder for the speech models that the user installed; it need not exist."""
    return platformdirs.user_data_path("voice-helper", appauthor=False) / "models"


def settings_file() -> Path:
    """Give the file of what a person has set once; it need not exist."""
    return platformdirs.user_config_path("voice-helper", appauthor=False) / "settings.toml"


def state_folder() -> Path:
    """Give the folder for what a person did last, such as the lines they typed; it need not exist."""
    return platformdirs.user_state_path("voice-helper", appauthor=False)
