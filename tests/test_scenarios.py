"""Whole sessions, heard and spoken, in a simulated room: `scenarios/sessions.yaml`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.simulated_room import RoomPlayer, SimulatedRoom
from bench.speech import flite
from tests.sound import embedded, seconds_of
from voice_helper.assistant import Assistant, Happening, Speaker
from voice_helper.audio import silence
from voice_helper.conversation import State
from voice_helper.echo import EchoCanceller
from voice_helper.skill import Skill
from voice_helper.types import SAMPLE_RATE
from voice_helper.voices import Voice

SCENARIOS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "scenarios" / "sessions.yaml").read_text("utf-8")
)
KEYS = {
    "name", "begins", "leak", "person", "lasts", "ends", "says", "never_says", "says_twice", "heard", "goes_on",
    "first_step_within", "silent_after", "article_only",
}  # fmt: skip


@dataclass(frozen=True)
class Played:
    happened: list[Happening]
    assistant: Assistant
    last_word_ends: float
    """Of what the person said, in seconds."""

    def texts(self) -> list[str]:
        return [str(each.fields["text"]) for each in self.happened if each.event == "say"]

    def first(self, event: str) -> Happening:
        return next(each for each in self.happened if each.event == event)


pytestmark = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")


@pytest.fixture(scope="module")
def play(skill: Skill, voice: Voice) -> Callable[[dict[str, Any]], Played]:
    recognizer = embedded(skill)

    def play(scenario: dict[str, Any]) -> Played:
        speech, ends = bytearray(silence(float(scenario["lasts"]))), 0.0
        for said in scenario.get("person", []):
            pcm, start = flite("slt", said["text"]), round(said["at"] * SAMPLE_RATE) * 2
            speech[start : start + len(pcm)] = pcm
            ends = said["at"] + seconds_of(pcm)
        player, happened = RoomPlayer(), list[Happening]()
        assistant = Assistant(
            skill.conversation,
            recognizer,
            Speaker(voice, player),
            state=State(hands_free=True, article_only=scenario.get("article_only", False)),
            echo=EchoCanceller(),
            tell=happened.append,
        )
        assistant.chime()
        if scenario["begins"] == "guide":
            assistant.begin_guide("calf")
        for _ in assistant.hear(SimulatedRoom(bytes(speech), player, leak_decibels=scenario.get("leak"))):
            pass
        return Played(happened, assistant, ends)

    return play


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_a_session_goes_as_it_should(play: Callable[[dict[str, Any]], Played], scenario: dict[str, Any]) -> None:
    assert set(scenario) <= KEYS
    played = play(scenario)
    texts = played.texts()
    ended = [each.fields["reason"] for each in played.happened if each.event == "end"]
    assert ended == ([scenario["ends"]] if "ends" in scenario else [])
    assert (played.assistant.state.session is not None) == scenario.get("goes_on", scenario["begins"] == "listen")
    for text in scenario.get("says", []):
        assert text in texts
    for text in scenario.get("never_says", []):
        assert text not in texts
    if "says_twice" in scenario:
        assert texts.count(scenario["says_twice"]) == 2
    if "heard" in scenario:
        assert [each.fields["intent"] for each in played.happened if each.event == "heard"] == scenario["heard"]
    if "first_step_within" in scenario:
        step = next(each for each in played.happened if each.event == "say" and each.fields.get("step") == 1)
        assert step.at_seconds - played.last_word_ends < scenario["first_step_within"]
    if "silent_after" in scenario:
        assert played.first("hush").at_seconds - played.last_word_ends < scenario["silent_after"]


def test_there_are_fifteen_scenarios_or_more() -> None:
    assert len(SCENARIOS) >= 15
