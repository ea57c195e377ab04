from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.programs import Run
from tests.support.terminal import Terminal
from voice_helper import __version__
from voice_helper.content.documents import Place
from voice_helper.errors import VoiceHelperError
from voice_helper.skill import Skill, open_skill
from voice_helper.tester.report import Report
from voice_helper.tester.report_comparison import compare, read_results
from voice_helper.tester.report_html import PageParts, html_report
from voice_helper.tester.report_junit import junit_report
from voice_helper.tester.report_overlaps import Overlaps, find_overlaps
from voice_helper.tester.run import Case, Result
from voice_helper.types import Answer, Match, Transcript

HOSTILE = '<script>alert("1")</script> & \x1b[31m\x00 \ud800 \ufffe ]]>'
MADE = datetime(2026, 11, 1, 12, 30)  # noqa: DTZ001


def result(
    text: str,
    expected: str | None,
    got: str,
    *,
    line: int = 1,
    score: float = 1.0,
    slots: Mapping[str, str] | None = None,
    got_slots: Mapping[str, str] | None = None,
    context: Literal["none", "guide"] = "none",
    after: str | None = None,
    heard: str | None = None,
) -> Result:
    case = Case(text, expected, slots, context, after, Place("lines.jsonl", line))
    transcript = Transcript(heard or text)
    match = Match(got, got_slots or {}, score, "nearest", template=f"a template of {got}")
    return Result(case, match, Answer(()), transcript, "embedded" if heard else None, seconds=0.25)


RESULTS = (
    result("heat", "remedy_heat", "remedy_heat", line=1),
    result("warmth", "remedy_heat", "remedy_cold", line=2, score=0.4),
    result("a warm bath", "remedy_heat", "remedy_cold", line=3, score=0.35),
    result("ice", "remedy_cold", "none", line=4, score=0.1),
    result("bananas", "remedy_foods", "remedy_foods", line=5, slots={"food": "banana"}, got_slots={"food": "tomato"}),
    result("the moon", "out_of_scope", "none", line=6, score=0.05),
    result("hello", None, "greeting", line=7),
)
REPORT = Report(RESULTS)


# Figures


def test_the_worst_intent_comes_first_with_its_confusions() -> None:
    figures = {each.intent: (each.right, each.expected, each.taken) for each in REPORT.by_intent()}
    assert figures == {
        "remedy_cold": (0, 1, 2), "remedy_foods": (0, 1, 0), "remedy_heat": (1, 3, 0), "out_of_scope": (1, 1, 0),
    }  # fmt: skip
    assert [each.accuracy for each in REPORT.by_intent()] == sorted(each.accuracy for each in REPORT.by_intent())
    assert REPORT.accuracy == pytest.approx(2 / 6)


def test_the_worst_confusion_comes_first_with_its_sentences() -> None:
    worst = REPORT.confusions()[0]
    assert (worst.expected, worst.got) == ("remedy_heat", "remedy_cold")
    assert [each.case.text for each in worst.results] == ["warmth", "a warm bath"]


def test_lines_without_an_answer_count_as_refused() -> None:
    assert [each.case.text for each in REPORT.refused] == ["ice", "the moon"]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())))
def test_every_score_falls_into_one_range(scores: list[tuple[float, bool]]) -> None:
    results = (result("x", "a", "a" if right else "b", score=score) for score, right in scores)
    right, wrong = Report(tuple(results)).scores(20)
    assert (sum(right), sum(wrong)) == (sum(is_right for _, is_right in scores), sum(not right for _, right in scores))


# JUnit XML, as GitLab, GitHub actions and Jenkins read it, without anything that Jenkins' strict schema (junit-10)
# rejects

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "skipped": {"message"},
}


def suites(report: Report) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(junit_report(report).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) <= ATTRIBUTES[element.tag], element.tag
        assert element.tag != "testsuite" or set(element.attrib) == ATTRIBUTES["testsuite"]
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    return list(root)


def test_each_file_is_a_suite_and_its_counts_are_those_of_its_cases() -> None:
    other = Result(Case("x", "a", place=Place("other.yaml", 3)), Match("a"), Answer(()))
    found = suites(Report((*RESULTS, other)))
    assert [suite.get("name") for suite in found] == ["lines.jsonl", "other.yaml"]
    for suite in found:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
        assert suite.get("errors") == "0"
    assert [case.get("name") for case in found[0]] == [each.case.text for each in RESULTS]


def test_a_failure_names_the_expected_and_actual_result_and_the_location() -> None:
    (suite,) = suites(REPORT)
    case = suite.findall("testcase")[1]
    assert case.get("classname") == "lines.remedy_heat"
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "expected remedy_heat, got remedy_cold"
    assert str(failure.text).startswith("lines.jsonl:2: expected remedy_heat, got remedy_cold\n")
    assert "template: a template of remedy_cold" in str(failure.text)


def test_wrong_slot_values_fail_with_both_values() -> None:
    (suite,) = suites(REPORT)
    failure = suite.findall("testcase")[4].find("failure")
    assert failure is not None
    assert failure.get("message") == "expected remedy_foods food=banana, got remedy_foods food=tomato"


def test_a_failure_contains_the_transcript() -> None:
    (suite,) = suites(Report((result("heat.wav", "remedy_heat", "none", heard="eat"),)))
    assert "heard: eat" in str(suite.findtext("testcase/failure"))


def test_a_line_without_an_expectation_is_skipped() -> None:
    (suite,) = suites(REPORT)
    assert suite.findall("testcase")[6].findtext("skipped") == "nothing is expected, got greeting"


def test_the_same_line_twice_gives_two_names() -> None:  # GitLab shows only the first test case of a name
    (suite,) = suites(Report((RESULTS[0], RESULTS[0], result("heat", "remedy_heat", "remedy_heat", after="thanks"))))
    assert [case.get("name") for case in suite] == ["heat", "heat [2]", "heat (after thanks)"]


@settings(max_examples=40)
@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_any_text_gives_valid_xml(text: str, expected: str, got: str) -> None:
    suites(Report((result(HOSTILE + text, expected, got), result(text, None, got))))


# The page


class Balanced(HTMLParser):
    """Parses a page and checks that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in {"href", "src", "srcset", "onload", "onclick"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


def read_web_labels(html: str) -> Balanced:
    read = Balanced()
    read.feed(html)
    read.close()
    assert read.open == []
    return read


def page_of(skill: Skill, *results: Result, overlaps: Overlaps | None = None) -> str:
    return html_report(PageParts(Report(results), skill.content.sentences, ["lines.jsonl"], MADE, overlaps=overlaps))


def test_the_report_is_self_contained(spanish: Skill) -> None:
    html = page_of(spanish, *RESULTS)
    read = read_web_labels(html)
    assert not read.tags & {"script", "link", "img", "iframe", "object"}
    assert read.links == []
    assert not re.search(r"https?:|@import|url\(|javascript:", html)
    assert '<meta name="viewport" content="width=device-width' in html
    assert "@media print" in html


def test_the_report_shows_figures_confusions_and_refused_lines(spanish: Skill) -> None:
    text = " ".join(read_web_labels(page_of(spanish, *RESULTS)).text.split())
    for wanted in ("33.3%right", "4wrong", "remedy_heat taken for remedy_cold 2", "a warm bath lines.jsonl:3",
                   "food=banana, got food=tomato", "the moon lines.jsonl:6", "2026-11-01 12:30"):  # fmt: skip
        assert wanted in text


def test_the_report_begins_with_the_worst_and_collapses_what_is_right(spanish: Skill) -> None:
    html = page_of(spanish, *RESULTS, result("pull", "stretch", "stretch", line=8))
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings[:3] == ["Worst confusions", "Confusion matrix", "Accuracy by intent"]
    (folded,) = re.findall(r"<details>.*?</details>", html, re.DOTALL)
    assert "<code>stretch</code>" in folded
    assert "<code>remedy_heat</code>" not in folded
    (matrix,) = re.findall(r'<svg role="img" aria-label="Confusion matrix".*?</svg>', html)
    assert "stretch" not in matrix


def test_the_report_says_how_it_was_made(spanish: Skill) -> None:
    parts = PageParts(
        Report(RESULTS), spanish.content.sentences, ["a.jsonl"], MADE, "voice-helper test-intents a", "es"
    )
    html = html_report(parts)
    assert f"voice-helper {__version__}, words in <code>es</code>, <code>voice-helper test-intents a</code>" in html


def test_the_pictures_have_a_cell_for_each_pair_and_a_bar_for_each_count(spanish: Skill) -> None:
    html = page_of(spanish, *RESULTS)
    matrix, histogram = (ElementTree.fromstring(picture) for picture in re.findall(r"<svg.*?</svg>", html))
    titles = [str(title.text) for title in matrix.iter("title")]
    assert sorted(titles) == [
        "remedy_cold → none: 1 of 1",
        "remedy_heat → remedy_cold: 2 of 3", "remedy_heat → remedy_heat: 1 of 3",
    ]  # fmt: skip
    kinds = {
        str(cell.findtext("title")): cell.find("rect") for cell in matrix.iter("g") if cell.find("title") is not None
    }
    assert {title.split(":")[0]: rect.get("class") for title, rect in kinds.items() if rect is not None} == {
        "remedy_cold → none": "bad",
        "remedy_heat → remedy_cold": "bad", "remedy_heat → remedy_heat": "good",
    }  # fmt: skip
    assert sorted(str(title.text) for title in histogram.iter("title")) == [
        "0.05 to 0.10: 1", "0.10 to 0.15: 1", "0.35 to 0.40: 1", "0.40 to 0.45: 1", "0.95 to 1.00: 1",
        "0.95 to 1.00: 1",
    ]  # fmt: skip


def test_text_from_the_lines_is_shown_and_never_executed(spanish: Skill) -> None:
    html = page_of(spanish, result(HOSTILE, HOSTILE, "none", heard=HOSTILE), result(HOSTILE, "x", HOSTILE))
    assert '<script>alert("1")</script> & \\x1b[31m\\x00 \\ud800 \\ufffe ]]>' in read_web_labels(html).text
    assert "<script" not in html
    assert html.encode()
    assert not set(html) & {"\x1b", "\x00", "\ud800"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.text(), st.text(min_size=1)), max_size=5))
def test_any_lines_give_a_valid_page(spanish: Skill, lines: list[tuple[str, str, str]]) -> None:
    read_web_labels(page_of(spanish, *(result(text, expected or None, got) for text, expected, got in lines)))


def test_without_expectations_nothing_is_called_right_or_wrong(spanish: Skill) -> None:
    text = read_web_labels(page_of(spanish, result("hello", None, "greeting"))).text
    assert "No line has an expected meaning" in text
    assert "right" not in text.split("No line")[0]


# Overlaps


@pytest.fixture(scope="module")
def claimed(spanish_folder: Path, spanish: Skill, tmp_path_factory: pytest.TempPathFactory) -> Overlaps:
    """Return the overlaps of the Spanish folder, with templates of `remedy_heat` that resemble a sign of danger."""
    folder = tmp_path_factory.mktemp("intents") / "es"
    shutil.copytree(spanish_folder, folder)
    path = folder / "sentences" / "topics.yaml"
    text = path.read_text(encoding="utf-8")
    first = '          - "(ayuda|sirve|funciona) el calor'
    claimed_templates = ("me duele el corazón con (el|este) calor", "(me duele el pecho y|voy a) ponerme calor")
    more = "".join(f'          - "{template}"\n' for template in claimed_templates)
    path.write_text(text.replace(first, more + first), encoding="utf-8")
    skill = open_skill(folder=folder, before=spanish)
    return find_overlaps(skill, 8, skill.content.sentences.templates)


def test_a_sentence_understood_as_another_intent_is_an_overlap(claimed: Overlaps) -> None:
    found = {overlap.template.text: overlap for overlap in claimed.found}
    assert set(found) == {"me duele el corazón con (el|este) calor", "(me duele el pecho y|voy a) ponerme calor"}
    overlap = found["(me duele el pecho y|voy a) ponerme calor"]
    assert overlap.texts == ("me duele el pecho y ponerme calor",)
    assert (overlap.match.intent, overlap.match.family) == ("emergency", "chest_pain")
    assert (overlap.drawn, overlap.is_whole) == (2, False)


def test_a_template_whose_sentences_are_all_understood_otherwise_is_unreachable(
    claimed: Overlaps, spanish: Skill
) -> None:
    whole = [overlap.template.text for overlap in claimed.found if overlap.is_whole]
    assert whole == ["me duele el corazón con (el|este) calor"]
    html = page_of(spanish, *RESULTS, overlaps=claimed)
    text = read_web_labels(html).text
    assert "2 of 31 templates have sentences that mean another intent." in text
    assert "me duele el corazón con (el|este) calor" in text.split("Unreachable templates")[1]
    assert "ponerme calor" not in text.split("Unreachable templates")[1]
    assert "topics.yaml:" in text


# What a change broke and fixed


def old_file(tmp_path: Path, *entries: object) -> Path:
    path = tmp_path / "old.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


def old_entry(text: str, intent: str, ok: bool | None, **more: object) -> dict[str, object]:
    return {"text": text, "intent": intent, "slots": {}, "context": "none", "after": None, "ok": ok, **more}


def test_lines_are_compared_by_text_context_and_previous_intent(tmp_path: Path) -> None:
    path = old_file(
        tmp_path,
        old_entry("heat", "remedy_heat", True),
        old_entry("heat", "remedy_cold", False, context="guide"),
        old_entry("heat", "greeting", None, after="thanks"),
        old_entry("ice", "remedy_cold", True),
        old_entry("gone", "remedy_cold", True),
    )
    now = (
        result("heat", "remedy_heat", "remedy_cold"),
        result("heat", "remedy_heat", "remedy_heat", context="guide"),
        result("heat", None, "greeting", after="thanks", got_slots={"food": "banana"}),
        result("ice", "remedy_cold", "remedy_cold"),
        result("new", "remedy_cold", "remedy_cold"),
    )
    compared = compare(path, read_results(path), now)
    assert compared.lines() == [
        f"compared with {path}: 1 broken, 1 mended, 1 changed, 1 new, 1 no longer there",
        'broken: "heat": remedy_heat -> remedy_cold, expected remedy_heat',
        'mended: "heat" (in a session): remedy_cold -> remedy_heat',
        'changed: "heat" (after thanks): greeting -> greeting food=banana',
    ]


def test_a_run_compared_with_itself_shows_no_change(tmp_path: Path) -> None:
    path = old_file(tmp_path, *(each.form() for each in RESULTS))
    assert compare(path, read_results(path), RESULTS).changes == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "must be an object"),
        ('{"text": "x", "slots": {}}', '"intent" must be a text'),
        ('{"wav": "x.wav", "intent": "a", "slots": {}}', '"text" must be a text'),
        ('{"text": "x", "intent": "a"}', '"slots" must be an object'),
        ('{"text": "x", "intent": "a", "slots": {"food": 1}}', '"slots" must be an object'),
        ('{"text": "x", "intent": "a", "slots": {}, "ok": "yes"}', '"ok" must be true, false or null'),
        ('{"text": "x", "intent": "a", "slots": {}, "after": 1}', '"after" must be'),
        ('{"text": "x", "intent": "a", "slots": {}, "context": "kitchen"}', '"context" must be none or guide'),
    ],
)
def test_an_invalid_line_is_reported(tmp_path: Path, line: str, problem: str) -> None:
    path = old_file(tmp_path, old_entry("heat", "remedy_heat", True))
    path.write_text(path.read_text(encoding="utf-8") + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(VoiceHelperError, match=re.escape(f"{path}:3: ")) as caught:
        read_results(path)
    assert problem in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("raw", [b"", b"\n\n", b'{"text": "h\xe9at"}'])
def test_a_file_without_results_is_rejected(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "old.jsonl"
    path.write_bytes(raw)
    with pytest.raises(VoiceHelperError, match=re.escape(str(path))):
        read_results(path)


# On the command line

LINES = """\
{"text": "¿sirve el calor?", "intent": "remedy_heat"}
{"text": "¿sirve el calor?", "intent": "remedy_stretching"}
{"text": "hola"}
"""


@pytest.fixture
def lines(run: Run, spanish: Skill, tmp_path: Path) -> Path:
    (tmp_path / "lines.jsonl").write_text(LINES, encoding="utf-8")
    return tmp_path / "lines.jsonl"


def arguments(folder: Path, *more: str) -> list[str]:
    return ["test-intents", "lines.jsonl", "--intents", str(folder), *more]


def test_a_report_goes_to_the_output_or_into_a_file(run: Run, lines: Path, spanish_folder: Path) -> None:
    shown = run(*arguments(spanish_folder, "--format", "junit"))
    written = run(*arguments(spanish_folder, "--format", "junit", "--output", "report.xml"))
    assert (shown.code, written.code, written.out) == (0, 0, "")
    assert "report.xml" in written.err

    def without_times(xml: str) -> str:
        return re.sub(r'time="[^"]*"', "", xml)

    report = lines.with_name("report.xml").read_text(encoding="utf-8")
    assert without_times(report) == without_times(shown.out)
    assert 'tests="3" failures="1"' in report


@pytest.mark.parametrize("form", ["table", "jsonl", "html", "junit"])
def test_every_format_can_be_written_and_fail_under_still_applies(
    run: Run, lines: Path, spanish_folder: Path, form: str
) -> None:
    ran = run(*arguments(spanish_folder, "--format", form, "--output", "report", "--fail-under", "0.9"))
    assert (ran.code, ran.out) == (1, "")
    assert "50.0% are right, less than 90.0%" in ran.err
    assert "remedy_stretching" in lines.with_name("report").read_text(encoding="utf-8")


def test_a_batch_that_fails_leaves_the_old_report_as_it_was(run: Run, lines: Path, spanish_folder: Path) -> None:
    report = lines.with_name("report.html")
    report.write_text("the report of yesterday", encoding="utf-8")
    lines.write_text(LINES + '{"text": "hola", "after": "nonsense"}\n', encoding="utf-8")
    ran = run(*arguments(spanish_folder, "--format", "html", "--output", "report.html"))
    assert ran.code == 1
    assert "lines.jsonl:4" in ran.err
    assert report.read_text(encoding="utf-8") == "the report of yesterday"
    assert sorted(path.name for path in lines.parent.iterdir()) == ["lines.jsonl", "report.html"]


@pytest.mark.parametrize("place", ["nowhere/report.html", "."])
def test_a_report_that_cannot_be_written_is_named(run: Run, lines: Path, spanish_folder: Path, place: str) -> None:
    ran = run(*arguments(spanish_folder, "--format", "html", "--draws", "0", "--output", place))
    assert ran.code == 1
    assert f"{place} cannot be written" in ran.err
    assert list(lines.parent.iterdir()) == [lines]


@pytest.mark.slow
def test_a_comparison_appears_in_the_table_the_page_and_next_to_json_lines(
    run: Run, lines: Path, spanish_folder: Path
) -> None:
    entries = [old_entry("¿sirve el calor?", "remedy_cold", True), old_entry("hola", "goodbye", None)]
    old_file(lines.parent, *entries)
    summary, change = "1 broken, 0 mended, 1 changed, 0 new, 0 no longer there", 'changed: "hola": goodbye -> greeting'
    table = run(*arguments(spanish_folder, "--compare", "old.jsonl"))
    assert summary in table.out
    assert change in table.out
    objects = run(*arguments(spanish_folder, "--compare", "old.jsonl", "--format", "jsonl"))
    assert len([json.loads(line) for line in objects.lines]) == 3
    assert summary in objects.err
    assert change in objects.err
    html = run(*arguments(spanish_folder, "--compare", "old.jsonl", "--format", "html", "--draws", "0"))
    assert summary in html.out
    assert "goodbye" in html.out


def test_printed_json_lines_can_be_compared_with(run: Run, lines: Path, spanish_folder: Path) -> None:
    run(*arguments(spanish_folder, "--format", "jsonl", "--explain", "--output", "old.jsonl"))
    assert "0 broken, 0 mended, 0 changed, 0 new" in run(*arguments(spanish_folder, "--compare", "old.jsonl")).out


def test_a_missing_file_to_compare_with_ends_before_anything_is_tested(run: Run, lines: Path) -> None:
    ran = run("test-intents", "lines.jsonl", "--compare", "missing.jsonl")
    assert (ran.code, ran.out) == (1, "")
    assert "missing.jsonl cannot be read" in ran.err


def test_explain_is_rejected_for_an_html_report(run: Run, lines: Path) -> None:
    assert run("test-intents", "lines.jsonl", "--format", "html", "--explain").code == 2


@pytest.mark.parametrize("option", [["--format", "html"], ["--output", "x"], ["--compare", "x"], ["--fail-under", "1"]])
def test_a_report_without_lines_is_wrong_usage(run: Run, option: list[str]) -> None:
    assert run("test-intents", *option).code == 2


@pytest.mark.slow
def test_a_long_batch_shows_its_progress(lines: Path, spanish_folder: Path) -> None:
    asked = (f"¿qué me recomiendas contra este calambre número {number}?\n" for number in range(1_000))
    lines.write_text("".join(asked), encoding="utf-8")
    terminal = Terminal(arguments(spanish_folder, "--format", "jsonl", "--output", "report.jsonl"), lines.parent)
    terminal.wait_for("testing")
    terminal.wait_for("%")
    assert terminal.end() == 0
    assert len(lines.with_name("report.jsonl").read_text(encoding="utf-8").splitlines()) == 1_000
