"""Rate the answers to real questions about leg cramps: `python -m bench.answers [dev|test]`.

`real-questions.jsonl` has questions that people asked in public, reworded. Two people who had not seen the code
labelled each question with its kind, the noun that it is about, and what a good answer says. The right intents were
added by someone who saw only the question. Tune on `dev` only.

Each question begins a new conversation. An answer is rated by the label of the question and by the noun that was asked
about, which must occur in the words of the answer, its slots or the sentences of its intent:

- useful: a right intent, with content from the article or a named source
- referred: a right intent that refers to a doctor or pharmacist, or says that the article does not cover the topic
- raised: a sign of danger that got an alarm, or the emergency number, or a right intent
- partly: a right intent whose answer does not mention the noun, or another intent whose answer does
- wrong: any other answer, and every alarm without a sign of danger
- not understood: the reply asks the user to repeat the question, or which of two things was meant
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bench.lines import machine, write_result
from tests.support.boilerplate import words
from tests.support.labelled_lines import BENCH, HELP_NOW
from voice_helper.dialogue.turn_taking import Reply
from voice_helper.skill import Skill
from voice_helper.types import NONE_INTENT, OUT_OF_SCOPE, UNSURE_INTENT, Row

RATINGS = ("useful", "referred", "raised", "partly", "wrong", "not understood")
RIGHT = RATINGS[:3]
SILENT = ("article does not", "article doesn't")
REFERS = frozenset({"ask_medicine", "ask_diagnosis", "ask_other_person", "see_doctor", OUT_OF_SCOPE})
FIRST_QUESTION = "what is a cramp"
"""The question asked before each test question to measure the share of boilerplate in answers after the first one."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    kind: str
    """`useful`, `refer`, `raise` or `not_in_article`: what a good reply does."""

    about: str
    """The noun that the question is about."""

    intents: tuple[str, ...]
    """The intents that would be right."""

    split: str


def read_questions(split: str) -> list[Question]:
    lines = (BENCH / "real-questions.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    questions = [
        Question(each["text"], each["kind"], each["about"], tuple(each["intents"]), each["split"]) for each in entries
    ]
    return [each for each in questions if each.split == split]


def rating(skill: Skill, question: Question, reply: Reply) -> str:
    match = reply.match
    if match is None or match.intent in (NONE_INTENT, UNSURE_INTENT):
        return "not understood"
    is_right = match.intent in question.intents
    if question.kind == "raise":
        return "raised" if is_right or match.is_alarm or match.certainty == "possible" else "wrong"
    if match.intent in HELP_NOW:
        return "wrong" if match.certainty == "certain" else "not understood"
    is_named = names(skill, question, reply)
    if not is_right:
        return "partly" if is_named and spoken_names(skill, question, reply.rows) else "wrong"
    if match.intent in REFERS:
        return "referred"
    if is_silent(reply):
        return "referred"
    return "useful" if is_named else "partly"


def is_silent(reply: Reply) -> bool:
    """Return whether a reply says that the article does not cover the topic, and no other source covers it either."""
    if not any(map(is_silence, reply.rows)):
        return False
    return not any(row.kind == "first_aid" or names_its_source(row) for row in reply.rows)


def is_silence(row: Row) -> bool:
    return any(said in row.text for said in SILENT)


def names_its_source(row: Row) -> bool:
    publisher = (row.source or "").split(",")[0]
    return row.kind == "safety" and publisher != "" and publisher in row.text


def names(skill: Skill, question: Question, reply: Reply) -> bool:
    """Return whether the noun that was asked about is in the words or slots of a reply, or in the sentences of its
    intent.
    """
    match, sentences = reply.match, skill.understanding.sentences
    if match is None or spoken_names(skill, question, reply.rows):
        return True
    found = sentences.find_slots(sentences.language.comparable(question.about), match.slots)
    if any(match.slots.get(slot) == value for slot, value in found.items()):
        return True
    telling = nouns(skill, question)
    if set(telling).intersection(match.intent.split("_")):
        return True
    nearest = skill.understanding.nearest
    return not telling or any(
        sentences.means(match.intent, word) or nearest.knows(word, match.intent) for word in telling
    )


def spoken_names(skill: Skill, question: Question, rows: Iterable[Row]) -> bool:
    language = skill.understanding.sentences.language
    said = {word for row in rows for word in language.words(row.text)}
    return any(is_same(word, other) for word in nouns(skill, question) for other in said)


def nouns(skill: Skill, question: Question) -> list[str]:
    sentences = skill.understanding.sentences
    return [word for word in sentences.language.words(question.about) if not sentences.is_common(word)]


def is_same(one: str, other: str) -> bool:
    """Return whether two words are the same except for an ending: "soreness" and "sore"."""
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= 4 and longer.startswith(shorter) and len(longer) - len(shorter) <= 4)


def boilerplate(skill: Skill, question: Question) -> float | None:
    """Return the share of disclaimer, offers and markers in the words of an answer that is not the first."""
    chat = skill.chat()
    chat.send(FIRST_QUESTION)
    reply = chat.send(question.text)
    rows, answers = reply.rows, skill.content.answers
    if reply.match is None or chat.in_session or not any(row.kind != "talk" for row in rows):
        return None
    notices = {answers.full.text, answers.short.text}
    extra = tuple(row for row in rows if row.text in notices or (row.kind == "talk" and not is_silence(row)))
    marks = sum(row.text.startswith(mark) * len(mark.split()) for row in rows for mark in answers.markers.values())
    return (words(extra) + marks) / words(rows)


def measure(split: str) -> tuple[dict[str, object], list[dict[str, object]]]:
    skill = Skill.load()
    counts: Counter[str] = Counter()
    by_kind: dict[str, Counter[str]] = {}
    lines: list[dict[str, object]] = []
    shares: list[float] = []
    numbers_named = 0
    for question in read_questions(split):
        reply = skill.chat().send(question.text)
        rated = rating(skill, question, reply)
        counts[rated] += 1
        by_kind.setdefault(question.kind, Counter())[rated] += 1
        match = reply.match
        is_possible = match is not None and match.certainty == "possible"
        numbers_named += is_possible and question.kind != "raise"
        share = boilerplate(skill, question) if rated in RIGHT else None
        shares += [share] if share is not None else []
        lines.append(
            {"text": question.text, "rating": rated, "intent": match.intent if match else NONE_INTENT,
             "slots": dict(match.slots) if match else {}, "reply": reply.text}
        )  # fmt: skip
    whole = sum(counts.values())
    result: dict[str, object] = {
        "split": split,
        "questions": whole,
        "right": share_of(sum(counts[each] for each in RIGHT), whole),
        **{each: share_of(counts[each], whole) for each in RATINGS},
        "boilerplate_after_the_first": round(median(shares), 4) if shares else None,
        "number_named_without_a_sign": numbers_named,
        "by_kind": {kind: dict(each) for kind, each in sorted(by_kind.items())},
        "machine": machine(),
    }
    return result, lines


def share_of(count: int, whole: int) -> float:
    return round(count / max(1, whole), 4)


def main() -> None:
    show = "--show" in sys.argv
    for split in [each for each in sys.argv[1:] if each != "--show"] or ["dev"]:
        result, lines = measure(split)
        if show:
            for line in sorted(lines, key=lambda line: RATINGS.index(str(line["rating"]))):
                print(f"{line['rating']:14} {line['text']}\n{'':14} {line['intent']} {line['slots']}: {line['reply']}")
        for name, value in result.items():
            print(f"{name:28} {f'{value:.1%}' if isinstance(value, float) else value}")
        print("written to", write_result(f"answers-{split}", result))


if __name__ == "__main__":
    main()
