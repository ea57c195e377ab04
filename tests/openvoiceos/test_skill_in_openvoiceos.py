"""The skill in a real OpenVoiceOS, with its core, message bus and pipeline. The skill is loaded through its entry
point.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from ovos_bus_client.message import Message
from ovos_bus_client.session import Session
from ovoscope import CaptureSession, MiniCroft, get_minicroft

from tests.openvoiceos.conftest import SKILL_ID
from voice_helper.servers.openvoiceos.skill import VoiceHelperSkill, locale_folder
from voice_helper.support.paths import settings_file
from voice_helper.support.settings import keep_setting

PIPELINE = [
    "ovos-stop-pipeline-plugin-high",
    "ovos-converse-pipeline-plugin",
    "ovos-fallback-pipeline-plugin-high",
    "ovos-stop-pipeline-plugin-medium",
]
WITH_SENTENCES = [*PIPELINE[:2], "ovos-padacioso-pipeline-plugin-high", *PIPELINE[2:]]
"""The default pipeline with a matcher that installs everywhere: Padacioso is a slow Padatious without a neural network.
"""

OVER = ["ovos.utterance.handled", f"{SKILL_ID}.stop.response"]


@pytest.fixture(scope="module")
def reached() -> Iterator[list[Any]]:
    """Yield the network addresses that the program tried to reach."""
    addresses: list[Any] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            addresses.append(address)
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", watched)
        yield addresses


@pytest.fixture(scope="module")
def core(reached: list[Any]) -> Iterator[MiniCroft]:
    core = get_minicroft([SKILL_ID], default_pipeline=WITH_SENTENCES, lang="en-US", max_wait=60)
    yield core
    core.stop()


@pytest.fixture
def loaded(core: MiniCroft) -> VoiceHelperSkill:
    loaded: VoiceHelperSkill = core.plugin_skills[SKILL_ID].instance
    loaded.stop()
    return loaded


@dataclass
class Satellite:
    """A device that the user talks to. It keeps its session as clients of OpenVoiceOS do."""

    core: MiniCroft
    session: Session
    heard: list[Message] = field(default_factory=list)
    """All bus messages for the last utterance."""

    def say(self, text: str) -> str:
        """Say something, and return the spoken reply."""
        context = {"session": self.session.serialize(), "source": self.session.session_id, "destination": "skills"}
        capture = CaptureSession(self.core, eof_msgs=OVER)
        capture.capture(Message("recognizer_loop:utterance", {"utterances": [text], "lang": "en-US"}, context))
        assert capture.done.is_set(), "nobody has said that the words were handled"
        self.heard = capture.finish()
        last = [message for message in self.heard if message.context.get("session")][-1]
        self.session = Session.deserialize(last.context["session"])
        return " ".join(message.data["utterance"] for message in self.of_type("speak"))

    def of_type(self, kind: str) -> list[Message]:
        return [message for message in self.heard if message.msg_type == kind]

    def opened_the_microphone(self) -> bool:
        return any(message.data["expect_response"] for message in self.of_type("speak"))

    def was_left_alone(self) -> bool:
        return bool(self.of_type("complete_intent_failure"))


@pytest.fixture
def kitchen(core: MiniCroft, loaded: VoiceHelperSkill) -> Satellite:
    return Satellite(core, Session("kitchen", pipeline=PIPELINE))


@pytest.fixture
def bedroom(core: MiniCroft, loaded: VoiceHelperSkill) -> Satellite:
    return Satellite(core, Session("bedroom", pipeline=PIPELINE))


def test_it_is_loaded_by_its_entry_point(loaded: VoiceHelperSkill) -> None:
    found = [entry.value for entry in entry_points(group="opm.skill") if entry.name == SKILL_ID]
    assert found == ["voice_helper.servers.openvoiceos.skill:VoiceHelperSkill"]
    assert isinstance(loaded, VoiceHelperSkill)


def test_the_skill_requires_nothing_that_an_offline_machine_lacks() -> None:
    wanted = vars(VoiceHelperSkill.runtime_requirements)
    assert {name for name, value in wanted.items() if value} == {
        "no_internet_fallback", "no_network_fallback", "no_gui_fallback",
    }  # fmt: skip


def test_a_question_that_matches_a_sentence_is_answered(kitchen: Satellite) -> None:
    kitchen.session.pipeline = WITH_SENTENCES
    spoken = kitchen.say("why do my calves cramp at night")
    assert spoken.startswith("The article does not say why they come at night.")
    assert spoken.endswith("They do not take the place of advice from a medical expert.")
    assert kitchen.of_type(f"{SKILL_ID}:causes.intent")
    assert not kitchen.opened_the_microphone()


def test_an_emergency_that_matches_a_sentence_is_answered(kitchen: Satellite) -> None:
    kitchen.session.pipeline = WITH_SENTENCES
    assert kitchen.say("chest pain").startswith("Call 112 now.")
    assert kitchen.of_type(f"{SKILL_ID}:emergency.intent")


def test_the_words_decide_not_the_intent_that_openvoiceos_matched(kitchen: Satellite, loaded: VoiceHelperSkill) -> None:
    context = {"session": kitchen.session.serialize()}
    capture = CaptureSession(kitchen.core, eof_msgs=["mycroft.skill.handler.complete"])
    capture.capture(Message(f"{SKILL_ID}:remedies.intent", {"utterance": "i can't breathe"}, context))
    spoken = [message.data["utterance"] for message in capture.finish() if message.msg_type == "speak"]
    assert spoken[0].startswith("Call 112 now.")


def test_a_question_that_matches_none_is_answered_as_a_fallback(kitchen: Satellite) -> None:
    assert kitchen.say("does yoga help with cramps").startswith("The article")
    assert kitchen.of_type("ovos.skills.fallback.pong")


@pytest.mark.parametrize("text", ["what's the weather", "play some jazz", "help", "what helps", "next"])
def test_other_utterances_are_left_to_other_skills(kitchen: Satellite, text: str) -> None:
    assert kitchen.say(text) == ""
    assert kitchen.was_left_alone()


def test_a_whole_session_goes_through_converse(kitchen: Satellite) -> None:
    assert kitchen.say("help i have a cramp").startswith("Sit or lie somewhere safe.")
    assert kitchen.opened_the_microphone()
    assert kitchen.say("next").startswith("Do not rub if the leg is swollen, hot or red.")
    assert kitchen.of_type("skill.converse.response")[0].data["result"] is True
    assert kitchen.say("next") == "Better, the same, or worse?"
    assert kitchen.say("blue monkey carburettor").startswith("Sorry, say that again?")
    assert kitchen.say("it's better").startswith("Good.")
    assert not kitchen.opened_the_microphone()
    kitchen.say("next")
    assert kitchen.was_left_alone()


def test_stop_ends_a_session_and_is_claimed_only_if_something_was_going_on(kitchen: Satellite) -> None:
    kitchen.say("help i have a cramp")
    assert kitchen.say("stop") == ""
    assert kitchen.of_type("skill.stop.pong")[0].data["can_handle"] is True
    assert kitchen.of_type(f"{SKILL_ID}.stop.response")[0].data["result"] is True
    kitchen.session.active_skills = [[SKILL_ID, time.time()]]  # otherwise OpenVoiceOS asks its own skill for "stop"
    assert kitchen.say("stop") == ""
    assert kitchen.of_type("skill.stop.pong")[0].data["can_handle"] is False
    assert kitchen.of_type(f"{SKILL_ID}.stop.response")[0].data["result"] is False
    kitchen.say("next")
    assert kitchen.was_left_alone()


def test_stop_is_claimed_while_an_answer_is_spoken(kitchen: Satellite) -> None:
    kitchen.say("why do my calves cramp at night")
    kitchen.session.is_speaking = True
    kitchen.say("stop")
    assert kitchen.of_type(f"{SKILL_ID}.stop.response")[0].data["result"] is True


def test_other_words_for_stop_end_a_session_through_converse(kitchen: Satellite, loaded: VoiceHelperSkill) -> None:
    kitchen.say("help i have a cramp")
    assert kitchen.say("that's enough") == ""
    assert not loaded.can_stop(Message("", context={"session": kitchen.session.serialize()}))


def test_a_skill_that_is_shut_down_ends_every_session(kitchen: Satellite, loaded: VoiceHelperSkill) -> None:
    assert loaded.stop() is False
    kitchen.say("help i have a cramp")
    assert loaded.stop() is True
    assert loaded.stop() is False


@pytest.mark.parametrize(
    "text", ["chest pain", "my arm has gone weak and my face is drooping", "i have the most awful pressure in my chest"]
)
@pytest.mark.parametrize("before", [(), ("help i have a cramp", "next")])
def test_an_emergency_is_answered_first_with_the_number_of_the_settings(
    kitchen: Satellite, before: tuple[str, ...], text: str
) -> None:
    for said in before:
        kitchen.say(said)
    spoken = kitchen.say(text)
    assert spoken.startswith("Call 112 now. I cannot call for you.")
    assert spoken.count("Call 112 now.") == 2
    kitchen.say("next")
    assert kitchen.was_left_alone()


def test_two_satellites_have_separate_sessions(kitchen: Satellite, bedroom: Satellite) -> None:
    kitchen.say("help i have a cramp")
    bedroom.say("next")
    assert bedroom.was_left_alone()
    bedroom.say("help my foot is cramping")
    assert kitchen.say("next").startswith("Do not rub")
    assert bedroom.say("stop") == ""
    assert kitchen.say("next") == "Better, the same, or worse?"
    bedroom.say("next")
    assert bedroom.was_left_alone()


def test_a_session_continues_as_a_fallback_if_openvoiceos_no_longer_lists_the_skill_as_active(
    kitchen: Satellite,
) -> None:
    kitchen.say("help i have a cramp")
    kitchen.session.active_skills = []
    assert kitchen.say("next").startswith("Do not rub")


def test_another_language_is_left_to_other_skills(kitchen: Satellite) -> None:
    kitchen.session.lang = "de-DE"
    capture = CaptureSession(kitchen.core, eof_msgs=OVER)
    context = {"session": kitchen.session.serialize()}
    capture.capture(Message("recognizer_loop:utterance", {"utterances": ["chest pain"], "lang": "de-DE"}, context))
    assert not [message for message in capture.finish() if message.msg_type == "speak"]


@pytest.fixture
def set_number(loaded: VoiceHelperSkill) -> Iterator[Callable[[str], None]]:
    """Yield a function that changes the number in the skill's settings, as OpenVoiceOS does when their file has
    changed.
    """

    def set_number(number: str) -> None:
        loaded.settings["number"] = number
        loaded.settings_change_callback()

    yield set_number
    set_number("112")


def test_a_new_number_is_named_as_soon_as_it_is_set(kitchen: Satellite, set_number: Callable[[str], None]) -> None:
    set_number("911")
    assert kitchen.say("chest pain").startswith("Call 911 now.")


def test_without_its_own_number_the_skill_names_the_programs_number(
    kitchen: Satellite, set_number: Callable[[str], None]
) -> None:
    keep_setting(settings_file(), "number", "999")
    set_number("")
    assert kitchen.say("chest pain").startswith("Call 999 now.")


def test_its_locale_files_follow_the_specification() -> None:
    locale = locale_folder("en") / "locale"
    command = [str(Path(sys.executable).with_name("ovos-spec-lint")), "--strict", str(locale)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.stdout.strip(), ran.returncode) == ("0 error(s), 0 warning(s)", 0)
    assert len(list(locale.glob("en-US/*.intent"))) >= 8


def test_every_stage_of_the_pipeline_was_loaded(core: MiniCroft) -> None:
    assert [name for name, _ in core.intents.get_pipeline(session=Session("kitchen"))] == WITH_SENTENCES


def test_no_network_connection_was_made(core: MiniCroft, reached: list[Any]) -> None:
    assert reached == []
