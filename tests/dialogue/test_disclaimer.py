"""Which disclaimer is due, and when the full one counts as heard."""

from __future__ import annotations

import pytest

from voice_helper.dialogue.disclaimer import Disclaimers, DisclaimerState, rule_of_more
from voice_helper.types import DisclaimerRule, Row

FULL, SHORT, ROWS = Row("All of it.", "talk"), Row("In short.", "talk"), (Row("Heat helps.", "article", "heat"),)
TEXTS = Disclaimers(FULL, SHORT)


@pytest.mark.parametrize(
    ("rule", "full_given", "row"),
    [("topic", False, FULL), ("topic", True, SHORT), ("full", True, FULL), ("short", False, SHORT),
     ("none", False, None)],
)  # fmt: skip
def test_the_rule_determines_which_disclaimer_is_due(rule: DisclaimerRule, full_given: bool, row: Row | None) -> None:
    answer = TEXTS.after(ROWS, rule, full_given=full_given)
    assert (answer.rows, answer.disclaimer_row) == (ROWS, row)


def test_the_full_disclaimer_counts_once_it_has_been_played_to_its_end() -> None:
    begun = DisclaimerState().begun(is_full=True)
    assert (begun.given, begun.heard().given) == (False, True)
    assert not begun.cut_off().heard().given
    assert not begun.begun(is_full=False).heard().given


def test_a_disclaimer_that_was_heard_stays_heard() -> None:
    given = DisclaimerState(given=True)
    assert given.begun(is_full=True).cut_off().heard().given


def test_rows_without_a_health_claim_need_no_disclaimer() -> None:
    assert rule_of_more((Row("Ask about one.", "talk"),)) == "none"
    assert rule_of_more((Row("Ask about one.", "talk"), *ROWS)) == "topic"
