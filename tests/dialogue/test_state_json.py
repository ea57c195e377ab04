from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voice_helper.dialogue.state import State
from voice_helper.dialogue.state_json import VERSION, from_json, to_json
from voice_helper.errors import SavedStateError
from voice_helper.skill import Skill, open_skill
from voice_helper.skill.folder_reader import Content, key_of
from voice_helper.types import SAMPLE_RATE, DoneSpeaking, Event, Heard, PartlyHeard, Quiet, Transcript

KEY = "0123456789abcdef"
SAID = [
    "does heat help", "why", "tell me more", "what about magnesium", "is it potassium or calcium", "do pickles help",
    "the first", "yes", "no", "say that again", "flurb wozzle gronk", "it's hot today", "stop", "slower please",
    "help i have a cramp", "it's my thigh", "foot", "wait", "next", "go back", "can i stand up", "better", "worse",
    "i have chest pain", "no chest pain but does heat help", "one leg is swollen and red", "would warming it up do it",
]  # fmt: skip

heard = st.builds(
    Heard,
    st.builds(Transcript, st.sampled_from(SAID), st.floats(0, 1)),
    over_speech=st.none() | st.sampled_from(SAID),
    overheard=st.booleans(),
)
partly = st.builds(PartlyHeard, st.sampled_from(SAID), overheard=st.booleans())
quiet = st.builds(Quiet, st.integers(1, 30 * SAMPLE_RATE))
walks = st.lists(heard | heard | partly | quiet | st.just(DoneSpeaking()), max_size=14)
begun = st.builds(State, hands_free=st.booleans(), can_lead=st.booleans(), situation=st.just({"serving": "on"}))


@cache
def skill() -> Skill:
    return open_skill("en", settings={"number": "112"})


@pytest.mark.slow
@settings(max_examples=max(150, settings().max_examples))
@given(begun, walks)
def test_a_conversation_saved_after_every_event_continues_in_the_same_way(state: State, events: list[Event]) -> None:
    conversation = skill().conversation
    for event in events:
        taken_up = from_json(to_json(state, KEY), KEY)
        assert taken_up == state
        state, actions = conversation.step(state, event)
        assert (state, actions) == conversation.step(taken_up, event)
    assert from_json(to_json(state, KEY), KEY) == state


def test_a_session_saved_during_a_hold_continues_at_its_step_and_is_small() -> None:
    conversation = skill().conversation
    state, _ = conversation.begin_guide(State(), "foot")
    state, _ = conversation.step(state, DoneSpeaking())
    state, _ = conversation.step(state, DoneSpeaking())
    state, _ = conversation.step(state, Quiet(7 * SAMPLE_RATE))
    taken_up = from_json(to_json(state, KEY), KEY)
    assert conversation.seconds_left(taken_up) == conversation.seconds_left(state) == (13.0, 20.0)
    assert len(to_json(state, KEY)) < 1_000
    assert len(to_json(State(), KEY)) < 70


def test_a_mentioned_condition_is_saved() -> None:
    state, _ = skill().conversation.step(State(), Heard(Transcript("can hot weather cause leg cramps")))
    assert state.conditions == {"hot_weather"}
    assert from_json(to_json(state, KEY), KEY) == state


def test_recognized_words_are_not_saved_once_they_are_answered() -> None:
    conversation, state = skill().conversation, State()
    for said in ("my neighbour bernard says a warm bath does wonders", "does heat help my aunt matilda", "yes"):
        state, _ = conversation.step(state, PartlyHeard(said))
        state, _ = conversation.step(state, Heard(Transcript(said)))
    kept = to_json(state, KEY)
    assert not [word for word in ("bernard", "wonders", "matilda") if word in kept]


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "7", "\0", '{"version": 1}', "[" * 100_000, "9" * 5_000,
        json.dumps({"version": VERSION + 1, "key": KEY, "state": {}}),
        json.dumps({"version": 1, "key": KEY, "state": {"full_given": True, "hot_weather": True}}),
        json.dumps({"version": True, "key": KEY, "state": {}}),
        json.dumps({"version": VERSION, "key": "other", "state": {}}),
        json.dumps({"version": VERSION, "key": KEY, "state": {}, "more": 1}),
        json.dumps({"version": VERSION, "key": KEY, "state": {"possible_samples": 9}}).replace("9", "1e999"),
    ],
)  # fmt: skip
def test_invalid_data_another_version_and_other_content_are_rejected(text: str) -> None:
    with pytest.raises(SavedStateError):
        from_json(text, KEY)


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ([], "state"),
        ({"hands_free": 1}, "state.hands_free"),
        ({"failures": {"misheard": True}}, "state.failures.misheard"),
        ({"failures": {"misheard": 1.5}}, "state.failures.misheard"),
        ({"mood": "good"}, "state"),
        ({"candidates": ["remedy_heat", 2]}, r"state.candidates\[1\]"),
        ({"session": {"stage": "dancing"}}, "state.session"),
        ({"last": {"match": {"slots": {}}}}, "state.last.match"),
        ({"last": {"match": {"intent": "thanks", "score": "1"}}}, "state.last.match"),
        ({"last": {"match": {"intent": "thanks", "decided_by": "dice"}}}, "state.last.match"),
        ({"owed": {"answer": {"rows": [{"text": "Rest.", "kind": "gossip"}]}, "in_samples": 1}}, "state.owed"),
        ({"last": {"rows": [{"text": "Rest.", "kind": "talk", "when": {"muscle": "calf"}}]}}, "state.last.rows"),
        ({"conditions": ["hot_weather", 1]}, r"state.conditions\[1\]"),
        ({"situation": {"serving": None}}, "state.situation"),
        ({"failures": {"misheard": 10**400}}, "state.failures.misheard"),
        ({"last": {"match": {"intent": "thanks", "score": 10**400}}}, "state.last.match"),
    ],
)
def test_a_value_of_the_wrong_type_is_rejected_and_named(state: Any, where: str) -> None:
    with pytest.raises(SavedStateError, match=where):
        from_json(json.dumps({"version": VERSION, "key": KEY, "state": state}), KEY)


rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(State.__slots__), inner, max_size=3),
    max_leaves=8,
)


@given(st.text() | rubbish.map(lambda state: json.dumps({"version": VERSION, "key": KEY, "state": state})))
@example(json.dumps({"version": VERSION, "key": KEY, "state": {"failures": {"misheard": float("nan")}}}))
def test_any_text_is_a_state_or_rejected(text: str) -> None:
    try:
        state = from_json(text, KEY)
    except SavedStateError:
        return
    assert from_json(to_json(state, KEY), KEY) == state


def test_the_key_depends_on_the_content_the_settings_and_the_kind_of_session(content: Content) -> None:
    other_number = skill().content
    keys = {key_of(content), key_of(content, "by turns"), key_of(other_number)}
    assert len(keys) == 3
    assert key_of(content) == key_of(content)
