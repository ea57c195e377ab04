"""Scripted engines and made sounds, for tests of programs that use the skill.

Nothing here needs a model or a sound device. Time is counted in samples, so a session of ten minutes takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
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
"""The formants of four vowels, in hertz."""

_FORMANTS = ((60, 1.0), (90, 0.6), (120, 0.3))
"""The width and the loudness of each formant."""

_SENTENCE = "Gently put the kettle on the stove."


# Sounds: 16 kHz, 16-bit, mono


def speech(seconds: float) -> bytes:
    """Return sound that counts as speech after a moment of silence: a voice that sings vowels, the same every time."""
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
    """Return a tone, which does not count as speech."""
    return as_pcm(sine(seconds, hertz=hertz, level=level))


def noise(seconds: float, level: float = 0.2) -> bytes:
    """Return white noise, the same every time, which does not count as speech."""
    return as_pcm(np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE)) * level)


def sine(seconds: float, *, hertz: float = 440.0, rate: int = SAMPLE_RATE, level: float = 0.5) -> Samples:
    """Return a tone in samples from -1 to 1."""
    time = np.arange(round(seconds * rate)) / rate
    return level * np.sin(2 * np.pi * hertz * time)


def as_pcm(samples: Samples) -> bytes:
    """Return samples from -1 to 1 as 16-bit sound."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def chunks_of(pcm: bytes, samples: int = CHUNK_SAMPLES) -> Iterator[AudioChunk]:
    """Yield sound in chunks of a given size."""
    for start in range(0, len(pcm), samples * 2):
        yield AudioChunk(pcm[start : start + samples * 2])


# Devices and engines


@dataclass
class SimulatedClock:
    """A clock in seconds that stands still until it is advanced: for `Skill.chat`."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds


class ScriptedMicrophone:
    """A microphone that hears these sounds, one after the other, as fast as they are taken."""

    def __init__(self, *sounds: bytes) -> None:
        self._pcm = b"".join(sounds)

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the sounds."""
        yield from chunks_of(self._pcm)


class ScriptedRecognizer:
    """A recognizer that hears these words, an utterance each, whatever the sound is; after the last one, no words."""

    name = "scripted"

    def __init__(self, *utterances: str | Transcript) -> None:
        self._script = [Transcript(each) if isinstance(each, str) else each for each in utterances]
        self._samples = 0

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk. Return the words so far: one more for each quarter of a second."""
        self._samples += chunk.samples
        words = self.pause().text.split()
        return " ".join(words[: int(self._samples / SAMPLE_RATE / _WORD_SECONDS)])

    def pause(self) -> Transcript:
        """Return the words of the utterance."""
        return self._script[0] if self._script and self._samples else Transcript("", 0.0)

    def finish(self) -> Transcript:
        """Return the words of the utterance and go on to the next one."""
        heard = self.pause()
        if self._samples:
            del self._script[:1]
        self._samples = 0
        return heard


class RecordingVoice:
    """A voice that notes what it says. A sentence sounds as a tone, as long as it would be spoken."""

    name = "recording"

    def __init__(self, *, sentence_seconds: float | None = None) -> None:
        """Let every sentence last this long; without it, as long as its words take."""
        self._sentence_seconds = sentence_seconds
        self.spoken: list[str] = []
        """The sentences, in order."""

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Note a sentence and return a tone; no sound for a text without a word."""
        if not any(character.isalnum() for character in text):
            return b""
        self.spoken.append(text)
        seconds = self._sentence_seconds or len(text.split()) * 60 / words_per_minute
        return tone(seconds, hertz=220.0, level=0.1)


# Checks of engines of your own


def check_recognizer(recognizer: Recognizer, sound: bytes | None = None) -> None:
    """Check that a recognizer keeps to its protocol; raises `AssertionError` that says where it does not.

    It hears the sound, or made speech and silence, several times. Which words it hears is not checked.
    """
    _check_name(recognizer.name)
    _check_no_words(recognizer.finish(), "finish() without any sound")
    for pcm in (sound or speech(1.0), silence(0.5), sound or speech(1.0)):
        for chunk in (*chunks_of(pcm), AudioChunk(b"")):
            so_far = recognizer.accept(chunk)
            _check(isinstance(so_far, str), f"accept() must return a str of words so far, not {so_far!r}")
        _check_transcript(recognizer.pause(), "pause()")
        _check_transcript(recognizer.finish(), "finish()")
        _check_no_words(recognizer.finish(), "finish() right after finish()")


def check_voice(voice: Voice) -> None:
    """Check that a voice keeps to its protocol; raises `AssertionError` that says where it does not."""
    _check_name(voice.name)
    for words_per_minute in (120.0, 180.0):
        sound = voice.speak(_SENTENCE, words_per_minute)
        what = "speak() must return 16 kHz, 16-bit, mono sound as bytes: no silence, and no more than 3 s a word"
        _check(is_speech_of(sound, _SENTENCE, words_per_minute), what)
    for text in ("", " ", "..."):
        _check(voice.speak(text, 150.0) == b"", f"speak() must return no sound for {text!r}, which has no word")


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def _check_name(name: object) -> None:
    _check(isinstance(name, str) and bool(name), f"name must be a str that is not empty, not {name!r}")


def _check_transcript(heard: object, call: str) -> None:
    what = f"{call} must return a Transcript with a confidence from 0.0 to 1.0, not {heard!r}"
    _check(is_transcript(heard), what)
    if isinstance(heard, Transcript):
        plain = " ".join(heard.text.lower().split())
        _check(heard.text == plain, f"{call} must return lower-case words with one space between, not {heard.text!r}")


def _check_no_words(heard: Transcript, call: str) -> None:
    _check_transcript(heard, call)
    _check(not heard.text, f"{call} must return no words, not {heard.text!r}")
