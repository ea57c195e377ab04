"""Imports between packages go in one direction, from the values up to the command line."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import voice_helper

PACKAGE = Path(voice_helper.__file__).parent
VALUES = {"types", "errors"}
MAY_IMPORT: Mapping[str, set[str]] = {
    "support": set(),
    "content": {"support"},
    "audio": {"support"},
    "understanding": {"support", "content"},
    "dialogue": {"content", "understanding"},
    "speech_models": {"support"},
    "recognizers": {"support", "audio", "speech_models"},
    "voices": {"support", "audio"},
    "runtime": {"audio", "understanding", "dialogue", "recognizers", "voices"},
    "skill": {
        "support", "content", "audio", "understanding", "dialogue", "recognizers", "voices", "runtime",
    },
    "exporters": {"content", "understanding", "dialogue", "skill"},
    "servers": {
        "support", "content", "audio", "understanding", "dialogue", "recognizers", "voices", "skill", "runtime",
        "exporters",
    },
    "tester": {
        "support", "content", "understanding", "dialogue", "speech_models", "recognizers", "skill", "runtime",
    },
    "cli": {
        "support", "content", "audio", "understanding", "dialogue", "speech_models", "recognizers", "voices", "skill",
        "runtime", "exporters", "servers", "tester",
    },
}  # fmt: skip
"""For each package, the packages that it may import in addition to the values."""

ROOT = {"types", "errors", "testing", "__main__"}
CORE_PACKAGES = {"content", "understanding", "dialogue"}
CORE_MODULES = {
    "audio.endpoint", "exporters.phrases_page", "exporters.review_page", "runtime.self_hearing", "skill.folder_reader",
    "skill.phrasebook", "skill.web_labels",
}  # fmt: skip
RUNS_A_NETWORK = {"understanding.embedder"}
"""Modules outside the core, because they run a neural network and store results in a file."""

DEVICES = {
    "sounddevice", "socket", "threading", "time", "subprocess", "asyncio", "queue", "tempfile", "vosk", "pyttsx3",
}  # fmt: skip
CLIENTS = {"requests", "urllib3", "http", "ftplib", "httpx", "websockets"}
LISTENERS = {"socket", "asyncio", "ssl", "uvicorn", "starlette"}  # downloads also need some of these
ENGINES = ("recognizers.", "voices.")
COMBINE_ENGINES = {"recognizers.second_opinion"}
"""Modules that use recognizers only through their protocol."""


def all_modules() -> dict[str, Path]:
    """Return every module by its name below the root package, whose own name is ""."""
    names = {
        path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path for path in PACKAGE.rglob("*.py")
    }
    return {
        name.removesuffix("__init__").removesuffix("."): path
        for name, path in names.items()
        if not name.startswith("data.")
    }


FILES = all_modules()


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, including imports in functions. This package's modules are named below
    the root.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner.removeprefix("voice_helper.") in FILES else node.module)
    return found


IMPORTS = {name: imports_of(path) for name, path in FILES.items()}
OURS = {
    name: {each.removeprefix("voice_helper.") for each in found if each.startswith("voice_helper.")}
    for name, found in IMPORTS.items()
}


def package_of(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def outside(name: str) -> set[str]:
    """Return the top-level third-party packages that a module imports."""
    return {package_of(each) for each in IMPORTS[name]} - {"voice_helper"}


def importing(names: set[str]) -> set[str]:
    return {name for name in FILES if outside(name) & names}


def who_imports(module: str) -> set[str]:
    return {name for name, found in OURS.items() if module in found}


def core() -> list[str]:
    inside = {name for name in FILES if package_of(name) in CORE_PACKAGES}
    return sorted((inside | CORE_MODULES) - RUNS_A_NETWORK)


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the members of an import cycle, or nothing if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_only_the_public_values_are_in_the_root_package() -> None:
    flat = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert VALUES <= flat <= VALUES | ROOT


def test_every_package_is_in_the_table_of_layers() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(MAY_IMPORT)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_values_import_nothing_from_this_package(name: str) -> None:
    assert OURS[name] == set()


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    imported = {
        package_of(each) for name, found in OURS.items() if package_of(name) == package for each in found
    } - VALUES
    assert imported - {package} <= MAY_IMPORT[package]


def test_packages_have_no_import_cycles() -> None:
    assert circle(MAY_IMPORT) == []


def test_files_have_no_import_cycles() -> None:
    """The `__init__` of a package may import its own modules in functions, although these import its protocol."""
    graph = {
        name: {each for each in found if not (each.startswith(f"{name}.") and name in MAY_IMPORT)}
        for name, found in OURS.items()
    }
    assert circle(graph) == []


@pytest.mark.parametrize("name", core())
def test_the_core_uses_no_device_clock_or_network(name: str) -> None:
    assert outside(name) & DEVICES == set()


@pytest.mark.parametrize("name", sorted(name for name in FILES if package_of(name) == "runtime"))
def test_the_loop_imports_no_engine(name: str) -> None:
    assert not {each for each in OURS[name] - COMBINE_ENGINES if each.startswith(ENGINES)}


def test_only_the_command_that_installs_models_reaches_the_network() -> None:
    assert importing(CLIENTS) == {"speech_models.download"}
    assert who_imports("speech_models.download") == {"speech_models.store"}
    assert who_imports("speech_models.store") == {"cli.models"}


def test_only_serve_listens_on_a_network() -> None:
    listening = {name for name in importing(LISTENERS) if package_of(name) != "servers"}
    assert listening == {"cli.serve", "speech_models.download"}
    assert {package_of(name) for name in importing({"ray"})} == {"servers", "tester"}
    using = {
        name
        for name, found in OURS.items()
        if package_of(name) != "servers" and any(package_of(each) == "servers" for each in found)
    }
    assert using == {"cli.serve", "cli.test_intents"}


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("*.py")), ids=lambda path: path.stem)
def test_no_test_imports_a_benchmark(path: Path) -> None:
    """Benchmarks may use tests/support, which holds the code that both need."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imports += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "bench" not in {name.split(".")[0] for name in imports}


if __name__ == "__main__":
    print(",".join(f"voice_helper/{name.replace('.', '/')}.py" for name in core() if name not in MAY_IMPORT))
