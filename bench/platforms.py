"""Find out for which systems and Python versions every package has a wheel: `python -m bench.platforms`, or `make
platforms`.

For each pair, pip downloads the wheels of the plain install and builds nothing. The table is written to
docs/platforms.md. This takes minutes and gigabytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = CHECKOUT / "docs" / "platforms.md"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "Linux x86-64": ("linux", "x86_64", ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")),
    "Linux aarch64 (Raspberry Pi)": (
        "linux",
        "aarch64",
        ("manylinux_2_31_aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    ),
    "macOS arm64": ("darwin", "arm64", tuple(f"macosx_{release}_0_arm64" for release in (14, 13, 12, 11))),
    "Windows x86-64": ("win32", "AMD64", ("win_amd64",)),
}
"""`sys.platform`, `platform.machine()` and the wheel tags of each system."""

SOURCE_ONLY = frozenset({"srt"})
"""Pure Python packages without any wheel, which pip builds without a compiler."""

_NAMES = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def packages(python: str, system: str) -> list[str]:
    """Return the packages of a plain install and their dependencies, as requirements without markers."""
    platform, machine, _ = SYSTEMS[system]
    environment = {
        "sys_platform": platform,
        "platform_system": _NAMES[platform],
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "os_name": "nt" if platform == "win32" else "posix",
        "extra": "",
    }
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting, found = list(project["dependencies"]), dict[str, str]()
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        name = requirement.name.lower().replace("_", "-")
        if name not in found:
            found[name] = f"{requirement.name}{requirement.specifier}"
            waiting += _needs(requirement.name)
    return [found[name] for name in sorted(found)]


def _needs(name: str) -> Iterable[str]:
    try:
        return requires(name) or ()
    except ImportError:  # a package for another system: its dependencies are unknown here
        return ()


def without_wheel(python: str, system: str, wanted: Iterable[str]) -> list[str]:
    """Return the packages that pip cannot download as a wheel for the system."""
    wanted = [package for package in wanted if Requirement(package).name not in SOURCE_ONLY]
    if _downloads(python, system, wanted):
        return []
    return [package for package in wanted if not _downloads(python, system, [package])]


def _downloads(python: str, system: str, wanted: list[str]) -> bool:
    tags = [part for tag in SYSTEMS[system][2] for part in ("--platform", tag)]
    with tempfile.TemporaryDirectory() as folder:
        asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        asked += ["--python-version", python, "--implementation", "cp", *tags, "--dest", folder, *wanted]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def main() -> None:
    rows = []
    for system in SYSTEMS:
        cells = []
        for python in PYTHONS:
            wanted = packages(python, system)
            missing = without_wheel(python, system, wanted)
            cells.append(", ".join(f"no {package}" for package in missing) or f"yes ({len(wanted)})")
            print(system, python, cells[-1], flush=True)
        rows.append(f"| {system} | {' | '.join(cells)} |\n")
    source_only = ", ".join(sorted(SOURCE_ONLY))
    PAGE.write_text(
        "# Supported platforms\n\n"
        "Each cell says whether pip finds a wheel for every package of the plain install, and how many packages\n"
        "that is. Wheels need no compiler. The tests run on Linux x86-64 only.\n"
        f"`make platforms` writes this page. Last run: {datetime.now(UTC):%B %Y}.\n\n"
        f"| system | {' | '.join(f'Python {python}' for python in PYTHONS)} |\n"
        f"|---|{'---|' * len(PYTHONS)}\n{''.join(rows)}\n"
        f"These packages have no wheel, but are pure Python, so pip builds them without a compiler: {source_only}.\n\n"
        "The embedded recognizer is the same on all systems, because it runs hama's network in numpy. On Windows,\n"
        "hama has no pronunciations for words that are not in `models/english-words.txt`. `voice-helper check\n"
        "--words` lists them; add a line for each to `pronunciation.yaml`. kaldi-decoder has no wheel for musl\n"
        "(Alpine) or 32-bit ARM.\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
