"""Measure how much of an answer is not content: its disclaimer, markers and offers."""

from __future__ import annotations

from voice_helper.skill import Skill
from voice_helper.types import Match, Row


def words(rows: tuple[Row, ...]) -> int:
    """Return the number of words in rows."""
    return sum(len(row.text.split()) for row in rows)


def shares(skill: Skill) -> dict[str, float]:
    """Return the share of boilerplate in each answer about health that follows the first one."""
    answers, measured = skill.content.answers, {}
    for intent, entry in answers.entries.items():
        if entry.disclaimer == "none" or entry.said_twice:
            continue
        answer = answers.answer(Match(intent), full_given=True)
        spoken, offers = answer.spoken_rows(), tuple(row for row in answer.rows if row.kind == "talk")
        marks = sum(
            row.text.startswith(mark) * len(mark.split()) for row in answer.rows for mark in answers.markers.values()
        )
        disclaimer = (answer.disclaimer_row,) if answer.disclaimer_row else ()
        content = tuple(row for row in answer.rows if row.kind != "talk")
        if content:
            measured[intent] = (words(disclaimer) + words(offers) + marks) / words(spoken)
    return measured
