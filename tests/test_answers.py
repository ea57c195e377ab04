from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from voice_helper.content import Content
from voice_helper.types import Answer, Match, Row

SINGLE_SLOTS = ("muscle", "mineral", "food", "condition")
TOPICS = ("about", "causes", "remedies", "care")
BANNED = [
    "cure", "relieve your", "diagnose", "detect", "assess", "monitor", "screen", "triage", "prescribe", "safe for you",
    "you are fine", "it is just a cramp", "life-saving", "medical-grade", "clinically proven",
]  # fmt: skip
BESIDE = {
    "remedy.heat": "diabetes", "remedy.massage": "swollen", "remedy.water": "limits", "cause.medicines": "stop",
    "care.when": "reason", "cramp.duration": "ten minutes",
}  # fmt: skip


def every_match(content: Content) -> Iterator[Match]:
    for intent, entry in content.answers.entries.items():
        yield Match(intent)
        for row in entry.rows:
            for slot, values in row.when.items():
                if slot in SINGLE_SLOTS:
                    known = [value.value for value in content.sentences.lists[slot]]
                    yield from (Match(intent, {slot: value}) for value in known)
                elif slot == "family":
                    yield from (Match(intent, family=value) for value in values if value != "other")


def every_answer(content: Content) -> list[tuple[Match, Answer]]:
    return [(match, content.answers.answer(match, full_given=False)) for match in every_match(content)]


def test_every_answer_says_something(content: Content) -> None:
    assert [match for match, answer in every_answer(content) if not answer.rows] == []


def test_every_health_sentence_has_its_fact_or_source(content: Content) -> None:
    def has_provenance(row: Row) -> bool:
        if row.kind == "article":
            return row.fact in content.facts
        return row.kind == "talk" or bool(row.source)

    rows = {row for _, answer in every_answer(content) for row in answer.spoken_rows()}
    assert [row for row in rows if not has_provenance(row)] == []


def test_the_disclaimer_follows_the_rule_of_its_group(content: Content) -> None:
    for match, answer in every_answer(content):
        group = content.sentences.group_of[match.intent]
        if group in TOPICS:
            assert answer.disclaimer == "full", match.intent
            assert content.answers.answer(match, full_given=True).disclaimer == "short"
        elif group == "safety":
            assert answer.disclaimer == "short", match.intent
        elif match.intent == "disclaimer":
            assert answer.disclaimer == "full"


def test_emergencies_are_said_twice_and_the_disclaimer_comes_last(content: Content) -> None:
    answer = content.answers.answer(Match("emergency", family="chest_pain"), full_given=False)
    texts = [row.text for row in answer.spoken_rows()]
    assert texts[0] == texts[1]
    assert texts[-1] == content.answers.short.text


@pytest.mark.parametrize(("fact", "word"), sorted(BESIDE.items()))
def test_a_safety_row_stands_where_the_article_alone_would_mislead(content: Content, fact: str, word: str) -> None:
    said = [answer for _, answer in every_answer(content) if any(row.fact == fact for row in answer.rows)]
    assert said
    overview = [answer for answer in said if len({row.fact for row in answer.rows if row.fact}) == 1]
    for answer in overview:
        assert any(row.kind == "safety" and word in row.text for row in answer.rows), answer.spoken()


def test_sentences_and_answers_are_short_enough_for_the_ear(content: Content) -> None:
    for match, answer in every_answer(content):
        words = sum(len(row.text.split()) for row in answer.rows)
        assert words <= 40, (match.intent, dict(match.slots), words)
        for row in answer.rows:
            for sentence in re.split(r"(?<=[.?!])\s+", row.text):
                assert len(sentence.split()) <= 20, sentence


def test_no_banned_word_and_no_dose_is_ever_spoken(content: Content) -> None:
    for _, answer in every_answer(content):
        spoken = answer.spoken().casefold()
        assert [word for word in BANNED if re.search(rf"\b{word}\b", spoken)] == []
        assert not re.search(r"\b(mg|ml|milligrams?|milliliters?)\b", spoken)
        assert "!" not in spoken


def test_only_words_of_the_lists_are_spoken_never_what_was_typed(content: Content) -> None:
    answer = content.answers.answer(Match("remedy_foods", {"food": "fifty tablets"}), full_given=False)
    assert "fifty" not in answer.spoken()


def test_a_named_food_gets_its_own_sentence(content: Content) -> None:
    banana = content.answers.answer(Match("remedy_foods", {"food": "banana"}), full_given=False)
    pickle = content.answers.answer(Match("remedy_foods", {"food": "pickle"}), full_given=False)
    assert banana.rows[0].text.startswith("Bananas are on the article's list")
    assert pickle.rows[0].text == "The article does not mention pickles."


def test_the_emergency_number_is_a_setting(content: Content) -> None:
    answer = content.answers.answer(Match("emergency"), full_given=False)
    assert "your local emergency number" in answer.spoken()
    assert "{" not in answer.spoken()
