"""The container and the add-on for Home Assistant OS: their files are parsed, and their script runs with a fake
program.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.support.sound import CHECKOUT
from voice_helper import __version__
from voice_helper.cli.serve import WYOMING_PORT, wyoming

PACKAGING = CHECKOUT / "packaging"
ADDON = PACKAGING / "home-assistant" / "voice-helper"
NEEDS_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
NEEDS_JQ = pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ADDON / "config.yaml").read_text(encoding="utf-8"))
    return read


def option(name: str) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    return next(each for each in wyoming.params if isinstance(each, click.Option) and flag in each.opts)


def test_the_add_on_has_the_keys_that_home_assistant_needs(config: dict[str, Any]) -> None:
    assert {"name", "description", "slug", "version", "arch"} <= config.keys()
    assert config["version"] == __version__
    assert config["slug"] == ADDON.name
    assert config["options"].keys() == config["schema"].keys()
    assert list(config["ports"]) == list(config["ports_description"]) == [f"{WYOMING_PORT}/tcp"]
    assert config["options"]["keep_sessions"] is False  # sessions are stored only if the owner turns this on


def test_an_option_of_the_add_on_allows_what_the_command_allows(config: dict[str, Any]) -> None:
    for name, kind in config["schema"].items():
        allowed = option(name).type
        if kind.startswith("list("):
            assert isinstance(allowed, click.Choice)
            assert set(kind[5:-1].split("|")) <= set(allowed.choices)
        elif kind.startswith("int("):
            assert isinstance(allowed, click.IntRange | click.FloatRange)
            assert [int(end) for end in kind[4:-1].split(",")] == [allowed.min, allowed.max]
        else:
            assert kind in {"str", "bool"}


@NEEDS_BASH
def test_the_run_script_is_bash() -> None:
    subprocess.run(["bash", "-n", ADDON / "run.sh"], check=True)


@NEEDS_BASH
@NEEDS_JQ
@pytest.mark.parametrize(
    ("changes", "given"),
    [({}, []), ({"number": "112"}, ["--number", "112"]), ({"keep_sessions": True}, ["--keep-sessions"])],
    ids=str,
)
def test_the_run_script_starts_the_command_with_the_options(
    config: dict[str, Any], tmp_path: Path, changes: dict[str, Any], given: list[str]
) -> None:
    program = tmp_path / "voice-helper"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    options = tmp_path / "options.json"
    options.write_text(json.dumps(config["options"] | changes), encoding="utf-8")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "OPTIONS_FILE": str(options)}
    ran = subprocess.run(["bash", ADDON / "run.sh"], env=environment, text=True, capture_output=True, check=True)
    words = ran.stdout.splitlines()
    assert words[:6] == ["serve", "wyoming", "--host", "0.0.0.0", "--port", str(WYOMING_PORT)]
    assert words[12:][: len(given)] == given
    context = wyoming.make_context("wyoming", words[2:])
    assert context.params["voice" if "voice" in context.params else "port"]


@pytest.mark.parametrize("path", [PACKAGING / "Dockerfile", ADDON / "Dockerfile"], ids=lambda path: path.parent.name)
def test_a_dockerfile_installs_extras_and_copies_files_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    steps = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert steps[0][0] == "FROM"
    assert {name for name, _ in steps} <= {"FROM", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}
    for name, rest in steps:
        if name in {"ENTRYPOINT", "CMD"}:
            assert json.loads(rest)
        if name == "COPY" and "*" not in rest:
            assert ((path.parent if path.parent == ADDON else CHECKOUT) / rest.split()[0]).exists()
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    (extras,) = re.findall(r"\[([a-z,]+)\]\"", text)
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))


def test_the_container_passes_options_that_the_command_has() -> None:
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", (PACKAGING / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    words = json.loads(entry)
    assert words[:3] == ["voice-helper", "serve", "wyoming"]
    assert wyoming.make_context("wyoming", [*words[3:], "--number", "112"])
