"""Scripted engines and synthetic audio for testing programs that use the skill.

No model or sound device is needed. Time is counted in samples, so a ten-minute session runs in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voice_helper.audio.devices import SilentPlayer, silence
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.supervision import is_speech_of, is_transcript
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk, Transcript
from voice_helper.voices import Voice

__all__ = [
    "RecordingVoice",
    "ScriptedMicrophone",
    "ScriptedRecognizer",
    "SilentPlayer",
    "SimulatedClock",
    "check_recognizer",
    "check_voice",
    "noise",
    "silence",
    "speech",
    "tone",
]

Samples = npt.NDArray[np.float64]

_WORD_SECONDS = 0.25
_SYLLABLES_A_SECOND = 4
_VOWELS = np.array([(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480)])
"""The frequencies of three formants, in hertz, for each of four vowels."""

_FORMANTS = ((60, 1.0), (90, 0.6), (120, 0.3))
"""The width, in hertz, and the relative amplitude of each formant."""

_SENTENCE = "Gently put the kettle on the stove."


# Synthetic audio: 16 kHz, 16-bit, mono


def speech(seconds: float) -> bytes:
    """Return synthetic vowels, which are detected as speech if silence precedes them. Every call returns the same
    audio.
    """
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 1.3 * time)
    phase = np.cumsum(pitch) / SAMPLE_RATE
    formants = _VOWELS[(time * _SYLLABLES_A_SECOND).astype(int) % len(_VOWELS)]
    samples = np.zeros(len(time))
    for harmonic in range(1, 40):
        for number, (width, level) in enumerate(_FORMANTS):
            away = (harmonic * pitch - formants[:, number]) / width
            samples += level / (1 + away**2) * np.sin(2 * np.pi * harmonic * phase)
    samples *= np.sqrt(np.abs(np.sin(np.pi * _SYLLABLES_A_SECOND * time)))
    return as_pcm(0.5 * samples / np.abs(samples).max(initial=1e-9))


def tone(seconds: float, *, hertz: float = 440.0, level: float = 0.5) -> bytes:
    """Return a tone, which is not detected as speech."""
    return as_pcm(sine(seconds, hertz=hertz, level=level))


def noise(seconds: float, level: float = 0.2) -> bytes:
    """Return white noise, which is not detected as speech. Every call returns the same noise."""
    return as_pcm(np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE)) * level)


def sine(seconds: float, *, hertz: float = 440.0, rate: int = SAMPLE_RATE, level: float = 0.5) -> Samples:
    """Return a tone as samples from -1 to 1."""
    time = np.arange(round(seconds * rate)) / rate
    return level * np.sin(2 * np.pi * hertz * time)


def as_pcm(samples: Samples) -> bytes:
    """Convert samples from -1 to 1 to 16-bit audio."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def chunks_of(pcm: bytes, samples: int = CHUNK_SAMPLES) -> Iterator[AudioChunk]:
    """Split audio into chunks of the given size."""
    for start in range(0, len(pcm), samples * 2):
        yield AudioChunk(pcm[start : start + samples * 2])


# Devices and engines


@dataclass
class SimulatedClock:
    """A clock for `Skill.chat` that counts in seconds and moves only when `advance` is called."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the current time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds


class ScriptedMicrophone:
    """A microphone that plays back the given audio clips in order, as fast as they are read."""

    def __init__(self, *sounds: bytes) -> None:
        self._pcm = b"".join(sounds)

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the clips, chunk by chunk."""
        yield from chunks_of(self._pcm)


class ScriptedRecognizer:
    """A recognizer that returns the given utterances in order, whatever the audio, and empty transcripts after the last
    one.
    """

    name = "scripted"

    def __init__(self, *utterances: str | Transcript) -> None:
        self._script = [Transcript(each) if isinstance(each, str) else each for each in utterances]
        self._samples = 0

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return the partial transcript, which grows by one word every quarter of a second."""
        self._samples += chunk.samples
        words = self.pause().text.split()
        return " ".join(words[: int(self._samples / SAMPLE_RATE / _WORD_SECONDS)])

    def pause(self) -> Transcript:
        """Return the transcript of the current utterance."""
        return self._script[0] if self._script and self._samples else Transcript("", 0.0)

    def finish(self) -> Transcript:
        """Return the transcript of the current utterance and move on to the next one."""
        heard = self.pause()
        if self._samples:
            del self._script[:1]
        self._samples = 0
        return heard


class RecordingVoice:
    """A voice that records the sentences it is asked to speak.

    Instead of speech, it returns a tone of the same length.
    """

    name = "recording"

    def __init__(self, *, sentence_seconds: float | None = None) -> None:
        """Set a fixed duration for every sentence. By default, it depends on the number of words."""
        self._sentence_seconds = sentence_seconds
        self.spoken: list[str] = []
        """The sentences spoken so far, in order."""

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Record a sentence and return a tone. Return no audio if the text has no words."""
        if not any(character.isalnum() for character in text):
            return b""
        self.spoken.append(text)
        seconds = self._sentence_seconds or len(text.split()) * 60 / words_per_minute
        return tone(seconds, hertz=220.0, level=0.1)


# Checks for custom engines


def check_recognizer(recognizer: Recognizer, sound: bytes | None = None) -> None:
    """Check that a recognizer follows its protocol. Raises `AssertionError`, which names the first violation.

    The recognizer receives `sound`, or synthetic speech and silence, several times. The words of its transcripts are
    not checked.
    """
    _check_name(getattr(recognizer, "name", None))
    for method in ("accept", "pause", "finish"):
        _check(callable(getattr(recognizer, method, None)), f"the recognizer needs a method {method}()")
    with _no_errors():
        _run_recognizer(recognizer, sound)


def _run_recognizer(recognizer: Recognizer, sound: bytes | None) -> None:
    _check_no_words(recognizer.finish(), "finish() without any sound")
    for pcm in (sound or speech(1.0), silence(0.5), sound or speech(1.0)):
        for chunk in (*chunks_of(pcm), AudioChunk(b"")):
            so_far = recognizer.accept(chunk)
            _check(isinstance(so_far, str), f"accept() must return a partial transcript as a str, not {so_far!r}")
        _check_transcript(recognizer.pause(), "pause()")
        _check_transcript(recognizer.finish(), "finish()")
        _check_no_words(recognizer.finish(), "finish() right after finish()")


def check_voice(voice: Voice) -> None:
    """Check that a voice follows its protocol. Raises `AssertionError`, which names the first violation."""
    _check_name(getattr(voice, "name", None))
    _check(callable(getattr(voice, "speak", None)), "the voice needs a method speak()")
    with _no_errors():
        _run_voice(voice)


def _run_voice(voice: Voice) -> None:
    for words_per_minute in (120.0, 180.0):
        sound = voice.speak(_SENTENCE, words_per_minute)
        what = "speak() must return 16 kHz, 16-bit, mono audio as bytes: not silent, and at most 3 s per word"
        _check(is_speech_of(sound, _SENTENCE, words_per_minute), what)
    for text in ("", " ", "..."):
        _check(voice.speak(text, 150.0) == b"", f"speak() must return b'' for {text!r}, which has no words")


@contextmanager
def _no_errors() -> Iterator[None]:
    """Convert an error of the engine into an `AssertionError` that says so."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"the engine must not raise an error, but raised {error!r}") from error


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def _check_name(name: object) -> None:
    _check(isinstance(name, str) and bool(name), f"name must be a non-empty str, not {name!r}")


def _check_transcript(heard: object, call: str) -> None:
    what = f"{call} must return a Transcript with a confidence from 0.0 to 1.0, not {heard!r}"
    _check(is_transcript(heard), what)
    if isinstance(heard, Transcript):
        plain = " ".join(heard.text.lower().split())
        _check(heard.text == plain, f"{call} must return lower-case words with single spaces, not {heard.text!r}")


def _check_no_words(heard: object, call: str) -> None:
    _check_transcript(heard, call)
    _check(isinstance(heard, Transcript) and not heard.text, f"{call} must return an empty transcript, not {heard!r}")
