"""OpenVoiceOS stores settings, caches and logs in the user's folders. The tests redirect them to a new folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

HOME = Path(tempfile.mkdtemp(prefix="ovos-"))
SKILL_ID = "voice-helper.voice-helper"

for name in ("CONFIG", "DATA", "STATE", "CACHE"):  # read when its packages are imported
    os.environ[f"XDG_{name}_HOME"] = str(HOME / name.lower())

_SETTINGS = HOME / "config" / "mycroft" / "skills" / SKILL_ID / "settings.json"
_SETTINGS.parent.mkdir(parents=True)
_SETTINGS.write_text(json.dumps({"number": "112"}), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore the warnings that its packages raise about each other."""
    for module in ("ovos_[a-z_]+", "padacioso"):
        config.addinivalue_line("filterwarnings", f"ignore::DeprecationWarning:{module}")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
