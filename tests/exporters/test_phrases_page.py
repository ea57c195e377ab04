from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.programs import Run
from tests.support.sound import CHECKOUT
from voice_helper.exporters.phrases_page import phrases_page
from voice_helper.skill.folder_reader import Content, check_folder
from voice_helper.types import OUT_OF_SCOPE
from voice_helper.understanding.ranking import NothingIsNear
from voice_helper.understanding.understand import Understanding

PAGE = CHECKOUT / "docs" / "what-can-i-say.md"


Shown = dict[str, list[str]]


def page_of(content: Content) -> str:
    return phrases_page(content.phrasebook, content.sentences, content.answers)


@pytest.fixture(scope="module")
def page(content: Content) -> str:
    return page_of(content)


@pytest.fixture(scope="module")
def shown(content: Content, page: str) -> Shown:
    """Return the sentences on the page by intent."""
    intents = {entry.title: intent for intent, entry in content.answers.entries.items()}
    lines = re.findall(r"(?m)^- \*\*(.*)\*\*: (.*)$", page)
    assert len(lines) == len({title for title, _ in lines})
    return {intents[title]: re.findall("“(.*?)”", sentences) for title, sentences in lines}


def test_the_phrases_page_is_up_to_date(page: str) -> None:
    made = "make it anew: voice-helper check --phrases docs/what-can-i-say.md"
    assert PAGE.read_text(encoding="utf-8") == page, made


def test_every_intent_except_out_of_scope_is_on_the_page_once(content: Content, shown: Shown) -> None:
    assert set(shown) == set(content.sentences.intents) - {OUT_OF_SCOPE}


def test_every_sentence_on_the_page_has_the_meaning_of_its_heading(content: Content, shown: Shown) -> None:
    by_words = Understanding(content.sentences, content.safety, NothingIsNear(), content.thresholds)
    meant = {text: (intent, by_words.understand(text).intent) for intent, texts in shown.items() for text in texts}
    assert {text: both for text, both in meant.items() if both[0] != both[1]} == {}


def test_the_examples_are_few_plain_and_different(shown: Shown) -> None:
    assert "Does heat help" in shown["remedy_heat"]
    for texts in shown.values():
        assert 2 <= len(texts) <= 3
        assert len({tuple(sorted(text.casefold().split())) for text in texts}) == len(texts)
        assert all(len(text.split()) <= 10 and not set(text) & set("()[]{}<>|") for text in texts)


def test_words_are_displayed_as_the_folder_says(content: Content) -> None:
    assert content.phrasebook.shown("can i say i'm ill") == "Can I say I'm ill"


@pytest.fixture
def folder(spanish_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(spanish_folder, tmp_path / "es")
    return tmp_path / "es"


def test_a_folder_without_phrases_yaml_gets_a_page_of_its_groups(folder: Path) -> None:
    (folder / "phrases.yaml").unlink()
    content, problems = check_folder(folder)
    assert problems == ()
    assert content is not None
    page = page_of(content)
    assert re.findall(r"(?m)^#+ .*$", page) == ["# es", "## guide", "## safety", "## topics"]
    assert "- **el calor**: “Ayuda el calor”" in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topics: [{title: x, groups: [gide]}]", 'there is no group "gide"'),
        ("topics: [{title: x, intents: [remedy_hat]}]", 'there is no intent "remedy_hat"'),
        ("topics: [{groups: [guide]}]", 'topic 1 needs "title"'),
        ("topics: [{title: x, group: guide}]", 'unknown key "group"'),
        ("examples: {remedy_heat: [hola]}", '"hola" matches no sentence of remedy_heat word for word'),
        ("examples: {remedy_heat: [xyzzy]}", '"xyzzy" matches no sentence of remedy_heat word for word'),
        ("tittle: x", 'unknown key "tittle"'),
    ],
)
def test_a_mistake_in_phrases_yaml_is_reported(folder: Path, text: str, message: str) -> None:
    (folder / "phrases.yaml").write_text(f"language: es\n{text}\n", encoding="utf-8")
    _, problems = check_folder(folder)
    assert [problem for problem in problems if re.search(r"phrases.yaml:2: ", problem) and message in problem], problems


def test_the_page_is_written_completely_or_not_at_all(run: Run, folder: Path, tmp_path: Path) -> None:
    ran = run("check", folder, "--phrases", "page.md")
    assert ran.code == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8").startswith("# ¿Qué puedo decir?\n")
    assert run("check", folder, "--phrases", "nowhere/page.md").code == 1
    (folder / "phrases.yaml").write_text("topics: x\n", encoding="utf-8")
    assert run("check", folder, "--phrases", "other.md").code == 1
    assert not (tmp_path / "other.md").exists()
