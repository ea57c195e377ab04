"""The order of the stages that decide a meaning, tested with a few sentences and rules and with given similarities."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.content.documents import Problems
from voice_helper.content.yaml_documents import read_document
from voice_helper.types import Match, RunnerUp, Transcript
from voice_helper.understanding.learned_alarm import Suspicion
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.ranking import Ranking
from voice_helper.understanding.safety import read_safety
from voice_helper.understanding.sentence_reader import read_sentences
from voice_helper.understanding.understand import (
    MIN_KNOWN_SHARE,
    USUAL_THRESHOLDS,
    Context,
    Thresholds,
    Understanding,
    logistic,
    read_thresholds,
)

SAFETY = """
negators: ["no", not]
idioms: [killing me]
past: [years ago]
clause_ends: [and]
negation_ends: [but]
questions: [does]
generic: [people]
families:
  chest: {level: emergency, signs: [chest pain]}
  swollen: {level: urgent, signs: ["swollen <leg>"]}
  dose: {level: ask_medicine, signs: [tablets]}
  often: {level: see_doctor, signs: [every night]}
groups: {leg: [leg, calf]}
"""
SENTENCES = {
    "safety": """
lists: {muscle: {values: [calf, leg]}}
intents:
  emergency: {data: [{sentences: ["i cannot breathe"]}]}
  urgent: {data: [{sentences: ["swollen {muscle}", "it is a clot"]}]}
  ask_diagnosis: {data: [{sentences: ["is it bad", "is it bad every night"]}]}
  see_doctor: {data: [{sentences: ["it is bad every night", "are tablets bad"]}]}
""",
    "guide": """
intents:
  guide_next: {data: [{sentences: ["next", "go on", "is it bad", "go on with heat"]}]}
  guide_start: {data: [{sentences: ["my {muscle} cramps"]}]}
""",
    "remedies": """
intents:
  remedy_heat:
    data: [{sentences: ["does heat help", "does heat help my {muscle}", "heat tablets", "go on with heat"]}]
  remedy_cold: {data: [{sentences: ["does cold help"]}]}
""",
    "talk": """
intents:
  thanks: {data: [{sentences: ["thanks", "thank you so much"]}]}
  out_of_scope: {data: [{sentences: ["the weather"]}]}
""",
}
THRESHOLDS = Thresholds(
    sure=0.5, margin=0.2, unsure=0.3, confident=0.7, emergency=0.25, overheard=0.6, overheard_confident=0.75,
    overheard_clear=0.85, alarm_certain=math.log(0.4 / 0.6) - 1e-9, alarm_possible=math.log(0.3 / 0.7),
    rule_certain=-math.inf, rule_possible=-math.inf,
)  # fmt: skip


@dataclass(frozen=True)
class Nearness:
    """Ranks meanings by the similarities that it was given."""

    shares: dict[str, float] = field(default_factory=dict)
    known: float = 1.0
    compares: str | None = None
    """If set, the only text that it accepts."""

    def rank(self, comparable: str) -> Ranking:
        shares = self.shares if self.compares in {None, comparable} else {}
        return Ranking(tuple(shares), tuple(shares.values()))

    def known_share(self, comparable: str) -> float:
        return self.known if self.compares in {None, comparable} else 0.0

    def knows(self, word: str, intent: str) -> bool:
        return False

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        return f"{comparable} like {intent}"


def understanding(
    shares: dict[str, float] | None = None, known: float = 1.0, compares: str | None = None
) -> Understanding:
    problems = Problems()
    language = Language(
        groups=("safety", "guide", "remedies", "talk"), contractions={"it is": "it's"}, fillers=("um",),
        in_session={"ready": "guide_next", "it's": "yes"},
    )  # fmt: skip
    documents = {group: read_document(text, f"{group}.yaml", problems) for group, text in SENTENCES.items()}
    sentences = read_sentences(documents, language, problems)
    safety = read_safety(read_document(SAFETY, "safety.yaml", problems), language, problems)
    assert problems.lines() == ()
    return Understanding(sentences, safety, Nearness(shares or {}, known, compares), THRESHOLDS)


EXACT = understanding()


# By rule and by template


@pytest.mark.parametrize(
    ("text", "context", "match"),
    [
        ("chest pain", "none", Match("emergency", {}, 1.0, "safety", "chest", certainty="certain")),
        ("next chest pain", "guide", Match("emergency", {}, 1.0, "safety", "chest", certainty="certain")),
        ("my swollen calf cramps", "none",
         Match("urgent", {"muscle": "calf"}, 1.0, "safety", "swollen", certainty="certain")),
        ("swollen leg", "none", Match("urgent", {"muscle": "leg"}, 1.0, "safety", "swollen", certainty="certain")),
        ("i cannot breathe", "none",
         Match("emergency", {}, 1.0, "safety", "airway", "i cannot breathe", certainty="certain")),
        ("um i cannot breathe", "none",
         Match("emergency", {}, 1.0, "safety", "airway", "i cannot breathe", certainty="certain")),
        ("it is a clot", "none", Match("urgent", {}, 1.0, "safety", "vein", "it is a clot", certainty="certain")),
        ("it is bad every night", "none",
         Match("see_doctor", {}, 1.0, "safety", "often", "it is bad every night")),
        ("is it bad every night", "none", Match("ask_diagnosis", {}, 1.0, "safety", None, "is it bad every night")),
        ("are tablets bad", "none", Match("ask_medicine", {}, 1.0, "safety", "dose", "are tablets bad")),
        ("heat tablets", "none", Match("remedy_heat", {}, 1.0, "exact", None, "heat tablets")),
        ("does heat help", "none", Match("remedy_heat", {}, 1.0, "exact", None, "does heat help")),
        ("does heat help my calf", "none",
         Match("remedy_heat", {"muscle": "calf"}, 1.0, "exact", None, "does heat help my {muscle}")),
        ("next", "none", Match("guide_next", {}, 1.0, "command", None, "next")),
        ("next", "guide", Match("guide_next", {}, 1.0, "command", None, "next")),
        ("ready", "guide", Match("guide_next", decided_by="command")),
        ("it is", "guide", Match("yes", decided_by="command")),
        ("ready", "none", Match("none", score=0.0, decided_by="none")),
        ("is it bad", "none", Match("ask_diagnosis", {}, 1.0, "safety", None, "is it bad")),
        ("is it bad", "guide", Match("ask_diagnosis", {}, 1.0, "safety", None, "is it bad")),
        ("does heat help", "guide", Match("remedy_heat", {}, 1.0, "exact", None, "does heat help")),
        ("thanks", "none", Match("thanks", {}, 1.0, "exact", None, "thanks")),
        ("no chest pain", "none", Match("none", score=0.0, decided_by="none", denied=True)),
        ("no chest pain but does heat help", "none",
         Match("remedy_heat", {}, 1.0, "exact", None, "does heat help", denied=True)),
        ("no chest pain but tablets", "none", Match("ask_medicine", {}, 1.0, "safety", "dose", denied=True)),
        ("tablets for my leg", "none", Match("ask_medicine", {}, 1.0, "safety", "dose")),
        ("", "none", Match("none", score=0.0, decided_by="none")),
        ("?!", "guide", Match("none", score=0.0, decided_by="none")),
    ],
)  # fmt: skip
def test_signs_come_first_then_short_commands_then_templates(text: str, context: Context, match: Match) -> None:
    near = understanding({"emergency/airway": 0.1, "urgent/vein": 0.1}, known=MIN_KNOWN_SHARE)
    found = near.understand(text, context)
    if match.decided_by == "none":
        found = understanding(known=0.0).understand(text, context)
    assert found == match


def test_a_sign_that_matches_a_template_gets_the_most_similar_family() -> None:
    near = understanding({"emergency/airway": 0.1, "emergency/heart": 0.2}, compares="i cannot breathe")
    assert near.understand("um i cannot breathe").family == "heart"


def test_in_a_session_its_commands_win_over_every_template_but_those_of_safety() -> None:
    problems = Problems()
    guide_last = replace(EXACT.sentences.language, groups=("remedies", "guide", "safety", "talk"))
    documents = {group: read_document(text, group, problems) for group, text in SENTENCES.items()}
    understanding = replace(EXACT, sentences=read_sentences(documents, guide_last, problems))
    assert understanding.understand("go on with heat").intent == "remedy_heat"
    assert understanding.understand("go on with heat", "guide").intent == "guide_next"
    assert understanding.understand("is it bad").intent == "guide_next"
    assert understanding.understand("is it bad", "guide").intent == "ask_diagnosis"


def test_a_command_is_recognized_word_for_word() -> None:
    commands = {
        text: EXACT.command(EXACT.normalize(text))
        for text in ("next", "um go on", "ready", "does heat help", "is it bad", "x")
    }
    assert commands == {"next": "guide_next", "um go on": "guide_next", "ready": "guide_next", "does heat help": None,
                        "is it bad": "guide_next", "x": None}  # fmt: skip


def test_only_emergency_and_urgent_signs_are_certain_in_a_partial_transcript() -> None:
    flags = {
        text: EXACT.urgent_flag(EXACT.normalize(text))
        for text in ("my chest pain is", "swollen leg", "tablets", "heat")
    }
    assert {text: flag.family if flag else None for text, flag in flags.items()} == {
        "my chest pain is": "chest", "swollen leg": "swollen", "tablets": None, "heat": None,
    }  # fmt: skip


# By similarity


def near(shares: dict[str, float], text: str = "warm my leg", confidence: float = 1.0) -> Match:
    return understanding(shares).understand(text, confidence=confidence)


def test_the_nearest_meaning_has_its_runner_up_and_slot_values() -> None:
    assert near({"remedy_cold": 0.125, "remedy_heat": 0.75, "thanks": 0.125}) == Match(
        "remedy_heat", {"muscle": "leg"}, 0.75, "nearest", template="warm my leg like remedy_heat",
        runner_up=RunnerUp("remedy_cold", 0.125),
    )  # fmt: skip


def test_the_only_meaning_has_no_runner_up() -> None:
    assert near({"remedy_cold": 1.0}) == Match(
        "remedy_cold", {}, 1.0, "nearest", template="warm my leg like remedy_cold", runner_up=RunnerUp("none", 0.0)
    )


def test_two_near_meanings_are_asked_about() -> None:
    assert near({"remedy_cold": 0.4, "remedy_heat": 0.45, "thanks": 0.15}) == Match(
        "unsure", {}, 0.45, "unsure", template="warm my leg like remedy_heat",
        runner_up=RunnerUp("remedy_cold", 0.4), candidates=("remedy_heat", "remedy_cold"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "shares", [{"remedy_heat": 0.45, "out_of_scope": 0.4}, {"out_of_scope": 0.45, "remedy_heat": 0.4}]
)
def test_nobody_is_asked_whether_it_was_about_something_else(shares: dict[str, float]) -> None:
    match = near({**shares, "thanks": 0.15})
    assert (match.intent, match.decided_by, match.slots, match.candidates) == ("none", "none", {}, ())


def test_an_alarm_too_weak_to_raise_is_left_out_of_the_scores() -> None:
    match = near({"emergency/chest": 0.1, "urgent/vein": 0.1, "remedy_heat": 0.6, "remedy_cold": 0.2})
    assert (match.intent, match.score, match.runner_up) == ("remedy_heat", 0.75, RunnerUp("remedy_cold", 0.25))
    assert near({"urgent/vein": 0.29}) == Match("none", score=0.0, decided_by="none")
    none_left = near({"urgent/vein": 0.29, "remedy_heat": 0.0})
    assert (none_left.intent, none_left.score) == ("none", 0.0)


def test_scores_are_rounded() -> None:
    match = near({"remedy_heat": 2 / 3, "remedy_cold": 1 / 3})
    assert (match.score, match.runner_up) == (0.6667, RunnerUp("remedy_cold", 0.3333))


def test_the_runner_up_gets_at_most_the_rest_of_the_score() -> None:
    doubtful = replace(THRESHOLDS, score_offset=math.log(1 / 3))  # 0.75 is right in half of the cases
    match = replace(understanding({"remedy_heat": 0.75, "remedy_cold": 0.15, "thanks": 0.1}), thresholds=doubtful)
    found = match.understand("warm my leg")
    assert (found.score, found.runner_up) == (0.5, RunnerUp("remedy_cold", 0.3))


def test_similarity_is_ignored_if_too_few_words_are_known() -> None:
    shares = {"remedy_heat": 0.9, "emergency/chest": 0.1}
    assert understanding(shares, MIN_KNOWN_SHARE).understand("warm").intent == "remedy_heat"
    assert understanding(shares, MIN_KNOWN_SHARE - 0.01).understand("warm") == Match(
        "none", score=0.0, decided_by="none"
    )


def test_fillers_are_removed_before_comparing() -> None:
    match = understanding({"remedy_heat": 1.0}, compares="warm it's").understand("um warm it is")
    assert (match.intent, match.template) == ("remedy_heat", "warm it's like remedy_heat")


# Alarms by similarity


@pytest.mark.parametrize(
    ("shares", "confidence", "intent"),
    [
        ({"emergency/chest": 0.1, "urgent/vein": 0.3, "remedy_heat": 0.6}, 1.0, "emergency"),
        ({"emergency/chest": 0.09, "urgent/vein": 0.31, "remedy_heat": 0.6}, 1.0, "urgent"),
        ({"emergency/chest": 0.4, "remedy_heat": 0.6}, 1.0, "emergency"),
        ({"urgent/vein": 0.4, "remedy_heat": 0.6}, 1.0, "urgent"),
        ({"urgent/vein": 0.39, "remedy_heat": 0.61}, 1.0, "remedy_heat"),
        ({"urgent/vein": 0.4, "remedy_heat": 0.6}, 0.69, "urgent"),
    ],
)
def test_an_alarm_is_raised_at_the_threshold_and_as_an_emergency_if_in_doubt(
    shares: dict[str, float], confidence: float, intent: str
) -> None:
    assert near(shares, confidence=confidence).intent == intent


def test_an_alarm_has_its_score_family_and_runner_up() -> None:
    shares = {"urgent/vein": 0.2, "urgent/muscle": 0.15, "emergency/chest": 0.30014, "remedy_heat": 0.34986}
    assert near(shares) == Match(
        "emergency", {}, 0.6501, "safety", "chest", "warm my leg like emergency", RunnerUp("urgent", 0.35),
        certainty="certain",
    )  # fmt: skip
    match = near({"urgent/vein": 0.45, "urgent/muscle": 0.15, "remedy_heat": 0.4})
    assert (match.family, match.runner_up) == ("vein", RunnerUp("remedy_heat", 0.4))


def test_a_question_about_people_in_general_raises_no_alarm() -> None:
    shares = {"urgent/vein": 0.6, "remedy_heat": 0.4}
    assert near(shares, "does that happen to people").intent == "remedy_heat"
    assert near(shares, "it happens to people").intent == "urgent"


def test_denials_and_idioms_raise_no_alarm_by_similarity() -> None:
    shares = {"urgent/vein": 0.8, "remedy_heat": 0.2}
    denied = understanding(shares, compares="warm my leg").understand("no chest pain but warm my leg")
    assert (denied.intent, denied.denied, denied.certainty) == ("urgent", True, "certain")
    assert understanding(shares, compares="killing me").understand("killing me").certainty is None
    assert understanding(shares, compares="my leg").understand("my leg killing me").intent == "urgent"


@dataclass(frozen=True)
class Judged:
    """An alarm that returns the given odds for every text."""

    suspected: Suspicion

    def suspicion(self, comparable: str) -> Suspicion:
        return self.suspected


BANDS = replace(
    THRESHOLDS, alarm_certain=2.0, alarm_possible=0.0, rule_certain=-1.0, rule_possible=-3.0,
    alarm_short=0.25, alarm_session=0.125,
)  # fmt: skip


def judged(odds: float, text: str, context: Context = "none", confidence: float = 1.0, emergency: float = 0.0) -> Match:
    known = replace(understanding({"remedy_heat": 1.0}), thresholds=BANDS, alarm=Judged(Suspicion(odds, emergency)))
    return known.understand(text, context, confidence)


LONG = "warm my leg and then warm my leg"
BY_RULE = "warm my leg and then a swollen leg"


@pytest.mark.parametrize(
    ("text", "odds", "certainty"),
    [
        (LONG, 2.0, "certain"),
        (LONG, 1.99, "possible"),
        (LONG, 0.0, "possible"),
        (LONG, -0.01, None),
        (BY_RULE, -1.0, "certain"),
        (BY_RULE, -1.01, "possible"),
        (BY_RULE, -3.0, "possible"),
        (BY_RULE, -3.01, None),
        ("does heat help", 9.0, None),
        ("i cannot breathe", -9.0, "certain"),
        ("swollen leg", -9.0, "certain"),
    ],
)
def test_the_odds_and_the_rules_determine_how_certain_a_danger_is(
    text: str, odds: float, certainty: str | None
) -> None:
    assert judged(odds, text).certainty == certainty


def test_few_words_and_a_session_need_higher_odds() -> None:
    assert (judged(2.24, "warm my leg").certainty, judged(2.25, "warm my leg").certainty) == ("possible", "certain")
    in_session = [judged(odds, LONG, "guide").certainty for odds in (2.124, 2.125)]
    assert in_session == ["possible", "certain"]


def referred(odds: float, text: str, known_share: float = 1.0) -> str:
    suspicion = Suspicion(redirect="ask_medicine", redirect_odds=odds)
    bands = replace(BANDS, redirect=1.0, rule_redirect=-2.0)
    known = replace(understanding({"remedy_heat": 1.0}, known_share), thresholds=bands, alarm=Judged(suspicion))
    return known.understand(text).intent


def test_a_redirect_needs_lower_odds_if_a_rule_finds_it_and_none_if_a_template_matches() -> None:
    assert [referred(odds, LONG) for odds in (0.99, 1.0)] == ["remedy_heat", "ask_medicine"]
    by_rule = [referred(odds, "warm my leg with tablets") for odds in (-2.01, -2.0)]
    assert by_rule == ["remedy_heat", "ask_medicine"]
    assert referred(9.0, "does heat help") == "remedy_heat"
    assert referred(9.0, LONG, known_share=0.3) == "none", "of unknown words it says nothing"


def test_a_sign_in_the_past_is_at_most_possible() -> None:
    known = replace(understanding({"remedy_heat": 1.0}), thresholds=BANDS, alarm=Judged(Suspicion(9.0, 0.0)))
    assert known.understand("warm my leg and a swollen leg years ago").certainty == "possible"
    assert known.understand("warm my leg and warm my foot years ago").certainty == "certain"


def test_a_possible_danger_is_added_to_the_meaning() -> None:
    match = judged(1.0, LONG, emergency=0.5)
    assert (match.intent, match.possible, match.certainty, match.is_alarm) == (
        "remedy_heat",
        "emergency",
        "possible",
        False,
    )
    alone = replace(understanding({"out_of_scope": 1.0}), thresholds=BANDS, alarm=Judged(Suspicion(1.0, 0.0)))
    match = alone.understand(LONG)
    assert (match.intent, match.possible, match.certainty, match.is_alarm) == ("urgent", None, "possible", False)


def test_a_rule_of_a_lower_level_does_not_lower_a_certain_alarm() -> None:
    assert judged(3.0, BY_RULE, emergency=0.9).intent == "emergency"
    assert judged(3.0, BY_RULE, emergency=0.1).intent == "urgent"


def test_denied_parts_are_removed_before_comparing_unless_nothing_else_was_said() -> None:
    match = understanding({"remedy_heat": 1.0}, compares="warm").understand("no chest pain but warm")
    assert match.intent == "remedy_heat"
    alone = understanding({"remedy_heat": 1.0}, compares="no chest pain").understand("no chest pain")
    assert (alone.intent, alone.denied) == ("remedy_heat", True)


def test_an_alarm_takes_priority_over_lower_signs_and_these_over_similarity() -> None:
    alarmed = near({"urgent/vein": 0.4, "remedy_heat": 0.6}, "tablets for my leg")
    assert (alarmed.intent, alarmed.family) == ("urgent", "vein")
    assert near({"remedy_heat": 1.0}, "tablets for my leg") == Match("ask_medicine", {}, 1.0, "safety", "dose")


# Runners-up


def test_a_runner_up_can_be_added_to_an_exact_match() -> None:
    exact = understanding({"remedy_heat": 0.8, "thanks": 0.12345, "remedy_cold": 0.07655}, compares="does heat help")
    match = exact.understand("um does heat help")
    assert match.runner_up is None
    assert exact.with_runner_up("um does heat help", match) == replace(match, runner_up=RunnerUp("thanks", 0.1235))
    settled = replace(match, runner_up=RunnerUp("thanks", 0.5))
    assert exact.with_runner_up("um does heat help", settled) == settled
    assert understanding().with_runner_up("does heat help", match).runner_up is None


# Overheard speech


@pytest.mark.parametrize(
    ("text", "match", "is_for_us"),
    [
        ("next", Match("guide_next", decided_by="command"), False),
        ("my calf cramps", Match("guide_start", decided_by="command"), True),
        ("does heat help", Match("remedy_heat"), True),
        ("thanks", Match("thanks"), False),
        ("thank you", Match("thanks"), False),
        ("thank you so", Match("thanks"), True),
    ],
)
def test_overheard_template_sentences_are_answered_unless_they_are_common_phrases(
    text: str, match: Match, is_for_us: bool
) -> None:
    assert EXACT.is_for_us(Transcript(text, 0.1), match) is is_for_us


@pytest.mark.parametrize(
    ("intent", "score", "confidence", "is_for_us"),
    [
        ("remedy_heat", 0.6, 0.75, True),
        ("remedy_heat", 0.59, 0.75, False),
        ("remedy_heat", 0.6, 0.74, False),
        ("thanks", 1.0, 1.0, False),
        ("guide_next", 1.0, 1.0, False),
        ("ask_medicine", 0.6, 0.75, True),
        ("none", 1.0, 1.0, True),
    ],
)
def test_an_overheard_meaning_by_similarity_needs_a_high_score_and_confidence(
    intent: str, score: float, confidence: float, is_for_us: bool
) -> None:
    match = Match(intent, score=score, decided_by="nearest")
    assert EXACT.is_for_us(Transcript("warm my leg", confidence), match) is is_for_us


SECOND = RunnerUp("remedy_heat", 0.1)


@pytest.mark.parametrize("intent", ["emergency", "urgent"])
@pytest.mark.parametrize(
    ("score", "second", "confidence", "so_far", "is_for_us"),
    [
        (1.0, None, 0.1, "", True),
        (1.0, None, 0.1, "warm", False),
        (1.0, None, 0.1, "my chest pain", True),
        (1.0, None, 0.85, "warm", True),
        (1.0, None, 0.84, "warm", False),
        (0.9, SECOND, 0.1, "", True),
        (0.89, SECOND, 1.0, "chest pain", True),
        (1.0, SECOND, 0.1, "", True),
    ],
)
def test_an_overheard_sign_of_danger_must_be_certain_and_clear_or_found_by_both_recognizers(
    intent: str, score: float, second: RunnerUp | None, confidence: float, so_far: str, is_for_us: bool
) -> None:
    match = Match(intent, score=score, decided_by="safety", runner_up=second, certainty="certain")
    assert EXACT.is_for_us(Transcript("words", confidence), match, so_far) is is_for_us
    assert not EXACT.is_for_us(Transcript("words", 1.0), replace(match, certainty="possible"), so_far)


def test_a_recognizer_without_partial_transcripts_cannot_veto_a_sign_of_danger() -> None:
    assert EXACT.is_for_us(Transcript("words", 0.1), Match("emergency", decided_by="safety", certainty="certain"))


# Thresholds


@pytest.mark.parametrize(
    ("score", "second", "may_ask", "decision"),
    [
        (0.5, 0.3, True, "nearest"),
        (0.5, 0.31, True, "unsure"),
        (0.5, 0.31, False, "none"),
        (0.49, 0.0, True, "none"),
        (0.49, 0.01, True, "unsure"),
        (0.3, 0.2, True, "unsure"),
        (0.29, 0.28, True, "none"),
        (0.3, 0.19, True, "none"),
    ],
)
def test_two_scores_decide_between_an_answer_a_question_and_neither(
    score: float, second: float, may_ask: bool, decision: str
) -> None:
    assert THRESHOLDS.decision(score, second, may_ask=may_ask) == decision


def test_log_odds_are_converted_to_a_probability() -> None:
    assert [logistic(odds) for odds in (0.0, math.log(3), -math.log(3))] == pytest.approx([0.5, 0.75, 0.25])
    assert logistic(1000.0) == 1.0
    assert logistic(-1000.0) == 0.0


def test_a_score_is_calibrated_by_its_slope_and_offset() -> None:
    doubtful = replace(THRESHOLDS, score_slope=2.0, score_offset=-math.log(3))
    assert doubtful.believed(0.75) == pytest.approx(0.75)  # odds of 3, squared, by 3
    assert doubtful.believed(0.5) == pytest.approx(0.25)
    assert [doubtful.believed(score) for score in (0.0, 1.0)] == [0.0, 1.0]


@given(st.floats(0.0, 1.0))
def test_a_score_is_unchanged_if_nothing_was_fitted(score: float) -> None:
    assert THRESHOLDS.believed(score) == pytest.approx(score)


NEEDED = ("sure", "margin", "unsure", "confident", "emergency", "overheard", "overheard_confident",
          "overheard_clear")  # fmt: skip
IN_ODDS = {"alarm_certain": 2.5, "alarm_possible": -0.5, "rule_certain": -1.5, "rule_possible": -4, "alarm_short": 0.25,
           "alarm_session": -0.25, "alarm_clear": 0.5, "redirect": 1, "rule_redirect": -4, "score_slope": 3,
           "score_offset": -2}  # fmt: skip


def read(text: str) -> tuple[Thresholds, list[str]]:
    problems = Problems()
    found = read_thresholds(read_document(text, "thresholds.yaml", problems), problems)
    return found, [line.removeprefix("thresholds.yaml:").partition(" (known: ")[0] for line in problems.lines()]


def test_thresholds_are_read_from_their_file() -> None:
    lines = [f"{name}: 0.{number:02}" for number, name in enumerate(NEEDED, 1)]
    rest = ["language: en", "set_on: lines", "figures: good", *(f"{name}: {value}" for name, value in IN_ODDS.items())]
    found, problems = read("\n".join([*lines, *rest]))
    assert problems == []
    given = {name: number / 100 for number, name in enumerate(NEEDED, 1)}
    assert found == replace(USUAL_THRESHOLDS, **given, **IN_ODDS)
    assert read("\n".join(lines)) == (replace(USUAL_THRESHOLDS, **given), [])


def test_every_mistake_in_the_thresholds_is_named_with_its_line() -> None:
    found, problems = read("sure: 1.1\nmargin: a\ncolour: 1\nscore_slope: b\nunsure: -0.1\nemergency: 0\nconfident: 1")
    missing = {f'1: thresholds.yaml needs "{name}", a number from 0 to 1' for name in NEEDED}
    given = {f'1: thresholds.yaml needs "{name}", a number from 0 to 1' for name in
             ("sure", "margin", "unsure", "emergency", "confident")}  # fmt: skip
    assert set(problems) == (missing - given) | {
        "1: sure must be from 0 to 1, not 1.1", '2: margin must be a number, not "a"',
        '3: thresholds.yaml: unknown key "colour"', '4: score_slope must be a number, not "b"',
        "5: unsure must be from 0 to 1, not -0.1",
    }  # fmt: skip
    assert (found.emergency, found.confident, found.overheard, found.margin) == (0.0, 1.0, 0.0, 0.0)
    assert read("[]")[1][0] == "1: thresholds.yaml must have keys, not be a list"


def test_a_sign_recognized_with_low_confidence_is_only_possible() -> None:
    clear = replace(BANDS, alarm_clear=0.5, heard=0.1)
    known = replace(understanding({"remedy_heat": 1.0}), thresholds=clear, alarm=Judged(Suspicion(9.0, 0.0)))
    for text in ("swollen leg", BY_RULE, LONG):
        heard = [known.understand(text, confidence=confidence).certainty for confidence in (0.5, 0.49, 0.1)]
        assert heard == ["certain", "possible", "possible"], text
    assert known.understand(LONG, confidence=0.09).intent == "none"
    assert known.understand(BY_RULE, confidence=0.09).certainty == "possible"


def test_a_transcript_with_very_low_confidence_has_no_meaning() -> None:
    known = replace(understanding({"remedy_heat": 1.0}), thresholds=replace(THRESHOLDS, heard=0.1))
    for text in ("does heat help", "warm my leg"):
        assert known.understand(text, confidence=0.09).intent == "none"
    assert known.understand("does heat help", confidence=0.1).intent == "remedy_heat"
