"""How the rules of `safety.yaml` are read and applied, tested on a small file that contains one of everything."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.skill import Skill
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.safety import LEVELS, Flag, Flags, SafetyRules, read_safety
from voice_helper.understanding.understand import HELP_NOW

LEVEL_IN_QUOTES = '2: the family f, level must be a text: write it in quotes, "1"'
NEEDS = f"the family f, level must be one of {', '.join(LEVELS)}, not "
RULES = """
language: en
small_words: [my, the, is, "it's"]
negators: ["no", not, never]
negation_ends: [but, although]
negation_passes: [any, sign, of, got]
denials: ["can breathe (fine|well)"]
hedges: ["as such"]
questions: [is, does, what if]
question_ends: ["oh and", "and also"]
persons: [i, my, man]
generic: [people, cramps]
idioms: ["killing me", "cold feet"]
groups:
  cold: [cold, <white>]
  white: [white, pale]
  limb: [leg, foot]
families:
  chest: {level: emergency, signs: ["chest (pain|hurts)", breathless]}
  limb: {level: emergency, not_in_general: true, signs: ["<limb> + <cold>"]}
  clot: {level: urgent, not_in_questions: true, signs: [clot]}
  swollen: {level: urgent, signs: ["swell*", "hot + leg + red"], unless: ["swelling of music", "swell party"]}
  dose: {level: ask_medicine, signs: ["how many pills"]}
  doctor: {level: see_doctor, signs: ["every night"]}
"""


def read(text: str, language: Language | None = None) -> tuple[SafetyRules, tuple[str, ...]]:
    problems = Problems()
    item = read_document(text, "safety.yaml", problems)
    return read_safety(item, language or Language(contractions={"it is": "it's"}), problems), problems.lines()


@pytest.fixture(scope="module")
def rules() -> SafetyRules:
    rules, problems = read(RULES)
    assert problems == ()
    return rules


def families(rules: SafetyRules, text: str) -> list[str]:
    return [flag.family for flag in rules.find(rules.language.normalize(text)).raised]


def rule(sign: str, text: str, more: str = "") -> tuple[str, ...]:
    """Return the words of a text that a sign matches."""
    rules, problems = read(f"{more}\nfamilies: {{f: {{level: urgent, signs: ['{sign}']}}}}")
    assert problems == ()
    return tuple(flag.words for flag in rules.find(rules.language.normalize(text)).raised)


# Signs


@pytest.mark.parametrize(
    ("sign", "text", "words"),
    [
        ("clot", "a clot in my leg", "clot"),
        ("clot", "the clot's back", "clot's"),
        ("clot", "clots", None),
        ("clot", "a bloodclot", None),
        ("chest pain", "chest   pain", "chest pain"),
        ("chest pain", "chest's pain", "chest's pain"),
        ("chest pain", "pain chest", None),
        ("chest pain", "chest bad pain", None),
        ("(chest|arm) (pain|hurts)", "arm hurts", "arm hurts"),
        ("(chest|arm) (pain|hurts)", "arm chest", None),
        ("(red|hot) leg", "hot leg", "hot leg"),
        ("leg (red|hot)", "leg hot", "leg hot"),
        ("( red | hot ) leg", "red leg", "red leg"),
        ("swell*", "swelling", "swelling"),
        ("swell*", "swell's", "swell's"),
        ("swell* up", "swelled up", "swelled up"),
        ("turn* white", "turns white", "turns white"),
        ("Turn* 2", "turning two", "turning two"),
        ("- clot*", "clots", None),
        ("turn* white", "turn whitely", None),
        ("leg + white", "white is my leg", "white is my leg"),
        ("leg + white", "my leg is big", None),
        ("leg+white", "leg white", "leg white"),
        ("leg + white", "leg a b c d e f g h white", "leg a b c d e f g h white"),
        ("leg + white", "leg a b c d e f g h i white", None),
        ("a + b + c", "a 1 2 3 b 1 2 3 c", "a one two three b one two three c"),
        ("not leg", "not leg", "not leg"),
    ],
)
def test_a_sign_is_found_if_its_words_are_near_each_other(sign: str, text: str, words: str | None) -> None:
    assert rule(sign, text) == (() if words is None else (words,))


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("chest pain", True), ("chest my pain", True), ("chest is the pain", True), ("chest's my pain", True),
     ("chest is the my pain", False), ("chest or pain", False)],
)  # fmt: skip
def test_up_to_two_small_words_may_come_between_the_words_of_a_sign(text: str, is_found: bool) -> None:
    small = "small_words: [my, the, is]"
    assert bool(rule("chest pain", text, small)) is is_found
    assert bool(rule("chest (pain|hurts)", text, small)) is is_found
    assert bool(rule("(chest|arm) pain", text, small)) is is_found


def test_without_small_words_nothing_may_come_between_the_words_of_a_sign() -> None:
    assert rule("chest pain", "chest pain") == ("chest pain",)
    assert rule("chest pain", "chest my pain") == ()


def test_a_small_word_is_a_whole_word() -> None:
    assert rule("chest pain", "chest myth pain", "small_words: [my]") == ()
    assert rule("chest pain", "chest axb pain", 'small_words: ["a.b"]') == ()


def test_a_sign_may_be_written_in_any_equivalent_form() -> None:
    rules, problems = read(
        'families: {f: {level: urgent, signs: ["It is red", "It is swell*", "2 hours"]}}',
        Language(contractions={"it is": "it's"}),
    )
    assert problems == ()
    assert [families(rules, text) for text in ("it's red", "two hours", "It Is RED")] == [["f"]] * 3


def test_groups_may_refer_to_groups(rules: SafetyRules) -> None:
    assert families(rules, "my foot is pale") == ["limb"]
    assert families(rules, "my foot is cold") == ["limb"]


def test_each_family_is_raised_once_by_the_first_of_its_signs_and_the_highest_level_comes_first(
    rules: SafetyRules,
) -> None:
    flags = rules.find(rules.language.normalize("every night how many pills for a clot and breathless with chest pain"))
    assert flags.raised == (
        Flag("emergency", "chest", "chest pain"),
        Flag("urgent", "clot", "clot"),
        Flag("ask_medicine", "dose", "how many pills"),
        Flag("see_doctor", "doctor", "every night"),
    )
    assert flags.highest == flags.raised[0]
    assert (flags.denied, flags.rest) == ((), "every night how many pills for a clot and breathless with chest pain")


def test_a_clear_sign_comes_before_the_others_of_its_level() -> None:
    rules, problems = read(
        "families: {a: {level: urgent, signs: [cold]},"
        " b: {level: urgent, signs: [pale], clear_signs: ['very pale']}, c: {level: emergency, signs: [blue]}}"
    )
    assert problems == ()
    found = rules.find(rules.language.normalize("cold and very pale and blue")).raised
    assert [(flag.family, flag.is_clear) for flag in found] == [("c", False), ("b", True), ("a", False)]
    assert [flag.is_clear for flag in rules.find(rules.language.normalize("pale")).raised] == [False]


def test_nothing_found_is_nothing_to_act_on(rules: SafetyRules) -> None:
    assert rules.find(rules.language.normalize("does heat help")) == Flags(rest="does heat help")
    assert Flags().highest is None
    no_rules, _ = read("language: en")
    assert no_rules.find(no_rules.language.normalize("chest pain")) == Flags(rest="chest pain")


def test_a_sign_may_be_on_both_sides_of_a_word_that_ends_a_denial(rules: SafetyRules) -> None:
    assert families(rules, "my foot although white") == ["limb"]


def test_the_families_have_names(rules: SafetyRules) -> None:
    assert rules.family_names == {"chest", "limb", "clot", "swollen", "dose", "doctor"}


# Idioms, questions, other senses


def test_idioms_are_removed_before_signs_are_searched_for(rules: SafetyRules) -> None:
    assert rules.find(rules.language.normalize("it is killing me chest killing me pain")) == Flags(
        (Flag("emergency", "chest", "chest pain"),), rest="it's chest pain", plain="it's chest pain"
    )
    assert families(rules, "cold feet in my leg") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("is it a clot", []),
        ("what if a clot comes", []),
        ("island clot", ["clot"]),
        ("a clot is it", ["clot"]),
        ("does it swell", ["swollen"]),
        ("is heat good oh and a clot", ["clot"]),
        ("is heat good and also a clot", ["clot"]),
        ("is heat good oh and is it a clot", []),
        ("is a clot good oh and heat", []),
        ("is heat good oh and cold oh and clot", ["clot"]),
        ("a swelling of music", []),
        ("a swell party", []),
        ("it will swell of music", ["swollen"]),
        ("a swell party oh and it swells", ["swollen"]),
    ],
)
def test_a_sign_that_is_only_asked_about_or_means_something_else_does_not_count(
    rules: SafetyRules, text: str, found: list[str]
) -> None:
    assert families(rules, text) == found


def test_a_family_is_also_raised_by_questions_by_default() -> None:
    questions = "questions: [is]\ngeneric: [people]"
    assert rule("clot", "is it a clot", questions) == ("clot",)
    assert rule("clot", "is it a clot in people", questions) == ("clot",)


@pytest.mark.parametrize(
    ("text", "is_general"),
    [
        ("does a foot go white in cramps", True),
        ("does my foot go white in cramps", False),
        ("does a foot go white in cramps as the man's did", False),
        ("does a foot go white", False),
        ("a foot goes white in cramps", False),
        ("do people get a white foot", False),
        ("is it that people get a white foot", True),
    ],
)
def test_a_question_about_people_in_general_raises_no_sign_of_some_families(
    rules: SafetyRules, text: str, is_general: bool
) -> None:
    assert rules.is_general_question(text) is is_general
    assert families(rules, text) == ([] if is_general else ["limb"])


@pytest.mark.parametrize("text", ["i have had", "it has been", "i have been having", "he is"])
def test_an_unfinished_sentence_is_not_a_sign_of_danger(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent not in HELP_NOW


@pytest.mark.parametrize("text", ["i have had chest", "he is not breathing", "i have been poisoned"])
def test_one_meaningful_word_is_enough(skill: Skill, text: str) -> None:
    assert skill.understanding.understand(text).intent in HELP_NOW


# Denials


@pytest.mark.parametrize(
    ("text", "denied", "rest"),
    [
        ("no chest pain", ["chest pain"], ""),
        ("i have no chest pain today", ["chest pain"], "i have today"),
        ("not got any sign of chest pain", ["chest pain"], ""),
        ("no chest pain but heat", ["chest pain"], "heat"),
        ("heat but no chest pain", ["chest pain"], "heat"),
        ("no clot swelling", ["clot", "swelling"], ""),
        ("no clot but can breathe well", ["clot", "can breathe well"], ""),
        ("no chest pain chest hurts", ["chest pain", "chest hurts"], ""),
        ("no chest pain any clot", ["chest pain", "clot"], ""),
        ("i can breathe fine", ["can breathe fine"], "i"),
        ("i can breathe fine and can breathe well", ["can breathe fine", "can breathe well"], "i and"),
        ("my leg is not white", ["white"], "my leg is"),
        ("no leg white", ["leg white"], ""),
        ("no leg any white", ["leg any white"], ""),
        ("no leg of heat white", ["leg"], "of heat white"),
        ("no red hot leg", ["hot leg"], "no red"),
        ("red leg never hot", ["hot"], "red leg"),
        ("snow no clot", ["clot"], "snow"),
        ("any no clot", ["clot"], ""),
        ("any of my no clot", ["clot"], "any of my"),
    ],
)
def test_clearly_denied_signs_are_removed_and_the_rest_stays(
    rules: SafetyRules, text: str, denied: list[str], rest: str
) -> None:
    flags = rules.find(rules.language.normalize(text))
    assert [flag.words for flag in flags.denied] == denied
    assert flags.raised == ()
    assert flags.rest == rest


@pytest.mark.parametrize(
    "text",
    [
        "not no chest pain", "never heat chest pain", "no heat chest pain", "no chest pain as such",
        "no heat but chest pain", "although no chest pain but chest pain", "chest pain no", "not my chest pain",
    ],
)  # fmt: skip
def test_a_sign_with_an_uncertain_denial_counts(rules: SafetyRules, text: str) -> None:
    assert families(rules, text) == ["chest"]


def test_a_denied_sign_has_its_family_and_level(rules: SafetyRules) -> None:
    flags = rules.find(rules.language.normalize("no clot i can breathe well"))
    assert flags.denied == (Flag("emergency", "denial", "can breathe well"), Flag("urgent", "clot", "clot"))


def test_only_an_emergency_or_an_urgent_sign_can_be_denied(rules: SafetyRules) -> None:
    flags = rules.find(rules.language.normalize("not every night and no how many pills"))
    assert [flag.family for flag in flags.raised] == ["dose", "doctor"]
    assert flags.denied == ()


def test_a_negator_that_belongs_to_the_sign_denies_nothing() -> None:
    negators = "negators: ['not']\nnegation_passes: [is]"
    assert rule("he + not waking", "he is not waking", negators) == ("he is not waking",)
    assert rule("not + waking", "not waking", negators) == ("not waking",)
    assert rule("not + he + waking", "not he is waking", negators) == ("not he is waking",)


def test_without_negators_only_the_denial_phrases_are_removed() -> None:
    rules, _ = read("denials: [all fine]\nfamilies: {f: {level: urgent, signs: [clot]}}")
    assert rules.find(rules.language.normalize("no clot all fine now")) == Flags(
        (Flag("urgent", "f", "clot"),), (Flag("emergency", "denial", "all fine"),), "no clot now"
    )


# Pickling


def test_pickled_rules_find_the_same(rules: SafetyRules) -> None:
    kept = pickle.loads(pickle.dumps(rules))
    assert kept == rules
    assert "_index" in vars(kept)
    assert kept.find(kept.language.normalize("no clot my foot is pale")) == rules.find(
        rules.language.normalize("no clot my foot is pale")
    )
    assert copy.copy(kept).family_names == rules.family_names


# Mistakes


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[]", ["1: safety.yaml must have keys, not be a list"]),
        ("colour: red", ['1: safety.yaml: unknown key "colour"']),
        ("groups: 1", ['1: groups must have keys, not be "1"']),
        ("groups: {limb: [[]]}", ["1: the group <limb>, entry 1 must be a text, not a list"]),
        ("families: 2", ['1: families must have keys, not be "2"']),
        ("idioms: 3", ['1: idioms must be a list, not "3"']),
        ("idioms: [a,\n [], (]",
         ["2: idioms, entry 2 must be a text, not a list", "2: idioms, entry 2: this part is empty",
          '2: idioms, entry 3: a bracket of "(" is not closed']),
        ("denials: [(]", ['1: denials, entry 1: a bracket of "(" is not closed']),
        ("hedges: [(]", ['1: hedges, entry 1: a bracket of "(" is not closed']),
        *[(f"{key}: [[]]", [f"1: {key}, entry 1 must be a text, not a list"])
          for key in ("small_words", "negators", "negation_ends", "negation_passes", "questions", "question_ends",
                      "persons", "generic")],
    ],
)  # fmt: skip
def test_every_mistake_in_the_file_is_named_with_its_line(text: str, lines: list[str]) -> None:
    assert problems_of(text) == sorted(lines)


@pytest.mark.parametrize(
    ("family", "lines"),
    [
        ("1", ['2: the family f must have keys, not be "1"']),
        ("{level: 1, signs: [a]}", [f'2: {NEEDS}"1"', LEVEL_IN_QUOTES]),
        ("{level: red, signs: [a]}", [f'2: {NEEDS}"red"']),
        ("{level: urgent}", ['2: the family f needs "signs"']),
        ("{level: urgent, signs: 1}", ['2: the family f, signs must be a list, not "1"']),
        ("{level: urgent, signs: [a], colour: red}", ['2: the family f: unknown key "colour"']),
        ("{level: urgent, signs: [a],\n not_in_questions: a}",
         ['3: the family f, not_in_questions must be true or false, not "a"']),
        ("{level: urgent, signs: [a],\n not_in_general: 1}",
         ['3: the family f, not_in_general must be true or false, not "1"']),
        ("{level: urgent, signs: [a],\n unless: b}", ['3: the family f, unless must be a list, not "b"']),
        ("{level: urgent, signs: [a],\n unless: [b, c (]}",
         ['3: f, unless, entry 2: a bracket of "c (" is not closed']),
    ],
)  # fmt: skip
def test_every_mistake_in_a_family_is_named_with_its_line(family: str, lines: list[str]) -> None:
    assert problems_of(f"families:\n  f: {family}") == sorted(lines)


@pytest.mark.parametrize(
    ("sign", "line"),
    [
        ("2", 'the family f, sign 2 must be a text: write it in quotes, "2"'),
        ("b + <none>", "f, sign 2: there is no group <none>"),
        ("<white> + <no> <none>", "f, sign 2: there is no group <no>"),
        ("<itself>", "f, sign 2: a group refers to itself"),
        ("(c", 'f, sign 2: a bracket of "(c" is not closed'),
        ("a)(c", 'f, sign 2: a bracket of "a)(c" is not closed'),
        ("d + ", "f, sign 2: this part is empty"),
        ("no (more )?pain",
         'f, sign 2: "no (more )?pain" must be written without "?": name both ways as a choice, "(no|no more) pain"'),
    ],
)  # fmt: skip
def test_every_mistake_in_a_sign_is_named_with_its_line(sign: str, line: str) -> None:
    groups = "groups: {white: [white], itself: [a <itself>]}"
    assert problems_of(f"{groups}\nfamilies:\n  f: {{level: urgent, signs: [a,\n {sign}]}}") == [f"4: {line}"]


def problems_of(text: str) -> list[str]:
    lines = (line.removeprefix("safety.yaml:") for line in read(text)[1])
    return sorted(re.split(r" \(known: |: if it is one", line)[0] for line in lines)


def test_invalid_entries_are_left_out_and_the_rest_is_kept() -> None:
    rules, problems = read(
        "families: {f: {level: urgent, signs: [(a, b], unless: [(c, b d]}, g: {level: red, signs: [e]}, "
        "h: {level: urgent}, i: {level: urgent, signs: [e]}}"
    )
    assert len(problems) == 4
    assert families(rules, "a b e") == ["f", "i"]
    assert families(rules, "b d") == []


def test_groups_may_be_nested_five_levels_deep() -> None:
    groups = "groups: {a: [<b>], b: [<c>], c: [<d>], d: [<e>], e: [end]}"
    assert rule("<a>", "end", groups) == ("end",)
