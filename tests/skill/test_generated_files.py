"""Generated files: their location, and whether they are up to date."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.programs import Run
from tests.support.sky import ANSWERS, write_sky
from voice_helper.content.files import generated_file
from voice_helper.skill import keep_phrases
from voice_helper.skill.folder_reader import Content, load_content
from voice_helper.skill.generated_files import LEARNED_FILE, PHRASES_FILE, alarm_key, stale_files
from voice_helper.support.cache import write_arrays, write_checked
from voice_helper.support.paths import intents_folder
from voice_helper.understanding.learned_alarm import ALARM_FILE, ALARM_LINES_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose generated files all have current keys."""
    folder = write_sky(tmp_path / "sky")
    content = load_content(folder)
    for name, key in ((LEARNED_FILE, content.learning_key), (ALARM_FILE, alarm_key(content))):
        write_arrays(generated_file(folder, name), {"learned_from": np.array(key)})
    keep_phrases(content)
    return folder


def stale_names(folder: Path) -> list[str]:
    return [file.path.relative_to(folder).as_posix() for file in stale_files(load_content(folder))]


def test_the_shipped_files_made_by_learn_are_up_to_date(content: Content) -> None:
    assert content.folder == intents_folder()
    stale = [file for file in stale_files(content) if not file.needs_training]
    assert not stale, f"run: {stale[0].command}"


def test_files_made_from_the_current_sources_are_not_stale(folder: Path) -> None:
    assert stale_names(folder) == []


def test_missing_files_are_not_stale(tmp_path: Path) -> None:
    assert stale_names(write_sky(tmp_path / "sky")) == []


@pytest.mark.parametrize(
    ("changed", "text", "stale"),
    [
        ("wordings.txt", "[about_moon]\nthat pale thing up there\n", [LEARNED_FILE, PHRASES_FILE, ALARM_FILE]),
        ("language.yaml", "language: en\nfillers: [um]\n", [LEARNED_FILE, PHRASES_FILE]),
        (ALARM_LINES_FILE, "[ordinary]\nthe sun is out\n", [ALARM_FILE]),
        ("answers.yaml", ANSWERS.replace("Far.", "Very far."), []),
    ],
)
def test_a_change_makes_the_files_that_depend_on_it_stale(
    folder: Path, changed: str, text: str, stale: list[str]
) -> None:
    (folder / changed).write_text(text, encoding="utf-8")
    assert stale_names(folder) == [f"generated/{name}" for name in stale]


@pytest.mark.parametrize("name", [LEARNED_FILE, PHRASES_FILE, ALARM_FILE])
def test_a_file_without_a_key_is_stale(folder: Path, name: str) -> None:
    generated_file(folder, name).write_bytes(b"x" * 100)
    assert stale_names(folder) == [f"generated/{name}"]
    write_checked(generated_file(folder, name), b"something else")
    assert stale_names(folder) == [f"generated/{name}"]
    write_arrays(generated_file(folder, name), {"other": np.zeros(3)})
    assert stale_names(folder) == [f"generated/{name}"]


def test_check_names_each_stale_file_and_the_command_that_regenerates_it(folder: Path, run: Run) -> None:
    assert run("check", folder).code == 0
    (folder / ALARM_LINES_FILE).write_text("[ordinary]\nthe sun is out\n", encoding="utf-8")
    ran = run("check", folder)
    assert ran.code == 0, "training takes other tools"
    assert "alarm.learned is out of date" in ran.err
    assert "run python -m bench.alarm (it needs the extra train; " in ran.err
    assert 'pip install -e ".[train]"' in ran.err

    (folder / "wordings.txt").write_text("[about_moon]\nthat pale thing up there\n", encoding="utf-8")
    ran = run("check", folder)
    assert ran.code == 1
    assert "no problems" in ran.out
    assert "nearest.learned is out of date" in ran.err
    assert f"hint: voice-helper learn {folder}" in ran.err


def test_learning_again_does_nothing_unless_something_has_changed(folder: Path, run: Run) -> None:
    before = generated_file(folder, LEARNED_FILE).stat().st_mtime_ns
    ran = run("learn", folder)
    assert ran.code == 0
    assert "already current" in ran.out
    assert generated_file(folder, LEARNED_FILE).stat().st_mtime_ns == before
