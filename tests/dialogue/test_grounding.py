"""Check everything that can be said: nothing is without a source, too long, too hard to understand or too bold."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path
from statistics import median

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.boilerplate import shares
from tests.support.reading import grade, words_of
from tests.support.said import Said, every_answer
from voice_helper.dialogue.answers import filled
from voice_helper.dialogue.state import State
from voice_helper.dialogue.turn_taking import first_state, take_turn
from voice_helper.exporters.review_page import every_prompt, every_session_row, review_page
from voice_helper.runtime.speaker import sentences_of
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import Content
from voice_helper.types import SAMPLE_RATE, DoneSpeaking, Event, Heard, PartlyHeard, Quiet, Row, Say, Transcript

CONTENT_PAGE = Path(__file__).parents[2] / "docs" / "content.md"
TOPICS = ("about", "causes", "remedies", "care")

BANNED = (
    "treat", "treats", "treated", "treating", "treatment", "treatments", "cure", "cures", "cured", "relieve your",
    "relieves your", "diagnose", "diagnoses", "diagnosis", "detect", "detects", "assess", "assesses", "monitor",
    "monitors", "screen", "screens", "screening", "triage", "prescribe", "prescribes", "safe for you", "you are fine",
    "you're fine", "it is just a cramp", "it's just a cramp", "life-saving", "medical-grade", "clinically proven",
)  # fmt: skip
QUOTED_TITLE = "Causes and Treatment for Leg Cramps"
DOSE = re.compile(
    r"\d|\b(mg|ml|gram|grams|milligrams?|milliliters?|teaspoons?|tablets? a day|\w+ tablets? (now|twice))\b"
)

# The lines whose wording is fixed. They count neither for the reading grade nor for the length of an answer.
FIXED = (
    "I'm sorry you feel this way. Call {number} or a crisis line now. Be with someone.",
    "Call {number} now. Have the packet ready.",
    "Call {number} now. I cannot call for you.",
    "I can't help with this one. Get urgent medical advice today.",
    "I can't help with medicines. Please ask a pharmacist or doctor. Do not stop one on your own.",
    "I can't judge that. If you are worried, get medical advice now. I can read what the article says.",
    "I only cover adults who are not pregnant. Ask a midwife, doctor or pharmacist.",
    "The article covers leg cramps only.",
    "If that changes, call {number}.",
    "For chest pain or trouble breathing, call {number} now.",
    "For chest pain or trouble breathing, call {number} now. I will wait quietly.",
)
# An answer that contains the name of a disease from the article may need grade 8.
DISEASES = ("artery disease", "diabetes", "anemia", "hypocalcemia", "hypokalemia", "thyroid", "kidney disease")

# For each fact, a word of the safety row that must accompany it.
BESIDE = {
    "cramp.duration": "ten minutes",
    "remedy.heat": "diabetes",
    "remedy.massage": "swollen",
    "remedy.water": "limits",
    "cause.medicines": "Do not stop",
    "remedy.foods": "kidney",
    "remedy.minerals": "kidney",
    "care.when": "or hurt badly",
}
DENIES = re.compile("does not (say|name)")
LIMITS_FIRST = ("remedy.heat", "remedy.massage")
GUIDED = {"remedy.heat": "heat", "remedy.massage": "massage", "remedy.water": "water"}


@pytest.fixture(scope="module")
def said(content: Content) -> list[Said]:
    return list(every_answer(content))


def every_row(content: Content, said: list[Said]) -> set[Row]:
    rows = {row for each in said for row in each.answer.spoken_rows()}
    session = content.guide
    assert session is not None
    return rows | {each.row for each in every_session_row(session)} | set(every_prompt(content))


def fixed_lines(content: Content) -> set[str]:
    number = content.answers.settings["number"]
    return {line.replace("{number}", number) for line in FIXED} | set(FIXED)


def free_text(content: Content, each: Said) -> str:
    return " ".join(row.text for row in each.answer.rows if row.text not in fixed_lines(content))


def test_the_collected_answers_cover_every_intent_family_and_list_value(content: Content, said: list[Said]) -> None:
    assert {each.match.intent for each in said} == set(content.answers.entries)
    families = {family.name for family in content.safety.families}
    assert families == {each.match.family for each in said} - {None}
    for slot in ("muscle", "mineral", "food", "condition"):
        walked = {each.match.slots[slot] for each in said if slot in each.match.slots}
        assert {value.value for value in content.sentences.lists[slot]} <= walked
    assert len(said) > 4000


def test_every_answer_says_something(said: list[Said]) -> None:
    assert [each.match for each in said if not each.answer.rows] == []


def test_every_health_sentence_has_its_fact_or_source(content: Content, said: list[Said]) -> None:
    def is_grounded(row: Row) -> bool:
        if row.kind == "article":
            return row.fact in content.facts and row.source is None
        if row.kind == "talk":
            return row.fact is None and row.source is None
        return bool(row.source) and row.fact is None

    assert [row for row in every_row(content, said) if not is_grounded(row)] == []


def test_every_article_sentence_shares_a_word_with_its_fact(content: Content, said: list[Said]) -> None:
    def stems(text: str) -> set[str]:
        return {word[:4] for word in words_of(text) if len(word) > 3} - {"arti", "says", "cram", "list", "that", "with"}

    about_the_article = {"That is all it says about them."}
    for row in every_row(content, said):
        if row.fact in {None, "disclaimer"} or row.text in about_the_article or "does not" in row.text:
            continue
        assert stems(row.text) & stems(content.facts[str(row.fact)]), (row.fact, row.text)


@pytest.mark.parametrize(("fact", "word"), sorted(BESIDE.items()))
def test_a_sentence_that_would_mislead_alone_has_a_safety_row(said: list[Said], fact: str, word: str) -> None:
    spoken = [each for each in said if any(row.fact == fact for row in each.answer.rows)]
    assert spoken
    for each in spoken:
        recommends = [row for row in each.answer.rows if row.fact == fact and not DENIES.search(row.text)]
        rows = each.answer.rows
        if recommends and each.match.intent not in {"remedies_overview", "causes_overview"}:
            before, after = rows[: rows.index(recommends[0])], rows[rows.index(recommends[-1]) + 1 :]
            limits = before if fact in LIMITS_FIRST else after
            assert any(row.kind == "safety" and word in row.text for row in limits), each.answer.spoken()


@pytest.mark.parametrize(("fact", "step"), sorted(GUIDED.items()))
def test_the_session_has_the_same_safety_rows(content: Content, fact: str, step: str) -> None:
    assert content.guide is not None
    rows = content.guide.steps[content.guide.index(step)].say
    safety = [number for number, row in enumerate(rows) if row.kind == "safety" and BESIDE[fact] in row.text]
    assert safety, step
    if fact != "remedy.water":  # the note about drinking less comes after "Drink water."
        assert safety[0] < next(number for number, row in enumerate(rows) if row.fact == fact)


def test_the_disclaimer_follows_the_rule_for_the_kind_of_answer(content: Content, said: list[Said]) -> None:
    for each in said:
        group, intent = content.sentences.group_of[each.match.intent], each.match.intent
        if each.follow_up and all(row.kind == "talk" for row in each.answer.rows):
            assert each.answer.disclaimer == "none", intent
        elif group in TOPICS:
            assert each.answer.disclaimer == ("short" if each.full_given else "full"), intent
        elif group == "safety" or intent in {"guide_start", "guide_place", "guide_worse", "guide_time"}:
            assert each.answer.disclaimer == "short", intent
        else:
            assert each.answer.disclaimer == ("full" if intent == "disclaimer" else "none"), intent
        if each.answer.disclaimer != "none":
            rows = each.answer.spoken_rows()
            before_question = -2 if rows[-1].text.endswith("?") else -1
            assert rows[before_question].fact == "disclaimer"


def test_no_sentence_is_longer_than_twenty_words(content: Content, said: list[Said]) -> None:
    sentences = {sentence for row in every_row(content, said) for sentence in sentences_of(row.text)}
    assert [sentence for sentence in sentences if len(sentence.split()) > 20] == []


def test_no_answer_is_longer_than_forty_words(content: Content, said: list[Said]) -> None:
    long = {free_text(content, each) for each in said}
    assert [text for text in long if len(text.split()) > 40] == []


def test_no_step_of_the_session_is_longer_than_fourteen_words(content: Content) -> None:
    assert content.guide is not None
    for each in every_session_row(content.guide):
        for sentence in sentences_of(each.row.text):
            limit = 20 if each.row.kind in {"safety", "article"} else 14
            assert len(sentence.split()) <= limit, sentence


def test_nobody_is_offered_more_than_three_choices(content: Content, said: list[Said]) -> None:
    for row in every_row(content, said):
        for sentence in sentences_of(row.text):
            if row.kind == "talk" and " or " in sentence:
                parts = re.split(r",? or |, ", sentence.removesuffix("."))
                assert len(parts) <= 4, sentence  # an introduction and three choices


@pytest.mark.slow
def test_every_answer_is_easy_to_understand(content: Content, said: list[Said]) -> None:
    hard = {}
    for each in said:
        text = free_text(content, each)
        limit = 8 if any(disease in text for disease in DISEASES) else 6
        conditions = content.answers.say("condition", each.match.slots.get("condition", "").split(", ")[0])
        limit = 8 if conditions and "does not name" in text else limit
        if grade(text) > limit:
            hard[text] = grade(text)
    assert hard == {}


def test_every_prompt_and_step_is_easy_to_understand(content: Content) -> None:
    assert content.guide is not None
    rows = [each.row for each in every_session_row(content.guide)] + list(every_prompt(content))
    free = [row for row in rows if row.text not in fixed_lines(content) and row.fact != "disclaimer"]
    together = " ".join(row.text for row in free)
    assert grade(together) <= 6
    alone = [row.text for row in free if len(words_of(row.text)) >= 8 and grade(row.text) > 8]
    assert alone == []


def test_no_banned_word_is_ever_spoken(content: Content, said: list[Said]) -> None:
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, BANNED)) + r")\b", re.IGNORECASE)
    rows = every_row(content, said)
    assert [row.text for row in rows if pattern.search(row.text.replace(QUOTED_TITLE, ""))] == []
    assert [row.text for row in rows if "!" in row.text] == []


def test_no_dose_or_amount_is_ever_spoken(content: Content, said: list[Said]) -> None:
    assert [row.text for row in every_row(content, said) if DOSE.search(row.text.casefold())] == []


def test_users_are_never_advised_against_getting_help(content: Content, said: list[Said]) -> None:
    pattern = re.compile(
        r"(no need|don't need|do not need|not necessary|no reason) to|you can wait|not serious|harmless"
    )
    assert [row.text for row in every_row(content, said) if pattern.search(row.text.casefold())] == []


def test_no_prompt_of_the_session_contains_the_word_that_ends_it(content: Content) -> None:
    assert content.guide is not None
    assert [each.row.text for each in every_session_row(content.guide) if "stop" in words_of(each.row.text)] == []


def test_the_review_page_is_up_to_date_and_says_that_nobody_has_reviewed_it(content: Content) -> None:
    page = CONTENT_PAGE.read_text(encoding="utf-8")
    assert page == review_page(content), "make it anew: voice-helper check --page docs/content.md"
    assert "Reviewed by a clinician: nobody yet." in page


def test_the_review_page_has_every_row(content: Content) -> None:
    page = CONTENT_PAGE.read_text(encoding="utf-8")
    rows = [row for entry in content.answers.entries.values() for row in entry.rows]
    rows += [row for topic in content.follow_ups.topics.values() for row in topic.rows]
    texts = [content.answers.filled(row).text for row in rows]
    assert [text for text in texts if text not in page] == []
    assert content.guide is not None
    assert [each.row.text for each in every_session_row(content.guide) if each.row.text not in page] == []


def test_every_sentence_on_the_review_page_has_room_for_a_mark_and_no_unfilled_setting() -> None:
    page = CONTENT_PAGE.read_text(encoding="utf-8").splitlines()
    tables = [line for line in page if line.startswith("|")]
    assert [line for line in tables if not line.endswith(("| |", "| correct? |", "---|"))] == []
    assert [line for line in tables if "{number}" in line] == []


# Nothing is made up at run time: whatever is recognized, only known rows are spoken.


@pytest.fixture(scope="module")
def sayable(content: Content, said: list[Said]) -> frozenset[str]:
    answers = content.answers
    rows = {answers.filled(row).text for row in every_row(content, said)}
    guide = content.guide
    assert guide is not None
    last = max(step.number for step in guide.steps)
    rows |= {filled(guide.which_step, {"step": f"{step.number}", "steps": f"{last}"}).text for step in guide.steps}
    rows |= {row.row.text for row in every_session_row(guide.by_turns())}
    rows |= {filled(guide.how_long, {"seconds": f"{seconds}"}).text for seconds in range(1, 61)}
    return frozenset(rows | {answers.did_you_mean(*pair).text for pair in permutations(answers.entries, 2)})


SENTENCES = (
    "help i have a cramp", "does heat help", "my chest hurts", "no chest pain can i rub it", "next", "stop", "what",
    "is it the calf or the foot", "bananas and pickles", "it's my thigh", "the front", "worse", "better", "the same",
    "wait", "continue", "start over", "stand", "help", "slower", "yes", "no", "are you recording me", "thank you",
    "blue monkey carburettor", "say that again", "does magnesium or calcium help", "my calf is swollen", "how long",
    "my son has a cramp", "how much magnesium should i take", "do i have a clot", "is this medical advice",
)  # fmt: skip
EVENTS = st.one_of(
    st.builds(lambda text: Heard(Transcript(text)), st.sampled_from(SENTENCES)),
    st.builds(lambda text: Heard(Transcript(text, 0.4)), st.text(max_size=40)),
    st.builds(PartlyHeard, st.sampled_from(SENTENCES)),
    st.builds(lambda seconds: Quiet(int(seconds * SAMPLE_RATE)), st.floats(0.03, 90)),
    st.just(DoneSpeaking()),
)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.booleans(), st.booleans(), st.lists(EVENTS, max_size=12))
def test_whatever_is_recognized_only_known_rows_are_spoken(
    plain_skill: Skill, sayable: frozenset[str], hands_free: bool, guided: bool, events: list[Event]
) -> None:
    state = State(hands_free=hands_free)
    said: list[str] = []
    actions: tuple[object, ...] = ()
    if guided:
        state, actions = plain_skill.conversation.begin_guide(state)
    for event in [None, *events]:
        if event is not None:
            state, actions = plain_skill.conversation.step(state, event)
        said += [row.text for action in actions if isinstance(action, Say) for row in action.rows]
    assert [text for text in said if text not in sayable] == []


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(SENTENCES), st.floats(0, 300)), max_size=12))
def test_whatever_is_said_in_turns_only_known_rows_are_spoken(
    plain_skill: Skill, sayable: frozenset[str], turns: list[tuple[str, float]]
) -> None:
    conversation, state = plain_skill.conversation.by_turns(), first_state()
    for text, after_seconds in turns:
        state, reply = take_turn(conversation, state, text, after_seconds)
        assert [row.text for row in reply.rows if row.text not in sayable] == []


def test_a_stretch_outside_a_session_says_how_long_to_hold_it_and_when_to_let_go(
    content: Content, said: list[Said]
) -> None:
    assert content.guide is not None
    timed = {each.row.text for each in every_session_row(content.guide)}
    loose = {row.text for row in every_row(content, said) if re.search(r"\bhold\b", row.text.casefold())} - timed
    assert [text for text in loose if not ("twenty seconds" in text and "let go" in text)] == []


def test_at_most_a_fifth_of_a_later_answer_is_disclaimer_markers_and_offers(skill: Skill) -> None:
    assert median(shares(skill).values()) <= 0.2
