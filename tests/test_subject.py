"""The code knows no subject: body parts, illnesses and remedies occur only in the intents folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import voice_helper
from tests.support.opened import english_content

PACKAGE = Path(voice_helper.__file__).parent
PARTS = sorted(path for path in PACKAGE.rglob("*.py") if "data" not in path.relative_to(PACKAGE).parts)
PAGE = [PACKAGE / "servers" / "web" / "page" / name for name in ("app.js", "index.html", "connection.js", "style.css")]
SHORT_LIST = (
    "cramp", "cramps", "leg", "legs", "thigh", "knee", "heel", "ankle", "muscle", "hamstring", "stretch", "stretching",
    "massage", "heat", "warmth", "hot_weather", "bath", "spasm", "minerals", "electrolytes", "vitamin", "dehydration",
    "back pain", "headache", "sciatica",
)  # fmt: skip
OF_ANY_SUBJECT = {"apple", "condition", "date", "family", "likeness", "pickle", "reach", "tests"}
"""Slot values that have another meaning in the code, such as a phone maker or a family of signs."""

ALLOWED = {"recognizers/embedded/recognizer.py": {"stretch"}, "errors.py": {"leg-cramp-voice"}}
"""The allowed words per file: a stretch of audio, and the name of the package."""


def words_of_the_subject() -> re.Pattern[str]:
    """Return a pattern for the slot values of the intents folder, the names of its article's intents, and a short list
    of words.
    """
    content = english_content()
    values = {entry.value for entries in content.sentences.lists.values() for entry in entries}
    groups = {"causes", "remedies", "about", "care"}
    intents = {intent for intent, group in content.sentences.group_of.items() if group in groups}
    subject = content.subject.names + content.subject.near_names if content.subject else ()
    words = {*values, *content.sentences.lists, *intents, *subject, *SHORT_LIST} - OF_ANY_SUBJECT
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![a-z])(?:{either})(?![a-z])", re.IGNORECASE)


def literals_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text and name in the code except docstrings, which may use the subject in examples."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name | ast.arg | ast.Attribute | ast.FunctionDef | ast.keyword):
            name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "attr", None)
            yield getattr(node, "lineno", 0), str(name or getattr(node, "name", ""))


@pytest.mark.parametrize("path", PARTS, ids=[path.relative_to(PACKAGE).as_posix() for path in PARTS])
def test_no_code_names_a_body_part_an_illness_or_a_remedy(path: Path) -> None:
    words, own = words_of_the_subject(), ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())
    found = [
        f"line {line}: {text[:80]!r}"
        for line, text in literals_of(path)
        if text not in own and (words.search(text.replace("_", " ")) or words.fullmatch(text))
    ]
    assert found == []


@pytest.mark.parametrize("path", PAGE, ids=[path.name for path in PAGE])
def test_the_page_names_none_either(path: Path) -> None:
    words = words_of_the_subject()
    assert [line for line in path.read_text(encoding="utf-8").splitlines() if words.search(line)] == []
