"""An answer is about the thing that the user asked about, not about something that resembles it."""

from __future__ import annotations

import pytest

from voice_helper.skill import Skill
from voice_helper.understanding.normalize import Language

EN = Language(
    asked=("does {words} (help|stop) [leg|calf] cramps", "are leg cramps a sign of {words}"),
    blamed=("{words} is that (it|why) [then]",),
    subject=("cramp", "charley horse"),
    elsewhere=("hand",),
    questions={"causes_overview": ("why",)},
    other_questions=("does",),
    corrections=("not the", "isn't my"),
)


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("does vitamin e help leg cramps", "not_in_article", {"unlisted": "vitamin e"}),
        ("would some extra vitamin e maybe do my legs good", "not_in_article", {"unlisted": "vitamin e"}),
        ("can cold weather cause leg cramps", "not_in_article", {"unlisted": "cold weather"}),
        ("can i get cramps from drinking too much water", "not_in_article", {"unlisted": "too much water"}),
        ("is being overweight the cause", "not_in_article", {"unlisted": "overweight"}),
        ("are potato crisps good for cramps", "remedy_foods", {"food": "crisp"}),
        ("do sweet potatoes help", "remedy_foods", {"food": "sweet potato"}),
        ("are leg cramps a sign of ms", "care_conditions", {"condition": "multiple sclerosis"}),
        ("can hypothyroidism cause leg cramps", "care_conditions", {"condition": "thyroid"}),
        ("can statins cause leg cramps", "cause_medicines", {"drug_name": "statin"}),
        ("can amlodipine cause leg cramps", "cause_medicines", {"drug_name": "blood pressure"}),
        ("how do i stop night cramps", "remedies_overview", {"night_time": "nighttime"}),
        ("why do i get leg cramps every time i drink alcohol", "remedy_foods", {"food": "alcohol"}),
        ("do leg cramps get worse as you get older", "not_in_article", {"unlisted": "old age"}),
        ("can my foot cramp when i swim", "not_in_article", {"unlisted": "swimming"}),
    ],
)
def test_things_that_resemble_the_articles_topics_are_not_mistaken_for_them(
    skill: Skill, text: str, intent: str, slots: dict[str, str]
) -> None:
    match = skill.understanding.understand(text)
    assert (match.intent, dict(match.slots)) == (intent, slots)


@pytest.mark.parametrize("thing", ["zorbing", "ozokerite", "a quokka", "purple flumox"])
def test_a_thing_in_no_template_is_not_in_the_article(skill: Skill, thing: str) -> None:
    assert skill.understanding.understand(f"does {thing} help leg cramps").intent == "not_in_article"


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("i drink wine every evening is that it", "remedy_foods", {"food": "alcohol"}),
        ("i drink coffee all day could that be it", "remedy_foods", {"food": "coffee"}),
        ("i wear high heels is that why", "not_in_article", {"unlisted": "shoes"}),
        ("i started on an inhaler could that be the reason", "cause_medicines", {"drug_name": "inhaler"}),
    ],
)
def test_a_cause_mentioned_before_is_that_it_is_what_was_asked_about(
    skill: Skill, text: str, intent: str, slots: dict[str, str]
) -> None:
    match = skill.understanding.understand(text)
    assert (match.intent, dict(match.slots)) == (intent, slots)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("do the planets make my calves cramp", "not_in_article"),
        ("why do my legs seize up in the greenhouse", "causes_overview"),
        ("i was at the allotment all morning so why does my calf seize up", "causes_overview"),
        ("what tests are done for leg cramps", "not_in_article"),
    ],
)
def test_a_question_about_the_subject_is_always_answered(skill: Skill, text: str, intent: str) -> None:
    assert skill.understanding.understand(text).intent == intent


@pytest.mark.parametrize("text", ["why does my stomach cramp up", "do you have cramps in your style", "my hand cramps"])
def test_a_cramp_elsewhere_is_another_subject(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent in ("none", "unsure", "out_of_scope")


def test_a_question_after_a_story_is_answered(skill: Skill) -> None:
    text = "i've got weak kidneys and the neighbours said things is it all right if i start magnesium"
    assert skill.understanding.understand(text).intent == "ask_medicine"


@pytest.mark.parametrize(
    "text", ["a dog lying on my legs", "my cat sleeps on my legs at night", "could it be the dog lying on my legs"]
)
def test_an_animal_on_the_bed_is_not_a_patient(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).slots == {"unlisted": "pet"}


def test_if_the_article_does_not_say_the_reply_names_the_thing_and_another_source(skill: Skill) -> None:
    said = [row.text for row in skill.chat().send("does walking help leg cramps").rows]
    assert said[:2] == ["The article does not mention walking.", "The Mayo Clinic says to walk, or to shake the leg."]


def test_if_rows_are_long_only_the_first_of_several_things_is_answered(skill: Skill) -> None:
    said = [row.text for row in skill.chat().send("what about walking").rows]
    answers = skill.content.answers
    match = skill.understanding.understand("what about walking")
    both = answers.answer(type(match)("not_in_article", {"unlisted": "walking, soap"}), full_given=False)
    assert [row.text for row in both.rows] == said[: len(both.rows)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("not the calf the foot", "foot"),
        ("it isn't my calf it's my foot", "foot"),
        ("it's the foot not the calf", "foot"),
        ("the underside of my thigh", "back of thigh"),
        ("the top of my thigh", "front of thigh"),
        ("the ball of my foot", "foot"),
        ("not the calf", None),
    ],
)
def test_a_paraphrased_place_is_found_and_a_retracted_one_is_not(skill: Skill, text: str, place: str | None) -> None:
    sentences = skill.understanding.sentences
    assert sentences.find_slots(sentences.language.comparable(text), ("muscle",)).get("muscle") == place


def test_the_topic_is_the_part_that_the_form_marks() -> None:
    assert EN.asked_about("does a hot bath help leg cramps") == "a hot bath"
    assert EN.asked_about("does a hot bath stop cramps") == "a hot bath"
    assert EN.asked_about("does a hot bath stop calf cramps") == "a hot bath"
    assert EN.asked_about("are leg cramps a sign of gout") == "gout"
    assert EN.asked_about("a hot bath helps leg cramps") == ""
    assert Language().asked_about("does heat help leg cramps") == ""


def test_the_possible_cause_is_the_part_that_the_form_marks() -> None:
    assert EN.blamed_in("i drink wine is that it") == "i drink wine"
    assert EN.blamed_in("i drink wine is that why then") == "i drink wine"
    assert EN.blamed_in("i drink wine is that all") == ""
    assert Language().blamed_in("i drink wine is that it") == ""


def test_the_subject_is_named_by_whole_words_without_another_subject() -> None:
    assert EN.names_the_subject("a charley horse again")
    assert not EN.names_the_subject("my hand has a cramp")
    assert not EN.names_the_subject("cramped quarters")
    assert (EN.question_in("so why is that"), EN.question_in("whyever not")) == ("causes_overview", None)
    assert EN.begins_a_question("does it")
    assert not EN.begins_a_question("it does")


def test_only_words_right_before_a_value_retract_it() -> None:
    assert EN.is_taken_back("it is not the ")
    assert not EN.is_taken_back("not the left but the ")
    assert not EN.is_taken_back("knot the")
    assert not Language().is_taken_back("not the")
