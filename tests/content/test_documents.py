from __future__ import annotations

import pytest

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document


def problems_of(text: str) -> list[str]:
    problems = Problems()
    read_document(text, "file.yaml", problems)
    return [line.removeprefix("file.yaml:") for line in problems.lines()]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &b 1", "1: anchors (&) and aliases (*) are not read: write the value out"),
        ("a: 1\n[x]: 2", "2: a key must be a text"),
        ("a: 1\na: 2", '2: key "a" stands here a second time; only one would count'),
        ("a:\n  - !!binary aGk=", "2: the tag tag:yaml.org,2002:binary is not read: only plain values are"),
        ("a: !!set {b}", "1: the tag tag:yaml.org,2002:set is not read: only plain values are"),
        ("x" * 2_000_001, "1: is larger than 2000000 characters, which no intents file is"),
        ("[" * 50 + "]" * 50, "1: is nested more than 40 levels deep"),
    ],
    ids=["anchor", "key", "twice", "binary", "set", "large", "deep"],
)
def test_what_is_no_plain_data_is_named_with_its_line(text: str, problem: str) -> None:
    assert problems_of(text) == [problem]


def test_words_that_people_say_are_no_truth_values_and_numbers_are_numbers() -> None:
    item = read_document("[yes, no, on, true, False, 0x10, 08, 12:30, 1.5, ~, 2026-11-24]", "file.yaml", Problems())
    assert [each.value for each in item.scalars()] == [
        "yes", "no", "on", True, False, 16, "08", "12:30", 1.5, None, "2026-11-24",
    ]  # fmt: skip


def test_every_value_can_be_walked_through() -> None:
    item = read_document("a: {b: [1, c], d: e}\nf: 2", "file.yaml", Problems())
    assert [each.value for each in item.scalars()] == [1, "c", "e", 2]


def test_the_same_problem_is_told_once_and_what_is_empty_is_called_so() -> None:
    problems = Problems()
    item = read_document("a:\nb: ''\nc: {d: 1}", "file.yaml", problems)
    assert isinstance(item.value, dict)
    for _ in range(2):
        for name, each in item.value.items():
            each.text(problems, name)
    assert len(problems) == 3
    assert problems.lines() == (
        "file.yaml:1: a must be a text, not empty",
        "file.yaml:2: b must be a text, not empty",
        "file.yaml:3: c must be a text, not keys with values",
    )
