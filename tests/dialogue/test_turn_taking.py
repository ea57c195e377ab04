from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.dialogue.turn_taking import Reply, first_state, take_turn
from voice_helper.skill import Skill

FULL = "These answers are for education only. They do not take the place of advice from a medical expert."


@dataclass
class Talk:
    """A user who says one thing after another."""

    conversation: Conversation
    state: State = field(default_factory=first_state)

    def say(self, text: str, after_seconds: float = 5.0) -> Reply:
        self.state, reply = take_turn(self.conversation, self.state, text, after_seconds)
        return reply


@pytest.fixture(scope="module")
def by_turns(skill: Skill) -> Conversation:
    return skill.conversation.by_turns()


@pytest.fixture
def talk(by_turns: Conversation) -> Talk:
    return Talk(by_turns)


def test_a_question_is_answered_with_the_full_disclaimer_once_and_then_the_short_one(talk: Talk) -> None:
    first, second = talk.say("does heat help"), talk.say("what about massage")
    assert first.text.endswith(FULL)
    assert second.text.endswith("This is not medical advice.")
    assert not first.expects_words


def test_a_session_says_what_to_do_and_what_to_say_when_done(talk: Talk) -> None:
    reply = talk.say("help i have a cramp in my calf")
    assert reply.text.startswith("Sit or lie somewhere safe. Straighten your leg.")
    assert "Count to 20 as you hold. Do it up to 3 times." in reply.text
    assert "For chest pain or trouble breathing, call 112 now." in reply.text
    assert reply.text.endswith("Then say next, or say how it feels.")
    assert reply.expects_words


def test_a_whole_session_can_be_done_in_turns(talk: Talk) -> None:
    talk.say("help i have a cramp")
    assert talk.say("next").text.startswith("Do not rub if the leg is swollen, hot or red.")
    assert talk.say("next").text == "Better, the same, or worse?"
    assert talk.say("the same").text.startswith("Let's do the stretch again. Straighten your leg.")
    talk.say("next")
    talk.say("next")
    last = talk.say("the same")
    assert last.ended == "same"
    assert last.text.startswith("No heat if you have diabetes")
    assert last.text.endswith(FULL)
    assert not last.expects_words
    assert talk.state.session is None


def test_a_turn_based_session_never_advances_by_itself(talk: Talk) -> None:
    first = talk.say("help i have a cramp")
    assert talk.say("repeat", after_seconds=120).rows[0] == first.rows[1]


def test_in_turns_stop_ends_a_session_silently(talk: Talk) -> None:
    talk.say("help i have a cramp")
    reply = talk.say("stop")
    assert (reply.text, reply.ended, reply.expects_words) == ("", "stopped", False)
    assert talk.say("does heat help").text.endswith(FULL)


@pytest.mark.parametrize("before", [[], ["help i have a cramp"], ["help i have a cramp", "next", "next"]])
def test_an_emergency_reply_is_given_twice_with_the_action_first_and_ends_a_session(
    talk: Talk, before: list[str]
) -> None:
    for text in before:
        talk.say(text)
    reply = talk.say("chest pain")
    assert reply.text.count("Call 112 now. I cannot call for you.") == 2
    assert reply.text.startswith("Call 112 now.")
    assert reply.text.endswith("This is not medical advice.")
    assert talk.state.session is None
    assert talk.state.owed is None


def test_after_ten_minutes_a_session_ends_and_a_command_meant_for_it_is_dropped(talk: Talk) -> None:
    talk.say("help i have a cramp")
    reply = talk.say("next", after_seconds=600)
    assert reply.ended == "time_limit"
    assert reply.text.startswith("This has lasted too long for me to guide.")
    assert reply.text.endswith(FULL)
    assert reply.text.count("This has lasted") == 1


def test_after_ten_minutes_a_new_question_is_answered_and_a_red_flag_too(by_turns: Conversation) -> None:
    for question, answered in (("does heat help", "heat can ease cramps"), ("chest pain", "Call 112 now.")):
        talk = Talk(by_turns)
        talk.say("help i have a cramp")
        text = talk.say(question, after_seconds=700).text
        assert text.startswith("This has lasted too long for me to guide.")
        assert answered in text


def test_in_a_session_the_user_is_asked_to_repeat_unclear_speech(talk: Talk) -> None:
    talk.say("help i have a cramp")
    reply = talk.say("blue monkey carburettor")
    assert reply.text == "Sorry, say that again? Say next, back, or repeat. Or say how it feels."
    assert reply.expects_words


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("it still hurts", "Okay. Let's keep going. Then say next, or say how it feels."),
        ("wait", "Okay. Say ready when you are."),
        ("slower", "Say next, back, or repeat. Or say how it feels."),
    ],
)
def test_an_utterance_that_changes_nothing_in_a_session_gets_a_reply(talk: Talk, text: str, reply: str) -> None:
    talk.say("help i have a cramp")
    assert talk.say(text).text == reply


def test_a_bare_thigh_is_asked_about_and_the_reply_continues_the_session(talk: Talk) -> None:
    assert talk.say("my thigh is cramping").text.endswith("Is it the front or the back of the thigh?")
    assert "Bend your knee." in talk.say("the front").text


def test_the_user_counts_the_standing_stretch(talk: Talk) -> None:
    talk.say("help i have a cramp")
    reply = talk.say("can i stand up")
    assert "Hold for twenty seconds, then let go. Count to 20 as you hold. Then say next" in reply.text


@pytest.mark.parametrize("text", ["wait", "next", "go back", "start over", "which step", "continue"])
def test_after_a_session_nobody_is_told_to_continue(talk: Talk, text: str) -> None:
    talk.say("help i have a cramp")
    talk.say("stop")
    reply = talk.say(text)
    assert not reply.expects_words
    assert "waiting" not in reply.text
    assert "I have a cramp." in reply.text or reply.text == "Okay. Take your time."


def test_how_much_longer_after_a_session_is_about_the_cramp(talk: Talk) -> None:
    talk.say("help i have a cramp")
    talk.say("stop")
    assert "If it lasts longer, get medical advice now." in talk.say("how much longer").text


def test_how_much_longer_repeats_the_stretch_and_its_length_if_the_program_does_not_count(talk: Talk) -> None:
    talk.say("help i have a cramp")
    assert "Hold for twenty seconds, then let go. Count to 20 as you hold." in talk.say("how much longer").text


SENTENCES = (
    "help i have a cramp", "next", "back", "repeat", "wait", "continue", "start over", "stop", "better", "the same",
    "worse", "it's my foot", "it's my thigh", "the front", "can i stand up", "does heat help", "no chest pain", "why",
    "my calf is swollen", "chest pain", "slower", "yes", "no", "help", "which step", "how long", "asdf qwer", "",
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.one_of(st.sampled_from(SENTENCES), st.text(max_size=30)), st.floats(0, 400)), max_size=14))
def test_whatever_is_said_a_session_gets_a_reply_or_ends(by_turns: Conversation, said: list[tuple[str, float]]) -> None:
    talk = Talk(by_turns)
    for text, after_seconds in said:
        was_in_session = talk.state.session is not None
        reply = talk.say(text, after_seconds)
        if text.strip() and talk.state.session is not None:
            assert reply.rows
            assert reply.expects_words
        if was_in_session and talk.state.session is None:
            assert reply.ended is not None
