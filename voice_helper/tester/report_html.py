"""Write the report as one self-contained page without scripts, for phones and for printing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from voice_helper import __version__
from voice_helper.tester.report import (
    REFUSED,
    Confusion,
    IntentFigures,
    Report,
    in_order,
    printable,
    several_utterances,
)
from voice_helper.tester.report_comparison import Comparison, circumstances, meaning
from voice_helper.tester.report_overlaps import Overlaps
from voice_helper.tester.run import Case, Result
from voice_helper.understanding.sentences import Sentences

_MAX_CONFUSIONS: Final = 20
_MAX_SENTENCES: Final = 3
_BINS: Final = 20
_CELL: Final = 18
_LETTER: Final = 7.2  # the width of a letter in a label
_CHART_WIDTH, _CHART_HEIGHT = 640, 150

_FILLS: Final = {"good": "#1f77b4", "bad": "#d1495b"}
"""Fill colors for viewers that ignore style sheets."""

_MIDDLE: Final = 'text-anchor="middle"'
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #5b6675; --line: #d5dae1; --panel: #f4f6f8;
  --good: #1f77b4; --bad: #d1495b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14181d; --soft: #a3adba; --line: #38414d;
  --panel: #1d232b; --good: #5aa9e0; --bad: #f0788a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6em; margin: 0 0 .25rem; } h2 { font-size: 1.2em; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1em; margin: 1.2rem 0 .25rem; } p { margin: .25rem 0 .75rem; } .soft { color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; padding: 0; list-style: none; }
.figures li { background: var(--panel); border-radius: .5rem; padding: .5rem .9rem; min-width: 7rem; }
.figures b { display: block; font-size: 1.5em; line-height: 1.2; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92em; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } td.number, th.number { text-align: right; white-space: nowrap; }
code { font: .92em ui-monospace, monospace; }
td:not(:first-child) > code { white-space: nowrap; } ul.lines { margin: .25rem 0 .75rem; padding-left: 1.2rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--soft); }
svg { display: block; max-width: 100%; height: auto; }
svg text { font: 11px ui-monospace, monospace; fill: var(--ink); }
svg .good { fill: var(--good); } svg .bad { fill: var(--bad); }
svg .axis { stroke: var(--line); }
.bar { display: block; width: 6em; height: .7em; margin-top: .4em; background: var(--line); }
.bar span { display: block; height: 100%; background: var(--good); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85em; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } .scroll { overflow: visible; }
  .scroll svg { max-width: 100%; height: auto; } tr, li, svg { break-inside: avoid; }
  h2, h3, p.soft { break-after: avoid; } }
"""


@dataclass(frozen=True)
class PageParts:
    """The parts of the page."""

    report: Report
    sentences: Sentences
    files: Sequence[str]
    made: datetime
    command: str = ""
    """The command line that made the page."""

    folder: str = ""
    """The name of the intents folder that was tested."""

    comparison: Comparison | None = None
    overlaps: Overlaps | None = None
    """The sentences that belong to one intent but are understood as another. `None` if they were not searched for."""


def html_report(parts: PageParts) -> str:
    """Return the HTML page. Texts from the lines and templates are escaped."""
    report = parts.report
    body = [
        "<h1>Intent report</h1>",
        f'<p class="soft">{_text(", ".join(parts.files))}, {parts.made:%Y-%m-%d %H:%M}</p>',
        _made_by(parts),
        _figures(report),
    ]
    if parts.comparison is not None:
        body += [_heading(f"Compared with {parts.comparison.old}"), _comparison(parts.comparison)]
    if report.expected:
        known = parts.sentences.intents
        body += [_heading("Worst confusions"), _confusions(report.confusions())]
        body += [_heading("Confusion matrix"), _matrix(report, known)]
        body += [_heading("Accuracy by intent"), _by_intent(report.by_intent())]
        body += [_heading("Scores"), _histogram(report)]
    else:
        body.append("<p>No line has an expected meaning, so nothing can be right or wrong.</p>")
    body += [_heading("Refused"), _refused(report)]
    if parts.overlaps is not None:
        body += [_heading("Overlaps"), _overlaps(parts.overlaps)]
        body += [_heading("Unreachable templates"), _unreachable(parts.overlaps)]
    body.append(f"<footer>voice-helper {__version__} test-intents. For education only, not a medical device.</footer>")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Intent report</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n"
        "</html>\n"
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _heading(text: str) -> str:
    return f"<h2>{_text(text)}</h2>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are already HTML. A heading that begins with `#` marks a column of numbers."""
    numbers = [column.startswith("#") for column in head]

    def line(tag: str, cells: Sequence[str]) -> str:
        marked = ('<{} class="number">{}</{}>' if number else "<{}>{}</{}>" for number in numbers)
        return "<tr>" + "".join(form.format(tag, cell, tag) for form, cell in zip(marked, cells, strict=True)) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return (
        f'<div class="scroll"><table><thead>{line("th", [column.lstrip("#") for column in head])}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _figures(report: Report) -> str:
    figures = [("lines", str(len(report.results)))]
    if report.expected:
        figures = [("right", f"{report.accuracy:.1%}"), ("wrong", str(len(report.wrong))), *figures]
    figures.append(("refused", str(len(report.refused))))
    return '<ul class="figures">' + "".join(f"<li><b>{value}</b>{name}</li>" for name, value in figures) + "</ul>"


def _made_by(parts: PageParts) -> str:
    """Return the line with the command that recreates the page."""
    said = [f"voice-helper {__version__}"]
    if parts.folder:
        said.append(f"words in {_code(parts.folder)}")
    if parts.command:
        said.append(_code(parts.command))
    return f'<p class="soft">{", ".join(said)}</p>'


def _line(case: Case) -> str:
    place = f' <span class="soft">{_text(str(case.place))}</span>' if case.place else ""
    return f"{_text(case.text)}{_text(circumstances(case))}{place}"


def _comparison(comparison: Comparison) -> str:
    classes = {"broken": "bad", "mended": "good", "changed": "soft"}
    rows = [
        (
            f'<span class="{classes[change.kind]}">{change.kind}</span>',
            _line(change.result.case),
            _code(meaning(change.before.intent, change.before.slots)),
            _code(meaning(change.result.match.intent, change.result.match.slots)),
        )
        for change in comparison.changes
    ]
    table = _table(("", "line", "before", "now"), rows) if rows else ""
    return f"<p>{_text(comparison.counts())}.</p>{table}"


def _by_intent(figures: Iterable[IntentFigures]) -> str:
    """Return the table of the intents with mistakes. Intents without mistakes are in a collapsed section."""
    figures = list(figures)
    faultless = [each for each in figures if each.right == each.expected and not each.taken]
    faulty = [each for each in figures if each not in faultless]
    table = _intent_table(faulty) if faulty else "<p>No intent has a mistake.</p>"
    if not faultless:
        return table
    folded = (
        f"<details><summary>{len(faultless)} intents without a mistake</summary>{_intent_table(faultless)}</details>"
    )
    return table + folded


def _intent_table(figures: Iterable[IntentFigures]) -> str:
    rows = [
        (
            _code(each.intent),
            _bar(each.accuracy),
            f"{each.accuracy:.0%}",
            f"{each.right} of {each.expected}",
            str(each.taken) if each.taken else "",
        )
        for each in figures
    ]
    return _table(("intent", "", "#right", "#lines", "#taken for it"), rows)


def _bar(share: float) -> str:
    return f'<span class="bar"><span style="width: {share:.1%}"></span></span>'


def _matrix(report: Report, known: Sequence[str]) -> str:
    """Return the confusion matrix, limited to the intents that are confused, because all of them would not fit on a
    screen.

    There is a row for each expected intent and a column for each actual one. Cells are shaded by their share of the
    row.
    """
    every = report.matrix()
    pairs = [each for each in report.confusions() if each.expected != each.got]
    shown = pairs[:_MAX_CONFUSIONS]
    if not shown:
        return "<p>No intent is taken for another.</p>"
    rows_of, columns_of = {each.expected for each in shown}, {each.got for each in shown}
    whole_rows = Counter[str]()
    for (expected, _), count in every.items():
        whole_rows[expected] += count
    counts = {pair: count for pair, count in every.items() if pair[0] in rows_of and pair[1] in rows_of | columns_of}
    rows = in_order((expected for expected, _ in counts), known)
    columns = in_order((got for _, got in counts), known)
    right = {(result.case.intent, result.match.intent) for result in report.results if result.is_right}
    left = max(len(intent) for intent in rows) * _LETTER + 8
    top = max(len(intent) for intent in columns) * _LETTER + 8
    width, height = left + len(columns) * _CELL + 4, top + len(rows) * _CELL + 4
    heads, labels, cells = [], [], []
    for index, intent in enumerate(columns):
        x, y = left + (index + 0.7) * _CELL, top - 6
        heads.append(f'<text x="{x:.0f}" y="{y:.0f}" transform="rotate(-90 {x:.0f} {y:.0f})">{_text(intent)}</text>')
    for index, expected in enumerate(rows):
        y = top + index * _CELL
        labels.append(f'<text x="{left - 6:.0f}" y="{y + 0.7 * _CELL:.0f}">{_text(expected)}</text>')
        cells.append(f'<path class="axis" stroke="#d5dae1" d="M{left:.0f} {y:.0f}H{width:.0f}"/>')
        whole = whole_rows[expected]
        for place, got in enumerate(columns):
            if (expected, got) in counts:
                kind = "good" if (expected, got) in right else "bad"
                cells.append(_cell(left + place * _CELL, y, counts[expected, got], whole, kind, f"{expected} → {got}"))
    drawn = ("".join(heads), f'<g text-anchor="end">{"".join(labels)}</g>', f"<g {_MIDDLE}>{''.join(cells)}</g>")
    more = f" Only the {len(shown)} largest of {len(pairs)} confusions are drawn." if len(pairs) > len(shown) else ""
    return f'<p class="soft">Rows are expected intents, columns are actual ones. Blue is right.{more}</p>' + _picture(
        "Confusion matrix", width, height, "".join(drawn)
    )


def _picture(label: str, width: float, height: float, drawn: str) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<div class="scroll"><svg role="img" aria-label="{label}" {size} font-size="11">{drawn}</svg></div>'


def _cell(x: float, y: float, count: int, whole: int, kind: str, title: str) -> str:
    return (
        f"<g><title>{_text(title)}: {count} of {whole}</title>"
        f'<rect class="{kind}" fill="{_FILLS[kind]}" fill-opacity="{0.25 + 0.6 * count / whole:.2f}" '
        f'x="{x + 1:.0f}" y="{y + 1:.0f}" width="{_CELL - 2}" height="{_CELL - 2}"/>'
        f'<text x="{x + _CELL / 2:.0f}" y="{y + 0.7 * _CELL:.0f}">{count}</text></g>'
    )


def _confusions(confusions: Sequence[Confusion]) -> str:
    if not confusions:
        return "<p>None.</p>"
    parts = []
    for each in confusions[:_MAX_CONFUSIONS]:
        taken = "with other values" if each.got == each.expected else f"taken for {_code(each.got)}"
        lines = "".join(f"<li>{_wrong_line(result)}</li>" for result in each.results)
        parts.append(f'<h3>{_code(each.expected)} {taken} <span class="soft">{len(each.results)}</span></h3>')
        parts.append(f'<ul class="lines">{lines}</ul>')
    more = len(confusions) - _MAX_CONFUSIONS
    return "".join(parts) + (f'<p class="soft">And {more} more pairs.</p>' if more > 0 else "")


def _wrong_line(result: Result) -> str:
    match, case = result.match, result.case
    if result.fault is not None:
        return f'{_line(case)} <span class="bad">not tested: {_text(result.fault)}</span>'
    heard = (
        f' <span class="soft">recognized as “{_text(result.transcript.text)}”{several_utterances(result)}</span>'
        if result.engine
        else ""
    )
    slots = ""
    if match.intent == case.intent:  # only the slot values are wrong
        slots = f" {_code(meaning('', case.slots or {}).strip())}, got {_code(meaning('', match.slots).strip())}"
    return f'{_line(case)}{heard}{slots} <span class="soft">{match.decided_by} {match.score:.2f}</span>'


def _histogram(report: Report) -> str:
    """Return the histogram: right results above the axis, wrong ones below. Bar lengths are proportional to the square
    root of the count.
    """
    right, wrong = report.scores(_BINS)
    most, step, half = max(*right, *wrong), _CHART_WIDTH / _BINS, _CHART_HEIGHT
    drawn = [f'<path class="axis" stroke="#d5dae1" d="M0 {half}H{_CHART_WIDTH}"/>']
    for index, counts in enumerate(zip(right, wrong, strict=True)):
        x, low = index * step + 2, index / _BINS
        for count, kind in zip(counts, ("good", "bad"), strict=True):
            if count:
                height = math.sqrt(count / most) * (half - 14)
                top, label = (half - height, half - height - 4) if kind == "good" else (half, half + height + 12)
                drawn.append(
                    f"<g><title>{low:.2f} to {low + 1 / _BINS:.2f}: {count}</title>"
                    f'<rect class="{kind}" fill="{_FILLS[kind]}" x="{x:.0f}" y="{top:.1f}" '
                    f'width="{step - 4:.0f}" height="{height:.1f}"/>'
                    f'<text {_MIDDLE} x="{x + step / 2 - 2:.0f}" y="{label:.0f}">{count}</text></g>'
                )
    below_all = 2 * half + 16
    marks = (f'<text x="{share * _CHART_WIDTH:.0f}" y="{below_all}">{share}</text>' for share in (0.2, 0.4, 0.6, 0.8))
    drawn.append(f"<g {_MIDDLE}>{''.join(marks)}</g>")
    return (
        '<p class="soft">Number of lines per score: <span class="good">right ones above</span> the axis, '
        '<span class="bad">wrong ones below</span>. Bar lengths grow with the square root of the count.</p>'
        + _picture("Scores of right and of wrong lines", _CHART_WIDTH, below_all + 6, "".join(drawn))
    )


def _refused(report: Report) -> str:
    if not report.refused:
        return "<p>Nothing.</p>"
    marks = {True: '<span class="good">right</span>', False: '<span class="bad">wrong</span>', None: ""}
    rows = []
    for result in report.refused:
        match = result.match
        near = result.fault or " or ".join(match.candidates) or match.template or ""
        rows.append(
            (
                marks[result.is_right],
                _line(result.case),
                _code(match.intent),
                _code(result.case.intent or ""),
                f"{match.score:.2f}",
                _text(near),
            )
        )
    names = ", ".join(sorted(REFUSED))
    return f'<p class="soft">Not answered: {names}.</p>' + _table(
        ("", "line", "why", "expected", "#score", "nearest"), rows
    )


def _overlaps(overlaps: Overlaps) -> str:
    asked = f"<p>{len(overlaps.found)} of {overlaps.templates} templates have sentences that mean another intent.</p>"
    if not overlaps.found:
        return asked
    rows = [
        (
            "<br>".join(map(_text, overlap.texts[:_MAX_SENTENCES])),
            f"{len(overlap.texts)} of {overlap.drawn}",
            _code(overlap.template.intent),
            _code(" ".join((overlap.match.intent, overlap.match.family or "")).strip()),
            overlap.match.decided_by,
            _text(str(overlap.template.place)),
        )
        for overlap in overlaps.found
    ]
    return asked + _table(("sentences", "#drawn", "their intent", "claimed by", "by", ""), rows)


def _unreachable(overlaps: Overlaps) -> str:
    templates = [overlap.template for overlap in overlaps.found if overlap.is_whole]
    if not templates:
        return "<p>None.</p>"
    rows = [(_code(template.text), _code(template.intent), _text(str(template.place))) for template in templates]
    return "<p>Every sentence drawn from these means another intent.</p>" + _table(("template", "intent", ""), rows)
