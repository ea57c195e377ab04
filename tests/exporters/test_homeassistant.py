"""The Home Assistant export, matched by hassil as Home Assistant does it, next to Home Assistant's own sentences."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
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

from tests.support.sound import CHECKOUT
from voice_helper.cli.entry_point import cli
from voice_helper.exporters.homeassistant import PREFIX
from voice_helper.skill import Skill

pytestmark = pytest.mark.slow

SENTENCES, ANSWERS = "custom_sentences/en/voice_helper.yaml", "packages/voice_helper.yaml"
HOUSE = {"name": ["kitchen light", "television"], "area": ["kitchen", "bedroom"], "floor": ["first floor"]}
LEFT_OUT = {"guide", "talk"}
EVERY = int(os.environ.get("EVERY_TEMPLATE", "3"))  # plus all signs of danger; `make fuzz` tries all
ALARM = re.compile(rf"{PREFIX}[01]_")

Recognize = Callable[[str], RecognizeResult | None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the command writes."""
    folder = tmp_path_factory.mktemp("home") / "config"
    ran = CliRunner().invoke(cli, ["export", "homeassistant", str(folder), "--number", "112"])
    assert ran.exit_code == 0
    assert all(str(folder / name) in ran.output.splitlines() for name in (SENTENCES, ANSWERS))
    assert "Home Assistant guesses" in ran.output
    assert "use serve wyoming" in ran.output
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml")) == [SENTENCES, ANSWERS]
    return folder


@pytest.fixture(scope="module")
def sentences(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / SENTENCES).read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def scripts(folder: Path) -> dict[str, str]:
    """Return the answer to each intent, as a template."""
    read = yaml.safe_load((folder / ANSWERS).read_text(encoding="utf-8"))["intent_script"]
    return {name: script["speech"]["text"] for name, script in read.items()}


def matcher(sentences: dict[str, Any], **also: Any) -> Recognize:
    """Return a function that matches as Home Assistant does: custom sentences take priority over its own."""
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
    """Return a function that also matches all of Home Assistant's own sentences."""
    own = get_intents("en")
    assert own is not None
    return matcher(sentences, **own)


@cache
def compiled(script: str) -> jinja2.Template:
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(script)


def said(scripts: dict[str, str], found: RecognizeResult) -> str:
    """Return Home Assistant's answer to a matched sentence."""
    slots = {entity.name: entity.value for entity in found.entities_list}
    return compiled(scripts[found.intent.name]).render(slots)


def test_a_sentence_of_a_template_gets_the_programs_answer_or_the_advice_to_get_help(
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
            continue  # if a sentence has two values, Home Assistant keeps the last one
        tried += 1
        answers = skill.content.answers
        answer = answers.answer(match, full_given=False).spoken()
        if match.possible is not None:
            answer = f"{answers.filled(answers.possible).text} {answer}"
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
        ("why do my calves cramp at night", "The article does not say why they come at night."),
        ("help i have a cramp in my foot", "Sit on the edge of the bed. Press your foot flat on the floor."),
        ("help i have a cramp", "Sit or lie somewhere safe. Straighten your leg."),
        ("my leg keeps giving way", "I can't help with this one. "),
        ("would magnets work for leg cramps", "The article does not mention magnets or bracelets."),
        ("should i wear support stockings", "The article does not mention compression socks."),
        ("are statins related to muscle cramps", "The article does not name statins."),
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
def test_home_assistants_own_sentences_stay_with_home_assistant(at_home: Recognize, text: str) -> None:
    found = at_home(text)
    assert found is None or not found.intent.name.startswith(PREFIX)


def test_every_exported_name_has_the_prefix(sentences: dict[str, Any]) -> None:
    known = get_intents("en")
    assert known is not None
    for kind in ("intents", "lists", "expansion_rules"):
        assert all(name.startswith(PREFIX) for name in sentences[kind])
        assert not set(sentences[kind]) & set(known[kind])


def test_intents_that_tell_users_to_get_help_come_first_and_every_intent_has_an_answer(
    sentences: dict[str, Any], scripts: dict[str, str]
) -> None:
    assert list(sentences["intents"]) == list(scripts)
    alarms = [name for name in scripts if ALARM.match(name)]
    assert alarms == list(scripts)[: len(alarms)]
    assert len(alarms) >= 5
    assert sorted(scripts)[: len(alarms)] == sorted(alarms)  # if two intents match, hassil takes the first by name


def test_every_answer_has_its_disclaimer(scripts: dict[str, str]) -> None:
    for text in scripts.values():
        cases = [case for case in re.split(r"\{%.*?%\}", text) if case]
        assert [case for case in cases if not re.search(r"medical expert\.|not medical advice\.", case)] == []


@pytest.mark.parametrize("name", [SENTENCES, ANSWERS])
def test_an_exported_file_explains_its_purpose_and_limits(folder: Path, name: str) -> None:
    comment = (folder / name).read_text(encoding="utf-8").split("\n\n")[0]
    assert "voice-helper export homeassistant" in comment.splitlines()[0]
    for words in (
        "for education only",
        "no clinician",
        "Emergencies come first",
        "it guesses",
        "Not exported",
        "guided",
    ):
        assert words in comment


# Skip words


@cache
def skip_words() -> list[str]:
    known = get_intents("en")
    assert known is not None
    words: list[str] = known["skip_words"]
    return words


def without_skip_words(text: str) -> str:
    """Return the text that hassil up to 3.6 matches: `remove_skip_words` of its `util`."""
    longest_first = "|".join(re.escape(word) for word in sorted(skip_words(), key=len, reverse=True))
    return " ".join(re.sub(rf"(?<=\W)({longest_first})(?=\W)", " ", f" {text} ").split())


@pytest.fixture(scope="module")
def cut(skill: Skill) -> list[tuple[str, str]]:
    """Return exported sentences that contain a skip word, with their intents: many signs of danger, and a few of each
    other intent.
    """
    ours = skill.content.sentences
    found = []
    for template in ours.templates:
        group = ours.group_of[template.intent]
        is_left_out = group in LEFT_OUT and template.intent != "guide_start"
        may_be_cut = any(ours.words_of(template).issuperset(word.split()) for word in skip_words())
        if is_left_out or not may_be_cut or " " not in ours.plainest(template):
            continue
        texts = [text for text in ours.draw(template, 24) if without_skip_words(text) not in (text, "help")]
        found += [(template.intent, text) for text in (texts if group == "safety" else texts[:4])]
    return found


def test_the_skip_words_are_those_of_home_assistant(skill: Skill) -> None:
    subject = skill.content.subject
    assert subject is not None
    assert set(subject.skip_words) == set(skip_words())


def test_a_sentence_matches_without_its_skip_words(
    skill: Skill, at_home: Recognize, cut: list[tuple[str, str]]
) -> None:
    wrong = []
    for intent, text in cut:
        found = at_home(without_skip_words(text))
        if found is None or intent_of(skill, found) not in (intent, *ALARMS) or is_lower(intent, found):
            wrong.append((intent, text, found and found.intent.name))
    assert len(cut) > 200
    assert wrong == []


ALARMS = ("emergency", "urgent")


def intent_of(skill: Skill, found: RecognizeResult) -> str | None:
    """Return the program's intent behind a Home Assistant intent."""
    name = re.sub(rf"^{PREFIX}([01]_)?", "", found.intent.name)
    matching = [intent for intent in skill.content.answers.entries if f"{name}_".startswith(f"{intent}_")]
    return max(matching, key=len, default=None)


def is_lower(intent: str, found: RecognizeResult) -> bool:
    return intent == "emergency" and not found.intent.name.startswith(f"{PREFIX}0_")


def test_a_harmless_sentence_without_its_skip_words_is_not_a_sign_of_danger(
    skill: Skill, at_home: Recognize, cut: list[tuple[str, str]]
) -> None:
    harmless = [
        text
        for intent, text in cut
        if not skill.content.safety.find(skill.content.safety.language.normalize(text)).raised
    ]
    assert len(harmless) > 150
    for text in harmless:
        found = at_home(without_skip_words(text))
        assert found is None or not ALARM.match(found.intent.name), text


OLDEST = Path(os.environ.get("HASSIL_PYTHON", str(CHECKOUT / ".venv-hassil" / "bin" / "python")))
"""A Python interpreter with hassil 3.5 and Home Assistant's sentences of that time, created by `make test-hassil`."""

ASK_OLDEST = """
import json, sys, yaml
from hassil.intents import Intents, TextSlotList
from hassil.recognize import recognize_best
from hassil.util import merge_dict
from home_assistant_intents import get_intents
asked = json.load(sys.stdin)
ours = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
for intent in ours["intents"].values():
    for block in intent["data"]:
        block["metadata"] = {"hass_custom_sentence": True}
merged = get_intents("en")
merge_dict(merged, ours)
intents = Intents.from_dict(merged)
lists = {name: TextSlotList.from_strings(values, name=name) for name, values in asked["house"].items()}
found = []
for text in asked["texts"]:
    keys = {"best_metadata_key": "hass_custom_sentence", "best_slot_name": "name"}
    best = recognize_best(text, intents, slot_lists=lists, **keys)
    found.append(best and best.intent.name)
json.dump(found, sys.stdout)
"""


@pytest.mark.skipif(not OLDEST.exists(), reason="hassil 3.5 is not installed: make test-hassil")
def test_hassil_3_5_finds_every_sign_of_danger_with_a_skip_word(folder: Path, cut: list[tuple[str, str]]) -> None:
    texts = [text for intent, text in cut if intent in ALARMS]
    texts += [f"{text} and my leg hurts" for text in texts] + [f"my leg hurts and {text}" for text in texts]
    asked = json.dumps({"house": HOUSE, "texts": texts})
    ran = subprocess.run(
        [OLDEST, "-c", ASK_OLDEST, folder / SENTENCES], input=asked, text=True, capture_output=True, check=True
    )
    found = json.loads(ran.stdout)
    wrong = [(text, name) for text, name in zip(texts, found, strict=True) if not name or not ALARM.match(name)]
    assert len(texts) > 60
    assert wrong == []
