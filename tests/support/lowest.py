"""The lowest versions that pyproject.toml allows, as constraints for pip. `make test-lowest` tests them."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

RUNTIME_EXTRAS: Final = ("natural", "web", "whisper", "wyoming")
"""The extras for users. The other extras are for development."""


def requirements(project: Mapping[str, Any]) -> list[Requirement]:
    """Return the requirements of the program and its extras on this machine."""
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *(line for extra in RUNTIME_EXTRAS for line in extras[extra])]
    wanted = (Requirement(line) for line in named)
    return [need for need in wanted if need.marker is None or need.marker.evaluate()]


def constraints(project: Mapping[str, Any]) -> Iterator[str]:
    """Yield each requirement, pinned to its lower bound. Raises `ValueError` for a requirement without one."""
    for need in requirements(project):
        (bound,) = (each.version for each in need.specifier if each.operator == ">=")
        yield f"{need.name}=={bound}"


if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.writelines(f"{line}\n" for line in constraints(project))
