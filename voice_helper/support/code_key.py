"""A key of the code that computes a cached result: other code may compute another result from the same input."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from voice_helper import __version__

PACKAGE: Final = Path(__file__).parents[1]
"""The folder of this package."""


def code_key(*folders: Path) -> str:
    """Return a key of Python, of this package's version and of the modules in folders, without their subfolders.

    A module counts with its name, size and time of change: reading all of them would delay every start.
    """
    found = [f"{sys.version} {__version__}"]
    for folder in folders:
        with suppress(FileNotFoundError), os.scandir(folder) as entries:  # pathlib takes five times as long
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found.append(f"{folder.name}/{entry.name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def source_key(*modules: str) -> str:
    """Return a key of the text of some modules of this package, such as `understanding/minilm`.

    It takes longer than `code_key`, but other modules can change without a new key. For results that take minutes.
    """
    digest = hashlib.sha256(sys.version.encode())
    for name in modules:
        digest.update((PACKAGE / f"{name}.py").read_bytes())
    return digest.hexdigest()
