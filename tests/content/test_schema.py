from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from voice_helper.content.documents import Place, Problems
from voice_helper.content.schema import Record, Text, did_you_mean, json_schema, key, read
from voice_helper.content.yaml_documents import read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Dish(Record):
    """A dish."""

    name: str = key("Its name.", hint="as the menu has it")
    kind: Literal["soup", "salad"] = key("Its kind.", default="soup")
    price: float = key("Its price.", default=0.0, low=0.0, high=99.0)
    served_hot: bool = key("Whether it is hot.", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Record):
    """An offer."""

    dish: str = key("Its dish.", unless="like")
    price: float = key("Its price.", default=0.0, unless="like")
    like: str | None = key("Another offer that it is like.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu(Record):
    """A menu."""

    named = "menu.yaml"

    dishes: tuple[Dish, ...] = key("All dishes.", default=(), each="dish {}")
    notes: tuple[str, ...] = key("Notes.", default=())
    tables: dict[str, Text] = key("Tables.", default={}, names=("window", "corner"))
    offers: tuple[Offer, ...] = key("Offers.", default=(), each="offer {}")
    today: str | Dish | tuple[Dish, ...] = key("The dish of the day.", default="")


def menu(text: str) -> tuple[Menu, list[str]]:
    problems = Problems()
    found = read(Menu, read_document(text, "menu.yaml", problems), problems)
    return found, [line.removeprefix("menu.yaml:") for line in problems.lines()]


def test_a_document_is_read_as_its_record_with_the_line_of_each_value() -> None:
    found, problems = menu("dishes:\n  - name: a\n    price: 2\nnotes: one\ntables: {corner: set}")
    assert problems == []
    assert [(dish.name, dish.price, dish.kind, dish.place.line) for dish in found.dishes] == [("a", 2.0, "soup", 2)]
    assert found.dishes[0].place_of("price").line == 3
    assert found.dishes[0].place_of("kind").line == 2
    assert (found.notes, found.tables) == (("one",), {"corner": Text("set", Place("menu.yaml", 5))})


@pytest.mark.parametrize(
    ("text", "kind"), [("today: a", str), ("today: {name: a}", Dish), ("today: [{name: a}]", tuple)]
)
def test_a_value_of_a_union_type_is_read_by_its_form(text: str, kind: type) -> None:
    found, problems = menu(text)
    assert problems == []
    assert isinstance(found.today, kind)


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    _, problems = menu(
        "dishes:\n  - {price: 100}\n  - {name: a, kind: salat}\n  - {name: 1, served_hot: maybe}\n  - b\n"
        "nots: c\ntables:\n  windw: d\n  corner: [e]\n"
    )
    assert problems == [
        '2: dish 1 needs "name", as the menu has it',
        "2: dish 1, price must be from 0 to 99, not 100.0",
        '3: dish a, kind must be one of soup, salad, not "salat", did you mean "salad"?',
        '4: dish 3, name must be a text: write it in quotes, "1"',
        '4: dish 3, served_hot must be true or false, not "maybe"',
        '5: dish 4 must have keys, not be "b"',
        '6: menu.yaml: unknown key "nots", did you mean "notes"? (known: dishes, notes, offers, tables, today)',
        '8: tables: unknown key "windw", did you mean "window"? (known: corner, window)',
        '9: tables, corner must be a text, not a list: if it is one that begins with "[", put quotes around it',
    ]


def test_a_key_may_replace_others() -> None:
    found, problems = menu("offers: [{dish: a}, {like: b}]")
    assert problems == []
    assert [(offer.dish, offer.like) for offer in found.offers] == [("a", None), ("", "b")]
    _, problems = menu("offers:\n  - {price: 2}\n  - {price: 2, like: b}\n")
    assert problems == ['2: offer 1 needs "dish"', '3: offer 2 has "like", so "price" has no effect']


def test_only_a_similar_name_is_suggested() -> None:
    assert did_you_mean("steps", ["step", "place"]) == ', did you mean "step"?'
    assert did_you_mean("xyz", ["step", "place"]) == ""


def test_the_json_schema_matches_the_records() -> None:
    schema = json_schema(Menu)
    assert (schema["title"], schema["additionalProperties"], "required" in schema) == ("menu.yaml", False, False)
    assert schema["properties"]["tables"]["propertyNames"] == {"enum": ["corner", "window"]}
    dish = schema["$defs"]["Dish"]
    assert dish["required"] == ["name"]
    assert dish["properties"]["price"] == {
        "description": "Its price.",
        "type": "number",
        "minimum": 0.0,
        "maximum": 99.0,
    }
    offer = schema["$defs"]["Offer"]
    assert "required" not in offer
    assert offer["allOf"][0]["if"] == {"required": ["like"]}
    assert offer["allOf"][0]["else"] == {"required": ["dish"]}
    assert schema["properties"]["today"]["anyOf"][1] == {"$ref": "#/$defs/Dish"}
