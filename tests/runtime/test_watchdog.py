"""The time limit of an engine, which depends on its audio and its progress, tested with a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.sound import silence
from voice_helper.errors import EngineFaultError
from voice_helper.runtime import supervision
from voice_helper.runtime.supervision import (
    CALL_SECONDS,
    GuardedRecognizer,
    GuardedVoice,
    Workload,
    allowed_seconds,
)
from voice_helper.types import AudioChunk, Transcript

CHUNK = AudioChunk(silence(1.0))


class Clock:
    """A clock that moves only while a caller waits for an engine."""

    now = 0.0
    call_takes = 0.0
    """How long the current call of the engine takes."""

    def __call__(self) -> float:
        return self.now


def waiting_on(clock: Clock) -> type[Future[Any]]:
    """Return a future whose result is there once the clock has moved as long as the engine's call takes."""

    class Waited(Future[Any]):
        left: float | None = None

        def result(self, timeout: float | None = None) -> Any:
            given = super().exception() or super().result()  # the job itself takes no time
            self.left = clock.call_takes if self.left is None else self.left
            waits = min(self.left, timeout or 0.0)
            clock.now += waits
            self.left -= waits
            if self.left > 0:
                raise TimeoutError
            if isinstance(given, BaseException):
                raise given
            return given

        def done(self) -> bool:
            return super().done() and not self.left

    return Waited


@dataclass
class Slow:
    """A recognizer that takes a given time for each chunk and for the end."""

    clock: Clock
    chunk_seconds: float = 0.0
    end_seconds: float = 0.0
    name: str = "slow"

    def accept(self, chunk: AudioChunk) -> str:
        self.clock.call_takes = self.chunk_seconds
        return "so far"

    def pause(self) -> Transcript:
        self.clock.call_takes = self.end_seconds
        return Transcript("so far")

    def finish(self) -> Transcript:
        self.clock.call_takes = self.end_seconds
        return Transcript("the words")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock that moves when a caller waits for the engine's thread."""
    clock = Clock()
    monkeypatch.setattr(supervision, "Future", waiting_on(clock))
    return clock


def guarded(engine: Slow) -> GuardedRecognizer:
    return GuardedRecognizer(engine, lambda: Slow(engine.clock), clock=engine.clock)


def test_a_long_utterance_may_take_longer_than_a_short_one() -> None:
    assert allowed_seconds(0.0) == CALL_SECONDS
    assert allowed_seconds(15.0) > 2 * CALL_SECONDS


def test_an_engine_that_was_slow_with_the_chunks_may_be_slow_with_the_whole() -> None:
    quick, slow = Workload(), Workload()
    for workload, took in ((quick, 0.1), (slow, 5.0)):
        for _ in range(10):
            workload.allowed_for_chunk(1.0)
            workload.record_chunk(took)
    assert quick.allowed_seconds_for_whole() == allowed_seconds(10.0)
    assert slow.allowed_seconds_for_whole() == CALL_SECONDS + 10 * 4 * 5.0


def test_the_first_chunk_may_take_as_long_as_finishing_the_previous_utterance() -> None:
    workload = Workload()
    workload.allowed_for_chunk(15.0)
    workload.record_end()
    assert workload.allowed_for_chunk(0.5) == allowed_seconds(15.5)
    assert workload.allowed_for_chunk(0.5) == allowed_seconds(0.5)
    assert workload.pace == 0.0


def test_a_slow_engine_that_makes_progress_is_not_abandoned(clock: Clock) -> None:
    recognizer = guarded(Slow(clock, chunk_seconds=6.0, end_seconds=60.0))
    for _ in range(10):
        assert recognizer.accept(CHUNK) == "so far"
    assert recognizer.finish().text == "the words"
    assert clock.now == pytest.approx(120.0)


def test_an_engine_that_works_only_at_the_end_gets_time_in_proportion_to_the_audio(clock: Clock) -> None:
    recognizer = guarded(Slow(clock, end_seconds=25.0))
    for _ in range(10):
        recognizer.accept(CHUNK)
    assert recognizer.pause().text == "so far"
    assert recognizer.finish().text == "the words"


@pytest.mark.parametrize("call", ["accept", "pause", "finish"])
def test_an_engine_without_progress_counts_as_hanging(clock: Clock, call: str) -> None:
    never = 1_000_000.0
    engine = Slow(clock)
    recognizer = guarded(engine)
    recognizer.accept(CHUNK)
    engine.chunk_seconds = engine.end_seconds = never
    calls: dict[str, Callable[[], object]] = {
        "accept": lambda: recognizer.accept(CHUNK),
        "pause": recognizer.pause,
        "finish": recognizer.finish,
    }
    with pytest.raises(EngineFaultError, match="does not answer"):
        calls[call]()
    assert clock.now <= 2 * CALL_SECONDS  # the limit of a short utterance is short


def test_an_engine_that_raises_is_not_waited_for(clock: Clock) -> None:
    class Raising(Slow):
        def accept(self, chunk: AudioChunk) -> str:
            raise RuntimeError("out of memory")

    with pytest.raises(EngineFaultError, match="out of memory"):
        guarded(Raising(clock)).accept(CHUNK)
    assert clock.now == 0.0


def test_a_machine_that_slept_during_a_chunk_does_not_excuse_a_hang() -> None:
    engine, ticks = Slow(Clock()), iter([0.0, 3_600.0, 3_600.0])
    recognizer = GuardedRecognizer(engine, lambda: engine, clock=lambda: next(ticks))
    recognizer.accept(CHUNK)
    assert recognizer._workload.took_seconds == allowed_seconds(1.0)


def test_a_long_sentence_may_take_a_slow_voice_longer(clock: Clock) -> None:
    class SlowVoice:
        name = "slow"

        def speak(self, text: str, words_per_minute: float) -> bytes:
            clock.call_takes = 12.0
            return b"\1\0" * 8_000

    voice = GuardedVoice(SlowVoice(), SlowVoice)
    assert voice.speak("one two three four five six seven eight nine ten", 150)
    with pytest.raises(EngineFaultError, match="does not answer"):
        voice.speak("stop", 150)
