from __future__ import annotations

import pytest
import yaml

from voice_helper.content import yaml_documents
from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document


def problems_of(text: str) -> list[str]:
    problems = Problems()
    read_document(text, "file.yaml", problems)
    return [line.removeprefix("file.yaml:") for line in problems.lines()]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !help me", '1: the tag !help is not read: a text that begins with "!" needs quotes around it'),
        (
            "a: &b 1",
            "1: anchors (&) and aliases (*) are not supported: write the value out, or put quotes around the text",
        ),
        ("a: 1\n[x]: 2", "2: a key must be a text"),
        ("a: 1\na: 2", '2: key "a" occurs twice (first in line 1): keep only one'),
        ("a:\n  - !!binary aGk=", "2: the tag tag:yaml.org,2002:binary is not read: only plain values are"),
        ("a: !!set {b}", "1: the tag tag:yaml.org,2002:set is not read: only plain values are"),
        ("x" * 2_000_001, "1: is larger than 2000000 characters, which no intents file is"),
        ("[" * 50 + "]" * 50, "1: is nested more than 40 levels deep"),
    ],
    ids=["sign", "anchor", "key", "twice", "binary", "set", "large", "deep"],
)
def test_yaml_that_is_not_plain_data_is_reported_with_its_line(text: str, problem: str) -> None:
    assert problems_of(text) == [problem]


def test_yes_and_no_are_texts_and_numbers_are_numbers() -> None:
    item = read_document("[yes, no, on, true, False, 0x10, 08, 12:30, 1.5, ~, 2026-11-24]", "file.yaml", Problems())
    assert [each.value for each in item.scalars()] == [
        "yes", "no", "on", True, False, 16, "08", "12:30", 1.5, None, "2026-11-24",
    ]  # fmt: skip


def test_every_scalar_value_is_yielded() -> None:
    item = read_document("a: {b: [1, c], d: e}\nf: 2", "file.yaml", Problems())
    assert [each.value for each in item.scalars()] == [1, "c", "e", 2]


def test_a_problem_is_reported_once_and_an_empty_value_is_called_empty() -> None:
    problems = Problems()
    item = read_document("a:\nb: ''\nc: {d: 1}", "file.yaml", problems)
    assert isinstance(item.value, dict)
    for _ in range(2):
        for name, each in item.value.items():
            each.text(problems, name)
    assert len(problems) == 3
    assert problems.lines()[:2] == (
        "file.yaml:1: a must be a text, not empty",
        "file.yaml:2: b must be a text, not empty",
    )
    assert problems.lines()[2].startswith("file.yaml:3: c must be a text, not keys with values")


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("a:\n  - [please] use heat", 2, 'a text that begins with "[" needs quotes around it'),
        ("a:\n  - {muscle} hurts\n  - b", 2, 'a text that begins with "{" needs quotes around it'),
        ("a: [please] x\nb: 1", 1, 'a text that begins with "[" needs quotes around it'),
        ("a:\n  - @home", 2, 'a text that begins with "@" needs quotes around it'),
        ("a:\n  - `x`", 2, 'a text that begins with "`" needs quotes around it'),
        ("a:\n  - |x", 2, 'a text that begins with "|" needs quotes around it'),
        ("a:\n\t- b", 2, "indent with spaces, not with tabs"),
        ("a:\n  b:\n\t  c: 1", 3, "indent with spaces, not with tabs"),
        ("a:\n  b: say this: now", 2, "a text with a colon in it needs quotes around it"),
        ('a:\n  - b\n  - "say this\n  - more', 3, "the quotes that open here are never closed"),
        ("a:\n  - 'say this\n  - more\nb: 1", 2, "the quotes that open here are never closed"),
        ('a:\n  - "say" this', 2, "a text with quotes in it needs quotes of the other kind around all of it"),
        ("a:\n  - 'it's on'", 2, "a text with quotes in it needs quotes of the other kind around all of it"),
        ("a: [b, c\nd: 1", 2, "the bracket is never closed"),
        (
            'a:\n  b: "say\n  c: "x"\nd: 1',
            2,
            "quotes that open here are not closed where the text ends, but only in line 3",
        ),
        ('a:\n  - "say\n  - "b"\n  - "c"\n', 2, "quotes that open here are not closed where the text ends"),
        ("a:\n  - 'say\n  - 'b'\n  - 'c'\n", 2, "quotes that open here are not closed where the text ends"),
        ('a:\n  - {b: "say, c: 1}\n  - {b: "d", c: 1}\n', 2, "quotes that open here are not closed"),
        ('a:\n  - {b: "say", c: 1}\n  - {b: "d, c: 1}\n  - {b: "e", c: 1}\n', 3, "quotes that open here"),
        ("a:\n  b:compression socks\n  c: 1", 2, 'a space goes after the colon of "b:"'),
        ("a:\n  b: 1\n  c:compression socks\n  d: 1", 3, 'a space goes after the colon of "c:"'),
        ("a:\n  - b: 1\n    c:socks\n", 3, 'a space goes after the colon of "c:"'),
        ("a:\n  - b:socks\n    c: 1\n", 2, 'a space goes after the colon of "b:"'),
        ("a:\n  b: 1\n c: 2", 3, "a line is indented differently from the lines that it belongs to"),
    ],
)
def test_a_yaml_mistake_is_reported_with_its_usual_cause(
    monkeypatch: pytest.MonkeyPatch, loader: str, text: str, line: int, cause: str
) -> None:
    monkeypatch.setattr(yaml_documents, "_Loader", getattr(yaml, loader))
    (problem,) = problems_of(text)
    assert problem.startswith(f"{line}: is not YAML: ")
    assert cause in problem


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a: [please|now]", 'not a list: if it is one that begins with "[", put quotes around it'),
        ("a: {muscle}", 'if it is one with a colon in it or that begins with "{", put quotes around it'),
        ("a:\n  say this: now", "not keys with values: if it is one with a colon in it"),
        ("a: true", 'write it in quotes, "True"'),
    ],
)
def test_a_value_that_yaml_does_not_read_as_text_is_reported_with_the_cause(text: str, cause: str) -> None:
    problems = Problems()
    item = read_document(text, "file.yaml", problems)
    assert isinstance(item.value, dict)
    item.value["a"].text(problems, "a")
    assert cause in problems.lines()[0]


def test_a_key_without_a_space_after_its_colon_is_reported_where_yaml_reads_it_as_a_text() -> None:
    problems = Problems()
    item = read_document("a:\n  b:socks", "file.yaml", problems)
    assert isinstance(item.value, dict)
    item.value["a"].mapping(problems, "a")
    assert problems.lines()[0].endswith(
        'yaml:1: a must have keys, not be "b:socks": a space goes after the colon of "b:"'
    )
