from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.dialogue.answers import Sources
from voice_helper.dialogue.follow_ups import read_follow_ups
from voice_helper.dialogue.state import State
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import check_folder
from voice_helper.support.paths import intents_folder
from voice_helper.types import DoneSpeaking, Heard, Match, Say, Transcript, Understood

from .test_conversation import Talk

CAUSES = "what causes leg cramps"


def meant(talk: Talk, text: str) -> Match:
    return next(action.match for action in talk(text) if isinstance(action, Understood))


@pytest.fixture
def talk(skill: Skill) -> Talk:
    return Talk(skill)


@pytest.mark.parametrize(
    ("first", "then", "intent", "slots"),
    [
        (CAUSES, "what about magnesium", "cause_minerals", {"mineral": "magnesium"}),
        ("what helps", "what about magnesium", "remedy_minerals", {"mineral": "magnesium"}),
        ("does massage help", "and heat", "remedy_heat", {}),
        (CAUSES, "and vitamin d", "cause_vitamin_d", {}),
        ("are bananas good for cramps", "what about spuds", "remedy_foods", {"food": "potato"}),
        ("are bananas good for cramps", "what about pickles", "remedy_foods", {"food": "pickle"}),
        ("can diabetes cause cramps", "or my thyroid", "care_conditions", {"condition": "thyroid"}),
        (CAUSES, "what about the hamstring", "about_location", {"muscle": "back of thigh"}),
        ("does heat help", "and being dehydrated", "cause_dehydration", {}),
    ],
)
def test_a_follow_up_is_of_the_same_kind_as_the_last_question(
    talk: Talk, first: str, then: str, intent: str, slots: dict[str, str]
) -> None:
    talk(first)
    match = meant(talk, then)
    assert (match.intent, dict(match.slots)) == (intent, slots)


def test_more_gives_the_next_rows_each_time_until_there_are_none(skill: Skill, talk: Talk) -> None:
    heard = [talk.says(CAUSES)[0]] + [talk.says(again)[0] for again in ("tell me more", "more", "go on")]
    assert len(set(heard)) == 4
    assert talk.says("anything else")[0] == skill.content.follow_ups.nothing["more"].text


def test_more_of_another_topic_begins_at_its_first_rows(talk: Talk) -> None:
    talk(CAUSES)
    first = talk.says("more")
    talk.says("more")
    talk(CAUSES)
    assert talk.says("more") == first


def test_why_after_a_remedy_leads_to_its_cause_with_the_same_slots(talk: Talk) -> None:
    talk("how do i get more magnesium")
    match = meant(talk, "why is that")
    assert (match.intent, dict(match.slots)) == ("cause_minerals", {"mineral": "magnesium"})


def test_if_the_article_does_not_say_the_reply_says_so_and_needs_no_disclaimer(skill: Skill, talk: Talk) -> None:
    talk("does heat help")
    assert talk.says("but why") == [skill.content.follow_ups.nothing["why"].text]


def test_how_is_answered_with_its_own_rows(talk: Talk) -> None:
    talk("does heat help")
    talk(DoneSpeaking())
    said = talk.says("how do i do that")
    assert (said[0].startswith("No heat if you have diabetes"), said[1]) == (True, "Use a warm towel.")


def test_say_that_again_repeats_a_follow_up(talk: Talk) -> None:
    talk("does heat help")
    followed = talk.says("how")
    assert talk.says("say that again")[:2] == followed[:2]


@pytest.mark.parametrize("text", ["why", "how", "the first", "tell me more", "more"])
def test_a_follow_up_without_a_previous_answer_has_no_meaning(skill: Skill, talk: Talk, text: str) -> None:
    assert talk.says(text) == [skill.content.answers.again.text]


@pytest.mark.parametrize("before", ["thanks", "should i take quinine", "what's the weather"])
def test_an_answer_that_is_not_a_topic_has_no_why(skill: Skill, talk: Talk, before: str) -> None:
    talk("does heat help")
    talk(before)
    assert talk.says("why") == [skill.content.answers.again.text]


@pytest.mark.parametrize("text", ["what about my chest pain", "and i can't breathe", "and if it is swollen"])
def test_a_red_flag_wins_over_every_follow_up(talk: Talk, text: str) -> None:
    talk("does massage help")
    assert meant(talk, text).decided_by == "safety"


def test_stop_is_never_a_follow_up(talk: Talk) -> None:
    talk("does massage help")
    assert meant(talk, "and stop").intent == "guide_stop"


def test_in_a_session_its_commands_come_first(skill: Skill) -> None:
    talk = Talk(skill)
    talk("does massage help")
    talk.state, _ = skill.conversation.begin_guide(talk.state)
    talk(DoneSpeaking())
    assert meant(talk, "next").intent == "guide_next"


def test_an_overheard_tell_me_more_is_ignored(skill: Skill) -> None:
    state = State(hands_free=True)
    state, _ = skill.conversation.step(state, Heard(Transcript("does heat help")))
    _, actions = skill.conversation.step(state, Heard(Transcript("go on"), overheard=True))
    assert not any(isinstance(action, Say) for action in actions)


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("the first", "cause_heat"), ("second one please", "remedy_heat"), ("heat", "remedy_heat"),
        ("exercise in the heat", "cause_heat"), ("exercise", "cause_heat"),
    ],
)  # fmt: skip
def test_one_of_two_options_is_chosen_by_position_or_by_its_words(skill: Skill, said: str, intent: str) -> None:
    talk = Talk(skill)
    talk.state = State(candidates=("cause_heat", "remedy_heat"))
    assert meant(talk, said).intent == intent


def test_one_of_two_options_is_chosen_by_its_title_even_if_the_title_alone_has_no_meaning(skill: Skill) -> None:
    talk = Talk(skill)
    talk.state = State(candidates=("cause_heat", "not_in_article"))
    title = skill.content.answers.entries["not_in_article"].title
    assert skill.understanding.understand(title).intent == "none"
    assert meant(talk, title).intent == "not_in_article"


@pytest.mark.slow
def test_any_chain_of_follow_ups_is_answered(skill: Skill) -> None:
    @given(
        st.lists(st.sampled_from(["why", "how", "more", "what about heat", "and bananas", "say that again", CAUSES]))
    )
    def answered(chain: list[str]) -> None:
        talk = Talk(skill)
        talk(CAUSES)
        assert all(talk.says(text) for text in chain)

    answered()


def test_a_mistake_in_the_file_is_shown_with_its_line(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(intents_folder("en"), tmp_path / "en"))
    file = folder / "follow_ups.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("cause_heat: {more: remedy_water,", "cause_heat: {more: remedy_watter,")
    text = text.replace("  about:", "  abuot:").replace("fact: cause.circulation}", "fact: cause.circulatoin}", 1)
    file.write_text(text, encoding="utf-8")
    _, problems = check_folder(folder)
    assert any("cause_heat: there is no answer remedy_watter" in line for line in problems)
    assert any('"abuot" is not a group' in line for line in problems)
    assert any('there is no fact "cause.circulatoin"' in line for line in problems)
    assert all("follow_ups.yaml:" in line for line in problems)


def test_an_almost_empty_file_is_reported_with_what_it_needs(skill: Skill) -> None:
    problems = Problems()
    text = "language: en\nframes:\n  causes: is it {words}\n  remedies: [does that help]"
    read_follow_ups(
        read_document(text, "follow_ups.yaml", problems), skill.content.language, Sources(frozenset(), {}), problems
    )
    assert problems.lines() == (
        'follow_ups.yaml:1: follow_ups.yaml needs "nothing", with "why", "how" and "more"',
        "follow_ups.yaml:4: frames: each of remedies needs {words} once",
    )


def test_each_kind_that_has_phrases_needs_a_reply(skill: Skill) -> None:
    problems = Problems()
    text = (
        "phrases:\n  fails: nothing helps\n  sure: are you sure\n"
        "nothing:\n  why: {text: a, kind: talk}\n  how: {text: b, kind: talk}\n  more: remedies\n  sure: {kind: talk}"
    )
    read = read_follow_ups(
        read_document(text, "follow_ups.yaml", problems), skill.content.language, Sources(frozenset(), {}), problems
    )
    assert problems.lines() == (
        'follow_ups.yaml:4: nothing needs "fails", because there are phrases for it',
        'follow_ups.yaml:8: nothing, sure needs "text"',
    )
    assert read.otherwise == {"more": "remedies"}
