"""Neural networks shipped inside packages, run by onnxruntime on the CPU."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from voice_helper.errors import EngineMissingError, install_hint

if TYPE_CHECKING:
    import onnxruntime


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


def open_network(path: Path, what: str) -> onnxruntime.InferenceSession:
    """Load an ONNX file. Any number of threads can use the session at once.

    The network runs on the calling thread. More threads would save 2 ms of 6 ms, but would spin while they wait.
    Raises `EngineMissingError` with `what` in its message.
    """
    keep_onnxruntime_silent()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base class
        raise EngineMissingError(f"{path}: {what} cannot be loaded: {error}") from None
