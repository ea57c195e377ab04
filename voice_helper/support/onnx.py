"""Locate files inside packages, and prepare the environment for onnxruntime, which two extras install."""

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
    """Turn off the telemetry of onnxruntime. This takes effect only before onnxruntime loads.

    Unless this variable is set, version 1.29 and later send telemetry to the vendor and keep a device id in the user's
    cache (microsoft/onnxruntime pull request 27379). Telemetry is always off, because no data may leave the machine.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
