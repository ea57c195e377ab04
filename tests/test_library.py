"""The library in another program: what importing it loads, what it leaves alone, and custom engines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import voice_helper
from tests.support.programs import environment
from tests.support.sound import CHECKOUT, recording
from voice_helper import AudioChunk, LoopEvent, SilentPlayer, Skill, Transcript, VoiceHelperError
from voice_helper.testing import (
    RecordingVoice,
    ScriptedMicrophone,
    ScriptedRecognizer,
    SimulatedClock,
    check_recognizer,
    check_voice,
    noise,
    silence,
    speech,
)

LIGHT = 20
"""The maximum number of modules of the standard library that importing the package loads. Unlike the import time, it
does not depend on the load of the machine.
"""

AT_IMPORT = """
import json, os, sys
before, environment = set(sys.modules), dict(os.environ)
import voice_helper
loaded = sorted(set(sys.modules) - before)
print(json.dumps({"loaded": loaded, "changed": environment != dict(os.environ)}))
"""
EVERY_MODULE = """
import importlib, json, os, pkgutil
environment = dict(os.environ)
import voice_helper
imported = []
for found in pkgutil.walk_packages(voice_helper.__path__, "voice_helper."):
    if found.name.split(".")[1] not in ("cli", "servers", "tester", "data"):
        importlib.import_module(found.name)
        imported.append(found.name)
print(json.dumps({"imported": imported, "changed": sorted(environment.items() ^ os.environ.items())}))
"""


def told_by(code: str, folder: Path) -> Any:
    """Run a program that uses the library, in an empty folder. Return what it prints as JSON."""
    return json.loads(run_program(code, folder))


def run_program(code: str, folder: Path, *arguments: str) -> str:
    more = environment(PYTHONPATH=str(CHECKOUT))
    more.pop("OPENBLAS_NUM_THREADS", None)
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, env=more, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_library_loads_nothing_but_the_standard_library(tmp_path: Path) -> None:
    told = told_by(AT_IMPORT, tmp_path)
    ours = {name for name in told["loaded"] if name.split(".")[0] == "voice_helper"}
    assert ours == {"voice_helper"}
    assert {name.split(".")[0] for name in told["loaded"]} - ours <= sys.stdlib_module_names
    assert len(told["loaded"]) <= LIGHT


def test_importing_the_library_leaves_the_environment_alone(tmp_path: Path) -> None:
    assert told_by(AT_IMPORT, tmp_path)["changed"] is False


def test_no_module_of_the_library_changes_the_environment_when_it_is_imported(tmp_path: Path) -> None:
    told = told_by(EVERY_MODULE, tmp_path)
    assert len(told["imported"]) > 50
    assert told["changed"] == []


def test_the_public_names_are_exactly_those_of_the_api() -> None:
    assert {name for name in voice_helper.__all__ if getattr(voice_helper, name, None) is None} == set()
    assert set(voice_helper.__all__) == {*voice_helper._MODULE_OF, "__version__"}
    assert set(voice_helper.__all__) <= set(dir(voice_helper))
    with pytest.raises(AttributeError, match="no attribute 'Skil'"):
        getattr(voice_helper, "Skil")  # noqa: B009 - a type checker would report the plain name


# A skill


def test_a_number_and_the_articles_own_words_are_chosen_when_it_is_loaded() -> None:
    skill = Skill.load(emergency_number="999", article_only=True)
    assert skill.chat().send("i have chest pain").text.startswith("Call 999 now.")
    kinds = {row.kind for row in skill.chat().send("help, I have a cramp in my calf").rows}
    assert kinds <= {"article", "safety", "talk"}


def test_another_folder_is_loaded(spanish_folder: Path) -> None:
    assert Skill.load(str(spanish_folder)).content.language.code == "es"
    with pytest.raises(VoiceHelperError, match="there is no intents folder no-such-folder"):
        Skill.load("no-such-folder")


def test_two_chats_are_kept_separate(skill: Skill) -> None:
    one, other = skill.chat(), skill.chat()
    one.send("help, I have a cramp in my calf")
    assert (one.in_session, other.in_session) == (True, False)
    assert other.send("next").ended is None


def test_a_session_of_a_chat_ends_after_ten_minutes(skill: Skill) -> None:
    clock = SimulatedClock()
    chat = skill.chat(clock=clock)
    chat.send("help, I have a cramp in my calf")
    clock.advance(300)
    assert chat.send("say that again").ended is None
    clock.advance(301)
    assert chat.send("next").ended == "time_limit"


def test_a_file_is_transcribed_with_a_recognizer_that_is_opened_once(skill: Skill) -> None:
    assert skill.hear(recording("put_heat_on_it")).text == "should i put heat on it"
    before = skill._file_hearing._recognizer
    assert skill.hear(str(recording("bananas"))).text == "are bananas good for cramps"
    assert skill._file_hearing._recognizer is before


def test_a_source_is_transcribed_like_a_file(skill: Skill) -> None:
    source = ScriptedMicrophone(silence(0.5), speech(1.0), silence(2.0))
    assert skill.hear(source, ScriptedRecognizer("does heat help")).text == "does heat help"
    assert skill.hear(ScriptedMicrophone(noise(2.0)), ScriptedRecognizer("does heat help")) == Transcript("", 0.0)


# Custom engines, written from docs/python.md alone


class OwnRecognizer:
    """Returns the items of a list, one per utterance, and raises those that are errors."""

    name = "own"

    def __init__(self, *heard: str | Exception) -> None:
        self.heard = list(heard)
        self.sound = b""

    def accept(self, chunk: AudioChunk) -> str:
        self.sound += chunk.pcm
        return ""

    def pause(self) -> Transcript:
        words = self.heard[0] if self.sound and self.heard else ""
        return Transcript(words, 0.9) if isinstance(words, str) and words else Transcript("", 0.0)

    def finish(self) -> Transcript:
        heard = self.pause()
        if not self.sound:
            return heard
        self.sound, words = b"", self.heard.pop(0)
        if isinstance(words, Exception):
            raise words
        return heard


class OwnVoice:
    """Returns noise for each sentence."""

    name = "own"

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text: str, words_per_minute: float) -> bytes:
        if not any(character.isalnum() for character in text):
            return b""
        self.said.append(text)
        return noise(len(text.split()) * 60 / words_per_minute, 0.1)


UTTERANCE = silence(0.5) + speech(1.2) + silence(1.0)


def happened(skill: Skill, recognizer: OwnRecognizer, *sounds: bytes, voice: OwnVoice | None = None) -> list[LoopEvent]:
    """Run the loop on these clips to the end, and return its events."""
    with skill.assistant(
        microphone=ScriptedMicrophone(*sounds), recognizer=recognizer, voice=voice or OwnVoice(),
        loudspeaker=SilentPlayer(), headset=True,
    ) as assistant:  # fmt: skip
        return list(assistant.listen())


def fields(events: Sequence[LoopEvent], event: str, field: str) -> list[object]:
    return [each.fields[field] for each in events if each.event == event]


def test_the_engines_follow_their_protocols() -> None:
    check_recognizer(OwnRecognizer("does heat help", "", "stop"))
    check_voice(OwnVoice())


def test_a_question_is_recognized_and_answered_with_custom_engines(skill: Skill) -> None:
    voice = OwnVoice()
    events = happened(skill, OwnRecognizer("does heat help"), UTTERANCE, voice=voice)
    assert fields(events, "heard", "intent") == ["remedy_heat"]
    assert " ".join(voice.said) == " ".join(str(text) for text in fields(events, "say", "text"))
    assert voice.said[1] == "The article says heat can ease cramps."
    assert [each.at_seconds for each in events] == sorted(each.at_seconds for each in events)


def test_a_session_runs_and_stops_with_custom_engines(skill: Skill) -> None:
    recognizer = OwnRecognizer("help i have a cramp in my calf", "stop")
    events = happened(skill, recognizer, UTTERANCE, silence(2.0), UTTERANCE)
    assert fields(events, "heard", "intent") == ["guide_start", "guide_stop"]
    assert fields(events, "say", "step")[0] == 1
    assert fields(events, "end", "reason") == ["stopped"]


def test_an_engine_error_is_announced_and_the_next_words_are_recognized(skill: Skill) -> None:
    recognizer = OwnRecognizer(RuntimeError("no memory"), "does heat help")
    events = happened(skill, recognizer, UTTERANCE, silence(8.0), UTTERANCE)
    assert fields(events, "error", "reason") == ["the recognizer failed: no memory"]
    assert fields(events, "heard", "intent") == ["remedy_heat"]


def test_buttons_start_a_session_and_silence_an_answer(skill: Skill) -> None:
    assistant = skill.assistant(
        microphone=ScriptedMicrophone(silence(20.0)), recognizer=OwnRecognizer(), voice=RecordingVoice(),
        loudspeaker=SilentPlayer(),
    )  # fmt: skip
    assistant.read("does heat help")
    listening = assistant.listen()
    assert [next(listening).event for _ in range(2)] == ["heard", "say"]
    assistant.hush()
    assert next(listening).event == "hush"
    assistant.begin_guide("calf")
    assert next(listening).fields["step"] == 1
    assert assistant.step is not None
    assistant.hush()  # in a session, the word "stop" does this, and also ends the session
    assert next(listening).event == "say"


def test_typed_words_are_answered_without_a_voice(skill: Skill) -> None:
    assistant = skill.assistant(
        microphone=ScriptedMicrophone(silence(1.0)), recognizer=OwnRecognizer(), voice=skill.open_voice("none")
    )
    assistant.read("does heat help")
    events = list(assistant.listen())
    assert fields(events, "heard", "intent") == ["remedy_heat"]
    said = [each.at_seconds for each in events if each.event == "say"]
    assert len(said) == 3
    assert said[1] - said[0] > 2.0  # leaves time to read


def test_with_push_to_talk_only_addressed_speech_is_answered(skill: Skill) -> None:
    assistant = skill.assistant(
        microphone=ScriptedMicrophone(UTTERANCE, UTTERANCE), loudspeaker=SilentPlayer(), voice=OwnVoice(),
        recognizer=OwnRecognizer("does heat help", "does heat help"), push_to_talk=True,
    )  # fmt: skip
    assert [each for each in assistant.listen() if each.event == "say"] == []


@pytest.mark.parametrize("returned", ["does heat help", None])
def test_a_recognizer_that_returns_no_transcript_is_named_in_the_error(skill: Skill, returned: object) -> None:
    class Wrong(ScriptedRecognizer):
        name = "wrong"

        def accept(self, chunk: AudioChunk) -> str:
            return ""

        def finish(self) -> Any:
            return returned

        pause = finish

    with pytest.raises(VoiceHelperError, match="wrong must return a Transcript, not"):
        skill.hear(ScriptedMicrophone(speech(1.0), silence(1.5)), recognizer=Wrong())


@pytest.mark.parametrize("example", ["hear", "own_recognizer"])
def test_an_example_without_its_file_shows_how_it_is_called(example: str) -> None:
    script = str(CHECKOUT / "examples" / f"{example}.py")
    ran = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment(), timeout=60, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == f"usage: python examples/{example}.py FILE.wav\n"


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "voice_helper", "--version"]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=60, check=False, cwd=CHECKOUT
    )
    assert voice_helper.__version__ in ran.stdout
