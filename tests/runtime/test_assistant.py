"""The whole loop with real engines, a WAV file as the source, and time counted in its samples."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.support.simulated_room import RoomPlayer, SimulatedRoom
from tests.support.sound import (
    as_array,
    chunks_of,
    embedded,
    loudness,
    noise,
    recorded,
    recording,
    seconds_of,
    silence,
    write_pcm,
)
from voice_helper.audio.devices import SilentPlayer, WavSource
from voice_helper.audio.echo import EchoCanceller
from voice_helper.audio.endpoint import ONE_QUESTION
from voice_helper.dialogue.state import State
from voice_helper.runtime.assistant import AHEAD_SECONDS, STARTED_SECONDS, Assistant, LoopEvent, hear_question
from voice_helper.runtime.speaker import Speaker, sentences_of
from voice_helper.skill import Skill
from voice_helper.testing import RecordingVoice, ScriptedRecognizer
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk, Transcript, Understood
from voice_helper.voices import NoVoice
from voice_helper.voices.pyttsx3 import Pyttsx3Voice


@dataclass
class Session:
    """What happened in a run of the loop."""

    assistant: Assistant
    player: SilentPlayer
    happened: list[LoopEvent] = field(default_factory=list)
    understood: list[Understood] = field(default_factory=list)

    def events(self, name: str) -> list[LoopEvent]:
        return [happening for happening in self.happened if happening.event == name]

    def texts(self, name: str) -> list[str]:
        return [str(happening.fields["text"]) for happening in self.events(name)]


@pytest.fixture(scope="module")
def run(skill: Skill, voice: Pyttsx3Voice, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Session]:
    """Return a function that runs the loop on a recording until all is spoken. Repeated runs are cached."""
    source = tmp_path_factory.mktemp("source") / "source.wav"

    @cache
    def run(
        pcm: bytes, *, silent: bool = False, guide: bool = False, stay: bool = True, leak: float | None = None
    ) -> Session:
        player = RoomPlayer()
        happened: list[LoopEvent] = []
        understood: list[Understood] = []
        assistant = Assistant(
            skill.conversation,
            embedded(skill),
            Speaker(NoVoice() if silent else voice, player),
            state=State(hands_free=True),
            echo=EchoCanceller() if leak is not None else None,
            tell=happened.append,
            understood=understood.append,
        )
        if guide:
            assistant.begin_guide("calf")
        if leak is not None:
            assistant.chime()
        room = SimulatedRoom(pcm, player, leak_decibels=leak)
        for _ in assistant.hear(WavSource(write_pcm(source, pcm)) if leak is None else room):
            pass
        for _ in assistant.stay() if stay else ():
            pass
        return Session(assistant, player, happened, understood)

    return run


def test_a_question_is_recognized_understood_and_answered_aloud(run: Callable[..., Session]) -> None:
    session = run(recorded("put_heat_on_it") + silence(1.0))
    (heard,) = session.events("heard")
    assert heard.fields["text"] == "should i put heat on it"
    assert heard.fields["intent"] == "remedy_heat"
    assert 0.0 < float(str(heard.fields["confidence"])) <= 1.0
    (understood,) = session.understood
    assert understood.answer is not None
    assert session.texts("say") == [row.text for row in understood.answer.spoken_rows()]
    assert {row.fact for row in understood.answer.rows} >= {"remedy.heat"}
    assert understood.answer.disclaimer == "full"
    assert session.assistant.answered
    assert loudness(session.player.finish()) > 300


def test_the_answer_begins_within_a_second_of_the_end_of_the_question(run: Callable[..., Session]) -> None:
    question = recorded("put_heat_on_it")
    session = run(question + silence(3.0))
    assert session.events("say")[0].at_seconds < seconds_of(question) + 1.0


def test_audio_is_played_at_the_times_of_the_events(run: Callable[..., Session]) -> None:
    session = run(recorded("put_heat_on_it") + silence(1.0))
    samples = as_array(session.player.finish())
    for say in session.events("say"):
        starts, until = (round(seconds * SAMPLE_RATE) for seconds in (say.at_seconds, float(str(say.fields["until"]))))
        assert np.abs(samples[starts : starts + SAMPLE_RATE // 2]).max() > 1000
        after = samples[until + SAMPLE_RATE // 100 : until + round(0.38 * SAMPLE_RATE)]  # accurate to 10 ms
        assert not np.abs(after).any()
    assert np.abs(samples[: round(session.events("say")[0].at_seconds * SAMPLE_RATE) - 1000]).max() == 0


def test_the_timeline_is_as_long_as_the_elapsed_time(run: Callable[..., Session]) -> None:
    session = run(recorded("put_heat_on_it") + silence(1.0))
    assert seconds_of(session.player.finish()) == pytest.approx(session.assistant.seconds, abs=0.04)
    last = session.events("say")[-1]
    assert session.assistant.seconds >= float(str(last.fields["until"]))


def test_the_times_of_events_never_decrease(run: Callable[..., Session]) -> None:
    session = run(recorded("have_a_cramp") + silence(12.0) + recorded("stop") + silence(1.0))
    times = [happening.at_seconds for happening in session.happened]
    assert times == sorted(times)
    assert times[0] >= 0
    for say in session.events("say"):
        assert float(str(say.fields["until"])) > say.at_seconds


def test_the_second_question_gets_the_short_disclaimer(run: Callable[..., Session]) -> None:
    session = run(recorded("put_heat_on_it") + silence(20.0) + recorded("bananas") + silence(1.0))
    answers = [understood.answer for understood in session.understood]
    assert [answer.disclaimer for answer in answers if answer] == ["full", "short"]


def test_a_cramp_starts_the_guide_and_stop_hushes_it(run: Callable[..., Session]) -> None:
    before = recorded("have_a_cramp") + silence(3.2)
    session = run(before + recorded("stop") + silence(2.0))
    assert [happening.fields["intent"] for happening in session.events("heard")] == ["guide_start", "guide_stop"]
    assert session.understood[0].match.slots["muscle"] == "calf"
    assert session.events("say")[0].fields["step"] == 1
    (hush,) = session.events("hush")
    (end,) = session.events("end")
    assert hush.fields["by"] == "stop"
    assert end.fields["reason"] == "stopped"
    assert hush.at_seconds < seconds_of(before + recorded("stop")) + 0.5
    samples = as_array(session.player.finish())
    assert np.abs(samples[round(hush.at_seconds * SAMPLE_RATE) + 512 :]).max(initial=0) == 0
    assert (
        np.abs(samples[round((hush.at_seconds - 1.0) * SAMPLE_RATE) : round(hush.at_seconds * SAMPLE_RATE)]).max() > 0
    )


def test_reporting_a_cramp_during_an_answer_starts_the_guide_at_once(run: Callable[..., Session]) -> None:
    before = recorded("put_heat_on_it") + silence(4.0) + recorded("have_a_cramp")
    session = run(before + silence(6.0), stay=False)
    first = next(say for say in session.events("say") if say.fields.get("step") == 1)
    assert first.at_seconds < seconds_of(before) + 1.0


def test_an_emergency_is_said_again_after_ten_seconds(run: Callable[..., Session]) -> None:
    session = run(recorded("numb") + silence(1.0))
    assert session.understood[0].match.intent == "emergency"
    action = session.texts("say")[0]
    first, again = (say.at_seconds for say in session.events("say") if say.fields["text"] == action)
    assert 10.0 <= again - first <= 25.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["put_heat_on_it", "bananas"])
def test_its_own_speech_is_rarely_mistaken_for_the_users(run: Callable[..., Session], name: str) -> None:
    """The system's voice varies, so an echo occasionally sounds like a word that is never ignored."""
    sessions = [
        run(silence(seconds) + recorded(name) + silence(20.0), leak=-6.0, stay=False) for seconds in (1.0, 1.3, 1.6)
    ]
    taken = [each.transcript.text for session in sessions for each in session.understood[1:]]
    assert len(taken) <= 1, taken
    assert all(len(session.texts("say")) >= 2 for session in sessions if len(session.understood) == 1)
    assert sum(len(session.events("hush")) for session in sessions) == len(taken)


def test_a_question_during_its_own_answer_is_answered(run: Callable[..., Session]) -> None:
    two = silence(1.0) + recorded("put_heat_on_it") + silence(3.5) + recorded("bananas") + silence(3.0)
    session = run(two, leak=-6.0, stay=False)
    assert [understood.match.intent for understood in session.understood] == ["remedy_heat", "remedy_foods"]
    assert [happening.fields["by"] for happening in session.events("hush")] == ["question"]


def test_without_an_echo_the_canceller_does_not_change_transcripts(run: Callable[..., Session]) -> None:
    question = silence(1.0) + recorded("put_heat_on_it") + silence(3.0)
    assert run(question, leak=-90.0, stay=False).texts("heard") == ["should i put heat on it"]


@pytest.mark.parametrize("pcm", [silence(3.0), noise(3.0, 0.1)], ids=["silence", "noise"])
def test_sounds_other_than_speech_are_ignored(run: Callable[..., Session], pcm: bytes) -> None:
    session = run(pcm, silent=True)
    assert session.happened == []
    assert session.assistant.seconds == pytest.approx(3.0, abs=0.04)


def test_without_a_voice_the_rows_are_still_reported(run: Callable[..., Session]) -> None:
    session = run(recorded("put_heat_on_it") + silence(1.0), silent=True)
    assert len(session.events("say")) >= 2
    assert not any(session.player.finish())


def test_a_question_cut_off_by_the_end_of_the_file_is_recognized(run: Callable[..., Session]) -> None:
    session = run(recorded("bananas")[: -2 * SAMPLE_RATE // 4], silent=True)
    assert [understood.match.intent for understood in session.understood] == ["remedy_foods"]


# One question


def test_one_question_is_recognized_in_a_file(skill: Skill) -> None:
    heard = hear_question(WavSource(recording("what_is_a_cramp")), embedded(skill), ONE_QUESTION)
    assert heard.text == "what is a cramp"


def test_a_file_without_speech_has_an_empty_transcript(skill: Skill, tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "noise.wav", noise(3.0, 0.05))
    assert hear_question(WavSource(path), embedded(skill), ONE_QUESTION) == Transcript("", 0.0)


def test_a_pause_for_thought_does_not_split_a_question(skill: Skill, tmp_path: Path) -> None:
    pcm = recorded("have_a_cramp")
    path = write_pcm(tmp_path / "pause.wav", recorded("put_heat_on_it") + silence(0.3) + pcm)
    text = hear_question(WavSource(path), embedded(skill), ONE_QUESTION).text
    assert text.startswith("should i put heat on it")
    assert text.endswith("in my calf")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("Hold.", ["Hold."]),
        ("Yes. It can! Can it?", ["Yes.", "It can!", "Can it?"]),
        ("Call 1.5 times", ["Call 1.5 times"]),
    ],
)
def test_a_text_is_split_into_sentences(text: str, sentences: list[str]) -> None:
    assert sentences_of(text) == sentences


# A long answer


def answering(skill: Skill, voice: RecordingVoice, happened: list[LoopEvent]) -> Assistant:
    speaker = Speaker(voice, SilentPlayer(keep=True))
    assistant = Assistant(skill.conversation, embedded(skill), speaker, state=State(), tell=happened.append)
    assistant.read("which foods are rich in potassium")
    return assistant


def rows_of(skill: Skill, text: str) -> list[str]:
    answer = skill.content.answers.answer(skill.understanding.understand(text), full_given=False)
    return [row.text for row in answer.spoken_rows()]


def test_only_the_next_rows_of_a_long_answer_are_synthesized_ahead(skill: Skill) -> None:
    voice, happened, rows = (
        RecordingVoice(sentence_seconds=3.0),
        list[LoopEvent](),
        rows_of(skill, "which foods are rich in potassium"),
    )
    assistant = answering(skill, voice, happened)
    assert len(rows) > 2
    assert voice.spoken == sentences_of(rows[0])
    most = max(len(sentences_of(row)) for row in rows) * 3.5 + AHEAD_SECONDS
    for _ in assistant.stay():
        assert 3 * len(voice.spoken) < assistant.seconds + most
    assert voice.spoken == [sentence for row in rows for sentence in sentences_of(row)]
    said = [happening for happening in happened if happening.event == "say"]
    assert [happening.fields["text"] for happening in said] == rows
    for before, after in itertools.pairwise(said):
        assert after.at_seconds == pytest.approx(float(str(before.fields["until"])) + 0.5, abs=0.02)
    whole = 3.5 * len(voice.spoken) - 0.5
    assert float(str(said[-1].fields["until"])) - said[0].at_seconds == pytest.approx(whole, abs=0.02)


def test_if_the_loop_is_late_the_next_row_is_synthesized_once_nothing_is_playing(skill: Skill) -> None:
    voice, happened = RecordingVoice(sentence_seconds=3.0), list[LoopEvent]()
    assistant = answering(skill, voice, happened)
    before = len(voice.spoken)
    assistant._speaker.player.advance(60 * SAMPLE_RATE)  # the loudspeaker has played all queued audio
    assistant.take(AudioChunk(silence(0.032)))
    assert len(voice.spoken) > before
    assert assistant._speaker.player.is_playing


def test_hushed_rows_are_never_synthesized(skill: Skill) -> None:
    voice, happened = RecordingVoice(sentence_seconds=3.0), list[LoopEvent]()
    assistant = answering(skill, voice, happened)
    spoken = list(voice.spoken)
    assistant.hush()
    for _ in assistant.stay():
        pass
    assert voice.spoken == spoken
    assert [happening.event for happening in happened][-1] == "hush"


def test_a_chime_plays_after_all_waiting_speech(skill: Skill) -> None:
    voice, happened = RecordingVoice(sentence_seconds=3.0), list[LoopEvent]()
    assistant = answering(skill, voice, happened)
    assistant.chime()
    for _ in assistant.stay():
        pass
    assert [happening.event for happening in happened][-1] == "tone"


class Unsure:
    """A recognizer with low confidence in a sign of danger."""

    name = "unsure"

    def accept(self, chunk: AudioChunk) -> str:
        return "hello there"

    def pause(self) -> Transcript:
        return Transcript("", 0.0)

    def finish(self) -> Transcript:
        return Transcript("i have chest pain", 0.7)


def test_an_unsure_overheard_sign_of_danger_counts_when_repeated(skill: Skill) -> None:
    happened: list[LoopEvent] = []
    speaker = Speaker(NoVoice(), SilentPlayer())
    assistant = Assistant(
        skill.conversation, Unsure(), speaker, state=State(hands_free=True), tell=happened.append
    )  # fmt: skip
    said = recorded("numb") + silence(1.5)
    for chunk in chunks_of(silence(STARTED_SECONDS + 1) + said):
        assistant.take(chunk)
    (heard,) = [each for each in happened if each.event == "heard"]
    assert heard.fields["intent"] == "emergency"
    assert heard.fields["overheard"] is True
    assert not [each for each in happened if each.event == "say"]
    for chunk in chunks_of(said):
        assistant.take(chunk)
    assert str(next(each.fields["text"] for each in happened if each.event == "say")).startswith("Call 112 now.")


# A busy machine


@pytest.mark.parametrize("chunks_kept", [1.0, 0.7, 0.4])
def test_a_hold_keeps_its_length_by_the_clock_however_much_audio_is_lost(skill: Skill, chunks_kept: float) -> None:
    """Each chunk arrives late, in proportion to the audio that a busy machine loses."""
    now, player, happened = 0.0, SilentPlayer(), list[tuple[float, LoopEvent]]()
    speaker = Speaker(RecordingVoice(sentence_seconds=0.1), player)
    state = State(hands_free=True)

    def tell(happening: LoopEvent) -> None:
        happened.append((now, happening))

    assistant = Assistant(
        skill.conversation, ScriptedRecognizer(), speaker, state=state, clock_seconds=lambda: now, tell=tell
    )
    assistant.begin_guide()
    said: dict[str, float] = {}
    hold, rest = "Hold for twenty seconds, then let go.", "Let go, and rest."
    while rest not in said and now < 120.0:
        now += 0.032 / chunks_kept
        assistant.take(AudioChunk(bytes(2 * CHUNK_SAMPLES)))
        said.update({str(each.fields.get("text")): at for at, each in happened})
    assert said[rest] - said[hold] == pytest.approx(20.2, abs=0.2)  # from the end of the instruction


def asleep_session(skill: Skill, clock_seconds: Callable[[], float], happened: list[LoopEvent]) -> Assistant:
    speaker = Speaker(RecordingVoice(sentence_seconds=0.1), SilentPlayer())
    return Assistant(
        skill.conversation, ScriptedRecognizer(), speaker, state=State(hands_free=True), clock_seconds=clock_seconds,
        tell=happened.append,
    )  # fmt: skip


@pytest.mark.parametrize("chunks_before", [0, 1, 100])
def test_sleep_counts_towards_the_time_limit_once_a_session_has_begun(skill: Skill, chunks_before: int) -> None:
    now, happened = 5.0, list[LoopEvent]()
    assistant = asleep_session(skill, lambda: now, happened)
    now += 1_000.0  # before the session
    assistant.begin_guide()
    for _ in range(chunks_before):
        now += CHUNK_SAMPLES / SAMPLE_RATE
        assistant.take(AudioChunk(bytes(2 * CHUNK_SAMPLES)))
    assert "end" not in [each.event for each in happened]
    now += 1_000.0
    assistant.take(AudioChunk(bytes(2 * CHUNK_SAMPLES)))
    assert assistant.step is None
    assert [each.fields["reason"] for each in happened if each.event == "end"] == ["time_limit"]


def test_sleep_before_a_session_does_not_count_towards_its_limit(skill: Skill) -> None:
    now, happened = 0.0, list[LoopEvent]()
    assistant = asleep_session(skill, lambda: now, happened)
    assistant.take(AudioChunk(bytes(2 * CHUNK_SAMPLES)))
    now += 1_000.0
    assistant.read("help i have a cramp")
    assistant.take(AudioChunk(bytes(2 * CHUNK_SAMPLES)))
    assert assistant.step is not None
    assert "end" not in [each.event for each in happened]


@pytest.mark.parametrize("behind_seconds", [0.0, 20.0])
def test_a_late_machine_drops_silence_and_recognizes_the_question(
    skill: Skill, behind_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    listened, happened = list[AudioChunk](), list[LoopEvent]()
    hear = Assistant._listen_to

    def counted(assistant: Assistant, chunk: AudioChunk, played: bytes) -> None:
        listened.append(chunk)
        hear(assistant, chunk, played)

    monkeypatch.setattr(Assistant, "_listen_to", counted)
    assistant = Assistant(
        skill.conversation, ScriptedRecognizer("does heat help"), Speaker(NoVoice(), SilentPlayer()),
        state=State(hands_free=True), behind_seconds=lambda: behind_seconds, tell=happened.append,
    )  # fmt: skip
    sound = list(chunks_of(silence(20.0) + recorded("put_heat_on_it") + silence(2.0)))
    for chunk in sound:
        assistant.take(chunk)
    assert [each.fields["intent"] for each in happened if each.event == "heard"] == ["remedy_heat"]
    assert [each.fields["seconds"] for each in happened if each.event == "late"] == [20.0] * (behind_seconds > 0)
    assert assistant.seconds == pytest.approx(sum(chunk.seconds for chunk in sound))
    assert (len(listened) < 0.5 * len(sound)) == (behind_seconds > 0)
