"""Another subject, made from the docs alone, can be asked by text and by voice, guided, served and exported."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.programs import Run
from tests.support.speech import flite
from voice_helper.audio.devices import silence, write_wav
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.guide import Guide
from voice_helper.dialogue.turn_taking import first_state, take_turn
from voice_helper.errors import IntentsError
from voice_helper.servers.chat_sessions import ChatSessions
from voice_helper.servers.web.page_files import page_files
from voice_helper.skill import Skill, open_skill
from voice_helper.skill.folder_reader import load_content
from voice_helper.understanding.ranking import NothingIsNear
from voice_helper.understanding.understand import Understanding

DOCS = (Path(__file__).parents[1] / "docs" / "intents.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`back-pain/([\w./]+)`.*?^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^voice-helper (?=.*\bback-pain\b)(.*)$", re.MULTILINE)
ENGLISH = Path(__file__).parents[1] / "intents" / "en"
WARNING = "WARNING: signs of danger are not recognized"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the page tells newcomers to create."""
    folder = tmp_path_factory.mktemp("subject") / "back-pain"
    for name, text in FILE.findall(DOCS):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def back(folder: Path) -> Skill:
    return open_skill(folder=folder)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """Return the folder with a copy of the English `safety.yaml`, but with no answers to its families."""
    shutil.copytree(folder, tmp_path / "back-pain")
    shutil.copy(ENGLISH / "safety.yaml", tmp_path / "back-pain")
    return tmp_path / "back-pain"


@pytest.fixture
def guarded(copied: Path) -> Path:
    """Return the folder after the steps of the page that add `safety.yaml`."""
    levels = ("emergency", "urgent", "ask_other_person", "ask_medicine", "ask_diagnosis")
    with (copied / "answers.yaml").open("a", encoding="utf-8") as answers:
        for level in levels:
            row = f'{{text: "This is {level}.", kind: safety, source: nhs_back_pain}}'
            answers.write(f"  {level}: {{disclaimer: short, rows: [{row}]}}\n")
    sentences = "".join(f'  {level}: {{data: [{{sentences: ["zorb {level[-6:]}"]}}]}}\n' for level in levels)
    (copied / "sentences" / "safety.yaml").write_text(f"language: en\nintents:\n{sentences}", encoding="utf-8")
    language = (copied / "language.yaml").read_text(encoding="utf-8").replace("[guide,", "[safety, guide,")
    (copied / "language.yaml").write_text(language, encoding="utf-8")
    return copied


def guide_of(skill: Skill) -> Guide:
    assert skill.content.guide is not None
    return skill.content.guide


def test_the_page_has_five_files_and_the_folder_no_problem(run: Run, folder: Path) -> None:
    assert len(FILE.findall(DOCS)) == 5
    ran = run("check", folder)
    assert (ran.code, "no problems" in ran.out, WARNING in ran.err) == (0, True, True)


def test_each_level_that_has_families_but_no_answer_is_a_problem(copied: Path) -> None:
    with pytest.raises(IntentsError) as raised:
        load_content(copied)
    levels = re.findall(r"safety\.yaml:\d+: the family \w+ leads to (\w+), which has no answer", str(raised.value))
    assert levels == ["emergency", "urgent", "ask_other_person", "ask_diagnosis", "ask_medicine"]


def test_families_that_lead_to_no_alarm_leave_the_warning_on(folder: Path, guarded: Path) -> None:
    only_medicines = "families:\n  medicines: {level: ask_medicine, signs: [ibuprofen]}\n"
    assert load_content(guarded).knows_danger
    (guarded / "safety.yaml").write_text(f"language: en\n{only_medicines}", encoding="utf-8")
    assert not load_content(guarded).knows_danger


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("i have chest pain", "emergency"),
        ("my lips are blue", "emergency"),
        ("how much ibuprofen can i take", "ask_medicine"),
        ("i'm pregnant", "ask_other_person"),
    ],
)
def test_a_rule_is_acted_on_although_the_text_resembles_no_sentence(guarded: Path, text: str, intent: str) -> None:
    content = load_content(guarded)
    understanding = Understanding(content.sentences, content.safety, NothingIsNear(), content.thresholds)
    conversation = Conversation(understanding, content.answers, content.guide, content.follow_ups).by_turns()
    _, reply = take_turn(conversation, first_state(), text)
    assert (reply.intent, reply.rows[0].text) == (intent, f"This is {intent}.")


def test_every_command_of_the_page_that_ends_by_itself_runs(run: Run, folder: Path, tmp_path: Path) -> None:
    named = [line.replace("back-pain", str(folder)) for line in COMMAND.findall(DOCS)]
    lasting = re.compile(r"^(test-intents|guide|serve)")
    assert len(named) == 6
    for line in (line for line in named if not lasting.match(line)):
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        assert run(*[str(tmp_path / word) if word == "config" else word for word in words]).code == 0, line


@pytest.mark.parametrize(
    ("text", "intent", "said"),
    [
        ("what causes back pain", "causes_overview", "Often there is no clear cause."),
        ("would a walk be good for my back", "remedy_walking", "Yes. Stay active."),
        ("should i stay in bed", "remedy_bed_rest", "No. Do not stay in bed for long."),
        ("bananas in the moonlight", "none", "Sorry, say that again?"),
    ],
)
def test_a_typed_question_is_answered(run: Run, folder: Path, text: str, intent: str, said: str) -> None:
    ran = run("ask", "--intents", folder, text, "--json")
    assert (ran.code, json.loads(ran.out)["intent"]) == (0, intent)
    assert json.loads(ran.out)["spoken"].startswith(said)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_a_spoken_question_is_answered(run: Run, folder: Path, tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    write_wav(question, silence(0.5) + flite("slt", "does walking help with back pain") + silence(1.0))
    ran = run("ask", "--intents", folder, "--wav", question, "--json", "--voice", "none")
    assert (ran.code, json.loads(ran.out)["intent"]) == (0, "remedy_walking")


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_a_session_is_guided_for_its_place_and_ends_with_stop(run: Run, folder: Path, tmp_path: Path) -> None:
    sound = tmp_path / "session.wav"
    write_wav(sound, silence(40.0) + flite("slt", "stop") + silence(2.0))
    ran = run("guide", "--intents", folder, "--place", "upper", "--source", sound, "--events", "--voice", "none")
    told = [json.loads(line) for line in ran.out.splitlines()]
    said = [each["text"] for each in told if each["event"] == "say"]
    assert said[0] == "Breathe slowly."
    assert "Roll your shoulders." in said
    assert "Rock your knees from side to side." not in said
    assert any(each["event"] == "end" and each["reason"] == "stopped" for each in told)


def test_it_is_served_by_turns_with_its_own_places_and_limit(back: Skill) -> None:
    talks = ChatSessions(back.conversation.by_turns(), clock=lambda: now)
    now = 0.0
    assert talks.say("bed", "does walking help").text.startswith("Yes. Stay active.")
    assert talks.say("bed", "help").text.startswith("Breathe slowly. Rock your knees")
    assert talks.say("bed", "it's my upper back").text == "Roll your shoulders."
    assert talks.say("bed", "next").text == "Better, the same, or worse?"
    assert talks.say("bed", "better").ended == "better"
    talks.say("bed", "help")
    now = guide_of(back).limit_seconds
    late = talks.say("bed", "next")
    assert (late.ended, late.text.startswith("This has taken too long.")) == ("time_limit", True)


def test_texts_that_the_guide_leaves_out_are_skipped(back: Skill) -> None:
    talks = ChatSessions(back.conversation.by_turns())
    for text in ("help", "qwxz", "repeat", "next", "next", "stop", "qwxz", "qwxz", "qwxz", "qwxz"):
        assert all(row.text for row in talks.say("bed", text).rows)


def test_it_is_exported_to_home_assistant_under_its_name(run: Run, folder: Path, tmp_path: Path) -> None:
    ran = run("export", "homeassistant", "--intents", folder, tmp_path / "config")
    assert ran.code == 0
    name = "voice_helper_back_pain"
    sentences = (tmp_path / "config" / "custom_sentences" / "en" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "Sentences about back-pain" in sentences
    assert "keep moving" in sentences
    assert not re.search(r"cramp|calf|leg", sentences)
    assert (tmp_path / "config" / "packages" / f"{name}.yaml").is_file()
    assert set(re.findall(r"voice_helper_(?!back_pain)\w+", sentences)) == set()


def test_an_export_without_sentences_for_danger_promises_none(run: Run, folder: Path, tmp_path: Path) -> None:
    ran = run("export", "homeassistant", "--intents", folder, tmp_path / "config")
    assert "no sentences for signs of danger are exported" in ran.err
    for path in (tmp_path / "config").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "# This subject has no sentences for signs of danger" in text
        assert "Emergencies come first" not in text


def test_the_message_about_new_sentences_names_the_folder(back: Skill, guarded: Path) -> None:
    told: list[str] = []
    open_skill(folder=guarded, announce=told.append, before=back)
    assert f"run voice-helper learn {guarded}, which" in "".join(told)


def test_a_page_without_a_number_to_call_names_none(back: Skill) -> None:
    assert back.content.page is not None
    page = page_files(back.content, back.content.page, needs_token=False)["index.html"].decode()
    assert "In an emergency" not in page
    assert "call ." not in page


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("answers.yaml", 'not_understood: {again: "Sorry, say that again?"}\n', "",
         'answers.yaml:1: answers.yaml needs "not_understood", with "again", the reply to unclear speech'),
        ("guide.yaml", "slot: side", "slot: part", "guide.yaml:1: place: there is no list {part}"),
        ("guide.yaml", "usual: lower", "usual: middle", 'guide.yaml:1: place: "middle" is not a value of {side}'),
        ("guide.yaml", "steps:", "conditions: {tired: [cause_age]}\nsteps:",
         "guide.yaml:1: conditions, tired: there is no intent cause_age"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file(
    folder: Path, tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    broken = tmp_path / "back-pain"
    shutil.copytree(folder, broken)
    text = (broken / file).read_text(encoding="utf-8")
    assert old in text
    (broken / file).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(IntentsError) as raised:
        load_content(broken)
    assert problem in str(raised.value.message) + "\n" + str(raised.value)
