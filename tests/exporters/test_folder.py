"""The OpenVoiceOS export, and the folder that an export writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.programs import Run
from voice_helper.errors import VoiceHelperError
from voice_helper.exporters.folder import LIST_FILE, write_folder
from voice_helper.exporters.openvoiceos import MAX_SENTENCES, MAX_SIGNS, locale_files
from voice_helper.skill import Skill
from voice_helper.support.paths import intents_folder

pytestmark = pytest.mark.slow

INTENTS = {"about", "causes", "remedies", "care", "safety", "guide_start", "emergency", "urgent"}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return {name.removeprefix("locale/en-US/"): text for name, text in locale_files(intents_folder("en")).items()}


def lines_of(files: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (name.removesuffix(".intent"), line)
        for name, text in files.items()
        if name.endswith(".intent")
        for line in text.splitlines()
    ]


def test_every_group_of_questions_has_a_file(files: dict[str, str]) -> None:
    assert {name for name, _ in lines_of(files)} == INTENTS


def test_every_sentence_has_the_meaning_of_its_file_and_is_meant_for_the_skill(
    files: dict[str, str], skill: Skill
) -> None:
    subject = skill.content.subject
    assert subject is not None
    for name, line in lines_of(files):
        meant = skill.understanding.understand(line)
        assert name in {meant.intent, skill.content.sentences.group_of[meant.intent]}, line
        assert meant.intent in {"emergency", "urgent"} or subject.may_be_named(subject.language.normalize(line)), line


def test_the_files_are_small_and_repeat_nothing(files: dict[str, str]) -> None:
    lines = [line for _, line in lines_of(files)]
    assert len(lines) == len(set(lines))
    for name, text in files.items():
        if name.endswith(".intent"):
            assert len(text.splitlines()) <= (
                MAX_SIGNS if name in {"emergency.intent", "urgent.intent"} else MAX_SENTENCES
            )


def test_no_sentence_claims_utterances_for_other_skills(files: dict[str, str]) -> None:
    assert not [line for _, line in lines_of(files) if re.search(r"[^a-z' ]", line)]


def test_what_should_certainly_reach_the_skill_is_there(files: dict[str, str]) -> None:
    lines = dict.fromkeys(line for _, line in lines_of(files))
    for text in ("why do my calves cramp at night", "chest pain", "i can't breathe", "i have a cramp", "clot"):
        assert text in lines


def test_an_answer_is_the_skills_reply_with_a_placeholder_for_the_number(files: dict[str, str]) -> None:
    assert files["emergency.dialog"].startswith("Call {number} now. I cannot call for you.")
    assert "call {number} now" in files["guide_start.dialog"]
    assert files["remedy_heat.dialog"].startswith("No heat if you have diabetes, numb skin or poor circulation.")
    assert all("{" not in text.replace("{number}", "") for name, text in files.items() if name.endswith(".dialog"))
    assert all(text.count("\n") == 1 for name, text in files.items() if name.endswith(".dialog"))


def test_the_skill_has_a_name_and_examples(files: dict[str, str]) -> None:
    about = json.loads(files["skill.json"])
    assert about["name"] == "Leg cramps"
    assert "why do my calves cramp at night" in about["examples"]


def test_a_folder_without_a_subject_is_rejected(spanish_folder: Path) -> None:
    with pytest.raises(VoiceHelperError, match=r"no assistant\.yaml"):
        locale_files(spanish_folder)


def test_the_command_writes_the_folder_and_can_overwrite_it(run: Run, tmp_path: Path, files: dict[str, str]) -> None:
    for _ in range(2):
        ran = run("export", "openvoiceos", tmp_path / "new" / "skill")
        assert ran.code == 0
        assert "8 intents are in" in ran.out
    written = tmp_path / "new" / "skill" / "locale" / "en-US"
    assert {path.name: path.read_text(encoding="utf-8") for path in written.iterdir()} == files


def test_files_that_were_not_exported_are_never_touched(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("precious", encoding="utf-8")
    ran = run("export", "openvoiceos", tmp_path / "mine")
    assert ran.code == 1
    assert "was not written by an export" in ran.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["__init__.py"]


# the folder


def read(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != LIST_FILE
    }


def test_files_that_are_no_longer_exported_are_removed(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {"a/b.txt": "one", "c.txt": "two"})
    write_folder(tmp_path / "out", {"c.txt": "three"})
    assert read(tmp_path / "out") == {"c.txt": "three"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_folder(tmp_path / "out", {"c.txt": "two"})
    assert read(tmp_path / "out") == {"c.txt": "two"}


@pytest.mark.parametrize("how", ["edited", "added", "linked", "a file", "a link"])
def test_files_changed_by_hand_are_kept(tmp_path: Path, how: str) -> None:
    out = tmp_path / "out"
    write_folder(tmp_path / "other", {"c.txt": "two"})
    if how == "a file":
        out.write_text("mine", encoding="utf-8")
    elif how == "a link":
        out.symlink_to(tmp_path / "other", target_is_directory=True)
    else:
        write_folder(out, {"c.txt": "two"})
        if how == "edited":
            (out / "c.txt").write_text("mine", encoding="utf-8")
        elif how == "added":
            (out / "mine.txt").write_text("mine", encoding="utf-8")
        else:
            (out / "c.txt").unlink()
            (out / "c.txt").symlink_to(tmp_path / "other" / "c.txt")
    before = read(out) if out.is_dir() else out.read_text(encoding="utf-8")
    with pytest.raises(VoiceHelperError):
        write_folder(out, {"c.txt": "three"})
    assert (read(out) if out.is_dir() else out.read_text(encoding="utf-8")) == before
    assert read(tmp_path / "other") == {"c.txt": "two"}


def test_a_damaged_list_of_exported_files_protects_everything(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {"c.txt": "two"})
    (tmp_path / "out" / LIST_FILE).write_text("[", encoding="utf-8")
    with pytest.raises(VoiceHelperError, match=r"c\.txt was not written"):
        write_folder(tmp_path / "out", {"c.txt": "three"})


def test_a_failed_export_leaves_the_old_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {"c.txt": "two"})
    with pytest.raises(VoiceHelperError, match="cannot be written"):
        write_folder(tmp_path / "out", {"c.txt": "three", "c.txt/d.txt": "four"})
    assert read(tmp_path / "out") == {"c.txt": "two"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(VoiceHelperError, match="cannot be written"):
        write_folder(tmp_path / "file" / "out", {"c.txt": "two"})


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(5, "a bad disk")])
@pytest.mark.parametrize("moves", [0, 1, 2])
def test_an_export_that_stops_halfway_never_loses_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, moves: int
) -> None:
    write_folder(tmp_path / "out", {"c.txt": "two"})
    stopped: list[Path] = []
    rename = Path.rename

    def stop_after(path: Path, target: Path) -> Path:
        if len(stopped) == moves:
            monkeypatch.undo()
            raise error
        stopped.append(path)
        moved = rename(path, target)
        if len(stopped) == moves == 2:
            raise error
        return moved

    monkeypatch.setattr(Path, "rename", stop_after)
    with pytest.raises((KeyboardInterrupt, VoiceHelperError)):
        write_folder(tmp_path / "out", {"c.txt": "three"})
    assert read(tmp_path / "out") == {"c.txt": "three" if moves == 2 else "two"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_earlier_export_that_cannot_be_moved_back_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "out", {"c.txt": "two"})
    rename = Path.rename

    def only_away(path: Path, target: Path) -> Path:
        if target == tmp_path / "out":
            raise OSError(5, "a bad disk")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", only_away)
    with pytest.raises(VoiceHelperError, match="cannot be written"):
        write_folder(tmp_path / "out", {"c.txt": "three"})
    assert [path.read_text(encoding="utf-8") for path in tmp_path.glob(".out-*/old/c.txt")] == ["two"]
