from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.opened import english_skill
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.guided_session import seconds_to_say
from voice_helper.dialogue.state import State
from voice_helper.skill import Skill
from voice_helper.types import (
    CHUNK_SAMPLES,
    SAMPLE_RATE,
    Action,
    DoneSpeaking,
    End,
    Event,
    Heard,
    Hush,
    PartlyHeard,
    Quiet,
    Row,
    Say,
    Transcript,
)


@dataclass
class Room:
    """Plays speech on the audio clock, as the loop does, and records when."""

    skill: Skill
    state: State = field(default_factory=lambda: State(hands_free=True))
    samples: int = 0
    speaking: int = 0
    said: list[tuple[float, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ended: str | None = None
    step_samples: int = CHUNK_SAMPLES
    conversation: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.conversation = self.skill.conversation

    def begin(self, muscle: str | None = None) -> None:
        self.state, actions = self.conversation.begin_guide(self.state, muscle)
        self._do(actions)

    def hear(self, text: str) -> None:
        self._step(Heard(Transcript(text)))

    def take_in(self, text: str, confidence: float, how: str) -> None:
        """Process a text as a complete utterance, as a partial one, or during the assistant's speech."""
        if how == "part":
            self._step(PartlyHeard(text, ""))
        else:
            self._step(Heard(Transcript(text, confidence), text if how == "over" else None))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * SAMPLE_RATE / self.step_samples)):
            self.samples += self.step_samples
            self._step(Quiet(self.step_samples))
            if self.speaking:
                self.speaking = max(0, self.speaking - self.step_samples)
                if not self.speaking:
                    self._step(DoneSpeaking())

    def wait_for(self, text: str, most: float = 400) -> float:
        before = len(self.said)
        for _ in range(round(most * 10)):
            for at, said in self.said[before:]:
                if said == text:
                    return at
            self.wait(0.1)
        raise AssertionError(f"{text!r} was not said in {most} s; {self.said[-5:]}")

    def _step(self, event: Event) -> None:
        self.state, actions = self.conversation.step(self.state, event)
        self._do(actions)

    def _do(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, Hush):
                self.speaking = 0
            elif isinstance(action, Say):
                for row in action.rows:
                    self.said.append(((self.samples + self.speaking) / SAMPLE_RATE, row.text))
                    self.speaking += round(seconds_to_say((row,)) * SAMPLE_RATE)
                self.rows += action.rows
            elif isinstance(action, End):
                self.ended = action.reason


HOLD = "Hold for twenty seconds, then let go."


@pytest.fixture
def room(skill: Skill) -> Room:
    return Room(skill)


def texts(room: Room) -> list[str]:
    return [text for _, text in room.said]


def test_the_first_instruction_comes_at_once(room: Room) -> None:
    room.begin()
    assert room.said[0] == (0.0, "Sit or lie somewhere safe.")


def test_a_hold_lasts_twenty_seconds_from_the_end_of_the_instruction(room: Room) -> None:
    room.begin("calf")
    hold_ends = room.wait_for(HOLD) + seconds_to_say((Row(HOLD, "first_aid"),))
    five_more = room.wait_for("Five seconds more.")
    rest = room.wait_for("Let go, and rest.")
    assert five_more - hold_ends == pytest.approx(15, abs=0.3)
    assert rest - hold_ends == pytest.approx(20, abs=0.3)
    assert room.wait_for(HOLD) - rest == pytest.approx(10 + 3.9, abs=2)


def in_hold(room: Room, place: str, seconds: float, said: str) -> float:
    """Say something during the first hold. Return when the hold began."""
    room.begin(place)
    hold_begins = room.wait_for(HOLD) + seconds_to_say((Row(HOLD, "first_aid"),))
    room.wait(hold_begins + seconds - room.samples / SAMPLE_RATE)
    room.hear(said)
    return hold_begins


@pytest.mark.parametrize("seconds", [2, 9, 14, 19])
@pytest.mark.parametrize("said", ["does heat help", "it's not working", "nice"])
def test_whatever_is_said_in_a_hold_the_user_is_told_to_let_go_in_time(skill: Skill, seconds: float, said: str) -> None:
    room = Room(skill, step_samples=SAMPLE_RATE // 10)
    hold_begins = in_hold(room, "calf", seconds, said)
    room.wait(23 - seconds)
    assert [text for at, text in room.said if at <= hold_begins + 22].count("Let go, and rest.") == 1
    assert [at for at, text in room.said if text == "Five seconds more." and not 14.9 <= at - hold_begins <= 16] == []


def test_an_answer_longer_than_the_rest_of_a_hold_comes_after_the_hold(room: Room) -> None:
    in_hold(room, "calf", 13, "does heat help")
    room.wait(10)
    after = texts(room)[texts(room).index("Let go, and rest.") + 1 :]
    assert after[:2] == [
        "No heat if you have diabetes, numb skin or poor circulation.",
        "The article says heat can ease cramps.",
    ]


def test_the_standing_stretch_has_a_fixed_length_like_the_others(room: Room) -> None:
    room.begin("calf")
    room.hear("stand")
    hold_ends = room.wait_for(HOLD) + seconds_to_say((Row(HOLD, "first_aid"),))
    assert room.wait_for("Five seconds more.") - hold_ends == pytest.approx(15, abs=0.3)
    assert room.wait_for("Let go, and rest.") - hold_ends == pytest.approx(20, abs=0.3)


def test_silence_repeats_the_steps_once_and_then_ends_the_session(room: Room) -> None:
    room.begin()
    room.wait(590)
    assert texts(room).count("Better, the same, or worse?") == 2
    assert texts(room).count("Let go, and rest.") == 6
    assert "Heat can help." in texts(room)
    assert room.ended == "same"


def test_one_round_of_the_steps_takes_less_than_three_minutes(room: Room) -> None:
    room.begin()
    assert room.wait_for("Better, the same, or worse?") < 180


def test_a_pause_never_stops_the_ten_minute_clock(room: Room) -> None:
    room.begin()
    room.hear("wait")
    room.wait(599)
    ended_before = room.ended
    room.wait(2)
    assert (ended_before, room.ended) == (None, "time_limit")
    assert "This has lasted too long for me to guide." in texts(room)[-2]


@pytest.mark.parametrize(
    ("said", "reason", "close"),
    [
        ("it's gone", "better", "Good."),
        ("it's getting worse", "worse", "I will end here. Get urgent medical advice now. I cannot call for you."),
    ],
)
def test_better_and_worse_close_the_session_with_the_full_disclaimer(
    room: Room, said: str, reason: str, close: str
) -> None:
    room.begin()
    room.wait(5)
    room.hear(said)
    assert room.ended == reason
    assert close in texts(room)
    assert texts(room)[-1] == room.skill.content.answers.full.text


def test_stop_ends_the_session_silently(room: Room) -> None:
    room.begin()
    room.wait(1)
    before = len(room.said)
    room.hear("stop")
    room.wait(30)
    assert (room.ended, len(room.said), room.speaking) == ("stopped", before, 0)


def test_next_back_and_repeat_move_through_the_steps(room: Room) -> None:
    room.begin()
    room.wait(12)
    room.hear("next")
    assert texts(room)[-1] == "Gently rub the sore muscle in a circle."
    room.hear("go back")
    assert texts(room)[-1] == HOLD
    room.hear("next")
    room.hear("say that again")
    assert texts(room)[-2] == "Do not rub if the leg is swollen, hot or red."


@pytest.mark.parametrize(
    ("said", "instruction"),
    [
        ("it's my foot", "Sit on the edge of the bed."),
        ("it's my toes", "Sit on the edge of the bed."),
        ("the front of my thigh", "Steady yourself on a chair."),
        ("the back of my thigh", "Straighten your leg."),
        ("it's my thigh", "Is it the front or the back of the thigh?"),
        ("can i stand up", "Hold on to something solid."),
    ],
)
def test_each_place_has_its_own_stretch(room: Room, said: str, instruction: str) -> None:
    room.begin()
    room.wait(4)
    before = len(room.said)
    room.hear(said)
    assert texts(room)[before] == instruction


def test_heat_is_skipped_after_hot_weather_was_mentioned(room: Room) -> None:
    room.hear("is the hot weather making me cramp")
    room.begin()
    room.hear("no change")
    room.wait(560)
    assert "Heat can help." not in texts(room)
    assert "Drink water." in texts(room)


def test_a_question_during_a_session_is_answered_and_the_session_continues(room: Room) -> None:
    room.begin()
    room.wait(12)
    room.hear("does heat help")
    assert "The article says heat can ease cramps." in texts(room)
    room.wait_for("Let go, and rest.")


def test_an_emergency_ends_the_session_and_its_reply_is_repeated_after_ten_seconds(room: Room) -> None:
    room.begin()
    room.wait(6)
    room.hear("i have chest pain")
    assert room.ended == "emergency"
    first = room.said[-1]
    room.wait(11)
    assert texts(room).count(first[1]) == 2
    assert texts(room)[-1] == room.skill.content.answers.short.text


def test_no_prompt_says_stop_and_no_step_is_longer_than_fourteen_words(skill: Skill) -> None:
    guide = skill.content.guide
    assert guide is not None
    for step in (*guide.steps, *([guide.stand] if guide.stand else [])):
        for row in (*step.say, *step.say_again, *step.in_hold):
            assert "stop" not in row.text.casefold().split()
            assert len(row.text.split()) <= (20 if row.kind == "safety" else 14), row.text


SAID = [
    "next", "go back", "say that again", "wait", "continue", "start over", "it still hurts", "it's my foot",
    "it's my thigh", "calf", "can i stand up", "slower please", "louder", "help", "which step", "how long", "yes", "no",
    "okay", "better", "worse", "the same", "stop", "does heat help", "it's hot today", "what's the weather", "mumble",
    "i have chest pain", "one leg is swollen and red", "help i have a cramp", "",
]  # fmt: skip
HELP_NOW_LASTS = 30.0


@pytest.mark.slow
@settings(max_examples=max(300, settings().max_examples))
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(SAID), st.floats(0.1, 40), st.floats(0.0, 1.0), st.sampled_from(["whole", "part", "over"])
        ),
        max_size=14,
    ),
    muscle=st.sampled_from([None, "calf", "foot", "thigh"]),
    article_only=st.booleans(),
)
def test_whatever_is_said_every_session_ends_with_a_disclaimer_and_every_row_has_its_source(
    said: list[tuple[str, float, float, str]], muscle: str | None, article_only: bool
) -> None:
    skill = english_skill()
    room = Room(skill, step_samples=SAMPLE_RATE // 2)
    room.conversation = skill.conversation.article_only() if article_only else skill.conversation
    room.begin(muscle)
    for text, seconds, confidence, how in said:
        if room.ended is None:
            room.take_in(text, confidence, how)
            room.wait(seconds)
    while room.ended is None:
        room.wait(10)
        assert room.samples <= 620 * SAMPLE_RATE
    room.wait(HELP_NOW_LASTS)  # the emergency reply is repeated, with the disclaimer
    assert room.state.session is None
    disclaimers = {skill.content.answers.full.text, skill.content.answers.short.text}
    if room.ended != "stopped":
        assert disclaimers & set(texts(room))
    for row in room.rows:
        assert row.kind == "talk" or row.fact or row.source, row.text
