"""What the README and the help tell people to type works."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.programs import VOICE_HELPER, environment
from tests.sound import CHECKOUT, recording

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SHELL_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVING = re.compile(r"voice-helper serve (?!.*--help)")
LIVE = re.compile(r"voice-helper (listen|guide)(?!.*--source (?!mic))|voice-helper ask\s*(--|#|$)(?!.*--wav)")


def command_lines() -> list[str]:
    """Every command line of the README's shell blocks, those that go on after a backslash in one."""
    lines: list[str] = []
    for block in SHELL_BLOCK.findall(README):
        for line in block.replace("\\\n", " ").splitlines():
            command = line.strip().removeprefix("$ ")
            if command and not command.startswith("#"):
                lines.append(command)
    return lines


VOICE_HELPER_LINES = [line for line in command_lines() if "voice-helper " in line]
MAKE_LINES = [line for line in command_lines() if line.startswith("make")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a checkout, where commands may write."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("intents", "models", "tests", "bench", "README.md"):
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "voice-helper").symlink_to(VOICE_HELPER)
    shutil.copy(recording("put_heat_on_it"), folder / "question.wav")
    (folder / "shim").mkdir()
    (folder / "shim" / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """Every command line of the README, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield {line: pool.submit(run, line, folder) for line in VOICE_HELPER_LINES}


def served(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a server as the README does, on a free port, and end it with Ctrl-C when it says where it is."""
    command = [str(VOICE_HELPER), *shlex.split(line)[1:], "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    return subprocess.CompletedProcess(command, process.returncode, address + out, err)


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if SERVING.search(line):
        return served(line, folder)
    path = f"{VOICE_HELPER.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(PATH=path, PYTHONPATH=str(folder / "shim")),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_readme_shows_commands() -> None:
    assert {"make demo", "make test"} <= set(MAKE_LINES)
    assert len(VOICE_HELPER_LINES) >= 3


@pytest.mark.parametrize("line", VOICE_HELPER_LINES)
def test_a_command_of_the_readme_works(line: str, running: dict[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    ran = running[line].result()
    assert "Traceback" not in ran.stderr
    if SERVING.search(line):
        assert ran.returncode == 130
        assert re.match(r"(https?|tcp)://", ran.stdout)
    elif LIVE.search(line):  # nobody speaks into the microphone of a test: it says what is missing
        assert ran.returncode in {0, 1}
        assert "no sound device" in ran.stderr
    else:
        assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("line", MAKE_LINES)
def test_a_make_target_of_the_readme_exists(line: str) -> None:
    ran = subprocess.run(
        ["make", "-n", *line.partition("#")[0].split()[1:]],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:|#)([^)#]+)", README))))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (CHECKOUT / link).exists()


def test_the_first_screen_has_the_disclaimer_and_the_intended_purpose() -> None:
    first = README.split("## Install")[0]
    assert "For education only" in first
    assert "Intended purpose" in first
    assert "medical expert" in first
