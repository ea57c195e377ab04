"""The commands in the README, the pages and the help work."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import click
import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, environment
from tests.support.sound import CHECKOUT, recording
from voice_helper.cli import diagnosis as doctor
from voice_helper.cli.entry_point import cli
from voice_helper.errors import DISTRIBUTION, install_hint
from voice_helper.skill import open_skill
from voice_helper.skill.folder_reader import check_folder
from voice_helper.tester.run import read_cases

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "docs").glob("*.md"))}
SHELL_BLOCK = re.compile(r"^[ ]*```(?:sh|bash|console)\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)
SERVING = re.compile(r"voice-helper serve (?!.*--help)")
LIVE = re.compile(r"voice-helper (listen|guide)(?!.*--source (?!mic))|voice-helper ask\s*(--|#|$)(?!.*--wav)")
ELSEWHERE = re.compile(
    r"voice-helper (models (?!list)|learn|calibrate|guide(?!.*--source))"
    r"|--cert|--address|--host 192|intents/de|back-pain|--language de"
)
"""Matches commands that a test cannot run: they need a network, the reader's own file or address, minutes, or earlier
steps.
"""

CONTRIBUTING = PAGES["contributing.md"]
STEP = re.compile(
    r"^<!-- (?:step \d|language)(?:: (\S+?)(?: after (\S+))?)? -->\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL
)
"""Matches a step of the page, with the file and the line after which its text belongs, and the text."""


def command_lines(*texts: str) -> list[str]:
    """Return every command line of the shell blocks once. Lines that end in a backslash are joined."""
    lines: dict[str, None] = {}
    for block in (block for text in texts for block in SHELL_BLOCK.findall(text)):
        for line in block.replace("\\\n", " ").splitlines():
            command = line.strip().removeprefix("$ ")
            if command and not command.startswith("#"):
                lines[command] = None
    return list(lines)


COMMAND_LINES = command_lines(README, *PAGES.values())
VOICE_HELPER_LINES = [line for line in COMMAND_LINES if "voice-helper " in line and not ELSEWHERE.search(line)]
OTHER_LINES = [line for line in COMMAND_LINES if "voice-helper " in line and ELSEWHERE.search(line)]
MAKE_LINES = [line for line in COMMAND_LINES if line.startswith("make")]
Running = dict[str, Future[subprocess.CompletedProcess[str]]]
EXTRAS = sorted(set(re.findall(r"\.\[(\w+)\]", "".join((README, *PAGES.values())))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like a checkout, in which commands may write."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("intents", "models", "tests", "bench", "README.md"):
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / "docs").mkdir()
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "voice-helper").symlink_to(VOICE_HELPER)
    shutil.copy(recording("put_heat_on_it"), folder / "question.wav")
    (folder / "shim").mkdir()
    (folder / "shim" / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    """Run every command line of the README and the pages, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield {line: pool.submit(run, line, folder) for line in VOICE_HELPER_LINES}


def served(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a server as on the pages, on a free port, and stop it with Ctrl-C once it has printed its address."""
    command = [str(VOICE_HELPER), *shlex.split(line, comments=True)[1:], "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, address + out, err)


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if SERVING.search(line):
        return served(line, folder)
    path = f"{VOICE_HELPER.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(PATH=path, PYTHONPATH=str(folder / "shim")),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=4 * PATIENCE_SECONDS,
    )  # fmt: skip


def test_the_readme_shows_commands() -> None:
    assert {"make demo", "make test"} <= set(MAKE_LINES)
    assert len(VOICE_HELPER_LINES) >= 3
    assert len(OTHER_LINES) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("line", VOICE_HELPER_LINES)
def test_a_command_of_the_readme_or_a_page_works(line: str, running: Running) -> None:
    ran = running[line].result()
    assert "Traceback" not in ran.stderr
    if SERVING.search(line):
        assert ran.returncode == 130
        assert re.match(r"(https?|tcp)://", ran.stdout)
    elif LIVE.search(line):  # in tests there is no microphone, so the command must say what is missing
        assert ran.returncode in {0, 1}
        assert "no sound device" in ran.stderr
    else:
        assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("line", OTHER_LINES)
def test_commands_that_tests_cannot_run_have_existing_options(line: str) -> None:
    command: click.Command | None = cli
    name, *arguments = shlex.split(line[line.index("voice-helper ") :], comments=True)
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.get_command(click.Context(command), name)
    assert command is not None, line
    command.make_context(name, arguments)


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_mentioned_extra_exists(extra: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra in project["optional-dependencies"]


CODE = {
    path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("voice_helper", "tests")
    for path in (CHECKOUT / folder).rglob("*.py")
}


def test_nobody_is_told_to_install_the_other_package_with_the_same_name() -> None:
    told = "".join((README, *PAGES.values(), *CODE.values()))
    assert not re.search(r"pip install [^\n`]*voice[-_]helper\b(?!/)", told)


def test_the_package_has_one_name_for_pip_and_extras_use_it() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    named = re.findall(r"([\w-]+)\[ovos\]", "".join(project["optional-dependencies"]["ovos-test"]))
    assert named == [DISTRIBUTION]
    assert list(project["scripts"]) == ["voice-helper"]


def test_the_commands_in_pages_and_hints_keep_a_checkout_editable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert install_hint("web").endswith('pip install -e ".[web]"')
    for text in (README, *(PAGES[name] for name in ("web.md", "ask.md", "index.md"))):
        assert not re.search(r"pip install [\"'.]", text)
    monkeypatch.setattr("voice_helper.errors._CHECKOUT_FILE", tmp_path / "pyproject.toml")
    assert install_hint("web") == f'pip install "{DISTRIBUTION}[web]"', "a wheel comes without the README's folder"
    assert install_hint() == f"pip install {DISTRIBUTION}"


def test_a_single_hint_installs_missing_packages_in_tested_versions() -> None:
    telling = {name for name, text in CODE.items() if "pip install" in text and name.startswith("voice_helper/")}
    assert telling == {"voice_helper/errors.py"}
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    named = re.findall(r"""(?:needs_package\("[^"]+", |install_hint\()["'](\w+)["']""", "".join(CODE.values()))
    named += [extra for _, _, extra, _ in doctor.EXTRAS]
    assert set(named) <= set(extras)
    assert {"natural", "web", "wyoming", "whisper", "cluster"} <= set(named)


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the intents folder after all steps of the page on contributing."""
    checkout = tmp_path_factory.mktemp("edited")
    shutil.copytree(CHECKOUT / "intents", checkout / "intents")
    shutil.copytree(CHECKOUT / "tests" / "sentences", checkout / "tests" / "sentences")
    for file, after, text in STEP.findall(CONTRIBUTING):
        if not file:
            subprocess.run(["bash", "-ec", text], cwd=checkout, check=True)
            continue
        path = checkout / file
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        assert not after or before.count(f"\n{after}\n") == 1
        changed = before.replace(f"\n{after}\n", f"\n{after}\n{text}") if after else before + text
        path.write_text(changed, encoding="utf-8")
    return checkout


@pytest.mark.slow
def test_the_intent_that_the_page_adds_is_complete_and_understood(edited: Path) -> None:
    content, problems = check_folder(edited / "intents" / "en")
    assert problems == ()
    assert content is not None
    for asked in ("do compression socks help", "should i wear support stockings at night"):
        assert [claim.intent for claim in content.sentences.exact(content.sentences.language.normalize(asked))] == [
            "remedy_compression"
        ]
    assert {wording.intent for wording in content.wordings} >= {"remedy_compression"}
    examples = edited / "tests" / "sentences" / "examples.yaml"
    cases = read_cases(examples, examples.read_text(encoding="utf-8"))
    assert "do compression socks help" in {case.text for case in cases if case.intent == "remedy_compression"}


@pytest.mark.slow
def test_the_language_that_the_page_begins_is_complete_and_names_the_number_to_call(edited: Path) -> None:
    skill = open_skill(folder=edited / "intents" / "de")
    match = skill.understanding.understand("Ich bekomme keine Luft")
    assert match.intent == "emergency"
    assert "Rufen Sie jetzt die Notrufnummer an." in skill.conversation.answers.answer(match, full_given=False).spoken()


@pytest.mark.parametrize("line", MAKE_LINES)
def test_every_mentioned_make_target_exists(line: str) -> None:
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
def test_every_link_has_a_target(link: str) -> None:
    assert (CHECKOUT / link).exists()


def test_the_first_screen_has_the_disclaimer_and_the_intended_purpose() -> None:
    first = README.split("## Install")[0]
    assert "for education only" in first
    assert "Intended purpose" in first
    assert "medical expert" in first
