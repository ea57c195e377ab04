"""The prompt of the intent tester, in a real terminal and through a pipe, while the intents are being edited."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.programs import Run, call
from tests.support.terminal import Terminal
from voice_helper.cli.ask import _show_answer
from voice_helper.cli.prompt import show_result
from voice_helper.content.files import GENERATED, generated_file
from voice_helper.errors import IntentsError
from voice_helper.skill import Skill
from voice_helper.skill.generated_files import LEARNED_FILE
from voice_helper.support.cache import write_arrays
from voice_helper.support.paths import cache_folder
from voice_helper.tester.live_reload import WatchedSkill
from voice_helper.tester.run import Case, Result
from voice_helper.types import Answer, Match, RunnerUp, Transcript
from voice_helper.understanding import classifier

pytestmark = pytest.mark.slow

KEPT = str(cache_folder().parent)
"""The developer's own cache, which contains the model trained on the Spanish folder."""

Edit = Callable[[str], None]


@pytest.fixture
def folder(spanish_folder: Path, spanish: Skill, tmp_path: Path) -> Path:
    """Return a copy of the Spanish folder, to be edited."""
    folder = tmp_path / "intents" / "es"
    shutil.copytree(spanish_folder, folder)
    return folder


@pytest.fixture
def greet(folder: Path) -> Edit:
    """Replaces the sentence for a greeting with another one."""
    path = folder / "sentences" / "topics.yaml"
    text = path.read_text(encoding="utf-8")

    def edit(template: str) -> None:
        path.write_text(text.replace('"hola"', f'"{template}"'), encoding="utf-8")

    return edit


@pytest.fixture
def place(folder: Path) -> str:
    """Return the location of the greeting."""
    lines = (folder / "sentences" / "topics.yaml").read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if '"hola"' in line)
    return f"topics.yaml:{number}: greeting, sentence 1"


@pytest.fixture
def start(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Yield a function that starts the prompt in a terminal, with a separate home folder."""
    opened: list[Terminal] = []

    def start(*arguments: str, **more: str) -> Terminal:
        home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": KEPT, **more}
        terminal = Terminal(["test-intents", "--intents", folder, *arguments], tmp_path, **home)
        opened.append(terminal)
        terminal.wait_for("\n> ")
        return terminal

    yield start
    for terminal in opened:
        terminal.process.kill()
        terminal.process.wait()


# In a terminal


def test_a_sentence_is_shown_in_colour_and_ctrl_d_ends(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.type("¿por qué me dan calambres por la noche?")
    shown = terminal.wait_for("\n> ")
    assert "causes_overview" in shown
    assert "decided by exact" in shown
    assert "\x1b[1;32mcauses_overview" in terminal.raw
    terminal.type("me duele el pecho")
    terminal.wait_for("family chest_pain")
    assert "\x1b[1;31memergency" in terminal.raw
    terminal.wait_for("\n> ")
    terminal.type("", keys="\x04")
    assert terminal.end() == 0


def test_the_tab_key_completes_words_commands_and_intents(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.type("a qué se debe", keys="\t")
    terminal.wait_for("n")  # of "deben"; the rest may have been shown already
    terminal.type(" los calambres")
    terminal.wait_for("decided by exact")
    terminal.wait_for("\n> ")
    terminal.type(":aft", keys="\t")
    terminal.wait_for("er")
    terminal.type(" remedy_h", keys="\t")
    terminal.wait_for("eat")
    terminal.type("")
    terminal.wait_for("lines are said after remedy_heat")
    terminal.wait_for("after remedy_heat > ")


def test_the_history_is_available_in_the_next_run_and_private(start: Callable[..., Terminal], tmp_path: Path) -> None:
    first = start()
    first.type("me dan calambres por beber poca agua")
    first.wait_for("cause_dehydration")
    first.wait_for("\n> ")
    first.type(":quit")
    assert first.end() == 0
    kept = tmp_path / "state" / "voice-helper" / "test-intents-history"
    assert str(kept) in first.shown.replace("\r\n", "")
    assert kept.stat().st_mode & 0o777 == 0o600
    second = start()
    second.type("", keys="\x1b[A")  # the arrow up: the end of the first run, and once more: the sentence
    second.wait_for(":quit")
    second.type("", keys="\x1b[A")
    second.wait_for("me dan calambres por beber poca agua")
    second.type("")
    second.wait_for("cause_dehydration")


def test_the_prompt_works_even_if_no_history_can_be_stored(start: Callable[..., Terminal], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    terminal = start(XDG_STATE_HOME=str(tmp_path / "file"))
    assert "is not saved" in terminal.shown
    terminal.type("hola")
    terminal.wait_for("greeting")


def test_ctrl_c_clears_a_partial_line_and_the_prompt_continues(start: Callable[..., Terminal]) -> None:
    terminal = start("--no-history")
    terminal.type("half a sentence", keys="\x03")
    terminal.type("hola")
    shown = terminal.wait_for("greeting")
    assert "text       hola" in shown


@pytest.mark.parametrize("how", ["key", "SIGTERM"])
def test_ctrl_c_on_an_empty_line_ends_at_once_with_130(start: Callable[..., Terminal], how: str) -> None:
    terminal = start("--no-history")
    if how == "key":
        terminal.type("", keys="\x03")
    else:
        terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 130


def test_several_pasted_lines_are_processed_one_by_one(start: Callable[..., Terminal]) -> None:
    terminal = start("--no-history")
    terminal.type("\x1b[200~hola\nbasta\x1b[201~")
    terminal.wait_for("greeting")
    terminal.wait_for("guide_stop")


def test_an_edit_takes_effect_with_the_next_line_and_a_mistake_breaks_nothing(
    start: Callable[..., Terminal], greet: Edit, place: str
) -> None:
    terminal = start("--no-history")
    greet("(qué tal|hola)")
    terminal.type("qué tal")
    terminal.wait_for("reloaded (sentences/topics.yaml)")
    terminal.wait_for("voice-helper learn")
    terminal.wait_for("template   (qué tal|hola)")
    terminal.wait_for("\n> ")
    greet("(qué tal|saludos")
    terminal.type("qué tal")
    terminal.wait_for(place)
    terminal.wait_for("the old version stays in use")
    terminal.wait_for("template   (qué tal|hola)")
    terminal.wait_for("\n> ")
    terminal.type("qué tal")
    terminal.wait_for("the version before the edit is still in use")
    terminal.wait_for("\n> ")
    greet("(qué tal|saludos)")
    terminal.type("saludos")
    terminal.wait_for("template   (qué tal|saludos)")
    assert terminal.shown.count("voice-helper learn") == 1


# Through a pipe


def test_commands_also_work_through_a_pipe(folder: Path, tmp_path: Path) -> None:
    (folder / "guide.yaml").unlink()
    typed = "\n".join(
        (
            ":explain", ":explain on", "hola", ":explain off", "hola", ":explain",
            ":explain me duele el pecho", ":after remedy_heat", ":after nonsense", ":after",
            ":context kitchen", ":context guide", ":reload", ":unknown", ":he", ":", ":quit", "hola",
        )
    )  # fmt: skip
    ran = call(["test-intents", "--intents", folder], folder=tmp_path, typed=typed)
    assert ran.code == 0
    assert ("\n" + ran.out).count("\nintent ") == 4
    assert "greeting matches word for word" in ran.out.split("\nintent ")[0] + ran.out.split("\nintent ")[1]
    explained = ["word for word" in shown for shown in ran.out.split("\nintent ")[1:]]
    assert explained[:3] == [True, False, True]
    assert "there is no sentence to explain yet" in ran.err
    assert "red flag or redirect chest_pain" in ran.out
    assert ":context [guide|none]" in ran.out
    for told in (
        "explanations are on", "explanations are off", "lines are said after remedy_heat",
        "lines are said after nothing", 'there is no intent "nonsense"', 'there is no context "kitchen"',
        "this intents folder has no guided session", "reloaded (all): 29 templates, 10 intents",
        "there is no command :unknown", "there is no command :\n",
    ):  # fmt: skip
        assert told in ran.err
    assert not (tmp_path / ".local").exists()


def test_lines_are_tested_in_the_state_that_was_set(folder: Path) -> None:
    typed = "hola \xff\xfe\nya\n:context guide\nya\n:context\nrepite\n:after remedy_heat\nrepite\n"
    told = typed.encode("latin-1")  # not UTF-8: it is read as far as it goes
    ran = call(["test-intents", "--intents", folder], folder=folder, typed=told, more={"LC_ALL": "C.UTF-8"})
    decided = [line.split()[-1] for line in ran.lines if line.startswith("score ")]
    assert decided[1] != "command"
    assert decided[2] == "command"
    spoken = ran.out.split("\nspoken ")
    assert "Todavía no he dicho nada." in spoken[4]
    assert "el calor puede aliviarlos" in spoken[5]


def test_a_folder_with_a_mistake_at_startup_is_rejected_with_its_location(
    run: Run, folder: Path, greet: Edit, place: str
) -> None:
    greet("(hola")
    ran = run("test-intents", "--intents", folder)
    assert ran.code == 1
    assert place in ran.err


# Reloading


def is_stale(watched: WatchedSkill) -> bool:
    return watched.skill.is_stale


def test_an_outdated_model_is_used_and_mentioned_once_until_it_is_retrained(
    folder: Path, greet: Edit, spanish: Skill
) -> None:
    told: list[str] = []
    watched = WatchedSkill(folder, {}, told.append)
    assert [watched.changed, told] == [(), []]
    for template in ("(qué tal|hola)", "(saludos|hola)"):
        greet(template)
        assert list(watched.changed) == ["sentences/topics.yaml"]
        watched.read_anew()
        assert not watched.changed
    assert len(told) == 1
    assert is_stale(watched)
    assert watched.skill.understanding.understand("saludos").decided_by == "exact"
    assert watched.skill.understanding.understand("ayuda mucho el calorcito").intent == "remedy_heat"

    learned = replace(watched.skill.memory.learned, learned_from=watched.skill.content.learning_key)
    write_arrays(generated_file(folder, LEARNED_FILE), classifier.to_arrays(learned))
    assert list(watched.changed) == [f"{GENERATED}/{LEARNED_FILE}"]
    watched.read_anew()
    assert not is_stale(watched)
    greet("(muy buenas|hola)")
    watched.read_anew()
    assert len(told) == 2


def test_edited_answers_and_signs_take_effect(folder: Path) -> None:
    watched = WatchedSkill(folder, {}, print)
    answers, safety = folder / "answers.yaml", folder / "safety.yaml"
    answers.write_text(answers.read_text("utf-8").replace("Vale, me callo.", "De acuerdo."), encoding="utf-8")
    safety.write_text(safety.read_text("utf-8").replace("[pecho, corazón]", "[pecho, tórax]"), encoding="utf-8")
    watched.read_anew()
    assert watched.skill.content.answers.entries["guide_stop"].rows[0].text == "De acuerdo."
    rules = watched.skill.content.safety
    said = map(rules.language.normalize, ("me duele el tórax", "me duele el corazón"))
    assert [bool(rules.find(each).raised) for each in said] == [True, False]


def test_an_intent_that_is_removed_and_restored_is_recognized_again(folder: Path) -> None:
    watched = WatchedSkill(folder, {}, print)
    whole = {
        path: path.read_text(encoding="utf-8") for path in (folder / "answers.yaml", folder / "sentences/topics.yaml")
    }
    for path, text in whole.items():
        path.write_text(text[: text.index("  greeting:")], encoding="utf-8")
    watched.read_anew()
    assert "greeting" not in dict(watched.skill.understanding.nearest.rank("hola").scores())
    for path, text in whole.items():
        path.write_text(text, encoding="utf-8")
    watched.read_anew()
    assert "greeting" in dict(watched.skill.understanding.nearest.rank("hola").scores())


def test_a_missing_file_is_an_error_until_it_is_back(folder: Path) -> None:
    watched = WatchedSkill(folder, {}, print)
    answers = folder / "answers.yaml"
    text = answers.read_text(encoding="utf-8")
    answers.unlink()
    assert watched.changed == ("answers.yaml",)
    with pytest.raises(IntentsError, match=r"answers.yaml:1: this file is missing"):
        watched.read_anew()
    assert [watched.is_behind] == [True]
    assert watched.skill.understanding.understand("hola").intent == "greeting"
    answers.write_text(text, encoding="utf-8")
    watched.read_anew()
    assert [watched.is_behind] == [False]


@pytest.mark.parametrize("name", [".#topics.yaml", "._topics.yaml", "topics.yaml~", "#topics.yaml#", ".#topics.yml"])
def test_temporary_files_of_an_editor_do_not_count_as_a_change(folder: Path, name: str) -> None:
    watched = WatchedSkill(folder, {}, print)
    (folder / "sentences" / name).write_text("a: [", encoding="utf-8")
    assert watched.changed == ()


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_a_mistake_in_a_new_file_keeps_the_previous_content_until_it_is_fixed(folder: Path, suffix: str) -> None:
    watched = WatchedSkill(folder, {}, print)
    new = folder / "sentences" / f"more{suffix}"
    new.write_text("intents:\n  greeting:\n    data: [{sentences: [please] hi}]\n", encoding="utf-8")
    with pytest.raises(IntentsError, match=rf"more{suffix}:3: is not YAML"):
        watched.read_anew()
    new.unlink()
    assert watched.changed == (f"sentences/more{suffix}",)
    watched.read_anew()
    assert [watched.is_behind, len(watched.changed)] == [False, 0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_becomes_readable_again_counts_as_a_change(folder: Path) -> None:
    watched = WatchedSkill(folder, {}, print)
    answers = folder / "answers.yaml"
    answers.chmod(0)
    with pytest.raises(IntentsError, match="cannot be read"):
        watched.read_anew()
    answers.chmod(0o644)
    assert watched.changed == ("answers.yaml",)


# A refusal


def test_a_refused_sentence_is_not_explained_with_a_contradiction(spanish: Skill) -> None:
    near = Match("none", score=0.0, decided_by="none", runner_up=RunnerUp("remedy_heat", 0.77))
    result = Result(Case("hola"), near, Answer(()))
    console = Console(file=io.StringIO(), width=100)
    show_result(console, spanish, result, explain=False)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "0.00" not in shown
    assert "remedy_heat 0.77, not taken for the meaning" in shown


def test_a_refused_question_is_no_contradiction_either(capsys: pytest.CaptureFixture[str]) -> None:
    near = Match("none", score=0.0, decided_by="none", runner_up=RunnerUp("remedy_heat", 0.77))
    _show_answer(Transcript("hola"), None, near, Answer(()), explain=True)
    assert capsys.readouterr().out == "intent: none\nnearest: remedy_heat 0.77, not taken for the meaning\n"
