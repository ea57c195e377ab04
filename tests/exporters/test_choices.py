"""The choices of a template, resolved one by one."""

from __future__ import annotations

import pytest

from voice_helper.exporters.choices import resolutions

RULES = {"salt": "(table|sea) salt|brine", "plain": "some water"}


@pytest.mark.parametrize(
    ("template", "ways"),
    [
        ("no choice {here:there}", []),
        ("(a|b) c", [["a c", "b c"]]),
        ("a [b|c] d", [["a b d", "a c d", "a d"]]),
        ("i('ve| have) (got|had)", [["i've (got|had)", "i have (got|had)"], ["i('ve| have) got", "i('ve| have) had"]]),
        ("((a|b) c|d [e])", [["(a|b) c", "d [e]"]]),
        ("is <salt> bad", [["is (table|sea) salt bad", "is brine bad"]]),
        ("[<salt>]", [["<salt>", ""]]),
        ("<plain>", [["some water"]]),
        ("(a;b) (c|d)", [["(a;b) c", "(a;b) d"]]),
    ],
)  # fmt: skip
def test_every_outermost_choice_and_rule_is_resolved_by_itself(template: str, ways: list[list[str]]) -> None:
    assert list(resolutions(template, RULES)) == ways
