"""The library in another person's program: what importing it loads, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.programs import environment
from tests.support.sound import CHECKOUT

LIGHT = 100
"""Modules that may be loaded with the library: the standard library's own, such as `typing`."""

AT_IMPORT = """
import json, os, sys
before, environment = set(sys.modules), dict(os.environ)
import voice_helper
loaded = sorted(set(sys.modules) - before)
print(json.dumps({"loaded": loaded, "changed": environment != dict(os.environ)}))
"""
EVERY_MODULE = """
import importlib, json, os, pkgutil
environment = dict(os.environ)
import voice_helper
imported = []
for found in pkgutil.walk_packages(voice_helper.__path__, "voice_helper."):
    if found.name.split(".")[1] not in ("cli", "servers", "tester", "data"):
        importlib.import_module(found.name)
        imported.append(found.name)
print(json.dumps({"imported": imported, "changed": sorted(environment.items() ^ os.environ.items())}))
"""


def told_by(code: str, folder: Path) -> Any:
    """Run a program that uses the library, in an empty folder. Return what it prints as JSON."""
    return json.loads(run_program(code, folder))


def run_program(code: str, folder: Path, *arguments: str) -> str:
    more = environment(PYTHONPATH=str(CHECKOUT))
    more.pop("OPENBLAS_NUM_THREADS", None)
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, env=more, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_library_loads_nothing_but_the_standard_library(tmp_path: Path) -> None:
    told = told_by(AT_IMPORT, tmp_path)
    ours = {name for name in told["loaded"] if name.split(".")[0] == "voice_helper"}
    assert ours == {"voice_helper"}
    assert {name.split(".")[0] for name in told["loaded"]} - ours <= sys.stdlib_module_names
    assert len(told["loaded"]) <= LIGHT


def test_importing_the_library_leaves_the_environment_alone(tmp_path: Path) -> None:
    assert told_by(AT_IMPORT, tmp_path)["changed"] is False


def test_no_module_of_the_library_changes_the_environment_when_it_is_imported(tmp_path: Path) -> None:
    told = told_by(EVERY_MODULE, tmp_path)
    assert len(told["imported"]) > 50
    assert told["changed"] == []
