"""An engine that raises an error, hangs or returns invalid data is reported and restarted, and a session keeps its
step.

The faulty engines here are real ones, in which one call is made to fail.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest
from wyoming.error import Error

from tests.support.assist import connected, refused, send, sound_events, wait
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.served import serving, talking
from tests.support.sound import chunks_of, embedded, loudness, noise, recorded, recording, silence
from tests.support.speech import flite
from voice_helper.audio.devices import SilentPlayer, WavSource
from voice_helper.audio.echo import EchoCanceller
from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.audio.vad import VoiceActivity
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State, WordsSoFar
from voice_helper.errors import EngineFaultError, EngineMissingError
from voice_helper.recognizers import Recognizer
from voice_helper.recognizers.wake_word import WakeWord
from voice_helper.runtime import supervision
from voice_helper.runtime.assistant import Assistant, LoopEvent, hear_question
from voice_helper.runtime.speaker import Speaker
from voice_helper.runtime.supervision import (
    GuardedActivity,
    GuardedEcho,
    GuardedRecognizer,
    GuardedSpotter,
    GuardedVoice,
)
from voice_helper.servers.wyoming.server import WyomingServer, WyomingService
from voice_helper.skill import Skill
from voice_helper.types import AudioChunk, Outage, Say, Transcript
from voice_helper.voices import NoVoice, Voice
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

Fault = Callable[[], object]
never = threading.Event()
hanging = threading.Event()


def raises() -> object:
    raise RuntimeError("out of\nmemory")


def leaves() -> object:
    raise SystemExit(1)


def hangs() -> object:
    hanging.set()
    return never.wait()


FAULTS: dict[str, Fault] = {
    "it raises": raises,
    "it would end the program": leaves,
    "it hangs": hangs,
    "it gives nothing": lambda: None,
    "it gives bytes": lambda: b"\xff",
}
NO_WORDS: dict[str, Fault] = {
    "words without end": lambda: Transcript("stop " * 5_000, 1.0),
    "a confidence that is no number": lambda: Transcript("a", float("nan")),
    "a text": lambda: "stop",
    "no text": lambda: Transcript(None, 1.0),  # type: ignore[arg-type]
}
NO_SPEECH: dict[str, Fault] = {
    "nothing at all": lambda: b"",
    "half a sample": lambda: b"abc",
    "silence": lambda: bytes(9_000),
    "noise without end": lambda: b"ab" * 16_000 * 60,
    "a text": lambda: "hello",
}


class Waiting(Future[Any]):
    """A future whose wait ends when the result is there or the job hangs. After that, each wait ends at once."""

    hangs = False

    def result(self, timeout: float | None = None) -> Any:
        while not (self.done() or self.hangs):
            self.hangs = hanging.is_set()
            with suppress(TimeoutError):
                super().result(0.01)
        hanging.clear()
        return super().result(0)


@pytest.fixture(autouse=True)
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detect a hanging engine at once, without counting the time that a busy machine needs."""
    if "hangs" in request.node.name:
        monkeypatch.setattr(supervision, "Future", Waiting)


@dataclass
class Faulty:
    """A recognizer in which a kind of call fails a given number of times."""

    engine: Recognizer
    fault: Fault
    call: str
    times: int = 1
    name: str = "embedded"
    opened: int = 0

    def accept(self, chunk: AudioChunk) -> Any:
        return self._do("accept", lambda: self.engine.accept(chunk))

    def pause(self) -> Any:
        return self._do("pause", self.engine.pause)

    def finish(self) -> Any:
        return self._do("finish", self.engine.finish)

    def _do(self, call: str, do: Callable[[], object]) -> object:
        if call == self.call and self.times:
            self.times -= 1
            return self.fault()
        return do()

    def reopened(self) -> Recognizer:
        self.opened += 1
        self.engine.finish()
        return self


@dataclass
class FaultyVoice:
    """A voice that fails a given number of times."""

    voice: Voice
    fault: Fault
    times: int = 1
    name: str = "pyttsx3"
    opened: int = 0

    def speak(self, text: str, words_per_minute: float) -> bytes:
        if self.times:
            self.times -= 1
            return self.fault()  # type: ignore[return-value]
        return self.voice.speak(text, words_per_minute)

    def reopened(self) -> Voice:
        self.opened += 1
        return self


@dataclass
class Led:
    """A conversation that runs on the clock of its audio."""

    assistant: Assistant
    player: SilentPlayer
    happened: list[LoopEvent] = field(default_factory=list)

    def hear(self, pcm: bytes) -> None:
        for chunk in chunks_of(pcm):
            self.assistant.take(chunk)

    def texts(self, event: str) -> list[str]:
        return [str(happening.fields["text"]) for happening in self.happened if happening.event == event]


def led(conversation: Conversation, recognizer: Recognizer, voice: Voice | None = None) -> Led:
    happened: list[LoopEvent] = []
    player = SilentPlayer(keep=True)
    speaker = Speaker(voice or NoVoice(), player)
    assistant = Assistant(conversation, recognizer, speaker, state=State(hands_free=True), tell=happened.append)
    return Led(assistant, player, happened)


# The recognizer


@pytest.mark.parametrize(
    ("fault", "call"),
    [
        *((fault, "finish") for fault in FAULTS.values()),
        (raises, "accept"), (hangs, "accept"), (raises, "pause"), (hangs, "pause"),
    ],
)  # fmt: skip
def test_after_a_recognizer_failure_in_a_session_the_program_apologizes_and_recognizes_the_next_words(
    skill: Skill, fault: Fault, call: str
) -> None:
    engine = Faulty(embedded(skill), fault, call)
    session = led(skill.conversation, GuardedRecognizer(engine, engine.reopened))
    session.assistant.begin_guide("calf")
    session.hear(silence(1.0))
    before = session.assistant.step
    session.hear(recorded("put_heat_on_it") + silence(1.0))
    assert session.texts("error") == [skill.content.answers.outages["hearing"].text]
    assert session.assistant.step == before
    session.hear(recorded("stop") + silence(1.0))
    assert [happening.fields["reason"] for happening in session.happened if happening.event == "end"] == ["stopped"]
    assert engine.opened == 1


@pytest.mark.parametrize("rubbish", NO_WORDS.values(), ids=NO_WORDS)
def test_an_invalid_transcript_is_a_fault(skill: Skill, rubbish: Fault) -> None:
    engine = Faulty(embedded(skill), rubbish, "finish")
    recognizer = GuardedRecognizer(engine, engine.reopened)
    recognizer.accept(AudioChunk(silence(0.1)))
    with pytest.raises(EngineFaultError, match="no valid transcript"):
        recognizer.finish()
    recognizer.accept(AudioChunk(silence(0.1)))
    assert recognizer.finish().text == ""


def test_a_recognizer_that_always_fails_is_announced_twice_and_the_session_continues(skill: Skill) -> None:
    engine = Faulty(embedded(skill), raises, "accept", times=1_000_000)
    session = led(skill.conversation, GuardedRecognizer(engine, engine.reopened))
    session.assistant.begin_guide("calf")
    for _ in range(5):
        session.hear(recorded("stop") + silence(1.0))
    outages = skill.content.answers.outages
    assert session.texts("error") == [outages["hearing"].text, outages["hearing_again"].text]
    session.hear(silence(10.0))
    assert session.assistant.step is not None
    engine.times = 0
    session.hear(recorded("stop") + silence(1.0))  # the last restart came before the recognizer was fixed
    session.hear(recorded("stop") + silence(1.0))
    assert session.assistant.state.session is None


def test_reopening_a_failed_recognizer_is_retried_with_each_utterance(skill: Skill) -> None:
    engine = Faulty(embedded(skill), raises, "finish")
    broken = [EngineMissingError("it does not load"), EngineMissingError("it does not load")]

    def reopen() -> Recognizer:
        if broken:
            raise broken.pop()
        return engine.reopened()

    recognizer = GuardedRecognizer(engine, reopen)
    heard = led(skill.conversation, recognizer)
    for _ in range(4):
        heard.hear(recorded("bananas") + silence(1.5))
    assert len(heard.texts("error")) == 2
    assert heard.texts("heard") == ["are bananas good for cramps"]
    assert not broken


def test_speech_while_the_recognizer_reloads_is_not_lost(skill: Skill) -> None:
    engine, may_load = Faulty(embedded(skill), raises, "finish"), threading.Event()

    def reopen() -> Recognizer:
        may_load.wait(PATIENCE_SECONDS)
        return engine.reopened()

    heard = led(skill.conversation, GuardedRecognizer(engine, reopen))
    heard.hear(recorded("bananas") + silence(1.5))
    heard.hear(recorded("bananas"))
    may_load.set()
    heard.hear(silence(1.5))
    assert heard.texts("heard") == ["are bananas good for cramps"]


def test_an_utterance_that_ends_long_before_the_recognizer_is_back_is_lost_and_the_next_one_is_recognized(
    skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "RESTART_SECONDS", 0.0)
    opening = Opening(embedded(skill))
    guard = GuardedRecognizer(Faulty(embedded(skill), raises, "finish"), opening)
    heard = led(skill.conversation, guard)
    heard.hear(recorded("bananas") + silence(1.5))
    heard.hear(recorded("bananas") + silence(1.5))
    outages = skill.content.answers.outages
    assert heard.texts("error") == [outages["hearing"].text, outages["hearing_again"].text]
    opening.engine.finish()  # it is also the engine that failed
    opening.may_end.set()
    wait_until(lambda: not guard._restart or not guard._restart.is_running())
    heard.hear(recorded("bananas") + silence(1.5))
    assert heard.texts("heard") == ["are bananas good for cramps"]
    assert opening.opened == 1


def test_a_step_interrupted_for_lost_words_is_repeated(skill: Skill) -> None:
    state, _ = skill.conversation.begin_guide(State(hands_free=True), "calf")
    hushed = State(hands_free=True, session=state.session, so_far=WordsSoFar(hushed_for="guide_next"))
    after, actions = skill.conversation.step(hushed, Outage("hearing", "it raised"))
    said = [row.text for action in actions if isinstance(action, Say) for row in action.rows]
    assert said == ["Sit or lie somewhere safe.", skill.content.answers.outages["hearing"].text]
    assert after.session == state.session


def test_a_suspended_process_is_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    class Woken:
        """A future whose result comes a moment after a wait of an hour."""

        waits = 0

        def result(self, seconds: float) -> str:
            self.waits += 1
            if self.waits == 1:
                raise TimeoutError
            return "heard"

        def done(self) -> bool:
            return self.waits > 1

    assert supervision.result_of(Woken(), 8.0) == "heard"  # type: ignore[arg-type]


# The voice


QUICK_FAULTS = {name: fault for name, fault in {**FAULTS, **NO_SPEECH}.items() if fault is not hangs}


@pytest.mark.parametrize("fault", QUICK_FAULTS.values(), ids=QUICK_FAULTS)
def test_a_voice_that_fails_once_is_restarted_unnoticed(voice: Pyttsx3Voice, fault: Fault) -> None:
    faulty = FaultyVoice(voice, fault)
    sound = GuardedVoice(faulty, faulty.reopened).speak("Hold.", 150)
    assert loudness(sound) > 300
    assert faulty.opened == 1


@pytest.mark.parametrize("fault", [raises, hangs, lambda: b""], ids=["raises", "hangs", "silent"])
def test_with_a_broken_voice_the_text_is_shown_and_the_session_keeps_its_pace(
    skill: Skill, voice: Pyttsx3Voice, fault: Fault
) -> None:
    faulty = FaultyVoice(voice, fault, times=2)
    session = led(skill.conversation, embedded(skill), GuardedVoice(faulty, faulty.reopened))
    session.assistant.begin_guide("calf")
    session.hear(silence(12.0))
    assert session.texts("say")[:2] == ["Sit or lie somewhere safe.", "Straighten your leg."]
    assert session.texts("error") == [skill.content.answers.outages["voice"].text]
    first, second = [each.at_seconds for each in session.happened if each.event == "say"][:2]
    assert second - first >= 2.0
    assert loudness(session.player.finish()) == 0


def test_a_broken_voice_is_tried_again_later(voice: Pyttsx3Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = FaultyVoice(voice, raises, times=2)
    guard = GuardedVoice(faulty, faulty.reopened)
    for _ in range(3):
        with pytest.raises(EngineFaultError, match="the voice failed"):
            guard.speak("Hold.", 150)
    assert faulty.opened == 1
    monkeypatch.setattr(guard, "_given_up_until", 0.0)
    assert guard.speak("Hold.", 150)


class Opening:
    """Opens an engine, but not before `may_end` is set."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.opened = engine, 0
        self.may_end = threading.Event()

    def __call__(self) -> Any:
        self.opened += 1
        self.may_end.wait(PATIENCE_SECONDS)
        return self.engine


def test_a_voice_that_hangs_is_restarted_while_its_users_continue(voice: Pyttsx3Voice) -> None:
    opening = Opening(voice)
    guard = GuardedVoice(FaultyVoice(voice, hangs), opening)
    with pytest.raises(EngineFaultError, match="the voice failed: it does not answer"):
        guard.speak("Hold.", 150)
    for _ in range(3):
        with pytest.raises(EngineFaultError, match="it is still restarting"):
            guard.speak("Hold.", 150)
    opening.may_end.set()
    wait_until(lambda: not guard._restart or not guard._restart.is_running())
    assert loudness(guard.speak("Hold.", 150)) > 300
    assert opening.opened == 1


def test_nobody_waits_long_for_a_voice_that_restarts_slowly(
    voice: Pyttsx3Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "RESTART_SECONDS", 0.0)
    opening = Opening(voice)
    guard = GuardedVoice(FaultyVoice(voice, raises), opening)
    for _ in range(2):
        with pytest.raises(EngineFaultError, match="it is still restarting"):
            guard.speak("Hold.", 150)
    opening.may_end.set()
    wait_until(lambda: not guard._restart or not guard._restart.is_running())
    assert guard.speak("Hold.", 150)


def test_a_restart_of_the_voice_that_never_ends_is_begun_again(
    voice: Pyttsx3Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "RESTART_SECONDS", 0.0)
    opening, now = Opening(voice), [0.0]
    guard = GuardedVoice(FaultyVoice(voice, raises), opening, clock=lambda: now[0])
    for at, message in (
        (0.0, "still restarting"),
        (supervision.OPEN_SECONDS + 1, "does not open"),
        (supervision.OPEN_SECONDS + 2, "it has failed"),
        (supervision.OPEN_SECONDS + supervision.GIVEN_UP_SECONDS + 2, "still restarting"),
    ):
        now[0] = at
        with pytest.raises(EngineFaultError, match=message):
            guard.speak("Hold.", 150)
    opening.may_end.set()
    wait_until(lambda: not guard._restart or not guard._restart.is_running())
    assert guard.speak("Hold.", 150)
    assert opening.opened == 2


# Components that process every chunk


@dataclass
class Broken:
    """Opens real components one after the other. Those whose numbers are in `broken` raise an error at a chunk."""

    open_part: Callable[[], Any]
    call: str
    broken: frozenset[int]
    at_chunk: int = 0
    opened: list[Any] = field(default_factory=list)

    def __call__(self) -> Any:
        part, calls = self.open_part(), count()
        if len(self.opened) in self.broken:
            call = getattr(part, self.call)

            def fail(*given: object) -> object:
                if next(calls) >= self.at_chunk:
                    raises()
                return call(*given)

            setattr(part, self.call, fail)
        self.opened.append(part)
        return part


ALL = frozenset(range(1_000))
"""The numbers of all components, so that each is broken."""


def test_a_voice_activity_detector_that_fails_in_mid_sentence_is_restarted_unnoticed(skill: Skill) -> None:
    session = led(skill.conversation, embedded(skill))
    opening = Broken(VoiceActivity, "_chance", frozenset({0}), at_chunk=30)
    session.assistant._voice_activity = GuardedActivity(opening)
    session.hear(recorded("bananas") + silence(1.5))
    assert session.texts("heard") == ["are bananas good for cramps"]
    assert not session.texts("error")
    assert len(opening.opened) == 2


def test_a_broken_voice_activity_detector_is_announced_and_the_session_continues_until_it_works_again(
    skill: Skill,
) -> None:
    session = led(skill.conversation, embedded(skill))
    opening = Broken(VoiceActivity, "_chance", ALL)
    session.assistant._voice_activity = GuardedActivity(opening)
    session.assistant.begin_guide("calf")
    session.hear(noise(25.0))
    outages = skill.content.answers.outages
    assert session.texts("error") == [outages["hearing"].text, outages["hearing_again"].text]
    assert session.texts("say")[:2] == ["Sit or lie somewhere safe.", "Straighten your leg."]
    assert len(opening.opened) < 10  # not one per chunk
    opening.broken = frozenset()
    session.hear(silence(10.0) + recorded("stop") + silence(1.0))
    assert session.assistant.state.session is None


def test_a_broken_detector_is_reported_for_a_question_from_a_file(
    skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VoiceActivity, "_chance", lambda self, chunk: raises())
    with pytest.raises(EngineFaultError, match="the voice activity detector failed: out of memory"):
        hear_question(WavSource(recording("bananas")), embedded(skill), EndpointSettings())


def test_a_broken_detector_is_reported_to_home_assistant(skill: Skill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VoiceActivity, "_chance", lambda self, chunk: raises())
    served, wrong = (
        WyomingService(skill.conversation, "en", "embedded", lambda: embedded(skill), NoVoice(), 150),
        list[Any](),
    )

    async def asked() -> Error:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: wrong.append(context))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.create_task(WyomingServer(served).serve(listener))
            async with connected(listener.getsockname()[1]) as client:
                await send(client, *sound_events(recorded("bananas")))
                error = await refused(client)
            serving.cancel()
            await asyncio.wait([serving])
        gc.collect()
        return error

    error = wait(asked())
    assert error.code == "fault"
    assert "the voice activity detector failed" in error.text
    assert not wrong


def test_an_echo_canceller_that_fails_adapts_to_the_room_again() -> None:
    opening, told = Broken(EchoCanceller, "_learn", frozenset({0})), list[str]()
    guard = GuardedEcho(told.append, opening)
    voice = recorded("put_heat_on_it")
    for chunk in chunks_of(voice):
        left = guard.clean(AudioChunk(chunk.pcm), chunk.pcm)
    assert len(opening.opened) == 2
    assert loudness(left.pcm) <= loudness(chunk.pcm)
    assert not told


def test_an_echo_canceller_with_nan_adapts_to_the_room_again() -> None:
    opened: list[EchoCanceller] = []

    def opening() -> EchoCanceller:
        opened.append(EchoCanceller())
        return opened[-1]

    guard, chunk = GuardedEcho(print, opening), next(chunks_of(noise(0.1)))
    guard.clean(chunk, chunk.pcm)
    opened[0]._room[:] = np.nan
    assert loudness(guard.clean(chunk, chunk.pcm).pcm) > 0
    assert len(opened) == 2
    assert np.isfinite(opened[1]._room).all()


def test_an_unused_engine_is_released_with_its_thread(skill: Skill) -> None:
    engine = Faulty(embedded(skill), raises, "nothing")
    kept, before = weakref.ref(engine), threading.active_count()
    guard = GuardedRecognizer(engine, engine.reopened)
    guard.accept(AudioChunk(bytes(1024)))
    assert threading.active_count() == before + 1
    del guard, engine
    wait_until(lambda: gc.collect() >= 0 and kept() is None and threading.active_count() <= before)


def test_with_a_broken_echo_canceller_audio_passes_unchanged() -> None:
    told = list[str]()
    opening = Broken(EchoCanceller, "_learn", ALL)
    guard, sound = GuardedEcho(told.append, opening), noise(25.0)
    assert b"".join(guard.clean(chunk, chunk.pcm).pcm for chunk in chunks_of(sound)) == sound
    assert not guard.hears_us_alone
    assert len(told) == 3  # every ten seconds
    assert "the echo canceller failed: out of memory" in told[0]


def test_the_wake_phrase_detector_is_restarted() -> None:
    call = flite("slt", "hey helper") if shutil.which("flite") else pytest.skip("flite is not installed")
    told = list[str]()

    class Raising(WakeWord):
        def accept(self, chunk: AudioChunk) -> bool:
            return bool(raises())

    opened = iter([Raising, WakeWord, Raising, Raising, WakeWord])
    spotter = GuardedSpotter(told.append, lambda: next(opened)("hey helper"))
    assert any(map(spotter.accept, chunks_of(silence(0.5) + call + silence(0.5))))
    assert not told
    spotter = GuardedSpotter(told.append, lambda: next(opened)("hey helper"))
    assert not any(spotter.accept(chunk) for chunk in chunks_of(call + silence(1.0)))
    assert told == [
        "listening for the wake phrase failed: out of memory; it retries every 10 seconds",
    ]
    sounds = [*chunks_of(silence(9.5)), *chunks_of(call + silence(0.5))]
    assert any(map(spotter.accept, sounds))


# The page


def test_on_the_page_a_session_continues_if_the_recognizer_fails(skill: Skill) -> None:
    engine = Faulty(embedded(skill), raises, "finish")
    with (
        serving(skill, NoVoice(), open_recognizer=lambda: GuardedRecognizer(engine, engine.reopened)) as address,
        talking(address) as talk,
    ):
        talk.send(do="begin")
        talk.wait("say")
        talk.say(recorded("put_heat_on_it") + silence(1.0), how="open")
        assert talk.wait("error") == {"event": "error", "text": skill.content.answers.outages["hearing"].text}
        for chunk in chunks_of(recorded("stop") + silence(1.0)):
            talk.socket.send(chunk.pcm)
        assert talk.wait("end")["reason"] == "stopped"
    assert engine.opened == 1
