"""`ask --wav` answers every utterance in a file, and never overwrites the question."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, Run, environment
from tests.support.sound import pcm_of, recorded, recording, seconds_of, silence, write_pcm
from voice_helper.cli import ask, options
from voice_helper.testing import RecordingVoice, ScriptedRecognizer


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> RecordingVoice:
    """Return the voice that speaks the answers."""
    voice = RecordingVoice(sentence_seconds=0.5)
    monkeypatch.setattr(options, "open_chosen_voice", lambda options: voice)
    return voice


@pytest.fixture
def question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recording of two questions with a pause of two seconds between them."""
    heard = ScriptedRecognizer("does heat help", "what about magnesium")
    monkeypatch.setattr(ask, "open_chosen_recognizer", lambda options, skill: heard)
    return write_pcm(tmp_path / "question.wav", recorded("stop") + silence(2.0) + recorded("stop"))


def test_every_utterance_is_answered_in_order_as_one_conversation(run: Run, question: Path) -> None:
    ran = run("ask", "--wav", question, "--voice", "none", "--json")
    forms = [json.loads(line) for line in ran.lines]
    assert [form["transcript"] for form in forms] == ["does heat help", "what about magnesium"]
    assert [form["intent"] for form in forms] == ["remedy_heat", "remedy_minerals"]
    shown = run("ask", "--wav", recording("stop"), "--voice", "none")
    assert shown.code == 1  # the scripted recognizer has no words left


def test_all_answers_are_saved_in_one_file(run: Run, question: Path, spoken: RecordingVoice, tmp_path: Path) -> None:
    ran = run("ask", "--wav", question, "--save", tmp_path / "answer.wav", "--json", "--voice", "auto")
    told = [row["text"] for line in ran.lines for row in json.loads(line)["rows"]]
    said = " ".join(spoken.spoken)
    places = [said.index(text) for text in told]
    assert places == sorted(places)
    assert seconds_of(pcm_of(tmp_path / "answer.wav")) >= 0.5 * len(spoken.spoken)


@pytest.mark.parametrize("command", [("ask", "--wav"), ("listen", "--source"), ("guide", "--source")])
def test_the_question_is_never_overwritten(run: Run, command: tuple[str, str], tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "question.wav", recorded("stop"))
    before = path.read_bytes()
    (tmp_path / "link.wav").symlink_to(path)
    for name in ("question.wav", "link.wav", "../" + tmp_path.name + "/question.wav"):
        ran = run(*command, path, "--save", tmp_path / name, "--voice", "auto")
        assert ran.code == 2
        assert "would overwrite the question" in ran.err
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_question_from_a_named_pipe_is_answered(run: Run, question: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(question.read_bytes(),))
    writer.start()
    ran = run("ask", "--wav", pipe, "--json")
    writer.join()
    assert [json.loads(line)["transcript"] for line in ran.lines] == ["does heat help", "what about magnesium"]


@pytest.mark.slow
@pytest.mark.parametrize("command", [("ask", "--wav"), ("listen", "--source"), ("guide", "--source")])
def test_a_question_from_standard_input_is_not_written_over_either(tmp_path: Path, command: tuple[str, str]) -> None:
    path = write_pcm(tmp_path / "question.wav", recorded("stop"))
    before = path.read_bytes()
    with path.open("rb") as question:
        ran = subprocess.run(
            [VOICE_HELPER, *command, "-", "--save", "question.wav"], cwd=tmp_path, env=environment(), stdin=question,
            capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
    assert (ran.returncode, path.read_bytes()) == (2, before)
    assert "would overwrite the question in question.wav" in ran.stderr


def test_labelled_lines_are_never_written_over(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("does heat help\n", encoding="utf-8")
    for arguments in (["test-intents", path, "--output", "lines.txt"], ["calibrate", path, "--picture", "lines.txt"]):
        ran = run(*arguments)
        assert ran.code == 2
        assert "would overwrite the lines in" in ran.err
    assert path.read_text(encoding="utf-8") == "does heat help\n"


@pytest.mark.parametrize(
    "command", [("ask", "does heat help"), ("voices",), ("demo",), ("listen", "--source", "q.wav")]
)
def test_only_wav_files_can_be_saved(run: Run, command: tuple[str, ...]) -> None:
    ran = run(*command, "--save", "x.mp3", "--voice", "auto")
    assert ran.code == 2
    assert "--save writes WAV files only: --save x.wav" in ran.err
