from __future__ import annotations

import pytest

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.skill.content import Content
from voice_helper.skill.web_labels import read_web_labels
from voice_helper.support.paths import intents_folder

PAGE = (intents_folder("en") / "page.yaml").read_text(encoding="utf-8")


def problems_of(content: Content, text: str) -> list[str]:
    problems = Problems()
    read_web_labels(read_document(text, "page.yaml", problems), content.sentences, problems)
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
        ("  title:", "  titel:", "labels: title is missing"),
        ("{label: Next, says: next}", "{label: Next}", "guide_next has no says"),
        ("{label: Next, says: next}", "{says: next}", "guide_next has no label"),
        ("{label: Next, says: next}", "{label: Next, says: stop}",
         'guide_next: "stop" matches no sentence of it word for word'),
        ('"it\'s my foot"', "next", 'guide_place: "next" matches no sentence of it word for word'),
        ("[what causes cramps,", "[what flurbs,", 'examples: "what flurbs" matches no sentence word for word'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_words_of_the_page_is_named(content: Content, old: str, new: str, problem: str) -> None:
    assert old in PAGE
    assert problem in problems_of(content, PAGE.replace(old, new))


def test_an_empty_page_lacks_every_label_and_button(content: Content) -> None:
    problems = problems_of(content, "language: en")
    assert {"labels: title is missing", "kinds: article is missing", "commands: guide_stop is missing"} <= set(problems)
