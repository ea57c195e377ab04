"""Build the page for clinical review, with everything the program can say: all answers and all rows of the session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voice_helper.dialogue.answers import filled
from voice_helper.dialogue.guide import Guide, Step
from voice_helper.skill.folder_reader import Content
from voice_helper.types import Row

_PLACEHOLDER_NAMES: Final = {"first": "one thing", "second": "another"}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of the guided session, and when it is spoken."""

    where: str
    row: Row


def every_session_row(guide: Guide) -> Iterator[SessionRow]:
    """Yield every row of the guided session, in the order of the steps."""
    for step in guide.steps:
        yield from _step_rows(step, f"step {step.number}, {step.name}")
    if guide.stand is not None:
        yield from _step_rows(guide.stand, 'on "stand"')
    for place, question in guide.places.questions.items():
        yield SessionRow(f"on a bare {place}", question)
    yield SessionRow('on "help"', guide.help)
    yield SessionRow('on "which step"', guide.which_step)
    yield SessionRow('on "how long"', guide.how_long)
    for where, row in (
        ("on a pause", guide.waiting),
        ("no change, in a step", guide.keep_going),
        ("no change, after the step that asks", guide.again),
        ("on another place without a name", guide.places.other),
        *((f"{intent}, but only in part", hedge.say) for intent, hedge in guide.hedges.items()),
        *((f"{intent}, in part again", hedge.then) for intent, hedge in guide.hedges.items() if hedge.then),
    ):
        if row.text:
            yield SessionRow(where, row)
    yield SessionRow("in a hold, where it speaks only when spoken to", guide.count)
    yield SessionRow("the same, with several rounds", guide.repeat)
    yield SessionRow("at the end of a turn there", guide.when_done)
    yield from (SessionRow("first, with --article-only", row) for row in guide.article_first)
    for where, rows in (
        ("close, better", (guide.good,)),
        ("close", guide.close),
        ("close, worse", guide.close_worse),
        (f"after {guide.limit_seconds / 60:g} minutes", guide.close_limit),
        ('after "stop", on a terminal', (guide.stopped,) if guide.stopped.text else ()),
    ):
        yield from (SessionRow(where, row) for row in rows)


def every_prompt(content: Content) -> tuple[Row, ...]:
    """Return the prompts, outage messages and disclaimers.

    The prompts include those for input that was not understood or was ambiguous.
    """
    answers = content.answers
    between = filled(Row(answers.unsure, "talk"), _PLACEHOLDER_NAMES)
    rows = (
        answers.again,
        answers.samples,
        answers.waiting,
        between,
        answers.unsure_start,
        answers.denied_flag,
        answers.possible,
    )
    others = (*answers.outages.values(), *content.follow_ups.nothing.values(), answers.full, answers.short)
    return tuple(row for row in (*rows, answers.recording_notice, *others) if row.text)


def review_page(content: Content) -> str:
    """Build the clinical review page as Markdown: every sentence, its source, and an empty column for the reviewer's
    mark.
    """
    reviewed, settings = content.answers.reviewed, content.answers.settings

    def table_row(when: str, row: Row) -> str:
        text = content.answers.filled(row).text  # the rows of a session are filled in already
        return f"| {when} | {text} | {row.kind.replace('_', ' ')} | {_provenance(row)} | |"

    lines = [
        "# Everything it can say",
        "",
        f"Generated from `intents/{content.language.code}` by `voice-helper check --page`. Do not edit it by hand.",
        f"Reviewed by a clinician: {'nobody yet' if reviewed == 'none' else reviewed}.",
        "",
        "The program says each sentence exactly as it is written here, and composes none at run time. *Article* rows",
        "repeat the article in our own plain words, and name the fact. *First aid* and *safety* rows name a public",
        "source. *Talk* rows make no health claim. The words that can replace a name in braces are at the end.",
        *(f'If the setting `{name}` has a value, that value replaces "{usual}".' for name, usual in settings.items()),
        "",
    ]
    if content.facts:
        lines += ["## What the article says", "", "| fact | text | correct? |", "|---|---|---|"]
        lines += [f"| `{name}` | {text} | |" for name, text in content.facts.items()] + [""]
    lines += ["## Answers, by question", ""]
    for intent, entry in content.answers.entries.items():
        twice = ", said twice" if entry.said_twice else ""
        lines += [f"### {intent}: {entry.title}", "", f"Disclaimer: {entry.disclaimer}{twice}.", "", *_TABLE_HEAD]
        lines += [table_row(_when(row), row) for row in entry.rows] + [""]
    lines += ["## Answers to follow-up questions", "", *_TABLE_HEAD]
    for topic in content.follow_ups.topics.values():
        for kind, pages in topic.pages.items():
            where = f'"{kind}" after {topic.intent}'
            lines += [table_row(where + _with_when(row), row) for page in pages for row in page]
    lines += [""]
    if content.guide is not None:
        lines += ["## The guided session", "", *_TABLE_HEAD]
        lines += [table_row(each.where + _with_when(each.row), each.row) for each in every_session_row(content.guide)]
        lines += [""]
    lines += ["## Prompts and disclaimers", "", *_TABLE_HEAD]
    lines += [table_row("", row) for row in every_prompt(content)]
    lines += ["", "If an answer contains both first aid and the article, each part begins with its mark: "]
    lines += [", ".join(f'"{marker}"' for marker in content.answers.markers.values()) + ".", ""]
    lines += ["## Words that can replace a name in braces", ""]
    for slot, words in _spoken_values(content).items():
        lines += [f"`{{{slot}}}`: {', '.join(words)}.", ""]
    return "\n".join(lines)


_TABLE_HEAD: Final = ("| when | sentence | kind | from | correct? |", "|---|---|---|---|---|")


def _spoken_values(content: Content) -> dict[str, list[str]]:
    """Return the spoken words of each list that an answer refers to, by slot."""
    rows = [row for entry in content.answers.entries.values() for row in entry.rows]
    named = [slot for slot in content.sentences.lists if any(f"{{{slot}}}" in row.text for row in rows)]
    return {
        slot: sorted({content.answers.say(slot, entry.value) or "" for entry in content.sentences.lists[slot]} - {""})
        for slot in named
    }


def _provenance(row: Row) -> str:
    return f"`{row.fact}`" if row.fact else row.source or ""


def _when(row: Row) -> str:
    return "; ".join(f"{slot}: {', '.join(values)}" for slot, values in row.when.items())


def _with_when(row: Row) -> str:
    when = _when(row)
    return f" ({when})" if when else ""


def _step_rows(step: Step, where: str) -> Iterator[SessionRow]:
    yield from (SessionRow(where, row) for row in step.say)
    yield from (SessionRow(f"{where}, next rounds", row) for row in step.say_again)
    yield from (SessionRow(f"{where}, during the hold", row) for row in step.in_hold)
    yield from (SessionRow(f"{where}, during the hold", row) for row in (step.five_more, step.rest) if row)
