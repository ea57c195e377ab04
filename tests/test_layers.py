"""The import rules: values know nothing of ours, core knows values, edges know no core, only doors choose engines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import voice_helper

PACKAGE = Path(voice_helper.__file__).parent
VALUES = {"types", "errors", "paths"}
CORE = {
    "documents", "text", "wordings", "sentences", "nearest", "safety", "understand", "answers", "guide", "phrasebook",
    "page", "content", "conversation", "endpoint", "spoken", "fragments", "glance", "templates", "ranking",
    "yaml_documents", "follow_ups", "calibration", "saved", "turns", "subject", "own_voice",
}  # fmt: skip
EDGES = {
    "audio", "embedding", "networks", "noise", "quiet", "vad", "echo", "models", "registry", "archives", "downloads",
    "model_store", "cache", "loudness", "settings", "recognizers", "voices", "guarded", "temporary",
}  # fmt: skip
JOINED = {"skill", "watched", "assistant", "speaking"}
DOORS = {
    "cli", "commands", "view", "doctor", "tester", "reports", "vocabulary", "forms", "servers", "exports",
    "ray_cluster",
}  # fmt: skip
DEVICES = {
    "sounddevice",
    "socket",
    "threading",
    "time",
    "subprocess",
    "asyncio",
    "queue",
    "tempfile",
    "vosk",
    "pyttsx3",
}
ENGINES = ("voice_helper.recognizers.", "voice_helper.voices.")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module in {"voice_helper", "voice_helper.recognizers", "voice_helper.voices"}:
                found |= {f"{node.module}.{alias.name}" for alias in node.names if alias.name.islower()}
    return found


def layer_part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def modules() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        if name not in {"__init__", "testing"} and not name.startswith("data."):
            found[name] = imports_of(path)
    return found


MODULES = modules()


def ours(name: str) -> set[str]:
    return {layer_part(module) for module in MODULES[name] if module.startswith("voice_helper.")} - {""}


def test_every_module_belongs_to_a_layer() -> None:
    assert {name.split(".")[0] for name in MODULES} <= VALUES | CORE | EDGES | JOINED | DOORS


@pytest.mark.parametrize("name", sorted(VALUES))
def test_values_import_nothing_of_ours(name: str) -> None:
    assert ours(name) == set()


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core_knows_only_values_and_core(name: str) -> None:
    assert ours(name) <= VALUES | CORE


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core_has_no_device_clock_or_network(name: str) -> None:
    assert {module.split(".")[0] for module in MODULES[name]} & DEVICES == set()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.split(".")[0] in EDGES))
def test_the_edges_know_no_core(name: str) -> None:
    assert ours(name) <= VALUES | EDGES


@pytest.mark.parametrize("name", ["assistant", "speaking"])
def test_the_loop_knows_no_engine(name: str) -> None:
    assert not [module for module in MODULES[name] if module.startswith(ENGINES)]
    assert ours(name) <= VALUES | CORE | EDGES | {"speaking"}


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.split(".")[0] not in DOORS))
def test_nothing_imports_a_door(name: str) -> None:
    assert ours(name) & DOORS == set()


CLIENTS = {"requests", "urllib3", "http", "ftplib", "httpx", "websockets"}
SERVERS = {"socket", "asyncio", "ssl", "uvicorn", "starlette"}  # what fetches needs some of it, too


def importing(names: set[str]) -> set[str]:
    return {name for name in MODULES if {module.split(".")[0] for module in MODULES[name]} & names}


def test_only_the_command_that_installs_models_reaches_the_network() -> None:
    assert importing(CLIENTS) == {"downloads"}
    assert {name for name in MODULES if "voice_helper.speech_models.download" in MODULES[name]} == {"model_store"}
    assert {name for name in MODULES if "voice_helper.speech_models.store" in MODULES[name]} == {"commands.models"}


def test_only_serve_is_reached_over_a_network() -> None:
    servers = {"servers.web", "servers.wyoming", "servers.frames", "servers.cluster"}
    assert importing(SERVERS) == servers | {"commands.serving", "downloads", "ray_cluster"}
    assert importing({"ray"}) == {"ray_cluster", "servers.cluster"}
    assert {name for name in MODULES if "servers" in ours(name) and not name.startswith("servers")} == {
        "commands.serving"
    }


if __name__ == "__main__":
    print(",".join(f"voice_helper/{name}.py" for name in sorted(CORE)))
