"""Only `intents/en` is English: with other words in the files, the program understands and says only those."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.support.said import every_answer
from voice_helper.exporters.review_page import every_prompt, every_session_row
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import Content, check_folder, load_content
from voice_helper.support.paths import intents_folder
from voice_helper.tester.run import Case, read_cases, run_case
from voice_helper.types import Match
from voice_helper.understanding.ranking import NothingIsNear
from voice_helper.understanding.understand import Understanding

# A second language


def test_the_spanish_folder_has_no_problem(spanish_folder: Path) -> None:
    content, problems = check_folder(spanish_folder)
    assert problems == ()
    assert content is not None
    assert content.language.code == "es"
    assert len(content.sentences.intents) == 10


@pytest.mark.parametrize(
    ("text", "intent", "decided_by"),
    [
        ("¿por qué me dan calambres por la noche?", "causes_overview", "exact"),
        ("¿POR QUÉ ME DAN CALAMBRES POR LA NOCHE?", "causes_overview", "exact"),
        ("¿por que\u0301 me dan calambres?", "causes_overview", "exact"),
        ("oye, ¿sirve el calor, por favor?", "remedy_heat", "exact"),
        ("¡Tengo un calambre!", "guide_start", "command"),
        ("¡Para!", "guide_stop", "command"),
        ("me aprieta mucho el pecho", "emergency", "safety"),
        ("por que me dan calambres", "causes_overview", "nearest"),
        ("¿será porque no bebo bastante agua?", "cause_dehydration", "nearest"),
        ("why do my legs cramp", "none", "none"),
    ],
)
def test_a_spanish_sentence_means_what_it_says(spanish: Skill, text: str, intent: str, decided_by: str) -> None:
    match = run_case(spanish, Case(text)).match
    assert (match.intent, match.decided_by) == (intent, decided_by)


def test_a_spanish_question_is_answered_in_spanish_with_its_disclaimer(spanish: Skill) -> None:
    answer = run_case(spanish, Case("¿ayudan los plátanos?")).answer
    assert answer.spoken() == (
        "El artículo nombra plátanos. Estas respuestas son solo para aprender. No sustituyen el consejo de un médico."
    )


def test_values_are_joined_as_the_folder_says(spanish: Skill) -> None:
    answer = spanish.content.answers.answer(Match("remedy_foods", {"food": "banana, tomato"}), full_given=True)
    assert answer.rows[0].text == "El artículo nombra plátanos y tomates."


def test_what_is_not_understood_is_asked_about_in_spanish(spanish: Skill) -> None:
    assert run_case(spanish, Case("xyzzy")).answer.spoken() == "Perdona, ¿puedes repetirlo?"
    assert spanish.content.answers.did_you_mean("remedy_heat", "remedy_foods").text == (
        "¿Quieres decir el calor o la comida?"
    )


def test_numbers_are_spelled_in_the_language(spanish: Skill) -> None:
    assert spanish.content.language.words("¿12 o 3 veces?") == ("doce", "o", "tres", "veces")


def test_a_folder_needs_no_more_than_its_language_its_sentences_and_its_answers(
    spanish_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(spanish_folder, tmp_path / "es")
    for name in ("guide.yaml", "safety.yaml", "phrases.yaml"):
        (tmp_path / "es" / name).unlink()
    content, problems = check_folder(tmp_path / "es")
    assert problems == ()
    assert content is not None
    assert content.safety.find(content.safety.language.normalize("me duele el pecho")).raised == ()
    assert content.guide is None


# An invented language: English with every letter replaced by one of another script. Anything that is still
# understood or spoken in Latin letters comes from the code.

_NAMES = re.compile(r"(\{[^}]*\}|<[^>]*>)")
_LETTERS = str.maketrans(
    {chr(65 + n): chr(0x410 + n) for n in range(26)} | {chr(97 + n): chr(0x430 + n) for n in range(26)}
)
LATIN = re.compile(r"[A-Za-z]+")


def other(text: str) -> str:
    """Return a text in that language. `{names}` and `<names>` are unchanged."""
    return "".join(part if _NAMES.fullmatch(part) else part.translate(_LETTERS) for part in _NAMES.split(text))


Turn = Callable[[object], object]


def every_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: every_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [every_text(each) for each in value]
    return other(value) if isinstance(value, str) else value


def under(*keys: str, turn: Turn = every_text) -> Turn:
    """Return a function that converts the texts under the given keys, at any depth, and leaves the rest unchanged."""

    def turned(value: object) -> object:
        if isinstance(value, dict):
            return {key: turn(each) if key in keys else turned(each) for key, each in value.items()}
        return [turned(each) for each in value] if isinstance(value, list) else value

    return turned


def both_sides(value: object) -> object:
    assert isinstance(value, dict)
    return {other(left): other(right) for left, right in value.items()}


def left_side(value: object) -> object:
    assert isinstance(value, dict)
    return {other(left): right for left, right in value.items()}


def spoken_rows(value: object) -> object:
    """Convert the texts of rows in answers, and the texts around them."""
    return under(
        "text", "title", "again", "samples", "unsure", "unsure_start", "denied_flag", "possible_flag", "unread",
        "recording_notice", "last_of_several",
        "outages", "disclaimers", "markers", "settings",
    )(value)  # fmt: skip


def session_words(value: object) -> object:
    return under("text", "called", "go_to", "words", "before", "after")(value)


def language_words(value: object) -> object:
    turned = under(
        "letters", "fillers", "asked", "blamed", "subject", "elsewhere", "questions", "other_questions", "corrections"
    )(value)  # fmt: skip
    turned = under("contractions", "spellings", turn=both_sides)(turned)
    return under("in_session", turn=left_side)(turned)


def signs(value: object) -> object:
    return under(
        "groups", "signs", "clear_signs", "unless", "own_words", "clause_ends", "idioms", "negators", "negation_ends",
        "negation_passes", "denials", "hedges", "questions", "question_ends", "persons", "small_words", "generic",
    )(value)  # fmt: skip


def lists_too(value: object) -> object:
    return under("in", "say", "sentences", "expansion_rules")(plain_values(value))


def plain_values(value: object) -> object:
    """Keep the names of list values that are plain texts, because such a text is also the name of the value."""
    if isinstance(value, dict) and isinstance(value.get("values"), list):
        named = [{"in": each, "out": each} if isinstance(each, str) else each for each in value["values"]]
        return {**value, "values": named}
    return {key: plain_values(each) for key, each in value.items()} if isinstance(value, dict) else value


TURNS: dict[str, Turn] = {
    "answers.yaml": spoken_rows,
    "guide.yaml": session_words,
    "language.yaml": language_words,
    "safety.yaml": signs,
}


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Return the English folder in the invented language."""
    source, folder = intents_folder("en"), tmp_path_factory.mktemp("intents") / "xx"
    (folder / "sentences").mkdir(parents=True)
    for name in (*TURNS, "facts.yaml", "thresholds.yaml", *(f"sentences/{path.name}" for path in source.glob("s*/*"))):
        loaded = yaml.load((source / name).read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
        put = TURNS.get(name, lists_too)(loaded)
        written = yaml.dump(put, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=10_000)
        for key in (
            "asks",
            "said_twice",
            "not_in_questions",
            "not_in_general",
            r"\w*seconds",
            "rounds",
            "number",
            r"\w+",
        ):
            written = re.sub(rf"(?m)^(\s*{key}): '(true|false|-?[\d.]+)'$", r"\1: \2", written)
        (folder / name).write_text(written, encoding="utf-8")
    return load_content(folder)


def by_words(content: Content) -> Understanding:
    return Understanding(content.sentences, content.safety, NothingIsNear(), content.thresholds)


@pytest.fixture(scope="module")
def lines(content: Content) -> list[Case]:
    """Return sentences of every intent and family, without digits, because numbers are spelled by language."""
    examples = Path(__file__).parents[1] / "sentences" / "examples.yaml"
    first = {template.intent: template for template in reversed(content.sentences.templates)}.values()
    drawn = [Case(content.sentences.plainest(template)) for template in first]
    told = [Case(wording.text) for wording in content.wordings[::200]]
    cases = [*list(read_cases(examples, examples.read_text(encoding="utf-8")))[::6], *drawn, *told]
    return [case for case in cases if not re.search(r"\d", case.text)]


# safety.py itself allows 's after a word of a sign
GENITIVE = re.compile(r"\w's\b")


@pytest.mark.slow
def test_the_same_words_in_another_language_mean_the_same(content: Content, turned: Content, lines: list[Case]) -> None:
    english, foreign = by_words(content), by_words(turned)
    differing = []
    for case in lines:
        here, there = english.understand(case.text, case.context), foreign.understand(other(case.text), case.context)
        same = (here.intent, here.decided_by, here.family) == (there.intent, there.decided_by, there.family)
        if not (same and dict(here.slots) == dict(there.slots)) and not GENITIVE.search(case.text):
            differing.append((case.text, here, there))
    assert differing == []
    assert len(lines) > 90


def test_english_means_nothing_in_another_language(turned: Content, lines: list[Case]) -> None:
    foreign = by_words(turned)
    meant = {case.text: foreign.understand(case.text, case.context).intent for case in lines}
    assert {text: intent for text, intent in meant.items() if intent != "none"} == {}


def latin_words_said(turned: Content) -> set[str]:
    said = {row.text for each in every_answer(turned) for row in each.answer.spoken_rows()}
    assert turned.guide is not None
    said |= {each.row.text for each in every_session_row(turned.guide)}
    said |= {row.text for row in every_prompt(turned)}
    said |= {turned.answers.did_you_mean("remedy_heat", "remedy_cold").text}
    assert len(said) > 300
    return {word for text in said for word in LATIN.findall(_NAMES.sub("", text))}


def test_every_spoken_word_is_in_the_files(turned: Content) -> None:
    placeholders = {"one", "thing", "another"}  # every_prompt inserts them into "Did you mean ..., or ...?"
    assert latin_words_said(turned) == placeholders


def test_the_test_would_notice_a_word_in_the_code(turned: Content) -> None:
    english = replace(turned, answers=replace(turned.answers, last_of_several="{before} or {last}"))
    assert "or" in latin_words_said(english)
