from __future__ import annotations

from dataclasses import replace

import pytest

from voice_helper.content.documents import Problems
from voice_helper.content.file_kinds import LABELS
from voice_helper.content.yaml_documents import read_document
from voice_helper.skill.folder_reader import Content
from voice_helper.skill.web_labels import Button, WebLabels, read_web_labels
from voice_helper.support.paths import intents_folder

OWN = (intents_folder("en") / "page.yaml").read_text(encoding="utf-8")
PAGE = (intents_folder("en").parent / "page.en.yaml").read_text(encoding="utf-8") + OWN[OWN.index("places:") :]

NO_USUAL = "copy them from page.en.yaml, because this language has no defaults"


def problems_of(content: Content, text: str) -> list[str]:
    problems = Problems()
    read_web_labels(read_document(text, "page.yaml", problems), None, "knots", content.sentences, problems)
    return [line.partition(": ")[2] for line in problems.lines()]


def test_the_shipped_page_has_its_buttons(content: Content) -> None:
    page = content.page
    assert page is not None
    assert (page.commands["guide_next"].label, page.commands["guide_next"].says) == ("Next", "next")
    assert [button.label for button in page.places] == ["Calf", "Foot", "Front of the thigh", "Back of the thigh"]
    assert problems_of(content, PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  title:", "  titel:", f"labels: missing: title; {NO_USUAL}"),
        ("{label: Next, says: next}", "{label: Next}", 'guide_next needs "says"'),
        ("{label: Next, says: next}", "{says: next}", 'guide_next needs "label"'),
        ("{label: Next, says: next}", "{label: Next, says: stop}",
         'guide_next: "stop" matches no sentence of it word for word'),
        ('"it\'s my foot"', "next", 'guide_place: "next" matches no sentence of it word for word'),
        ("[what causes cramps,", "[what flurbs,", 'examples: "what flurbs" matches no sentence word for word'),
    ],
)  # fmt: skip
def test_a_mistake_in_page_yaml_is_reported(content: Content, old: str, new: str, problem: str) -> None:
    assert old in PAGE
    assert problem in problems_of(content, PAGE.replace(old, new))


def test_an_empty_page_lacks_every_label_and_button(content: Content) -> None:
    problems = problems_of(content, "language: en")
    assert [problem.partition(", ")[0] for problem in problems] == [
        "commands: missing: guide_back", "kinds: missing: article", "labels: missing: about",
    ]  # fmt: skip


def completed(content: Content, own: str | None) -> WebLabels:
    problems = Problems()
    usual = read_document(PAGE.partition("\nplaces:")[0], "page.en.yaml", problems)
    item = read_document(own, "page.yaml", problems) if own is not None else None
    page = read_web_labels(item, usual, "knots", content.sentences, problems)
    assert (problems.lines(), page is not None) == ((), True)
    assert page is not None
    return page


def test_texts_that_a_page_leaves_out_are_the_defaults_of_the_language(content: Content) -> None:
    page = completed(content, "labels: {title: Knots}\ncommands: {guide_next: {label: On, says: go on}}")
    assert (page.labels["title"], page.labels["about"]) == ("Knots", "Ask aloud about knots.")
    assert page.labels.keys() == LABELS
    assert (page.commands["guide_next"], page.commands["guide_stop"]) == (Button("On", "go on"), Button("Stop", "stop"))
    assert (page.places, page.examples) == ((), ())


def test_a_folder_without_a_page_has_the_default_page_with_its_own_commands(content: Content) -> None:
    few = {"guide_next", "guide_stop"}
    templates = [each for each in content.sentences.templates if each.intent in few and each.text != "next"]
    sentences = replace(content.sentences, templates=tuple(templates))
    page = completed(replace(content, sentences=sentences), None)
    assert page.commands.keys() == few
    assert page.commands["guide_stop"].says == "stop"
    for intent, button in page.commands.items():
        assert sentences.exact(sentences.language.normalize(button.says))[0].intent == intent


def test_a_language_without_default_texts_has_a_page_only_if_the_folder_has_one(content: Content) -> None:
    assert read_web_labels(None, None, "knots", content.sentences, Problems()) is None
