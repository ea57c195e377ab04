from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.skill.folder_reader import Content, load_content
from voice_helper.support.paths import intents_folder
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.safety import LEVELS, read_safety


def highest(content: Content, text: str) -> tuple[str, str] | None:
    flag = content.safety.find(content.safety.language.normalize(text)).highest
    return (flag.level, flag.family) if flag else None


@pytest.mark.parametrize(
    ("text", "level", "family"),
    [
        ("chest pain", "emergency", "chest_pain"),
        ("i've got this crushing feeling in my chest", "emergency", "chest_pain"),
        ("just pain and i can't breathe", "emergency", "chest_pain"),
        ("breathless", "emergency", "breathing"),
        ("i can't breeze", "emergency", "breathing"),
        ("my husband collapsed", "emergency", "fainted"),
        ("past out", "emergency", "fainted"),
        ("her speech is slurred", "emergency", "stroke"),
        ("my foot has gone white and cold", "emergency", "limb_in_danger"),
        ("overdose", "emergency", "poison"),
        ("i want to die", "emergency", "wish_to_die"),
        ("i have no will to live", "emergency", "wish_to_die"),
        ("she wants to take her own life", "emergency", "wish_to_die"),
        ("i'm a burden they'd be better off if i was dead", "emergency", "wish_to_die"),
        ("i've got a rope and a goodbye letter", "emergency", "wish_to_die"),
        ("i can't face another day of living", "emergency", "wish_to_die"),
        ("took a load of pills", "emergency", "poison"),
        ("my brother drink kerosene", "emergency", "poison"),
        ("i gave him the wrong medicine and he's gone floppy", "emergency", "poison"),
        ("i can smell gas", "emergency", "fumes_and_fire"),
        ("the mower took my toes", "emergency", "injury"),
        ("i've been stabbed in the leg", "emergency", "injury"),
        ("it went ping like a bit of elastic", "urgent", "pop"),
        ("there's a gap above my heel", "urgent", "pop"),
        ("the fumes have given us a headache", "emergency", "fumes_and_fire"),
        ("a snake bit me", "emergency", "snake_bite"),
        ("my wife says it's nothing but i'm coughing blood", "emergency", "coughing_blood"),
        ("my calf is red and swollen", "urgent", "swollen_leg"),
        ("blood cloth", "urgent", "clot"),
        ("my pee is dark brown", "urgent", "dark_urine"),
        ("i felt a pop in my calf", "urgent", "pop"),
        ("it's been half an hour and it's still cramping", "urgent", "too_long"),
        ("i fell down the stairs", "urgent", "fall"),
    ],
)
def test_a_sign_raises_its_family(content: Content, text: str, level: str, family: str) -> None:
    assert highest(content, text) == (level, family)


@pytest.mark.parametrize(
    "text",
    [
        "this cramp is killing me", "i'm dying here", "shooting pain in my calf", "charley horse",
        "does heat help", "hot water bottle", "are bananas good for cramps", "i fell asleep",
        "does your foot go white in a cramp", "should i breathe out while i stretch",
        "i could die of shame", "i want to die of embarrassment", "these cramps will be the death of me",
        "i'm dying to get back to sleep", "my leg wants to die", "i don't want to wake up at night with cramp",
        "i don't want to live in leeds", "i'm tired of living in this cold house", "i want to top myself up with water",
        "i took all my socks off", "i've had the whole bottle of water", "my legs are on fire", "i stopped for gas",
        "it's like being stabbed in the calf", "i mowed the lawn", "i overdosed on chocolate",
        "i'd rather be dead than wear that", "my boss stabbed me in the back", "my shoe came off",
        "the microwave went ping",
    ],
)  # fmt: skip
def test_idioms_and_ordinary_questions_raise_nothing(content: Content, text: str) -> None:
    flag = content.safety.find(content.safety.language.normalize(text)).highest
    assert flag is None or flag.level not in ("emergency", "urgent")


@pytest.mark.parametrize(
    ("past", "present"),
    [
        ("i had a heart attack ten years ago", "i had a heart attack ten minutes ago"),
        ("i had a clot in two thousand and nine", "i had a clot in two thousand and nine and it's a clot again"),
        ("i fainted once at school", "i fainted at school"),
        ("my dad died of a heart attack", "my dad died of a heart attack and i have chest pain"),
        ("he had a stroke when he was a boy", "he had a stroke when he was in bed"),
        ("i used to be on dialysis", "i am on dialysis"),
        ("my calf was swollen last winter", "my calf was swollen last winter and it's swollen again"),
        ("somebody on the telly collapsed", "somebody collapsed watching the telly"),
        ("i fell last year", "i fell last night"),
    ],
)
def test_past_events_and_stories_are_not_signs(content: Content, past: str, present: str) -> None:
    assert highest(content, past) is None
    assert content.safety.find(content.safety.language.normalize(past)).is_past
    assert highest(content, present) is not None


@pytest.mark.parametrize(
    ("clear", "doubtful"),
    [
        ("i want to die", "i just want to stop"),
        ("i want to kill myself", "i'd rather not be here any more"),
        ("i have nothing to live for", "i can't face another day of living"),
        ("i took too many tablets", "i took a load of pills"),
        ("i swallowed bleach", "i mixed bleach with something"),
        ("the kitchen is on fire", "i can smell gas"),
    ],
)
def test_a_clear_sign_is_certain_without_the_alarm(content: Content, clear: str, doubtful: str) -> None:
    flags = (content.safety.find(content.safety.language.normalize(text)).highest for text in (clear, doubtful))
    assert [flag is not None and flag.is_clear for flag in flags] == [True, False]


def test_a_past_sign_does_not_hide_a_present_one(content: Content) -> None:
    for text in ("dad had a stroke years back and i've chest pain", "i broke it years ago but now i can't breathe"):
        flag = highest(content, text)
        assert flag is not None, text
        assert flag[0] == "emergency", text


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("no chest pain", ""),
        ("i don't have chest pain but does heat help", "i does heat help"),
        ("it isn't swollen", "it"),
        ("no fever or swelling just a cramp", "just a cramp"),
        ("no it isn't swollen next step", "no it next step"),
    ],
)
def test_a_clear_denial_is_removed_and_the_rest_stays(content: Content, text: str, rest: str) -> None:
    flags = content.safety.find(content.safety.language.normalize(text))
    assert flags.highest is None
    assert flags.denied
    assert flags.rest == rest


@pytest.mark.parametrize(
    "text",
    [
        "i don't have chest pain but i can't breathe",
        "no i can't breathe",
        "i did not sleep because my chest hurts",
        "i don't think i have chest pain",
        "he's not responding",
        "not chest pain as such more a tightness in my chest",
    ],
)
def test_an_uncertain_denial_does_not_cancel_the_sign(content: Content, text: str) -> None:
    flag = content.safety.find(content.safety.language.normalize(text)).highest
    assert flag is not None
    assert flag.level == "emergency"


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("is it a clot", False),
        ("how do i stop a cramp and also a clot", True),
        ("does heat help oh and dialysis", True),
        ("does a cramp make your leg swell and also go red", False),
    ],
)
def test_a_statement_after_a_question_counts(content: Content, text: str, raised: bool) -> None:
    assert (
        any(flag.level == "urgent" for flag in content.safety.find(content.safety.language.normalize(text)).raised)
        is raised
    )


def test_the_highest_of_several_levels_wins(content: Content) -> None:
    flags = content.safety.find(
        content.safety.language.normalize("my calf is swollen and i have chest pain and how much ibuprofen can i take")
    )
    levels = [flag.level for flag in flags.raised]
    assert levels[0] == "emergency"
    assert "urgent" in levels
    assert levels == sorted(levels, key=LEVELS.index)


# The prefilter


def piece_of_rule(content: Content) -> st.SearchStrategy[str]:
    """Return a strategy for words and phrases of the rules, and for the words around them."""
    rules = re.sub(
        r"[^a-z' ]+", " ", (intents_folder("en") / "safety.yaml").read_text(encoding="utf-8").lower()
    ).split()
    stretches = st.integers(0, len(rules) - 4).flatmap(
        lambda at: st.integers(1, 4).map(lambda length: " ".join(rules[at : at + length]))
    )
    around = st.sampled_from(
        ["no", "not", "but", "is", "does", "my", "killing me", "and", "i can breathe fine", "never"]
    )
    lines = st.sampled_from([wording.text for wording in content.wordings if wording.intent in LEVELS])
    return stretches | around | lines


@pytest.mark.slow
@settings(max_examples=200)
@given(data=st.data())
def test_all_rules_and_the_few_that_may_match_find_the_same(content: Content, data: st.DataObject) -> None:
    text = " ".join(data.draw(st.lists(piece_of_rule(content), min_size=1, max_size=4)))
    comparable = content.language.comparable(text)
    assert content.safety.find(content.safety.language.normalize(text)) == content.safety._find(comparable)


@pytest.mark.parametrize(
    ("sign", "text"),
    [
        ("swell*", "it is swelling"),
        ("(a|b) c", "b c"),
        ("<limb> + (blue|turn* white)", "my toes turning white"),
        ("a[b", "a b"),
        ("half (an|1) hour", "half an hour"),
    ],
)
def test_a_sign_is_found_by_its_required_fragments(sign: str, text: str) -> None:
    problems = Problems()
    document = f'groups: {{limb: [leg, toes]}}\nfamilies: {{f: {{level: urgent, signs: ["{sign}"]}}}}'
    rules = read_safety(read_document(document, "safety.yaml", problems), Language(), problems)
    assert problems.lines() == ()
    assert [flag.family for flag in rules.find(rules.language.normalize(text)).raised] == ["f"]
    assert rules.find(rules.language.normalize("nothing at all")).raised == ()


def test_no_rule_is_compiled_before_a_text_needs_it() -> None:
    rules = load_content(intents_folder("en")).safety
    rules.find(rules.language.normalize("does heat help"))
    compiled = sum(
        "compiled" in vars(part) for family in rules.families for sign in family.signs for part in sign.parts
    )
    assert compiled < 10
