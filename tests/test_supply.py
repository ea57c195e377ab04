"""Third-party packages: NOTICE has the licence of each, and `make test-lowest` tests the lowest version of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.lowest import RUNTIME_EXTRAS, constraints
from tests.support.sound import CHECKOUT

PROJECT: Mapping[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTICE = (CHECKOUT / "NOTICE").read_text(encoding="utf-8")
EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize(
    "name",
    [
        Requirement(line).name
        for line in (*PROJECT["dependencies"], *(line for extra in RUNTIME_EXTRAS for line in EXTRAS[extra]))
    ],
)
def test_each_installed_package_has_its_line(name: str) -> None:
    assert re.search(rf"^- (?:[\w, -]+, )?{re.escape(name)}\b[^:]*: \S", NOTICE, re.MULTILINE), name


FAMILIES = ("Apache", "BSD", "LGPL", "GPL", "MIT", "MPL")
ENTRIES = re.findall(r"^- ((?:.|\n  )+)", NOTICE, re.MULTILINE)
RUNS = sorted(
    {Requirement(line).name for line in PROJECT["dependencies"]}
    | {
        Requirement(line).name
        for extra, lines in EXTRAS.items()
        if extra not in {"dev", "docs", "bench", "mutants", "ovos-test", "train"}
        for line in lines
    }
)


def families(text: str) -> set[str]:
    """Return the licence families that a text names."""
    return {family for family in FAMILIES if re.search(rf"\b{family}", text, re.IGNORECASE)}


@pytest.mark.parametrize("name", RUNS)
def test_each_runtime_package_has_the_licence_in_its_metadata(name: str) -> None:
    entries = [entry for entry in ENTRIES if re.match(rf"(?:[\w, -]+, )?{re.escape(name)}[ ,:]", entry)]
    assert len(entries) == 1, name
    try:
        about = metadata(name)
    except PackageNotFoundError:
        assert name in {Requirement(line).name for line in EXTRAS["ovos"]}  # the extra has a separate environment
        return
    classifiers = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    licences = [*about.get_all("License-Expression", []), *about.get_all("License", []), *classifiers]
    named = " ".join(licences[:1] if about.get_all("License-Expression", []) else licences)
    told = families(entries[0].partition(":")[2])
    if families(named):
        assert families(named) <= told, (named, entries[0])
    else:
        assert "names no licence" in entries[0]


@pytest.mark.parametrize("name", [Requirement(line).name for lines in EXTRAS.values() for line in lines])
def test_each_development_package_is_named(name: str) -> None:
    assert name in NOTICE or name.startswith("types-")


def test_each_model_of_the_registry_is_named_with_its_licence() -> None:
    models = yaml.safe_load((CHECKOUT / "models" / "registry.yaml").read_text(encoding="utf-8"))["models"]
    for model in models:
        assert re.search(rf"{re.escape(model['name'])}[^\n]*: {re.escape(model['licence'])}", NOTICE), model["name"]


def test_each_package_has_one_lowest_version() -> None:
    lines = list(constraints(PROJECT))
    assert len(lines) > 20
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
