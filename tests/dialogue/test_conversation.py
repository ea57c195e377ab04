from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from voice_helper.dialogue.conversation import STEADY_SECONDS
from voice_helper.dialogue.interpretation import SURE_OF_COMMAND
from voice_helper.dialogue.state import State
from voice_helper.skill import Skill
from voice_helper.types import (
    SAMPLE_RATE,
    Action,
    DoneSpeaking,
    End,
    Event,
    Heard,
    Hush,
    Match,
    Outage,
    Pace,
    PartlyHeard,
    Quiet,
    Say,
    Transcript,
    Understood,
)


class Talk:
    """One conversation, event by event."""

    def __init__(self, skill: Skill, *, hands_free: bool = False) -> None:
        self.state = State(hands_free=hands_free)
        self._step = skill.conversation.step

    def __call__(self, event: Event | str) -> tuple[Action, ...]:
        heard = Heard(Transcript(event)) if isinstance(event, str) else event
        self.state, actions = self._step(self.state, heard)
        return actions

    def says(self, event: Event | str) -> list[str]:
        return [row.text for action in self(event) if isinstance(action, Say) for row in action.rows]


@pytest.fixture
def talk(skill: Skill) -> Talk:
    return Talk(skill)


@pytest.fixture
def open_talk(skill: Skill) -> Talk:
    return Talk(skill, hands_free=True)


def test_the_full_disclaimer_comes_first_then_the_short_one(skill: Skill, talk: Talk) -> None:
    answers = skill.content.answers
    assert talk.says("does heat help")[-1] == answers.full.text
    talk(DoneSpeaking())
    assert talk.says("does massage help")[-1] == answers.short.text


def test_the_same_topic_gets_no_second_disclaimer_within_a_minute(skill: Skill, talk: Talk) -> None:
    short = skill.content.answers.short.text
    talk("does heat help")
    talk(DoneSpeaking())
    for question in ("does heat help", "how", "say that again"):
        assert short not in talk.says(question)
        talk(DoneSpeaking())
    talk(Quiet(61 * SAMPLE_RATE))
    assert talk.says("does heat help")[-1] == short


def test_the_disclaimer_never_comes_between_a_question_and_the_users_reply(skill: Skill, talk: Talk) -> None:
    said = talk.says("it's my thigh")
    assert said[-1].endswith("?")
    assert skill.content.answers.short.text in said


def test_a_session_speaks_the_full_disclaimer_only_at_its_end(skill: Skill) -> None:
    talk, full = in_session(skill), skill.content.answers.full.text
    said = [text for question in ("does heat help", "should i rub it") for text in talk.says(question)]
    assert full not in said
    assert talk.says("it's gone").count(full) == 1


def test_after_an_answer_the_user_is_asked_once_to_repeat_unclear_speech(skill: Skill, open_talk: Talk) -> None:
    open_talk("does heat help")
    open_talk(DoneSpeaking())
    assert open_talk.says("flurb wozzle gronk") == [skill.content.answers.again.text]
    assert open_talk.says("flurb wozzle gronk") == []


def test_eight_seconds_after_an_answer_open_listening_ignores_unclear_speech_again(open_talk: Talk) -> None:
    open_talk("does heat help")
    open_talk(DoneSpeaking())
    open_talk(Quiet(9 * SAMPLE_RATE))
    assert open_talk.says("flurb wozzle gronk") == []


@pytest.mark.parametrize(
    "pair", [("thanks", "remedy_heat"), ("guide_next", "guide_back"), ("remedy_heat", "cause_nerve")]
)
def test_it_never_asks_which_of_two_small_talk_intents_commands_or_distant_topics_was_meant(
    skill: Skill, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsure = Match("unsure", decided_by="unsure", candidates=pair)
    monkeypatch.setattr(type(skill.understanding), "meaning", lambda *_, **__: unsure)
    assert Talk(skill).says("mumble") == [skill.content.answers.again.text]


def test_if_one_of_two_meanings_is_a_cramp_now_it_asks_about_that(
    skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsure = Match("unsure", decided_by="unsure", candidates=("guide_worse", "guide_start"))
    talk = Talk(skill)
    with monkeypatch.context() as patched:
        patched.setattr(type(skill.understanding), "meaning", lambda *_, **__: unsure)
        assert talk.says("it hurts") == ["Do you have a cramp now?"]
    assert talk.says("yes")[0] == "Sit or lie somewhere safe."


def test_repeated_next_eventually_runs_out(skill: Skill, talk: Talk) -> None:
    talk("what is a muscle cramp")
    heard = [talk.says("next")[0] for _ in range(9)]
    assert heard[-1] == skill.content.follow_ups.nothing["more"].text


@pytest.mark.parametrize("said", ["next next", "what? what?", "go on, go on", "stop stop stop", "wait wait wait wait"])
def test_a_command_said_several_times_in_a_session_counts_once(skill: Skill, said: str) -> None:
    once = in_session(skill)
    once(said.replace(",", "").replace("?", "").split()[0] if "go" not in said else "go on")
    several = in_session(skill)
    several(said)
    assert several.state == once.state


def test_a_disclaimer_that_was_cut_off_does_not_count(skill: Skill, talk: Talk) -> None:
    talk("does heat help")
    talk("stop")
    talk(DoneSpeaking())
    assert talk.says("should i rub it")[-1] == skill.content.answers.full.text


def test_each_request_to_repeat_is_more_helpful(skill: Skill, talk: Talk) -> None:
    answers = skill.content.answers
    assert talk.says("flurb wozzle gronk") == [answers.again.text]
    assert talk.says("flurb wozzle gronk") == [answers.samples.text]
    assert "112" in talk.says("flurb wozzle gronk")[0]
    assert "112" in talk.says("flurb wozzle gronk")[0]


def test_an_answer_resets_the_requests_to_repeat(skill: Skill, talk: Talk) -> None:
    talk("flurb wozzle gronk")
    talk("does heat help")
    assert talk.says("flurb wozzle gronk") == [skill.content.answers.again.text]


@pytest.mark.parametrize("text", ["flurb wozzle gronk", "what's the weather", "play some jazz"])
def test_open_listening_ignores_speech_that_is_not_meant_for_it(open_talk: Talk, text: str) -> None:
    assert open_talk.says(text) == []


def test_yes_chooses_the_first_of_two_offered_meanings(skill: Skill) -> None:
    talk = Talk(skill)
    talk.state = State(candidates=("remedy_heat", "remedy_massage"))
    assert talk.says("yes")[0] == "No heat if you have diabetes, numb skin or poor circulation."


def test_naming_one_of_two_offered_meanings_chooses_it(skill: Skill) -> None:
    talk = Talk(skill)
    talk.state = State(candidates=("remedy_heat", "remedy_massage"))
    assert "massage" in " ".join(talk.says("massage"))


def test_say_that_again_repeats_the_last_answer(talk: Talk) -> None:
    first = talk.says("does heat help")
    talk(DoneSpeaking())
    assert talk.says("say that again")[0] == first[0]


def test_a_red_flag_that_persists_in_the_partial_transcript_is_acted_on(open_talk: Talk) -> None:
    open_talk(PartlyHeard("i have chest pain"))
    assert open_talk(Quiet(round(STEADY_SECONDS * SAMPLE_RATE / 2))) == ()
    actions = open_talk(Quiet(SAMPLE_RATE))
    assert any(isinstance(action, Hush) for action in actions)
    assert any(isinstance(action, Say) and "Call 112 now" in action.rows[0].text for action in actions)


def test_a_red_flag_that_appears_only_briefly_is_not_acted_on(open_talk: Talk) -> None:
    open_talk(PartlyHeard("working out in the bleeding"))
    open_talk(Quiet(512))
    open_talk(PartlyHeard("working out in the boiling heat"))
    assert open_talk(Quiet(SAMPLE_RATE)) == ()


def test_a_flag_acted_on_early_is_not_answered_again_at_the_end_of_the_utterance(open_talk: Talk) -> None:
    open_talk(PartlyHeard("i have chest pain"))
    open_talk(Quiet(SAMPLE_RATE))
    assert open_talk.says("i have chest pain") == []


def test_an_emergency_reply_is_repeated_after_ten_seconds_while_listening_continues(
    skill: Skill, open_talk: Talk
) -> None:
    once = open_talk.says("i can't breathe")
    assert len(once) == 1
    assert open_talk(Quiet(9 * SAMPLE_RATE)) == ()
    assert open_talk.says(Quiet(2 * SAMPLE_RATE)) == [*once, skill.content.answers.short.text]


def test_the_assistants_own_speech_never_raises_the_flag_that_it_names(open_talk: Talk) -> None:
    prompt = "For chest pain or trouble breathing, call 112 now."
    open_talk(PartlyHeard("just pain", own=prompt))
    assert open_talk(Quiet(SAMPLE_RATE)) == ()
    assert open_talk(Heard(Transcript("just pain or trouble"), "just pain or trouble", prompt)) == ()


def test_a_different_flag_during_the_assistants_speech_is_acted_on(open_talk: Talk) -> None:
    prompt = "For chest pain or trouble breathing, call 112 now."
    heard = Heard(Transcript("my husband collapsed"), "my husband collapsed", prompt)
    assert "Call 112 now. I cannot call for you." in open_talk.says(heard)


def test_during_the_assistants_speech_a_question_is_ignored_and_a_command_is_not(open_talk: Talk) -> None:
    prompt = "The article lists bananas."
    assert open_talk(Heard(Transcript("does heat help"), "does heat help", prompt)) == ()
    assert any(isinstance(action, Hush) for action in open_talk(Heard(Transcript("stop"), "stop", prompt)))


@pytest.mark.parametrize(("text", "faster"), [("slower please", False), ("faster", True)])
def test_the_pace_changes_on_request(talk: Talk, text: str, faster: bool) -> None:
    pace = next(action for action in talk(text) if isinstance(action, Pace))
    assert (pace.rate > 1) == faster


def test_a_denied_flag_is_answered_with_a_caution_first(talk: Talk) -> None:
    assert talk.says("no chest pain but does heat help")[:2] == [
        "If that changes, call 112.",
        "No heat if you have diabetes, numb skin or poor circulation.",
    ]


def test_recording_changes_the_privacy_answer(skill: Skill) -> None:
    plain, recording = Talk(skill), Talk(skill)
    recording.state = State(situation={"recording": "on"})
    assert plain.says("are you recording me") != recording.says("are you recording me")


def test_an_alternative_transcript_is_used_if_the_first_has_no_meaning(skill: Skill) -> None:
    talk = Talk(skill)
    heard = Heard(Transcript("flurb wozzle", 0.5, ("does heat help",)))
    assert talk.says(heard)[0] == "No heat if you have diabetes, numb skin or poor circulation."


# Overheard talk


def overheard(skill: Skill, text: str, confidence: float = 0.95, **state: Any) -> tuple[Action, ...]:
    heard = Heard(Transcript(text, confidence), overheard=True)
    return skill.conversation.step(State(hands_free=True, **state), heard)[1]


def speaks(actions: tuple[Action, ...]) -> bool:
    return any(isinstance(action, Say) for action in actions)


@pytest.mark.parametrize(
    "text",
    ["does heat help", "why do my calves cramp at night", "help i have a cramp", "are you recording me", "ow my calf"],
)
def test_an_overheard_question_that_matches_a_template_is_answered(skill: Skill, text: str) -> None:
    assert speaks(overheard(skill, text))


@pytest.mark.parametrize("text", ["yes", "no", "thank you", "next", "again", "go forward", "all better", "stop"])
def test_overheard_phrases_that_need_a_conversation_are_ignored(skill: Skill, text: str) -> None:
    assert not speaks(overheard(skill, text))
    answer = skill.conversation.step(State(hands_free=True), Heard(Transcript(text)))[1]
    assert answer  # the same sentence has a meaning if it is addressed to the assistant


def test_an_overheard_sign_of_danger_is_answered(skill: Skill) -> None:
    clear = skill.understanding.thresholds.alarm_clear
    text = "i have chest pain and i can't breathe"
    assert speaks(overheard(skill, text, confidence=clear))
    assert not speaks(overheard(skill, text, confidence=clear - 0.01))


def test_an_overheard_sentence_understood_by_similarity_needs_high_confidence(skill: Skill) -> None:
    text = "would a hot bath sort my cramping out"
    match = skill.understanding.understand(text)
    assert match.decided_by == "nearest"
    assert speaks(overheard(skill, text))
    assert not speaks(overheard(skill, text, confidence=0.3))


def test_a_reply_to_the_assistants_question_never_counts_as_overheard(skill: Skill) -> None:
    assert speaks(overheard(skill, "yes", candidates=("remedy_heat", "remedy_massage")))


def test_speech_while_the_button_is_held_never_counts_as_overheard(skill: Skill) -> None:
    heard = Heard(Transcript("thank you"), overheard=True)
    assert speaks(skill.conversation.step(State(hands_free=False), heard)[1])


def test_an_ignored_utterance_is_still_reported(skill: Skill) -> None:
    (understood,) = overheard(skill, "thank you")
    assert isinstance(understood, Understood)
    assert understood.answer is None


def test_an_overheard_red_flag_counts_if_another_recognizer_found_one_or_the_words_are_clear(skill: Skill) -> None:
    def answered(confidence: float, so_far: str = "") -> bool:
        heard = Heard(Transcript("he's bleeding a lot", confidence), overheard=True, so_far=so_far)
        _, actions = skill.conversation.step(State(hands_free=True), heard)
        return speaks(actions)

    assert not answered(0.7, "he's leading a lot")
    assert answered(0.7, "he's bleeding a lot")
    assert answered(0.9, "he's leading a lot")
    assert answered(0.7), "a recognizer without words so far has nothing to say against it"


def test_an_overheard_red_flag_is_acted_on_only_at_the_end_of_the_utterance(skill: Skill) -> None:
    talk = Talk(skill, hands_free=True)
    talk(PartlyHeard("i have chest pain", overheard=True))
    assert talk(Quiet(SAMPLE_RATE)) == ()
    said = talk.says(Heard(Transcript("i have chest pain", 0.7), overheard=True, so_far="i have chest pain"))
    assert "Call 112 now" in said[0]


# Outages


def test_repeated_recognition_failures_are_announced_at_most_twice_until_words_are_recognized(
    skill: Skill, talk: Talk
) -> None:
    said, failed = skill.content.answers.outages, Outage("hearing", "the engine broke")
    assert talk.says(failed) == [said["hearing"].text]
    assert talk.says(failed) == [said["hearing_again"].text]
    assert talk.says(failed) == []
    talk("does heat help")
    assert talk(failed) == (Say((said["hearing"],), because="the engine broke"),)


def test_a_microphone_outage_and_its_end_are_announced_and_a_session_keeps_its_step(skill: Skill) -> None:
    talk, said = in_session(skill), skill.content.answers.outages
    before = talk.state
    assert talk.says(Outage("microphone", "unplugged")) == [said["microphone"].text]
    assert talk.says(Outage("microphone", "plugged in", is_over=True)) == [said["microphone_back"].text]
    assert talk.state == before


# A session as an interface sees it


def in_session(skill: Skill) -> Talk:
    """Return a conversation in which the first step of a session is being spoken."""
    talk = Talk(skill, hands_free=True)
    talk.state, _ = skill.conversation.begin_guide(talk.state)
    return talk


@pytest.mark.parametrize("then", ["flurb wozzle gronk", Outage("hearing", "it broke")], ids=["noise", "lost"])
def test_a_step_interrupted_for_a_command_is_repeated_if_no_command_came(skill: Skill, then: Event | str) -> None:
    talk = in_session(skill)
    assert skill.content.guide is not None
    step = [row.text for row in skill.content.guide.steps[0].say]
    assert talk(PartlyHeard("next")) == ()
    assert talk(Quiet(SAMPLE_RATE // 10)) == (Hush("command"),)
    assert talk.says(then)[: len(step)] == step


def test_the_time_limit_includes_the_time_in_which_a_step_is_interrupted(skill: Skill) -> None:
    talk = in_session(skill)
    talk(PartlyHeard("next"))
    actions = talk(Quiet(SAMPLE_RATE // 10, clock_samples=1_000 * SAMPLE_RATE))
    assert [action.reason for action in actions if isinstance(action, End)] == ["time_limit"]


def test_a_step_interrupted_by_a_command_is_not_repeated(skill: Skill) -> None:
    talk = in_session(skill)
    talk(PartlyHeard("next"))
    talk(Quiet(SAMPLE_RATE // 10))
    assert [action.step for action in talk("next") if isinstance(action, Say)] == [2]


def test_stop_ends_a_session_before_the_word_is_over_and_only_once(skill: Skill) -> None:
    talk = in_session(skill)
    assert End("stopped") in talk(PartlyHeard("stop"))
    assert talk("stop") == ()


def test_no_is_not_a_reply_if_the_session_asked_nothing(skill: Skill) -> None:
    talk = in_session(skill)
    before = talk.state
    assert talk.says("no") == []
    assert talk.state == before


def test_the_progress_of_a_session_is_reported(skill: Skill, talk: Talk) -> None:
    conversation = skill.conversation
    assert (conversation.steps(talk.state), conversation.seconds_left(talk.state)) == (None, None)
    talk.state, _ = conversation.begin_guide(talk.state)
    talk(DoneSpeaking())
    assert (conversation.steps(talk.state), conversation.seconds_left(talk.state)) == ((2, 6), None)
    talk(DoneSpeaking())
    talk(Quiet(5 * SAMPLE_RATE))
    assert conversation.seconds_left(talk.state) == (15.0, 20.0)


def test_a_folder_without_a_guide_has_no_session(skill: Skill) -> None:
    conversation = replace(skill.conversation, guide=None)
    for form in (conversation, conversation.article_only(), conversation.by_turns()):
        assert form.begin_guide(State()) == (State(), ())
        state, actions = form.step(State(hands_free=True), Heard(Transcript("help i have a cramp")))
        assert state.session is None
        assert not any(isinstance(action, End) for action in actions)


def test_a_spotted_command_replaces_the_transcript_only_in_a_session_and_if_it_fits(skill: Skill) -> None:
    conversation = skill.conversation
    session, _ = conversation.begin_guide(State(hands_free=True))

    def taken(text: str, fit: float, *, over_speech: bool, command: str = "next", state: State = session) -> str:
        heard = Transcript(text, 0.4, command=command, command_fit=fit)
        return conversation.words_in_session(state, heard, over_speech=over_speech).text

    assert taken("text", 1.0, over_speech=False) == "next"
    assert taken("text", 1.0, over_speech=False, state=State()) == "text"
    assert taken("text", 0.1, over_speech=False) == "text"
    assert taken("text", SURE_OF_COMMAND, over_speech=True) == "text", "it may be our own prompt"
    assert taken("text", SURE_OF_COMMAND, over_speech=True, command="stop") == "stop"
    assert taken("chest pain", 1.0, over_speech=False) == "chest pain"


@pytest.mark.parametrize(
    ("text", "confidence", "is_taken"),
    [
        ("should i put heat on it", 0.9, True),
        ("should i put heat on it", 0.5, False),
        ("does heat help", 0.9, False),
        ("slower please", 0.9, True),
        ("slower please", 0.5, False),
        ("yes", 0.9, False),
        ("next", 0.9, False),
        ("stop", 0.1, True),
    ],
)
def test_during_an_answer_only_speech_that_cannot_be_an_echo_counts(
    open_talk: Talk, text: str, confidence: float, is_taken: bool
) -> None:
    open_talk("are bananas good for cramps")
    actions = open_talk(Heard(Transcript(text, confidence), text, "Bananas are on the article's food list."))
    assert any(isinstance(action, Understood) for action in actions) == is_taken


def test_an_alternative_transcript_of_the_echo_does_not_count(open_talk: Talk) -> None:
    heard = Transcript("the dog", 0.9, alternatives=("stop it hurts", "chest pain"))
    assert open_talk(Heard(heard, "the dog", "The doctor knows.")) == ()


def test_an_empty_transcript_is_not_answered(talk: Talk) -> None:
    assert talk("") == ()
