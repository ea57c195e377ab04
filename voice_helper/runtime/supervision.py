"""Supervise engines: report and restart any that fails, hangs or returns invalid data.

Each call of a recognizer or a voice runs on the engine's own thread, so that a hanging engine can be abandoned together
with its thread. An engine that holds Python's global lock while it hangs cannot be stopped from inside the process.
Components that process every chunk of audio (voice activity, echo, wake phrase) take only a moment each time and need
no thread.
"""

from __future__ import annotations

import math
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from voice_helper.audio.echo import EchoCanceller
from voice_helper.audio.vad import VoiceActivity
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript
from voice_helper.voices import Voice

CALL_SECONDS: Final = 8.0
"""The minimum time limit, in seconds, for a call to an engine.

The limit is longer if more audio is waiting to be processed.
"""

SLOW_PACE: Final = 2.0
"""The time limit, in seconds per second of audio, until the speed of the engine on this machine is known."""

PACE_MARGIN: Final = 4.0
"""The factor by which an engine may become slower within an utterance before it counts as hanging."""

OPEN_SECONDS: Final = 60.0
"""The time limit, in seconds, for opening a replacement in the background."""

RESTART_SECONDS: Final = 2.0
"""How long, in seconds, a caller waits for a replacement. The embedded engines open in about a second.

The caller may be the voice loop, which hears nothing meanwhile.
"""

GIVEN_UP_SECONDS: Final = 60.0
"""The delay, in seconds, before a voice that failed twice in a row is opened again, because each attempt may hang."""

RESTS_SECONDS: Final = 10.0
"""How much audio, in seconds, passes before a per-chunk component that failed twice on one chunk is opened again,
because opening it takes time.
"""

_LOOK_SECONDS: Final = 0.5
_MAX_CHARACTERS: Final = 10_000  # no spoken utterance is this long
_LONGEST_WORD_SECONDS: Final = 3.0
_HINT: Final = "voice-helper doctor checks the engines; --engine and --voice choose others"
Given = TypeVar("Given")
Part = TypeVar("Part")


class _NoAnswerError(EngineFaultError):
    """A call of an engine takes too long."""


class _Worker:
    """Runs one job after another on its own thread."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="engine", daemon=True).start()

    def start(self, job: Callable[[], Given]) -> Future[Given]:
        """Start a job and return the future of its result."""
        done: Future[Given] = Future()
        self._jobs.put((job, done))
        return done

    def do(self, job: Callable[[], Given], max_seconds: float) -> Given:
        """Return a job's result. Raises what the job raises, or `EngineFaultError` if the job takes too long."""
        return result_of(self.start(job), max_seconds)

    def leave(self) -> None:
        """Release the worker. Its thread ends after the current job, unless the job hangs."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (work := self._jobs.get()) is not None:
            job, done = work
            try:
                done.set_result(job())
            except Exception as error:  # raised again in the waiting thread
                done.set_exception(error)
            except BaseException as error:  # an engine must not end the program
                done.set_exception(EngineFaultError(f"it would end the program: {type(error).__name__}", hint=_HINT))
            del work, job, done  # they hold references to the engine and its models


def _worker_of(owner: object) -> _Worker:
    """Return a worker whose thread ends when its owner does."""
    worker = _Worker()
    weakref.finalize(owner, worker.leave).atexit = False
    return worker


def result_of(done: Future[Given], max_seconds: float) -> Given:
    """Wait for a result. Raises what the job raised, or `EngineFaultError` if it takes too long.

    If the whole process was suspended, at most a moment of that time is counted.
    """
    for _ in range(max(1, round(max_seconds / _LOOK_SECONDS))):
        try:
            return done.result(_LOOK_SECONDS)
        except TimeoutError:
            if done.done():  # the job's own error
                raise
    raise _NoAnswerError("it does not answer", hint=_HINT)


class _Restart(Generic[Part]):
    """Opens a replacement for an engine in the background."""

    def __init__(self, worker: _Worker, reopen: Callable[[], Part], clock: Callable[[], float]) -> None:
        self._opened, self._clock = worker.start(reopen), clock
        self._until = clock() + OPEN_SECONDS

    def is_running(self, max_seconds: float = 0.0) -> bool:
        """Wait for the replacement. Return whether it needs more than `max_seconds` and may still come."""
        wait([self._opened], max_seconds)
        return not self._opened.done() and self._clock() < self._until

    def result(self) -> Part:
        """Return the replacement. Raises what opening it raised, or `EngineFaultError` if it took too long."""
        if not self._opened.done():
            raise _NoAnswerError("it does not open", hint=_HINT)
        return self._opened.result()


def allowed_seconds(sound_seconds: float, pace: float = 0.0) -> float:
    """Return the time limit for a call that processes this much audio. A call that exceeds it counts as hanging.

    `pace` is the processing time per second of audio so far.
    """
    return CALL_SECONDS + sound_seconds * max(SLOW_PACE, PACE_MARGIN * pace)


@dataclass(slots=True)
class Workload:
    """How much audio a recognizer has received, and how long it took to process it."""

    given_seconds: float = 0.0
    """The length of this utterance's audio so far, in seconds, including the current chunk."""

    left_over_seconds: float = 0.0
    """The length, in seconds, of the previous utterance's audio, which some recognizers still process together with the
    next chunk.
    """

    took_seconds: float = 0.0
    """The total processing time, in seconds, of the chunks of this utterance."""

    def allowed_for_chunk(self, seconds: float) -> float:
        """Return the time limit for processing the next chunk, which is `seconds` long."""
        left_over, self.left_over_seconds = self.left_over_seconds, 0.0
        pace = self.pace
        self.given_seconds += seconds
        return allowed_seconds(seconds + left_over, pace)

    def allowed_seconds_for_whole(self) -> float:
        """Return the time limit for the whole utterance, which some recognizers process only at its end."""
        return allowed_seconds(self.given_seconds, self.pace)

    def record_chunk(self, took_seconds: float) -> None:
        """Record that a chunk was processed in this time."""
        self.took_seconds += took_seconds

    def record_end(self) -> None:
        """Record that the utterance is over."""
        self.left_over_seconds, self.given_seconds, self.took_seconds = self.given_seconds, 0.0, 0.0

    @property
    def pace(self) -> float:
        """Return the processing time per second of audio so far in this utterance."""
        return self.took_seconds / self.given_seconds if self.given_seconds else 0.0


class GuardedRecognizer:
    """Supervises a recognizer, so that a fault loses at most one utterance."""

    def __init__(
        self,
        recognizer: Recognizer,
        reopen: Callable[[], Recognizer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wrap a recognizer. `reopen` opens a replacement, and `clock` measures how long the engine takes."""
        self.name = recognizer.name
        self._clock, self._workload = clock, Workload()
        self._recognizer, self._reopen = recognizer, reopen
        self._worker = _worker_of(self)
        self._restart: _Restart[Recognizer] | None = None
        self._kept: list[AudioChunk] = []
        self._is_lost = False

    def accept(self, chunk: AudioChunk) -> str:
        """Process a chunk and return the partial transcript. Raises `EngineFaultError`, at most once per utterance."""
        if self._is_lost:
            return ""
        if self._restart is not None and self._restart.is_running():
            self._kept.append(chunk)
            return ""
        self._be_ready()
        allowed = self._workload.allowed_for_chunk(chunk.seconds)
        began = self._clock()
        so_far = self._guarded(lambda recognizer: recognizer.accept(chunk), _is_text, allowed)
        self._workload.record_chunk(min(self._clock() - began, allowed))  # capped in case the machine slept
        return so_far

    def pause(self) -> Transcript:
        """Return the partial transcript. Raises `EngineFaultError`, at most once per utterance."""
        if self._is_lost or self._restart is not None:
            return Transcript("", 0.0)
        return self._guarded(
            lambda recognizer: recognizer.pause(), is_transcript, self._workload.allowed_seconds_for_whole()
        )

    def finish(self) -> Transcript:
        """Return the transcript of the utterance, or an empty one if the recognizer failed during it. Raises
        `EngineFaultError`.
        """
        was_lost, self._is_lost = self._is_lost, False
        if was_lost or (self._restart is not None and not self._kept):
            return Transcript("", 0.0)
        try:
            self._be_ready(RESTART_SECONDS)
            return self._guarded(
                lambda recognizer: recognizer.finish(), is_transcript, self._workload.allowed_seconds_for_whole()
            )
        finally:
            self._workload.record_end()
            self._is_lost = False  # the utterance is over, whatever the outcome

    def _be_ready(self, max_seconds: float = 0.0) -> None:
        """Switch to the new recognizer, and pass it the audio that arrived while it was loading.

        Raises `EngineFaultError` if it needs more than `max_seconds`. It continues to load.
        """
        if self._restart is None:
            return
        kept, self._kept = self._kept, []
        if self._restart.is_running(max_seconds):
            raise _fault("the recognizer", "it is still restarting")
        restart, self._restart = self._restart, None
        try:
            self._recognizer = restart.result()
        except Exception as error:
            raise self._broken(error) from error
        for chunk in kept:
            self.accept(chunk)

    def _guarded(
        self, job: Callable[[Recognizer], Given], is_sound: Callable[[object], bool], max_seconds: float
    ) -> Given:
        recognizer = self._recognizer
        try:
            given = self._worker.do(lambda: job(recognizer), max_seconds)
        except Exception as error:  # engines may raise anything
            raise self._broken(error) from error
        if not is_sound(given):
            raise self._broken("it returned no valid transcript")
        return given

    def _broken(self, why: object) -> EngineFaultError:
        """Start opening a replacement, and return the error."""
        self._is_lost = True
        self._workload = Workload()
        self._worker.leave()
        self._worker = _worker_of(self)
        self._restart = _Restart(self._worker, self._reopen, self._clock)
        return _fault("the recognizer", why)


class GuardedVoice:
    """Supervises a voice. A voice that fails at once is restarted and tried once more. A voice that hangs is restarted
    in the background, because its callers have waited long enough.
    """

    def __init__(self, voice: Voice, reopen: Callable[[], Voice], clock: Callable[[], float] = time.monotonic) -> None:
        """Wrap a voice. `reopen` opens a replacement, and `clock` times the attempts to do so."""
        self.name = voice.name
        self._voice: Voice | None = voice
        self._reopen, self._clock = reopen, clock
        self._worker = _worker_of(self)
        self._one_at_a_time = threading.Lock()
        self._restart: _Restart[Voice] | None = None
        self._is_just_restarted = False
        self._given_up_until = -math.inf

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit audio. Raises `EngineFaultError` if it cannot be spoken now."""
        with self._one_at_a_time:
            voice = self._working_voice()
            try:
                return self._spoken(voice, text, words_per_minute)
            except _NoAnswerError as error:
                raise self._broken(error) from error
            except Exception as error:  # engines may raise anything
                fault = self._broken(error)
                if self._restart is None:
                    raise fault from error
            voice = self._working_voice(RESTART_SECONDS)
            try:
                return self._spoken(voice, text, words_per_minute)
            except Exception as error:
                raise self._broken(error) from error

    def _working_voice(self, max_seconds: float = 0.0) -> Voice:
        """Return the voice or, after a fault, its replacement. Raises `EngineFaultError` if there is none after
        `max_seconds`.
        """
        if self._voice is not None:
            return self._voice
        if self._clock() < self._given_up_until:
            raise _fault("the voice", "it has failed")
        if self._restart is None:
            self._restart, max_seconds = _Restart(self._worker, self._reopen, self._clock), RESTART_SECONDS
        if self._restart.is_running(max_seconds):
            raise _fault("the voice", "it is still restarting")
        self._is_just_restarted = True
        try:
            self._voice = self._restart.result()
        except Exception as error:
            raise self._broken(error) from error
        self._restart = None
        return self._voice

    def _spoken(self, voice: Voice, text: str, words_per_minute: float) -> bytes:
        max_seconds = allowed_seconds(len(text.split()) * 60 / words_per_minute)
        sound = self._worker.do(lambda: voice.speak(text, words_per_minute), max_seconds)
        if not is_speech_of(sound, text, words_per_minute):
            raise EngineFaultError("it returned no speech", hint=_HINT)
        self._is_just_restarted = False
        return sound

    def _broken(self, why: object) -> EngineFaultError:
        """Start opening a replacement, or wait before that if the last one has failed too. Return the error."""
        self._voice, self._restart = None, None
        self._worker.leave()
        self._worker = _worker_of(self)
        if self._is_just_restarted:
            self._given_up_until = self._clock() + GIVEN_UP_SECONDS
        else:
            self._restart = _Restart(self._worker, self._reopen, self._clock)
        return _fault("the voice", why)


class _Guard(Generic[Part]):
    """Supervises one component that processes every chunk of audio. If it fails, reopens it and tries once more."""

    def __init__(self, what: str, part: Part, reopen: Callable[[], Part]) -> None:
        self._what, self._part, self._reopen = what, part, reopen
        self._rests_samples = 0

    def do(self, job: Callable[[Part], Given], chunk: AudioChunk) -> Given | None:
        """Run a job and return its result, or return `None` during a retry delay.

        Raises `EngineFaultError` after two failures.
        """
        if self._rests_samples > 0:
            self._rests_samples -= chunk.samples
            if self._rests_samples > 0:
                return None
        try:
            return self._tried(job)
        except Exception:  # any error of the component
            pass
        try:
            self._part = self._reopen()
            return self._tried(job)
        except Exception as error:
            self._rests_samples = round(RESTS_SECONDS * SAMPLE_RATE)
            raise _fault(self._what, error) from error

    def _tried(self, job: Callable[[Part], Given]) -> Given:
        with np.errstate(invalid="raise"):  # NaN would stay in a filter forever
            return job(self._part)


class Activity(Protocol):
    """Detects speech, chunk by chunk."""

    def is_speech(self, chunk: AudioChunk) -> bool:
        """Return whether a chunk contains speech."""


class GuardedActivity:
    """Supervises voice activity detection. A fault only resets the state, which the user does not notice.

    All listeners share the network, which stays loaded.
    """

    def __init__(self, reopen: Callable[[], Activity] = VoiceActivity) -> None:
        """Open a detector. Raises what `reopen` raises."""
        self._guard = _Guard("the voice activity detector", reopen(), reopen)

    def is_speech(self, chunk: AudioChunk) -> bool:
        """Return whether a chunk contains speech, or `False` while the detector is broken.

        Raises `EngineFaultError` when the detector breaks.
        """
        return bool(self._guard.do(lambda activity: activity.is_speech(chunk), chunk))


class GuardedEcho:
    """Supervises an echo canceller. After a fault, a new one adapts to the room again. While it is broken, audio passes
    unchanged.
    """

    def __init__(self, announce: Callable[[str], None], reopen: Callable[[], EchoCanceller] = EchoCanceller) -> None:
        """Open a canceller. `announce` is called when it breaks."""
        self._announce = announce
        self._guard = _Guard("the echo canceller", reopen(), reopen)
        self.hears_us_alone = False
        """Whether the residual of the last chunk contains no voice other than the assistant's."""

    def clean(self, chunk: AudioChunk, played: bytes) -> AudioChunk:
        """Return a chunk of the same length, without the audio `played` during that time."""

        def cleaned(canceller: EchoCanceller) -> tuple[AudioChunk, bool]:
            left = canceller.clean(chunk, played)
            if left.samples != chunk.samples:
                raise EngineFaultError("it returned audio of a different length", hint=_HINT)
            return left, canceller.hears_us_alone

        try:
            left, self.hears_us_alone = self._guard.do(cleaned, chunk) or (chunk, False)
        except EngineFaultError as fault:
            self._announce(f"{fault.message}; the program continues, but may mistake its own voice for the user's")
            left, self.hears_us_alone = chunk, False
        return left


class Spotter(Protocol):
    """Detects one phrase and nothing else."""

    def accept(self, chunk: AudioChunk) -> bool:
        """Process a chunk. Return whether the phrase has just ended."""


class GuardedSpotter:
    """Detects one phrase. The detector is restarted after a fault."""

    def __init__(self, announce: Callable[[str], None], reopen: Callable[[], Spotter]) -> None:
        """Open a spotter. `announce` is called when it breaks. Raises what `reopen` raises."""
        self._announce = announce
        self._guard = _Guard("listening for the wake phrase", reopen(), reopen)

    def accept(self, chunk: AudioChunk) -> bool:
        """Process a chunk. Return whether the phrase has just ended."""
        try:
            return bool(self._guard.do(lambda spotter: spotter.accept(chunk), chunk))
        except EngineFaultError as fault:
            self._announce(f"{fault.message}; it retries every {RESTS_SECONDS:.0f} seconds")
            return False


def _fault(what: str, why: object) -> EngineFaultError:
    said = why.message.removeprefix(f"{what} failed: ") if isinstance(why, EngineFaultError) else str(why)
    return EngineFaultError(f"{what} failed: {' '.join(said.split()) or type(why).__name__}", hint=_HINT)


def _is_text(given: object) -> bool:
    return isinstance(given, str) and len(given) <= _MAX_CHARACTERS


def is_transcript(given: object) -> bool:
    """Return whether a value returned by a recognizer is a valid transcript."""
    return (
        isinstance(given, Transcript)
        and all(map(_is_text, (given.text, given.command, *given.alternatives)))
        and 0.0 <= given.confidence <= 1.0  # false for NaN
    )


def is_speech_of(sound: object, text: str, words_per_minute: float) -> bool:
    """Return whether audio can be the given text, spoken: not empty if the text has words, and not implausibly long."""
    if not isinstance(sound, bytes) or len(sound) % 2:
        return False
    if not any(character.isalnum() for character in text):
        return True
    max_seconds = (1 + len(text.split())) * _LONGEST_WORD_SECONDS * max(1.0, 150 / words_per_minute)
    return 0 < len(sound) <= max_seconds * SAMPLE_RATE * 2 and any(sound)
