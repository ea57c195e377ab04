"""The parsed content of an intents folder is cached for the next start."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.sound import CHECKOUT, recorded, silence, write_pcm
from tests.test_layers import FILES, OURS, package_of
from voice_helper import skill as skill_module
from voice_helper.content.documents import Place
from voice_helper.content.files import generated_file
from voice_helper.errors import IntentsError, VoiceHelperError
from voice_helper.skill import Skill, keep_phrases, open_skill, phrases_of
from voice_helper.skill.folder_reader import Content, draw_phrases, load_content
from voice_helper.skill.generated_files import LEARNED_FILE, PHRASES_FILE
from voice_helper.support.cache import kept_values, text_in, write_arrays, write_checked
from voice_helper.support.paths import cache_folder
from voice_helper.testing import ScriptedMicrophone, ScriptedRecognizer

QUESTIONS = (
    "¿El calor ayuda?",
    "me duele el pecho",
    "no me duele el pecho",
    "para",
    "me dan calambres por beber poca agua",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a separate cache folder, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture
def folder(spanish_folder: Path, tmp_path: Path, spanish: Skill) -> Path:
    """Return a copy of the Spanish folder, with its trained model."""
    from voice_helper.understanding import classifier

    copy = tmp_path / "intents" / "es"
    shutil.copytree(spanish_folder, copy)
    write_arrays(generated_file(copy, LEARNED_FILE), classifier.to_arrays(spanish.memory.learned))
    return copy


def kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("content-*")) if cache.is_dir() else []


def must_not_read(*_: object) -> Content:
    pytest.fail("the folder was read again")


def meanings(skill: Skill) -> list[object]:
    found = [skill.understanding.understand(text) for text in QUESTIONS]
    return [*found, skill.content.answers.answer(found[0], full_given=False)]


@pytest.mark.slow
def test_the_second_start_reads_what_the_first_has_cached(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_skill(folder=folder)
    assert len(kept(cache)) == 1
    monkeypatch.setattr(skill_module, "content_of", must_not_read)
    second = open_skill(folder=folder)
    assert meanings(second) == meanings(first)
    same = ("thresholds", "content_key", "learning_key", "wordings", "guide", "page", "facts", "phrasebook")
    assert [getattr(second.content, name) for name in same] == [getattr(first.content, name) for name in same]
    assert second.content.sentences.templates == first.content.sentences.templates
    assert second.content.folder == folder


def test_an_edited_folder_is_read_again(folder: Path, cache: Path) -> None:
    open_skill(folder=folder)
    answers = folder / "answers.yaml"
    answers.write_text(answers.read_text("utf-8").replace("Vale, me callo.", "De acuerdo."), encoding="utf-8")
    assert open_skill(folder=folder).content.answers.entries["guide_stop"].rows[0].text == "De acuerdo."
    assert len(kept(cache)) == 2


def test_a_mistake_is_reported_whatever_was_cached_before(folder: Path, cache: Path) -> None:
    open_skill(folder=folder)
    (folder / "sentences" / "more.yaml").write_text('intents: {x: {data: [{sentences: ["(a"]}]}}', encoding="utf-8")
    for _ in range(2):
        with pytest.raises(IntentsError, match="never closed"):
            open_skill(folder=folder)
    assert len(kept(cache)) == 1


def test_other_settings_and_another_folder_have_separate_cache_entries(folder: Path, tmp_path: Path) -> None:
    open_skill(folder=folder)
    assert open_skill(folder=folder, settings={"number": "061"}).content.answers.settings["number"] == "061"
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert open_skill(folder=moved).content.sentences.templates[0].place.file.startswith(moved.as_posix())


def reached_by(*modules: str) -> set[str]:
    """Return modules and all modules of this package that they import, directly or through others."""
    found: set[str] = set()
    left = [*modules]
    while left:
        name = left.pop()
        if name in FILES and name not in found:
            found.add(name)
            left += OURS[name]
    return found


def test_a_change_of_the_code_reads_the_folder_again(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_skill(folder=folder)
    monkeypatch.setattr(skill_module, "_READ_BY", (*skill_module._READ_BY, "audio"))
    open_skill(folder=folder)
    assert len(kept(cache)) == 2


def test_all_code_that_parses_a_folder_is_in_the_key_of_what_is_cached() -> None:
    read_by = reached_by("skill.folder_reader")
    assert {"dialogue.commands", "understanding.sentences"} <= read_by
    assert {package_of(each) for each in read_by if "." in each} <= {*skill_module._READ_BY}


def test_all_code_that_embeds_is_in_the_key_of_the_vectors() -> None:
    values = {"", "errors", "types", "support.paths", "support.tempdir", "support.atomic_write"}  # compute no number
    embedded_by = reached_by("understanding.embedder", "understanding.minilm")
    assert {each.replace(".", "/") for each in embedded_by - values} == {*skill_module._EMBEDDED_BY}


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="half"),
        pytest.param(lambda whole: whole[:-9] + bytes(9), id="other bytes"),
        pytest.param(lambda whole: b"not what it should be\n" * 99, id="text"),
    ],
)
def test_a_damaged_cache_file_is_silently_regenerated(
    folder: Path, cache: Path, damage: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = meanings(open_skill(folder=folder))
    path = kept(cache)[0]
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert meanings(open_skill(folder=folder)) == wanted
    assert path.stat().st_size > len(whole) // 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_only_costs_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in the way").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "in the way"))
    assert meanings(open_skill(folder=folder)) == meanings(open_skill(folder=folder))


@pytest.mark.slow
def test_two_programs_started_at_once_both_answer(folder: Path, cache: Path) -> None:
    script = f"""
from pathlib import Path
from voice_helper.skill import open_skill
print(open_skill(folder=Path({str(folder)!r})).understanding.understand("para").intent)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [program.communicate(timeout=PATIENCE_SECONDS)[0] for program in started] == ["guide_stop\n"] * 3
    assert len(kept(cache)) == 1


# The trained model


def test_the_key_of_a_trained_model_is_read_without_the_rest(folder: Path) -> None:
    skill = open_skill(folder=folder)
    assert "learned" not in vars(skill.memory)
    assert skill.memory.learned_from == skill.memory.learned.learned_from


def test_a_text_is_found_among_arrays(tmp_path: Path) -> None:
    from voice_helper.support.cache import read_checked

    write_arrays(tmp_path / "file", {"one": np.array("wadenkrämpfe"), "none": np.array(""), "number": np.array(3)})
    content = read_checked(tmp_path / "file")
    assert (text_in(content, "one"), text_in(content, "none")) == ("wadenkrämpfe", "")
    with pytest.raises(ValueError, match="number is not a text"):
        text_in(content, "number")
    with pytest.raises(KeyError):
        text_in(content, "other")
    with pytest.raises(ValueError, match="not a zip"):
        text_in(b"something else", "one")


def test_a_trained_model_of_another_kind_is_reported(folder: Path) -> None:
    write_checked(generated_file(folder, LEARNED_FILE), b"something else")
    with pytest.raises(VoiceHelperError, match=r"nearest\.learned: cannot be read"):
        open_skill(folder=folder)


@pytest.mark.slow
def test_a_question_that_a_template_matches_loads_neither_numpy_nor_the_sentence_model() -> None:
    script = """
import sys
from voice_helper.cli.entry_point import run
run(["ask", "does heat help", "--voice", "none"])
print(sorted({"numpy", "onnxruntime", "rapidfuzz", "vosk"} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("[]\n")


# Values


class Stranger:
    """A class of a module that must not be unpickled."""


PLACES = frozenset({"voice_helper.content.documents"})


def test_only_allowed_classes_are_unpickled() -> None:
    command = b"cos\nsystem\n(S'exit 3'\ntR."  # would run a command if it were unpickled
    for content in (command, pickle.dumps(Stranger()), pickle.dumps(Place)[:-1]):
        write_checked(cache_folder() / "thing-key.values", content)
        assert kept_values("thing", "key", lambda: Place("made", 1), PLACES) == Place("made", 1)
        (cache_folder() / "thing-key.values").unlink()


def test_cached_values_are_restored_unchanged() -> None:
    value = {"places": (Place("a", 1), Place("b", 2)), "words": frozenset({"x"})}
    assert kept_values("thing", "key", lambda: value, PLACES) == value
    assert kept_values("thing", "key", lambda: pytest.fail("it was made again"), PLACES) == value


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system knows no rights of others")
def test_a_file_that_others_may_have_written_is_not_read() -> None:
    kept_values("thing", "key", lambda: "written by us", PLACES)
    (cache_folder() / "thing-key.values").chmod(0o666)
    assert kept_values("thing", "key", lambda: "made anew", PLACES) == "made anew"


def test_only_the_newest_few_cache_files_are_kept(cache: Path) -> None:
    for number in range(20):
        kept_values("thing", str(number), lambda: "made", PLACES)
    assert len(list(cache.iterdir())) < 10
    assert kept_values("thing", "19", lambda: pytest.fail("it was made again"), PLACES) == "made"


@pytest.mark.slow
def test_after_load_all_the_first_question_without_a_template_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    skill = open_skill("en")
    skill.load_all()
    monkeypatch.setattr("voice_helper.support.onnx_weights.read_network", None)
    monkeypatch.setattr("voice_helper.skill.arrays_of", None)
    assert skill.understanding.understand("my poor legs seize up whenever i have been running").decided_by == "nearest"


# The phrases that recognizers expect


@pytest.mark.slow
def test_the_shipped_phrases_are_drawn_from_the_shipped_sentences(content: Content, cache: Path) -> None:
    kept = phrases_of(content)
    assert not cache.exists(), "they were drawn anew: run voice-helper learn"
    assert kept == draw_phrases(content)


def test_an_edited_folder_has_its_own_phrases(folder: Path, cache: Path) -> None:
    keep_phrases(load_content(folder))
    before = phrases_of(load_content(folder))
    assert before == draw_phrases(load_content(folder))
    assert not list(cache.glob("phrases-*"))
    (folder / "wordings.txt").write_text("[greeting]\nmuy buenas a todos\n", encoding="utf-8")
    assert "muy buenas a todos" in set(phrases_of(load_content(folder)).questions) - set(before.questions)
    assert len(list(cache.glob("phrases-*"))) == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 100, zlib.compress(b"[]")], ids=["empty", "other", "a list"])
def test_damaged_phrases_are_treated_as_missing(folder: Path, damage: bytes) -> None:
    content = load_content(folder)
    generated_file(folder, PHRASES_FILE).write_bytes(damage)
    assert phrases_of(content) == draw_phrases(content)
    write_checked(generated_file(folder, PHRASES_FILE), damage)
    assert phrases_of(content) == draw_phrases(content)


def test_a_file_is_transcribed_completely_but_a_microphone_only_to_the_end_of_a_question(
    skill: Skill, tmp_path: Path
) -> None:
    sound = recorded("stop") + silence(2.0)
    path = write_pcm(tmp_path / "two.wav", sound + sound)
    whole = skill.hear(path, recognizer=ScriptedRecognizer("does", "heat help"))
    assert whole.text == "does heat help"
    first = skill.hear(ScriptedMicrophone(sound, sound), recognizer=ScriptedRecognizer("does", "heat help"))
    assert first.text == "does"
