"""Files shipped inside packages, and what must be set before onnxruntime loads: two extras bring it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from voice_helper.errors import EngineMissingError, install_hint


def packaged(package: str, *parts: str) -> Path:
    """Return the path of a file in a package without importing it.

    Raises `EngineMissingError` if the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise EngineMissingError(f"a package that is needed is not installed: {package}", hint=install_hint())
    return Path(found.origin).parent.joinpath(*parts)


def keep_onnxruntime_silent() -> None:
    """Turn off the telemetry of onnxruntime. Takes effect only before onnxruntime is loaded.

    From 1.29 on it sends telemetry to its maker and keeps a device id in the user's cache, unless this variable is set
    (microsoft/onnxruntime pull request 27379). Nothing may leave the machine: not a choice.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
