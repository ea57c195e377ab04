"""Conversations in an assistant that has other skills and several satellites."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.labelled_lines import read_lines
from tests.support.sound import CHECKOUT
from voice_helper.dialogue.scope import GOING_ON_SECONDS
from voice_helper.errors import IntentsError, VoiceHelperError
from voice_helper.servers.chat_sessions import KEPT_SECONDS, ChatSessions
from voice_helper.servers.session_file import KeptSession, SessionFile
from voice_helper.skill import Skill
from voice_helper.testing import SimulatedClock

FULL = "These answers are for education only. They do not take the place of advice from a medical expert."
SHORT = "This is not medical advice."


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def talks(skill: Skill, clock: SimulatedClock) -> ChatSessions:
    return talks_of(skill, clock)


def talks_of(skill: Skill, clock: SimulatedClock) -> ChatSessions:
    subject = skill.content.subject
    assert subject is not None
    return ChatSessions(skill.conversation.by_turns(), subject, situation={"assistant": "on"}, clock=clock)


OURS = (
    "why do my calves cramp at night", "help i have a cramp", "my calf has seized up", "ow ow ow my leg",
    "chest pain", "i can't breathe", "what is a charley horse", "should i see a doctor about my leg",
    "how much magnesium should i take for cramps", "does heap help leg cramps",
)  # fmt: skip
NOT_OURS = (
    "what's the weather", "play some jazz", "help", "stop", "next", "yes", "thank you", "hello", "what helps",
    "what should i eat", "does heat help", "how long does it last", "are bananas good for you", "repeat that",
    "spell cramp", "louder", "how many inches in a foot", "why", "tell me more", "set a timer for ten minutes", "",
)  # fmt: skip


@pytest.mark.parametrize("text", OURS)
def test_utterances_about_the_subject_or_an_emergency_are_claimed(talks: ChatSessions, text: str) -> None:
    assert talks.is_ours("kitchen", text)


@pytest.mark.parametrize("text", NOT_OURS)
def test_other_utterances_are_not_claimed(talks: ChatSessions, text: str) -> None:
    assert not talks.is_ours("kitchen", text)
    assert not talks.is_ours("kitchen", text, is_last=True)


def test_hardly_any_unrelated_utterances_are_claimed(skill: Skill, clock: SimulatedClock) -> None:
    talks = talks_of(skill, clock)
    others = [line.text for line in read_lines("dev") if line.intent == "out_of_scope"]
    others += (CHECKOUT / "bench" / "other-talk.txt").read_text(encoding="utf-8").splitlines()[1::20]
    taken = [text for text in others if talks.is_ours("kitchen", text)]
    assert len(others) > 90
    assert len(taken) <= 0.03 * len(others), taken


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("does heat help leg cramps", "what about magnesium"),
        ("does heat help leg cramps", "why"),
        ("what causes leg cramps", "tell me more"),
        ("what causes leg cramps", "what should i eat"),
        ("what causes leg cramps", "is this medical advice"),
    ],
)
def test_after_an_answer_follow_ups_are_claimed_for_a_while(
    talks: ChatSessions, clock: SimulatedClock, first: str, then: str
) -> None:
    assert not talks.is_ours("kitchen", then)
    talks.say("kitchen", first)
    clock.advance(GOING_ON_SECONDS)
    assert talks.is_ours("kitchen", then)
    assert not talks.is_ours("bedroom", then)
    clock.advance(1)
    assert not talks.is_ours("kitchen", then)


@pytest.mark.parametrize("text", ["what's the weather", "thank you", "play some jazz", "next", "yes", "stop", "hello"])
def test_after_an_answer_other_utterances_are_still_not_claimed(talks: ChatSessions, text: str) -> None:
    talks.say("kitchen", "does heat help leg cramps")
    assert not talks.is_ours("kitchen", text)


@pytest.mark.parametrize("text", ["next", "it's better", "wait", "yes", "blue monkey carburettor", "chest pain"])
def test_in_a_session_even_unclear_utterances_are_claimed(talks: ChatSessions, text: str) -> None:
    talks.say("kitchen", "help i have a cramp")
    assert talks.is_ours("kitchen", text)


def test_in_a_session_unrelated_utterances_are_claimed_if_no_other_skill_claims_them(talks: ChatSessions) -> None:
    talks.say("kitchen", "help i have a cramp")
    assert not talks.is_ours("kitchen", "what's the weather")
    assert talks.is_ours("kitchen", "what's the weather", is_last=True)
    assert talks.say("kitchen", "what's the weather").text.startswith("Sorry, say that again?")


def test_checking_whether_an_utterance_is_claimed_changes_nothing(talks: ChatSessions) -> None:
    talks.say("kitchen", "help i have a cramp")
    assert talks.is_ours("kitchen", "stop")
    assert talks.is_going_on("kitchen")


def test_two_conversations_are_kept_separate(talks: ChatSessions) -> None:
    assert talks.say("kitchen", "help i have a cramp").expects_words
    assert not talks.is_going_on("bedroom")
    assert talks.say("bedroom", "does heat help").text.endswith(FULL)
    assert talks.say("bedroom", "does massage help").text.endswith(SHORT)
    assert talks.say("kitchen", "next").text.startswith("Do not rub")
    assert not talks.stop("bedroom")
    assert talks.is_going_on("kitchen")


def test_stop_ends_a_conversation_and_returns_whether_there_was_one(talks: ChatSessions) -> None:
    assert not talks.stop("kitchen")
    talks.say("kitchen", "does heat help")
    assert not talks.stop("kitchen")
    talks.say("kitchen", "help i have a cramp")
    assert talks.stop("kitchen")
    assert not talks.stop("kitchen")
    assert talks.say("kitchen", "does heat help").text.endswith(FULL)


def test_a_reply_of_the_last_minute_may_still_be_playing(talks: ChatSessions, clock: SimulatedClock) -> None:
    assert not talks.has_just_spoken("kitchen")
    talks.say("kitchen", "does heat help")
    clock.advance(60)
    assert talks.has_just_spoken("kitchen")
    assert not talks.has_just_spoken("bedroom")
    clock.advance(1)
    assert not talks.has_just_spoken("kitchen")


def test_stopping_all_ends_every_session(talks: ChatSessions) -> None:
    assert not talks.stop_all()
    talks.say("kitchen", "help i have a cramp")
    talks.say("bedroom", "help i have a cramp")
    assert talks.stop_all()
    assert not talks.is_going_on("kitchen")
    assert not talks.is_going_on("bedroom")


def test_a_session_ends_after_ten_minutes_and_is_forgotten_after_fifteen(
    talks: ChatSessions, clock: SimulatedClock
) -> None:
    talks.say("kitchen", "help i have a cramp")
    talks.say("bedroom", "help i have a cramp")
    clock.advance(600)
    assert talks.is_ours("kitchen", "next")
    assert talks.say("kitchen", "next").ended == "time_limit"
    clock.advance(KEPT_SECONDS - 600)
    assert not talks.is_going_on("bedroom")
    assert not talks.is_ours("bedroom", "next", is_last=True)


def test_above_the_limit_the_oldest_conversations_are_dropped_those_without_a_session_first(
    talks: ChatSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice_helper.servers.chat_sessions.MAX_TALKS", 4)
    talks.say("first", "help i have a cramp")
    for number in range(6):
        talks.say(str(number), "hello")
    assert len(talks) == 4
    assert talks.is_going_on("first")
    for number in range(4):
        talks.say(f"session {number}", "help i have a cramp")
    assert len(talks) == 4
    assert not talks.is_going_on("first")
    assert talks.is_going_on("session 3")


def test_a_session_with_a_recent_turn_is_found(talks: ChatSessions, clock: SimulatedClock) -> None:
    assert talks.in_session() is None
    talks.say("kitchen", "help i have a cramp")
    talks.say("bedroom", "hello")
    clock.advance(120)
    session = talks.in_session()
    assert session is not None
    assert session.session is not None
    clock.advance(1)
    assert talks.in_session() is None


def test_a_session_continues_on_its_device_under_a_new_id(talks: ChatSessions) -> None:
    talks.take_turn("first", "help i have a cramp", "bed")
    assert talks.take_turn("second", "next", "bed").reply.text.startswith("Do not rub")
    talks.take_turn("second", "stop", "bed")
    assert talks.in_session() is None
    assert talks.take_turn("third", "does heat help", "bed").reply.text.endswith(FULL)


def test_the_privacy_answer_covers_only_this_program(talks: ChatSessions) -> None:
    text = talks.say("kitchen", "are you recording me").text
    assert text.endswith("I pass nothing on. The assistant that hears you has its own rules.")
    assert "Nothing you say leaves" not in text


@settings(max_examples=100)
@given(text=st.text(max_size=60), is_last=st.booleans())
def test_any_utterance_is_claimed_or_not(skill: Skill, text: str, is_last: bool) -> None:
    talks = talks_of(skill, SimulatedClock())
    assert talks.is_ours("kitchen", text, is_last=is_last) in {True, False}


def test_problems_in_assistant_yaml_are_reported_with_their_line(skill: Skill) -> None:
    from voice_helper.content.files import read_files
    from voice_helper.skill.folder_reader import content_of

    files = read_files(skill.content.folder)
    path = skill.content.folder / "assistant.yaml"
    broken = {**files.read, path: b"language: en\nname: Leg cramps\nexamples: [what is the weather in rome today]\n"}
    with pytest.raises(IntentsError) as caught:
        content_of(type(files)(files.folder, broken), {})
    assert 'assistant.yaml needs "subject"' in caught.value.message
    assert 'assistant.yaml:3: examples: "what is the weather in rome today" matches no sentence' in caught.value.message


# Kept over a restart


def kept_by(skill: Skill, path: Path, clock: SimulatedClock, *, key: str = "words") -> closing[ChatSessions]:
    """Return the sessions of a server that has started with this file. Its clock begins at 0."""
    begun = clock()
    file = SessionFile(path, key)
    return closing(
        ChatSessions(skill.conversation.by_turns(), clock=lambda: clock() - begun, file=file, wall_clock=clock)
    )


def test_a_session_in_a_file_continues_after_a_restart(skill: Skill, clock: SimulatedClock, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "sessions.json"
    with kept_by(skill, path, clock) as talks:
        talks.take_turn("a", "help i have a cramp", "bed")
    clock.advance(30)
    with kept_by(skill, path, clock) as talks:
        assert talks.take_turn("b", "next", "bed").reply.text.startswith("Do not rub")
    clock.advance(600)
    with kept_by(skill, path, clock) as talks:
        assert talks.take_turn("b", "next").reply.ended == "time_limit"
    assert json.loads(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("said", ["next", "go on", "done", "okay", "repeat that", "continue", "start again", "better"])
def test_a_session_lost_in_a_restart_is_begun_again_with_the_words_that_are_told(
    talks: ChatSessions, said: str
) -> None:
    assert talks.say("a", said).text.endswith("say: I have a cramp.")
    assert not talks.is_going_on("a")
    assert "Sit or lie somewhere safe." in talks.say("a", "I have a cramp").text


def test_an_old_session_or_one_with_other_content_is_left_out(
    skill: Skill, clock: SimulatedClock, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.json"
    with kept_by(skill, path, clock) as talks:
        talks.say("a", "help i have a cramp")
    text = path.read_bytes()
    with kept_by(skill, path, clock, key="other words") as talks:
        assert not talks.is_going_on("a")
    path.write_bytes(text)
    clock.advance(KEPT_SECONDS)
    with kept_by(skill, path, clock) as talks:
        assert not talks.is_going_on("a")


HUGE = "9" * 400


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[1]", '[{"talk": "a"}]', "[" * 100_000, "\\xff", HUGE,
        f'[{{"talk": "a", "place": null, "since": {HUGE}, "state": "{{}}"}}]',
    ],
    ids=lambda text: text[:9],
)  # fmt: skip
def test_a_damaged_file_is_replaced(skill: Skill, clock: SimulatedClock, tmp_path: Path, text: str) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(text, encoding="utf-8")
    with kept_by(skill, path, clock) as talks:
        talks.say("a", "help i have a cramp")
    with kept_by(skill, path, clock) as talks:
        assert talks.is_going_on("a")


@pytest.mark.parametrize("since", [HUGE, "1e999", "NaN", "-Infinity"])
def test_a_session_whose_time_is_no_sensible_number_is_left_out(
    skill: Skill, clock: SimulatedClock, tmp_path: Path, since: str
) -> None:
    path = tmp_path / "sessions.json"
    with kept_by(skill, path, clock) as talks:
        talks.say("a", "help i have a cramp")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"since": [0-9.]+', f'"since": {since}', text), encoding="utf-8")
    with kept_by(skill, path, clock) as talks:
        assert not talks.is_going_on("a")


def test_a_reply_does_not_wait_for_the_disk_and_late_changes_are_written_together(
    skill: Skill, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sessions.json"
    is_slow, is_ready = threading.Event(), threading.Event()
    written: list[int] = []
    write = SessionFile.write

    def slowly(file: SessionFile, sessions: Iterable[KeptSession]) -> None:
        kept = tuple(sessions)
        is_slow.set()
        is_ready.wait(60)
        write(file, kept)
        written.append(len(kept))

    with kept_by(skill, path, clock) as talks:
        monkeypatch.setattr(SessionFile, "write", slowly)
        talks.say("a", "help i have a cramp")
        is_slow.wait(60)
        for talk in "bcde":
            talks.say(talk, "help i have a cramp")
        is_ready.set()
    assert written == [1, 5]
    with kept_by(skill, path, clock) as talks:
        assert len(talks) == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_only_the_owner_can_read_the_file_and_nothing_half_written_stays(
    skill: Skill,
    clock: SimulatedClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "sessions.json"
    with kept_by(skill, path, clock) as talks:
        talks.say("a", "help i have a cramp")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with kept_by(skill, path, clock) as talks:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(VoiceHelperError, match="cannot be written: No space"):
            SessionFile(path, "words").write(())
        assert talks.say("a", "chest pain").text.startswith("Call 112 now.")
    assert "cannot be written: No space" in caplog.text
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_session_nothing_is_written(skill: Skill, clock: SimulatedClock, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    with kept_by(skill, path, clock) as talks:
        written = path.stat().st_mtime_ns
        talks.say("a", "does heat help")
    assert path.read_text(encoding="utf-8") == "[]"
    assert path.stat().st_mtime_ns == written
