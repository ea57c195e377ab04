from __future__ import annotations

import json
from pathlib import Path

import pytest

from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import Content
from voice_helper.tester.run import Case, read_cases, run_case

SENTENCES = Path(__file__).parents[1] / "sentences"
UTTERANCES = Path(__file__).parents[2] / "bench" / "utterances.jsonl"
HELP_NOW = ("emergency", "urgent")


def cases(name: str) -> list[Case]:
    path = SENTENCES / name
    return list(read_cases(path, path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("case", cases("examples.yaml"), ids=lambda case: f"{case.text} ({case.context})")
def test_every_example_of_the_specification_gets_its_intent_and_slots(skill: Skill, case: Case) -> None:
    result = run_case(skill, case)
    assert result.is_right, (result.match.intent, dict(result.match.slots), result.match.decided_by)


@pytest.mark.slow
def test_most_natural_paraphrases_are_understood(skill: Skill) -> None:
    results = [run_case(skill, case) for case in cases("paraphrases.yaml")]
    assert sum(result.is_right is True for result in results) / len(results) >= 0.8


@pytest.mark.slow
def test_four_in_five_ordinary_lines_by_other_authors_are_understood(skill: Skill) -> None:
    lines = [json.loads(line) for line in UTTERANCES.read_text(encoding="utf-8").splitlines()]
    ordinary = [
        line for line in lines
        if line["split"] == "test" and line["intent"] != "out_of_scope" and line["intent"] not in HELP_NOW
    ]  # fmt: skip
    right = sum(skill.understanding.understand(line["text"]).intent == line["intent"] for line in ordinary)
    assert right / len(ordinary) >= 0.8


@pytest.mark.parametrize("text", ["", "   ", "?!", "\x1b[31m", "🙂"])
def test_a_text_without_words_is_not_understood(skill: Skill, text: str) -> None:
    match = skill.understanding.understand(text)
    assert (match.intent, match.decided_by) == ("none", "none")


def test_the_same_text_always_means_the_same(skill: Skill) -> None:
    text = "my calves keep seizing up after football is it the salt"
    assert len({repr(skill.understanding.understand(text)) for _ in range(5)}) == 1


def test_a_command_wins_in_a_session_and_keeps_its_place_outside(skill: Skill) -> None:
    assert skill.understanding.understand("next", "guide").intent == "guide_next"
    assert skill.understanding.understand("does heat help", "guide").intent == "remedy_heat"


def test_a_score_is_a_share_and_the_runner_up_is_another_intent(skill: Skill) -> None:
    match = skill.understanding.understand("any chance the hot weather is behind my cramps")
    assert 0.0 <= match.score <= 1.0
    assert match.runner_up is not None
    assert match.runner_up.intent != match.intent


def test_an_exact_match_has_a_runner_up(skill: Skill) -> None:
    match = skill.understanding.with_runner_up("does heat help", skill.understanding.understand("does heat help"))
    assert match.decided_by == "exact"
    assert match.runner_up is not None
    assert match.runner_up.intent != "remedy_heat"


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("are bananas good for cramps", {"food": "banana"}),
        ("does orange juice help", {"food": "citrus"}),
        ("is it low potassium", {"mineral": "potassium"}),
        ("can diabetes cause leg cramps", {"condition": "diabetes"}),
        ("the back of my thigh", {"muscle": "back of thigh"}),
        ("my calf just seized up", {"muscle": "calf"}),
    ],
)
def test_slot_values_are_found_by_their_phrases(skill: Skill, text: str, slots: dict[str, str]) -> None:
    assert dict(skill.understanding.understand(text).slots) == slots


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("could cramps come from die a betes", "care_conditions", {"condition": "diabetes"}),
        ("would sit rus fruit do me any good", "remedy_foods", {"food": "citrus"}),
        ("it's in the harm string", "guide_place", {"muscle": "back of thigh"}),
        ("my calf's having a fit", "guide_start", {"muscle": "calf"}),
        ("this cramp is tight", "guide_start", {}),
        ("what should i eat for this", "remedy_foods", {}),
    ],
)
def test_misrecognized_slot_values_are_found(content: Content, text: str, intent: str, slots: dict[str, str]) -> None:
    sentences = content.sentences
    assert sentences.find_slots(sentences.language.comparable(text), sentences.slots_of[intent]) == slots
