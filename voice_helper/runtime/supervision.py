"""Engines under guard: one that raises, hangs or gives rubbish is a fault that is told, and is started anew.

Each call of a recognizer or a voice runs on a thread of the engine's own, so that one that hangs can be left behind
with it. What holds Python's lock while it hangs cannot be helped from inside the process. What looks at every chunk of
sound (voice activity, echo, wake phrase) takes a moment each time, and needs no thread.
"""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from voice_helper.audio.echo import EchoCanceller
from voice_helper.audio.vad import VoiceActivity
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript
from voice_helper.voices import Voice

CALL_SECONDS: Final = 8.0
"""An engine that takes longer for one call hangs; a slow machine may take a second for a long utterance."""

OPEN_SECONDS: Final = 60.0
GIVEN_UP_SECONDS: Final = 60.0
"""A voice that failed twice in a row is tried again after so long: each try may take as long as a hang does."""

RESTS_SECONDS: Final = 10.0
"""What looks at every chunk and failed twice on one is tried again after so much sound: opening it takes its time."""

_LOOK_SECONDS: Final = 0.5
_MAX_CHARACTERS: Final = 10_000  # nobody says so much in one utterance
_LONGEST_WORD_SECONDS: Final = 3.0
_HINT: Final = "voice-helper doctor checks the engines; --engine and --voice choose others"
Given = TypeVar("Given")
Part = TypeVar("Part")


class _Worker:
    """Does one job after the other on a thread of its own."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="engine", daemon=True).start()

    def start(self, job: Callable[[], Given]) -> Future[Given]:
        """Begin a job; gives what will have its result."""
        done: Future[Given] = Future()
        self._jobs.put((job, done))
        return done

    def do(self, job: Callable[[], Given], max_seconds: float) -> Given:
        """Return what a job gives; raises what it raises, and `EngineFaultError` when it takes too long."""
        return result_of(self.start(job), max_seconds)

    def leave(self) -> None:
        """Need it no longer: it ends after the job that it is at, if that ends."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (work := self._jobs.get()) is not None:
            job, done = work
            try:
                done.set_result(job())
            except Exception as error:  # the one who waits gets it
                done.set_exception(error)
            except BaseException as error:  # an engine does not end the program
                done.set_exception(EngineFaultError(f"it would end the program: {type(error).__name__}", hint=_HINT))
            del work, job, done  # they hold the engine, and with it its models


def _worker_of(owner: object) -> _Worker:
    """Return a worker whose thread ends with the one that it works for."""
    worker = _Worker()
    weakref.finalize(owner, worker.leave).atexit = False
    return worker


def result_of(done: Future[Given], max_seconds: float) -> Given:
    """Wait for a result; raises what the job raised, and `EngineFaultError` when it takes too long.

    Time in which this whole process stood still counts as a moment only.
    """
    for _ in range(max(1, round(max_seconds / _LOOK_SECONDS))):
        try:
            return done.result(_LOOK_SECONDS)
        except TimeoutError:
            if done.done():  # the job's own
                raise
    raise EngineFaultError("it does not answer", hint=_HINT)


class GuardedRecognizer:
    """A recognizer of which no fault ends more than one utterance."""

    def __init__(self, recognizer: Recognizer, reopen: Callable[[], Recognizer]) -> None:
        """Take a recognizer, and what opens another such one."""
        self.name = recognizer.name
        self._recognizer, self._reopen = recognizer, reopen
        self._worker = _worker_of(self)
        self._reopening: Future[Recognizer] | None = None
        self._kept: list[AudioChunk] = []
        self._is_lost = False

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; give the words so far. Raises `EngineFaultError`, once an utterance at most."""
        if self._is_lost:
            return ""
        if self._reopening is not None and not self._reopening.done():
            self._kept.append(chunk)
            return ""
        self._be_ready()
        return self._guarded(lambda recognizer: recognizer.accept(chunk), _is_text)

    def pause(self) -> Transcript:
        """Return the words so far. Raises `EngineFaultError`, once an utterance at most."""
        if self._is_lost or self._reopening is not None:
            return Transcript("", 0.0)
        return self._guarded(lambda recognizer: recognizer.pause(), _is_transcript)

    def finish(self) -> Transcript:
        """Return the words of the utterance; none where it broke off. Raises `EngineFaultError`."""
        was_lost, self._is_lost = self._is_lost, False
        if was_lost or (self._reopening is not None and not self._kept):
            return Transcript("", 0.0)
        try:
            self._be_ready()
            return self._guarded(lambda recognizer: recognizer.finish(), _is_transcript)
        finally:
            self._is_lost = False  # the utterance is over, however it went

    def _be_ready(self) -> None:
        """Take up the new recognizer, and what was said while it was loading."""
        if self._reopening is None:
            return
        kept, self._kept = self._kept, []
        reopening, self._reopening = self._reopening, None
        try:
            self._recognizer = result_of(reopening, OPEN_SECONDS)
        except Exception as error:
            raise self._broken(error) from error
        for chunk in kept:
            self.accept(chunk)

    def _guarded(self, job: Callable[[Recognizer], Given], is_sound: Callable[[object], bool]) -> Given:
        recognizer = self._recognizer
        try:
            given = self._worker.do(lambda: job(recognizer), CALL_SECONDS)
        except Exception as error:  # whatever the engine raises
            raise self._broken(error) from error
        if not is_sound(given):
            raise self._broken("it gives what are no words")
        return given

    def _broken(self, why: object) -> EngineFaultError:
        """Begin to open another one, and give the error."""
        self._is_lost = True
        self._worker.leave()
        self._worker = _worker_of(self)
        self._reopening = self._worker.start(self._reopen)
        return _fault("the recognizer", why)


class GuardedVoice:
    """A voice that is started anew after a fault, and then tried once more."""

    def __init__(self, voice: Voice, reopen: Callable[[], Voice]) -> None:
        """Take a voice, and what opens another such one."""
        self.name = voice.name
        self._voice, self._reopen = voice, reopen
        self._worker = _worker_of(self)
        self._one_at_a_time = threading.Lock()
        self._given_up_until = 0.0

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit sound. Raises `EngineFaultError` when it cannot be spoken."""
        with self._one_at_a_time:
            if time.monotonic() < self._given_up_until:
                raise _fault("the voice", "it has given out")
            try:
                return self._spoken(text, words_per_minute)
            except EngineFaultError:
                pass
            try:
                self._voice = self._worker.do(self._reopen, OPEN_SECONDS)
                return self._spoken(text, words_per_minute)
            except Exception as error:
                self._given_up_until = time.monotonic() + GIVEN_UP_SECONDS
                self._change_worker()
                raise _fault("the voice", error) from error

    def _spoken(self, text: str, words_per_minute: float) -> bytes:
        voice = self._voice
        try:
            sound = self._worker.do(lambda: voice.speak(text, words_per_minute), CALL_SECONDS)
        except Exception as error:  # whatever the engine raises
            self._change_worker()
            raise _fault("the voice", error) from error
        if not _is_speech(sound, text, words_per_minute):
            raise _fault("the voice", "what it gives is no speech")
        return sound

    def _change_worker(self) -> None:
        self._worker.leave()
        self._worker = _worker_of(self)


class _Guard(Generic[Part]):
    """One part that looks at every chunk of sound: opened anew where it raises, and then tried once more."""

    def __init__(self, what: str, part: Part, reopen: Callable[[], Part]) -> None:
        self._what, self._part, self._reopen = what, part, reopen
        self._rests_samples = 0

    def do(self, job: Callable[[Part], Given], chunk: AudioChunk) -> Given | None:
        """Return what a job gives, `None` while it rests. Raises `EngineFaultError` when it failed twice."""
        if self._rests_samples > 0:
            self._rests_samples -= chunk.samples
            if self._rests_samples > 0:
                return None
        try:
            return self._tried(job)
        except Exception:  # whatever it raises
            pass
        try:
            self._part = self._reopen()
            return self._tried(job)
        except Exception as error:
            self._rests_samples = round(RESTS_SECONDS * SAMPLE_RATE)
            raise _fault(self._what, error) from error

    def _tried(self, job: Callable[[Part], Given]) -> Given:
        with np.errstate(invalid="raise"):  # what is no number stays in a filter for ever
            return job(self._part)


class Activity(Protocol):
    """Tells speech from everything else, chunk by chunk."""

    def is_speech(self, chunk: AudioChunk) -> bool:
        """Tell whether somebody speaks in a chunk."""


class GuardedActivity:
    """Tells speech from everything else; after a fault its memory begins anew, and nobody notices.

    The network itself is one for all who listen, and stays.
    """

    def __init__(self, reopen: Callable[[], Activity] = VoiceActivity) -> None:
        """Open one; raises what `reopen` raises."""
        self._guard = _Guard("the voice activity detector", reopen(), reopen)

    def is_speech(self, chunk: AudioChunk) -> bool:
        """Tell whether somebody speaks in a chunk; nobody while it is broken, of which `EngineFaultError` tells."""
        return bool(self._guard.do(lambda activity: activity.is_speech(chunk), chunk))


class GuardedEcho:
    """An echo canceller that learns the room anew after a fault; where it is broken, sound goes through as it came."""

    def __init__(self, announce: Callable[[str], None], reopen: Callable[[], EchoCanceller] = EchoCanceller) -> None:
        """Open one; `announce` is told when it is broken."""
        self._announce = announce
        self._guard = _Guard("the echo canceller", reopen(), reopen)
        self.hears_us_alone = False
        """Nobody but us is in what was left of the last chunk."""

    def clean(self, chunk: AudioChunk, played: bytes) -> AudioChunk:
        """Return a chunk as long as the one given, without what was `played` in the same time."""

        def cleaned(canceller: EchoCanceller) -> tuple[AudioChunk, bool]:
            left = canceller.clean(chunk, played)
            if left.samples != chunk.samples:
                raise EngineFaultError("it gives another length", hint=_HINT)
            return left, canceller.hears_us_alone

        try:
            left, self.hears_us_alone = self._guard.do(cleaned, chunk) or (chunk, False)
        except EngineFaultError as fault:
            self._announce(f"{fault.message}; it goes on, and may take its own voice for somebody's")
            left, self.hears_us_alone = chunk, False
        return left


class Spotter(Protocol):
    """Hears one phrase and nothing else."""

    def accept(self, chunk: AudioChunk) -> bool:
        """Take a chunk; tell whether the phrase has just been heard."""


class GuardedSpotter:
    """Hears one phrase; started anew after a fault."""

    def __init__(self, announce: Callable[[str], None], reopen: Callable[[], Spotter]) -> None:
        """Open one; `announce` is told when it is broken. Raises what `reopen` raises."""
        self._announce = announce
        self._guard = _Guard("listening for the wake phrase", reopen(), reopen)

    def accept(self, chunk: AudioChunk) -> bool:
        """Take a chunk; tell whether the phrase has just been heard."""
        try:
            return bool(self._guard.do(lambda spotter: spotter.accept(chunk), chunk))
        except EngineFaultError as fault:
            self._announce(f"{fault.message}; it is tried again every {RESTS_SECONDS:.0f} seconds")
            return False


def _fault(what: str, why: object) -> EngineFaultError:
    said = why.message.removeprefix(f"{what} failed: ") if isinstance(why, EngineFaultError) else str(why)
    return EngineFaultError(f"{what} failed: {' '.join(said.split()) or type(why).__name__}", hint=_HINT)


def _is_text(given: object) -> bool:
    return isinstance(given, str) and len(given) <= _MAX_CHARACTERS


def _is_transcript(given: object) -> bool:
    return (
        isinstance(given, Transcript)
        and all(map(_is_text, (given.text, given.command, *given.alternatives)))
        and 0.0 <= given.confidence <= 1.0  # not where it is no number
    )


def _is_speech(sound: object, text: str, words_per_minute: float) -> bool:
    """Tell whether a sound may be a text: some, where there is something to say, and not without end."""
    if not isinstance(sound, bytes) or len(sound) % 2:
        return False
    if not any(character.isalnum() for character in text):
        return True
    max_seconds = (1 + len(text.split())) * _LONGEST_WORD_SECONDS * max(1.0, 150 / words_per_minute)
    return 0 < len(sound) <= max_seconds * SAMPLE_RATE * 2 and any(sound)
