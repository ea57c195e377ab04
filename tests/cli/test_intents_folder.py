"""`--intents` selects another intents folder for every command. A folder without signs of danger causes a warning."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import pytest

from tests.support.programs import Run
from voice_helper.cli.entry_point import cli

OTHER = Path(__file__).parents[1] / "data" / "es"
WARNING = "WARNING: signs of danger are not recognized"


def every_command() -> dict[str, click.Command]:
    """Return each command by its full name, including the commands of groups."""
    found: dict[str, click.Command] = {}
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": each for inner, each in command.commands.items()}
        else:
            found[name] = command
    return found


@pytest.mark.parametrize("name", [name for name in every_command() if not name.startswith("models ")])
def test_every_command_that_reads_intents_accepts_another_folder(name: str) -> None:
    named = [each for each in every_command()[name].params if each.name == "intents"]
    assert [(each.opts, getattr(each, "envvar", None)) for each in named] == [(["--intents"], "VOICE_HELPER_INTENTS")]


@pytest.fixture
def without_safety(tmp_path: Path) -> Path:
    folder = tmp_path / "harmless"
    shutil.copytree(OTHER, folder)
    (folder / "safety.yaml").unlink()
    return folder


def test_a_question_is_answered_from_another_folder(run: Run) -> None:
    ran = run("ask", "ayuda", "--intents", OTHER, "--voice", "none")
    assert (ran.code, WARNING in ran.err) == (0, False)
    assert "guide_start" in ran.out


@pytest.mark.parametrize("command", [["ask", "ayuda", "--voice", "none"], ["check"], ["test-intents", "said.txt"]])
def test_a_folder_without_signs_of_danger_is_accepted_with_a_loud_warning(
    run: Run, without_safety: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    (tmp_path / "said.txt").write_text("ayuda\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    ran = run(*command, "--intents", without_safety)
    assert ran.code == 0
    assert f"{WARNING}: {without_safety} has no safety.yaml with families" in " ".join(ran.err.split())


@pytest.mark.parametrize("command", [["ask", "ayuda"], ["learn"], ["guide"], ["demo"], ["doctor", "--json"]])
def test_a_missing_folder_is_named(run: Run, tmp_path: Path, command: list[str]) -> None:
    ran = run(*command, "--intents", tmp_path / "nowhere")
    assert ran.code == 1
    assert str(tmp_path / "nowhere") in ran.err + ran.out


def test_a_folder_without_a_recording_has_no_demo(run: Run) -> None:
    ran = run("demo", "--intents", OTHER)
    assert ran.code == 1
    assert f"there is no recording {OTHER / 'demo.wav'}" in " ".join(ran.err.split())


def test_an_unknown_place_is_rejected_with_the_known_ones(run: Run) -> None:
    assert "choose from calf, foot, toes" in " ".join(run("guide", "--place", "elbow").err.split())
    ran = run("guide", "--place", "calf", "--intents", OTHER)
    assert "this intents folder has no places" in " ".join(ran.err.split())
