"""`test-intents --audio` judges each file as a whole, and a file that fails does not end the batch."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import Run
from tests.support.sound import recorded, silence, write_pcm
from voice_helper.cli import test_intents
from voice_helper.errors import EngineFaultError
from voice_helper.testing import ScriptedRecognizer
from voice_helper.types import AudioChunk, Transcript


class Failing:
    """A recognizer that fails in its first utterance, and then returns the given words."""

    name = "failing"

    def __init__(self, *utterances: str) -> None:
        self._inner = ScriptedRecognizer(*utterances)
        self._begun = self._lost = False

    def accept(self, chunk: AudioChunk) -> str:
        if not self._begun:
            self._begun = self._lost = True
            raise EngineFaultError("the recognizer failed: it does not answer")
        return "" if self._lost else self._inner.accept(chunk)

    def pause(self) -> Transcript:
        return self._inner.pause()

    def finish(self) -> Transcript:
        was_lost, self._lost = self._lost, False
        return Transcript("", 0.0) if was_lost else self._inner.finish()


def use(monkeypatch: pytest.MonkeyPatch, recognizer: Failing | ScriptedRecognizer) -> None:
    monkeypatch.setattr(test_intents, "open_chosen_recognizer", lambda options, skill: recognizer)


def listed(folder: Path, *lines: dict[str, Any]) -> Path:
    """Return a list of audio files, each with one utterance."""
    for line in lines:
        write_pcm(folder / line["wav"], recorded("stop") + silence(0.5))
    path = folder / "sounds.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_line_that_fails_is_marked_and_the_others_are_tested(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, Failing("does heat help"))
    lines = listed(tmp_path, {"wav": "one.wav", "intent": "remedy_heat"}, {"wav": "two.wav", "intent": "remedy_heat"})
    ran = run("test-intents", "--audio", lines, "--format", "jsonl")
    first, second = [json.loads(line) for line in ran.lines]
    assert (first["ok"], first["error"]) == (False, "the recognizer failed: it does not answer")
    assert (second["ok"], second["transcript"]) == (True, "does heat help")
    assert "error" not in second
    assert ran.code == 1
    assert "1 line was not tested: the recognizer failed" in ran.err


@pytest.mark.parametrize(
    ("form", "shown"),
    [("table", "FAILED"), ("html", "not tested: "), ("junit", '<error type="not tested"')],
)
def test_every_report_names_a_line_that_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, shown: str
) -> None:
    use(monkeypatch, Failing())
    lines = listed(tmp_path, {"wav": "one.wav", "intent": "remedy_heat"})
    ran = run("test-intents", "--audio", lines, "--format", form, "--draws", "0")
    assert shown in ran.out
    assert ran.code == 1


def test_an_unreadable_file_is_a_failed_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, ScriptedRecognizer("does heat help"))
    (tmp_path / "empty.wav").touch()
    good = write_pcm(tmp_path / "good.wav", recorded("stop"))
    ran = run("test-intents", "--audio", tmp_path / "empty.wav", good, "--format", "jsonl")
    first, second = [json.loads(line) for line in ran.lines]
    assert first["error"].endswith("empty.wav is empty")
    assert first["ok"] is None
    assert second["intent"] == "remedy_heat"
    assert ran.code == 1


def test_the_utterances_of_a_file_are_judged_together_and_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, ScriptedRecognizer("does", "heat help"))
    path = write_pcm(tmp_path / "two.wav", recorded("stop") + silence(2.0) + recorded("stop"))
    ran = run("test-intents", "--audio", path, "--format", "jsonl")
    (form,) = [json.loads(line) for line in ran.lines]
    assert (form["transcript"], form["intent"], form["utterances"]) == ("does heat help", "remedy_heat", 2)
    use(monkeypatch, ScriptedRecognizer("does", "heat help"))
    assert "(2 utterances)" in " ".join(run("test-intents", "--audio", path).out.split())


def test_audio_on_standard_input_is_distinguished_from_a_list(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Stdin:
        def __init__(self, content: bytes) -> None:
            self.buffer = io.BufferedReader(io.BytesIO(content))

        def read(self) -> str:
            return self.buffer.read().decode()

    sound = write_pcm(tmp_path / "one.wav", recorded("stop"))
    for content in (sound.read_bytes(), json.dumps({"wav": str(sound)}).encode()):
        use(monkeypatch, ScriptedRecognizer("does heat help"))
        monkeypatch.setattr("sys.stdin", Stdin(content))
        ran = run("test-intents", "--audio", "-", "--format", "jsonl")
        assert [json.loads(line)["intent"] for line in ran.lines] == ["remedy_heat"], ran.err


@pytest.mark.parametrize("kind", ["sound", "list"])
def test_a_named_pipe_without_a_suffix_may_hold_audio_or_a_list(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    sound = write_pcm(tmp_path / "one.wav", recorded("stop"))
    content = sound.read_bytes() if kind == "sound" else json.dumps({"wav": str(sound)}).encode()
    os.mkfifo(tmp_path / "pipe")
    use(monkeypatch, ScriptedRecognizer("does heat help"))
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content])
    writer.start()
    ran = run("test-intents", "--audio", tmp_path / "pipe", "--format", "jsonl")
    writer.join()
    assert [json.loads(line)["intent"] for line in ran.lines] == ["remedy_heat"], ran.err
