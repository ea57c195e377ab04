"""Neural networks that lie inside packages, run by onnxruntime on the processor."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from voice_helper.errors import EngineMissingError, install_hint

if TYPE_CHECKING:
    import onnxruntime


def packaged(package: str, *parts: str) -> Path:
    """Give where a file of a package lies, without importing it; raises `EngineMissingError` without the package."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise EngineMissingError(f"a package that is needed is not installed: {package}", hint=install_hint())
    return Path(found.origin).parent.joinpath(*parts)


def open_network(path: Path, what: str) -> onnxruntime.InferenceSession:
    """Load an ONNX file, for any number of threads at once; raises `EngineMissingError`, which says `what` it is.

    It computes on the thread that asks: more threads would spin while they wait, and take 2 ms off 6.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base
        raise EngineMissingError(f"{path}: {what} cannot be loaded: {error}") from None
