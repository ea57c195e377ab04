"""Write the report as JUnit XML for CI systems: one test suite per file, one test case per line.

The output conforms to the strictest consumer, the schema of Jenkins' xUnit plugin, which allows no file and line
attributes on a test case. The text of a failure begins with file and line instead. GitLab shows that text, and the
class name as the suite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from voice_helper.tester.report import Report, printable, several_utterances
from voice_helper.tester.report_comparison import circumstances, meaning
from voice_helper.tester.run import Result
from voice_helper.types import NONE_INTENT


def junit_report(report: Report) -> str:
    """Return the results as JUnit XML. A line without an expectation counts as skipped."""
    root = ElementTree.Element("testsuites", {"name": "voice-helper test-intents", **_counts(report.results)})
    by_file: dict[str, list[Result]] = {}
    for result in report.results:
        by_file.setdefault(result.case.place.file if result.case.place else "", []).append(result)
    for file, results in by_file.items():
        name, skipped = printable(file), sum(result.is_right is None for result in results)
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, "skipped": str(skipped), **_counts(results)})
        names: Counter[str] = Counter()
        for result in results:
            name = printable(result.case.text + circumstances(result.case))
            names[name] += 1  # CI systems tell test cases apart by name
            _add_case(suite, result, name if names[name] == 1 else f"{name} [{names[name]}]")
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written.decode() + "\n"


def _counts(results: Sequence[Result]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(result.is_right is False and result.fault is None for result in results)),
        "errors": str(sum(result.fault is not None for result in results)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _add_case(suite: ElementTree.Element, result: Result, name: str) -> None:
    case, match = result.case, result.match
    class_name = ".".join((Path(case.place.file).stem if case.place else "typed", case.intent or "nothing expected"))
    element = ElementTree.SubElement(
        suite, "testcase", classname=printable(class_name), name=name, time=f"{result.seconds:.3f}"
    )
    got = printable(meaning(match.intent, match.slots))
    if result.fault is not None:
        ElementTree.SubElement(element, "error", type="not tested", message=printable(result.fault))
    elif result.is_right is None:
        skipped = ElementTree.SubElement(element, "skipped", message=f"nothing is expected, got {got}")
        skipped.text = skipped.get("message")
    elif result.is_right is False:
        message = f"expected {printable(meaning(case.intent or '', case.slots or {}))}, got {got}"
        failure = ElementTree.SubElement(element, "failure", type="wrong meaning", message=message)
        failure.text = "\n".join((f"{printable(str(case.place))}: {message}", *map(printable, _why(result))))


def _why(result: Result) -> list[str]:
    match = result.match
    lines = [f"text: {result.case.text}"]
    if result.engine:
        lines.append(f"heard: {result.transcript.text}{several_utterances(result)}")
    is_refused = match.intent == NONE_INTENT
    lines.append(f"decided by {match.decided_by}" + ("" if is_refused else f", score {match.score:.2f}"))
    lines.append(f"template: {match.template or 'none'}")
    if match.runner_up:
        name = "nearest, not taken for the meaning" if is_refused else "runner-up"
        lines.append(f"{name}: {match.runner_up.intent} {match.runner_up.score:.2f}")
    return lines
