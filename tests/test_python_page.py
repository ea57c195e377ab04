"""The examples in docs/python.md and `examples/` work without the packages that only the command line needs."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import voice_helper
from tests.support.programs import environment
from tests.support.sound import CHECKOUT, recording
from voice_helper import testing

PAGE = (CHECKOUT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^(<!-- needs a microphone -->\n)?```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
BLOCKS = BLOCK.findall(PAGE)
EXAMPLES = sorted(path.stem for path in (CHECKOUT / "examples").glob("*.py"))
COMMAND_LINE_ONLY = ("click", "rich", "prompt_toolkit", "pyfiglet")
BLOCKING = f"import runpy, sys; sys.modules.update(dict.fromkeys({COMMAND_LINE_ONLY})); "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that contains a recorded question."""
    folder = tmp_path_factory.mktemp("program")
    shutil.copy(recording("put_heat_on_it"), folder / "question.wav")
    return folder


def run(program: Path, folder: Path, *arguments: str, typed: str = "") -> str:
    """Run a program that cannot import the packages of the command line, and return its output."""
    code = f"{BLOCKING}sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(program), *arguments],
        cwd=folder, env=environment(PYTHONPATH=str(CHECKOUT)), input=typed,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def test_the_examples_of_the_page_print_what_it_shows(folder: Path) -> None:
    program = folder / "page.py"
    shown = [(code, printed) for needs_microphone, code, printed in BLOCKS if not needs_microphone]
    assert len(shown) > 8
    program.write_text("print('---')\n".join(code for code, _ in shown), encoding="utf-8")
    assert run(program, folder).split("---\n") == [printed for _, printed in shown]


def test_the_examples_that_need_a_microphone_use_only_existing_names() -> None:
    for needs_microphone, code, _ in BLOCKS:
        if needs_microphone:
            ast.parse(code)
            assert "skill.assistant()" in code


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_and_runs(name: str, folder: Path) -> None:
    program = CHECKOUT / "examples" / f"{name}.py"
    assert len(program.read_text(encoding="utf-8").splitlines()) <= 40
    printed = run(program, folder, "question.wav", typed="next\nstop\n")
    expected = {
        "ask": "(article: remedy.heat)",
        "chat": "(stopped)\n",
        "hear": "should i put heat on it",
        "own_recognizer": "does heat help\n",
        "own_voice": "heard\n",
        "phrases": "all as expected\n",
    }
    assert expected[name] in printed


def test_the_page_mentions_every_public_name() -> None:
    public = {*voice_helper.__all__, *testing.__all__}
    told_by_its_parts = {"CHUNK_SAMPLES", "SAMPLE_RATE", "__version__", "Chat", "LiveAssistant", "LoopEvent", "Match",
                         "Phrases", "Recognizer", "Reply", "Row", "RunnerUp", "Voice", "noise"}  # fmt: skip
    assert {name for name in public if not re.search(rf"\b{name}\b", PAGE)} <= told_by_its_parts
