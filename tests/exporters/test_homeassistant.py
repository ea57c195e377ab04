"""What is written for Home Assistant: matched by hassil as Home Assistant does it, beside its own sentences."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from click.testing import CliRunner
from hassil.intents import Intents, SlotList, TextSlotList
from hassil.recognize import RecognizeResult, recognize_best
from hassil.util import merge_dict
from home_assistant_intents import get_intents

from voice_helper.cli.entry_point import cli
from voice_helper.exporters.homeassistant import PREFIX
from voice_helper.skill import Skill

pytestmark = pytest.mark.slow

SENTENCES, ANSWERS = "custom_sentences/en/voice_helper.yaml", "packages/voice_helper.yaml"
HOUSE = {"name": ["kitchen light", "television"], "area": ["kitchen", "bedroom"], "floor": ["first floor"]}
LEFT_OUT = {"guide", "talk"}
EVERY = int(os.environ.get("EVERY_TEMPLATE", "3"))  # beside all signs of danger; `make fuzz` tries each
ALARM = re.compile(rf"{PREFIX}[01]_")

Recognize = Callable[[str], RecognizeResult | None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("home") / "config"
    ran = CliRunner().invoke(cli, ["export", "homeassistant", str(folder), "--number", "112"])
    assert ran.exit_code == 0
    assert all(str(folder / name) in ran.output.splitlines() for name in (SENTENCES, ANSWERS))
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml")) == [SENTENCES, ANSWERS]
    return folder


@pytest.fixture(scope="module")
def sentences(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / SENTENCES).read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def scripts(folder: Path) -> dict[str, str]:
    """What is said to each intent, as a template."""
    read = yaml.safe_load((folder / ANSWERS).read_text(encoding="utf-8"))["intent_script"]
    return {name: script["speech"]["text"] for name, script in read.items()}


def matcher(sentences: dict[str, Any], **also: Any) -> Recognize:
    """Match as Home Assistant does: custom sentences win over its own."""
    ours = copy.deepcopy(sentences)
    for intent in ours["intents"].values():
        for block in intent["data"]:
            block["metadata"] = {"hass_custom_sentence": True}
    merged = copy.deepcopy(also)
    merge_dict(merged, ours)
    intents = Intents.from_dict(merged)
    lists: dict[str, SlotList] = {name: TextSlotList.from_strings(values, name=name) for name, values in HOUSE.items()}

    def recognize(text: str) -> RecognizeResult | None:
        return recognize_best(
            text, intents, slot_lists=lists, best_metadata_key="hass_custom_sentence", best_slot_name="name"
        )

    return recognize


@pytest.fixture(scope="module")
def recognize(sentences: dict[str, Any]) -> Recognize:
    return matcher(sentences)


@pytest.fixture(scope="module")
def at_home(sentences: dict[str, Any]) -> Recognize:
    """With all that Home Assistant knows itself."""
    own = get_intents("en")
    assert own is not None
    return matcher(sentences, **own)


@cache
def compiled(script: str) -> jinja2.Template:
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(script)


def said(scripts: dict[str, str], found: RecognizeResult) -> str:
    """What Home Assistant says to a sentence that it has matched."""
    slots = {entity.name: entity.value for entity in found.entities_list}
    return compiled(scripts[found.intent.name]).render(slots)


def test_a_sentence_of_a_template_gets_the_answer_that_we_give_or_one_that_says_to_get_help(
    skill: Skill, recognize: Recognize, scripts: dict[str, str]
) -> None:
    ours = skill.content.sentences
    wrong, tried = [], 0
    for number, template in enumerate(ours.templates):
        group = ours.group_of[template.intent]
        is_left_out = group in LEFT_OUT and template.intent != "guide_start"
        if is_left_out or " " not in ours.plainest(template) or (number % EVERY and group != "safety"):
            continue
        (text, *_) = ours.draw(template, 1)
        match = skill.understanding.understand(text)
        if match.intent == "none" or any(", " in value for value in match.slots.values()):
            continue  # of two values in a sentence Home Assistant keeps the last one
        tried += 1
        answer = skill.content.answers.answer(match, full_given=False).spoken()
        found = recognize(" ".join(ours.language.words(text)))
        if found is None or (said(scripts, found) != answer and not ALARM.match(found.intent.name)):
            wrong.append((template.intent, text, found and found.intent.name))
    assert tried > 1_500 / EVERY
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("chest pain", "Call 112 now. I cannot call for you. Call 112 now."),
        ("i have chest pain and a cramp", "Call 112 now."),
        ("my leg hurts and i have chest pain", "Call 112 now."),
        ("my chest hurts but it is only a cramp", "Call 112 now."),
        ("my leg is swollen and i have chest pain", "Call 112 now."),
        ("i have chest pain and my leg is swollen", "Call 112 now."),
        ("i want to die and my leg hurts", "I'm sorry you feel this way."),
        ("why do my calves cramp at night", "The article lists many causes."),
        ("help i have a cramp in my foot", "Sit or lie somewhere safe. Put your foot flat on the floor."),
        ("help i have a cramp", "Sit or lie somewhere safe. Straighten your leg."),
    ],
)
def test_home_assistant_answers(at_home: Recognize, scripts: dict[str, str], text: str, begins: str) -> None:
    found = at_home(text)
    assert found is not None
    assert said(scripts, found).startswith(begins)


@pytest.mark.parametrize(
    "text",
    ["turn on the kitchen light", "what time is it", "turn off the television and go on", "help", "stop", "next",
     "never mind", "no chest pain and a cramp", "hello", "pause the television"],
)  # fmt: skip
def test_what_is_not_ours_stays_with_home_assistant(at_home: Recognize, text: str) -> None:
    found = at_home(text)
    assert found is None or not found.intent.name.startswith(PREFIX)


def test_every_name_is_ours_alone(sentences: dict[str, Any]) -> None:
    known = get_intents("en")
    assert known is not None
    for kind in ("intents", "lists", "expansion_rules"):
        assert all(name.startswith(PREFIX) for name in sentences[kind])
        assert not set(sentences[kind]) & set(known[kind])


def test_those_that_say_to_get_help_come_first_and_every_intent_has_an_answer(
    sentences: dict[str, Any], scripts: dict[str, str]
) -> None:
    assert list(sentences["intents"]) == list(scripts)
    alarms = [name for name in scripts if ALARM.match(name)]
    assert alarms == list(scripts)[: len(alarms)]
    assert len(alarms) >= 5
    assert sorted(scripts)[: len(alarms)] == sorted(alarms)  # hassil takes the first by name where two fit


def test_every_answer_has_its_disclaimer(scripts: dict[str, str]) -> None:
    for text in scripts.values():
        cases = [case for case in re.split(r"\{%.*?%\}", text) if case]
        assert all(case.endswith(("medical expert.", "medical expert's advice.")) for case in cases)


@pytest.mark.parametrize("name", [SENTENCES, ANSWERS])
def test_a_file_says_what_it_is_and_what_is_missing(folder: Path, name: str) -> None:
    comment = (folder / name).read_text(encoding="utf-8").split("\n\n")[0]
    assert "voice-helper export homeassistant" in comment.splitlines()[0]
    for words in ("for education only", "no clinician", "Emergencies come first", "Not exported", "guided"):
        assert words in comment
