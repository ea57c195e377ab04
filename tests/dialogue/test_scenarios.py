"""Complete spoken sessions in a simulated room, from `scenarios/sessions.yaml`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.simulated_room import Played, play_session
from tests.support.sound import embedded, seconds_of
from tests.support.speech import flite
from voice_helper.audio.devices import silence
from voice_helper.skill import Skill
from voice_helper.types import SAMPLE_RATE
from voice_helper.voices import Voice

SCENARIOS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "scenarios" / "sessions.yaml").read_text("utf-8")
)
KEYS = {
    "name", "begins", "leak", "person", "lasts", "ends", "says", "never_says", "says_twice", "heard", "goes_on",
    "first_step_within", "silent_after", "article_only",
}  # fmt: skip


Play = Callable[[dict[str, Any]], tuple[Played, float]]
"""Returns what happened, and when the user's last word ended, in seconds."""

pytestmark = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")


@pytest.fixture(scope="module")
def play(skill: Skill, voice: Voice) -> Play:
    recognizer = embedded(skill)

    def play(scenario: dict[str, Any]) -> tuple[Played, float]:
        speech, ends = bytearray(silence(float(scenario["lasts"]))), 0.0
        for said in scenario.get("person", []):
            pcm, start = flite("slt", said["text"]), round(said["at"] * SAMPLE_RATE) * 2
            speech[start : start + len(pcm)] = pcm
            ends = said["at"] + seconds_of(pcm)
        conversation = skill.conversation.article_only() if scenario.get("article_only") else skill.conversation
        played = play_session(
            conversation,
            recognizer,
            voice,
            bytes(speech),
            leak_decibels=scenario.get("leak"),
            guided=scenario["begins"] == "guide",
        )
        return played, ends

    return play


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_a_session_follows_its_scenario(play: Play, scenario: dict[str, Any]) -> None:
    assert set(scenario) <= KEYS
    played, last_word_ends = play(scenario)
    texts = [str(each.fields["text"]) for each in played.happened if each.event == "say"]
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
        assert played.times("say", step=1)[0] - last_word_ends < scenario["first_step_within"]
    if "silent_after" in scenario:
        assert played.times("hush")[0] - last_word_ends < scenario["silent_after"]


def test_there_are_at_least_fifteen_scenarios() -> None:
    assert len(SCENARIOS) >= 15
