from __future__ import annotations

import random

import pytest
from hassil.intents import Intents
from hassil.recognize import recognize_all
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.skill.folder_reader import Content
from voice_helper.understanding.hassil_adapter import Templates, names_of, needs_of, parse_fault
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.prefilter import (
    Name,
    NeedReader,
    PieceReader,
    WordIndex,
    is_plain,
    names_in,
    reached_from,
)
from voice_helper.understanding.required_fragments import FragmentIndex, as_bits, positions
from voice_helper.understanding.sentence_reader import read_sentences
from voice_helper.understanding.sentences import Sentences

WORDS = st.sampled_from(["a", "my", "calf", "calves", "it's", "cramp", "cramps", "now"])
NAMES = st.sampled_from(["{muscle}", "{muscle:other}", "<pain>", "<deep>"])


def grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    choices = st.lists(inner, min_size=1, max_size=3).map("|".join)
    joined = st.tuples(st.lists(inner, min_size=1, max_size=3), st.sampled_from(["", " "])).map(
        lambda x: x[1].join(x[0])
    )
    return choices.map("({})".format) | choices.map("[{}]".format) | joined


TEMPLATES = st.recursive(WORDS | NAMES, grouped, max_leaves=12)
TEXTS = st.lists(WORDS | st.sampled_from(["in", "ache", "toe"]), min_size=1, max_size=6).map(" ".join)
LISTS = {"muscle": {"values": [{"in": "(calf|calves)", "out": "calf"}, {"in": "[big] toe[s]", "out": "toe"}]}}
RULES = {"pain": "(ache|cramp[s])", "deep": "[in] my <pain>"}


def folder_of(templates: list[str]) -> Sentences:
    """Return the sentences of one intent, with a list and rules."""
    lines = ["language: en", "lists: {muscle: {values: ["]
    lines += ['{in: "(calf|calves)", out: calf}, {in: "[big] toe[s]", out: toe}]}}', "expansion_rules:"]
    lines += [f'  {name}: "{text}"' for name, text in RULES.items()]
    lines += ["intents: {ask: {data: [{sentences: ["]
    lines += [f'"{template}",' for template in templates] + ["]}]}}"]
    problems = Problems()
    sentences = read_sentences({"file": read_document("\n".join(lines), "file.yaml", problems)}, Language(), problems)
    assert problems.lines() == ()
    return sentences


def may_match(reader: PieceReader, template: str, words: list[str]) -> bool:
    return WordIndex([reader.pieces(template)]).candidates(words) == 1


@given(TEMPLATES)
def test_a_plain_template_can_be_parsed_and_has_the_same_references(template: str) -> None:
    if is_plain(template):
        assert parse_fault(template) is None
        assert names_in(template) == names_of(template)


@given(st.text("()[]{}<>|;:ab '\\?-\u00e9", max_size=14))
def test_the_parser_accepts_every_text_that_counts_as_plain(template: str) -> None:
    if is_plain(template):
        assert parse_fault(template) is None
        assert names_in(template) == names_of(template)


@pytest.mark.slow
@given(st.lists(TEMPLATES.filter(is_plain), min_size=1, max_size=4), st.lists(TEXTS, min_size=1, max_size=4))
def test_no_template_that_hassil_would_match_is_skipped(templates: list[str], texts: list[str]) -> None:
    sentences = folder_of(templates)
    alone = Intents.from_dict(
        {
            "language": "en",
            "intents": {"ask": {"data": [{"sentences": templates}]}},
            "lists": LISTS,
            "expansion_rules": RULES,
        }
    )
    drawn = [text for template in sentences.templates for text in sentences.draw(template, 2)]
    for text in (*texts, *drawn):
        found = [claim.template for claim in sentences.exact(sentences.language.normalize(text))]
        wanted = [result.intent_sentence for result in recognize_all(text, alone)]
        assert found == [sentence.text for sentence in wanted[:1] if sentence]


@given(TEMPLATES.filter(is_plain))
def test_every_sentence_of_a_template_has_the_required_fragments(template: str) -> None:
    reader = NeedReader({"muscle": ["(calf|calves)", "[big] toe[s]"]}, RULES, needs_of)
    sentences = folder_of([template])
    for text in sentences.draw(sentences.templates[0], 3):
        assert FragmentIndex([reader.needs(template)]).candidates(text) == [0]


@given(TEMPLATES)
def test_every_sentence_of_a_template_is_made_of_its_pieces(template: str) -> None:
    reader = PieceReader({"muscle": ["(calf|calves)", "[big] toe[s]"]}, RULES)
    sentences = folder_of([template])
    for text in sentences.draw(sentences.templates[0], 3):
        assert may_match(reader, template, [word for word in text.split() if word.isalpha()])


@pytest.mark.slow
@given(st.lists(TEMPLATES, min_size=1, max_size=9), st.lists(TEXTS, min_size=1, max_size=4))
def test_with_and_without_an_index_the_same_templates_match(templates: list[str], texts: list[str]) -> None:
    sentences = folder_of(templates)
    every = [(each.intent, each.text) for each in sentences.templates]
    drawn = [text for template in sentences.templates[:2] for text in sentences.draw(template, 2)]
    for text in (*texts, *drawn):
        few = [(claim.intent, claim.template, claim.slots) for claim in sentences._claims(text)]
        assert few == [tuple(match) for match in sentences._parsed.matches(text, every)]


def test_an_index_of_words_keeps_entries_that_only_the_parser_can_read() -> None:
    index = WordIndex([frozenset({"does", "heat", "help"}), None, frozenset({"does", "cold", "help"})])
    assert positions(index.candidates(["does", "heat", "help"])) == [0, 1]
    assert positions(index.candidates(["magnesium"])) == [1]
    assert positions(index.candidates([])) == [0, 1, 2]


@given(st.sets(st.integers(0, 200), min_size=1))
def test_positions_are_read_back_from_their_bits(entries: set[int]) -> None:
    ordered = sorted(entries)
    assert positions(as_bits(ordered) << ordered[0]) == ordered


@pytest.mark.parametrize(
    ("template", "words", "may"),
    [
        ("my cramp[s] hurt", ["cramps"], True),
        ("my cramp[s] hurt", ["cramped"], False),
        ("(un|re)(do|tie) it", ["untie", "redo"], True),
        ("it's {muscle}", ["its", "toes"], True),
        ("it's {muscle}", ["hers"], False),
        ("does <deep> hurt", ["aching"], False),
        ("a;b", ["anything"], True),
        ("aa a", ["a" * 10_000], True),
    ],
)
def test_words_are_pieces_in_a_row(template: str, words: list[str], may: bool) -> None:
    reader = PieceReader({"muscle": ["(calf|calves)", "[big] toe[s]"]}, RULES)
    assert may_match(reader, template, words) is may


@pytest.mark.parametrize(
    "template", ["", " ", "()", "a [] b", "(a", "a)", "[a)", "{", "<a b>", "a;b", "a\\(b", "caf\u0065\u0301"]
)
def test_templates_that_need_the_parser_are_not_plain(template: str) -> None:
    assert not is_plain(template)


def test_the_templates_here_are_plain(content: Content) -> None:
    assert [template.text for template in content.sentences.templates if not is_plain(template.text)] == []


def test_few_templates_are_candidates_for_a_question(content: Content) -> None:
    candidates = content.sentences._index.candidates("does heat help with a cramp in my calf")
    assert len(candidates) < len(content.sentences.templates) / 30


def test_each_template_is_found_by_its_own_sentences(content: Content) -> None:
    every = random.Random(4).sample(range(len(content.sentences.templates)), 300)
    for number in every:
        for text in content.sentences.draw(content.sentences.templates[number], 3):
            assert number in content.sentences._index.candidates(text)


def test_another_folder_with_a_rule_of_the_same_name_is_not_mixed_up() -> None:
    one, other = (Templates("en", {}, {}, {"it": rule}) for rule in ("heat", "cold"))
    texts = ("does heat help", "does cold help")
    assert [len(list(one.matches(text, [("ask", "does <it> help")]))) for text in texts] == [1, 0]
    assert [len(list(other.matches(text, [("ask", "does <it> help")]))) for text in texts] == [0, 1]


def test_words_in_any_order_are_matched_and_drawn_in_every_order() -> None:
    template = "is (hot;a bath) good for my {muscle}"
    assert not is_plain(template)
    sentences = folder_of([template])
    for text in ("is hot a bath good for my calf", "is a bath hot good for my big toe"):
        assert [claim.intent for claim in sentences.exact(sentences.language.normalize(text))] == ["ask"]
    assert sentences.exact(sentences.language.normalize("is hot good for my calf")) == ()
    drawn = sentences.draw(sentences.templates[0], 12)
    assert {text.index("hot") < text.index("bath") for text in drawn} == {True, False}
    assert all(sentences.exact(sentences.language.normalize(text)) for text in drawn)
    assert {word for text in drawn for word in text.split()} <= sentences.words_of(sentences.templates[0])


def test_a_walk_over_rules_reads_each_once_in_the_order_of_the_text() -> None:
    rules = {"a": "<b> {x} <b>", "b": "<c> {y:z} <c>", "c": "{x} <a>"}
    read: list[str] = []

    def in_rule(rule: str) -> tuple[Name, ...]:
        read.append(rule)
        return names_in(rules[rule])

    found = reached_from(names_in("{w} <b> <a>"), in_rule)
    assert [each.slot or each.name for each in found] == ["w", "b", "c", "x", "a", "z"]
    assert sorted(read) == ["a", "b", "c"]
