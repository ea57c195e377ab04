"""The figures on the pages are those of the last measurements."""

from __future__ import annotations

import json

import pytest

from tests.support.figures import Place, places
from tests.support.sound import CHECKOUT

PLACES = tuple(places())


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_line_of_a_page_has_the_figures_of_its_result(place: Place) -> None:
    page = (CHECKOUT / place.page).read_text(encoding="utf-8")
    assert place.updated(page) == page, 'run "python -m bench.figures", and read what it changed'


def test_a_figure_that_differs_is_replaced() -> None:
    place = Place("page.md", "understanding-test", "| `test` | {lines} | {right_intent:.1%} | {*} ms |")
    result = json.loads((CHECKOUT / "bench" / "results" / "understanding-test.json").read_text(encoding="utf-8"))
    right = f"{result['right_intent']:.1%}".replace("%", " %")
    updated = place.updated("| `test` | 1 | 2.0 % | 3 ms |\nthe rest")
    assert updated == f"| `test` | {result['lines']} | {right} | 3 ms |\nthe rest"


def test_a_line_that_is_not_on_its_page_is_reported() -> None:
    with pytest.raises(ValueError, match="0 lines of the page fit"):
        Place("page.md", "understanding-test", "| `test` | {lines} |").updated("nothing")
