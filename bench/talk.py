"""Audio that is not meant for the assistant: other people's talk, and noise."""

from __future__ import annotations

import functools
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from bench.conditions import human_speech
from bench.speech import spoken
from tests.support.speech import flite
from voice_helper.audio.devices import silence
from voice_helper.types import SAMPLE_RATE

_TALK: Final = Path(__file__).parent / "other-talk.txt"
_FLITE_VOICES: Final = ("kal16", "awb", "rms", "slt")
_ESPEAK_VOICES: Final = ("en-us+f3", "en-gb+m3", "en-gb-x-rp+f2", "en-029+m1")
_SENTENCES: Final = 6  # without a pause, as on the radio
_NOISE_SECONDS: Final = 60.0


def human_talk() -> Iterator[bytes]:
    """Yield recordings of real people."""
    for pcm in human_speech().values():
        yield silence(1.0) + pcm + silence(1.0)


def other_talk() -> Iterator[bytes]:
    """Yield more than an hour of synthetic talk on other subjects, in many voices."""
    speakers = [("flite", voice) for voice in _FLITE_VOICES if shutil.which("flite")]
    speakers += [("espeak", voice) for voice in _ESPEAK_VOICES if shutil.which("espeak-ng")]
    lines = _TALK.read_text(encoding="utf-8").splitlines()
    sentences = [line for line in lines if line and not line.startswith("#")]
    for number, start in enumerate(range(0, len(sentences), _SENTENCES)):
        kind, voice = speakers[number % len(speakers)]
        speak = functools.partial(_espeak if kind == "espeak" else flite, voice)
        yield b"".join(spoken(voice, speak, sentence) for sentence in sentences[start : start + _SENTENCES])


def _espeak(voice: str, text: str) -> bytes:
    made = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    samples = np.frombuffer(made[44:], dtype="<i2").astype(np.float64)  # after the header: 22.05 kHz, one channel
    places = np.arange(0, len(samples), 22_050 / SAMPLE_RATE)
    return bytes(np.interp(places, np.arange(len(samples)), samples).astype("<i2").tobytes())


def noises(hours: float) -> Iterator[bytes]:
    """Yield noise, hum, tones, chords, clicks and breathing, a minute of each, always different."""
    chance = np.random.default_rng(7)
    samples = round(_NOISE_SECONDS * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    for number in range(math.ceil(hours * 3600 / _NOISE_SECONDS)):
        loudness = 10 ** chance.uniform(-2.5, -0.7)
        kind = number % 6
        if kind == 0:  # hiss, partly low-pass filtered
            made = chance.normal(0.0, 1.0, samples)
            made = np.convolve(made, np.ones(1 + number % 12), "same")
        elif kind == 1:  # mains hum
            made = np.sum([np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3, 5)], axis=0)
        elif kind == 2:  # one tone, rising and falling
            made = np.sin(2 * np.pi * np.cumsum(400 + 300 * np.sin(2 * np.pi * 0.2 * time)) / SAMPLE_RATE)
        elif kind == 3:  # chords that change twice a second
            roots = np.repeat(chance.choice([110, 147, 165, 196, 220, 262], 120), samples // 120)
            roots = np.pad(roots, (0, samples - len(roots)), "edge")
            phases = (2 * np.pi * np.cumsum(roots * step) / SAMPLE_RATE for step in (1, 1.26, 1.5, 2))
            made = np.sum([np.sin(phase) for phase in phases], axis=0)
        elif kind == 4:  # clicks and knocks
            made = np.zeros(samples)
            for at in chance.integers(0, samples - 800, 90):
                made[at : at + 800] += chance.normal(0.0, 1.0, 800) * np.exp(-np.arange(800) / 120)
        else:  # breathing
            made = np.convolve(chance.normal(0.0, 1.0, samples), np.ones(6) / 6, "same")
            made *= np.clip(np.sin(2 * np.pi * time / 4.0), 0, None) ** 2
        made = np.asarray(made) / max(1e-9, float(np.abs(made).max()))
        yield bytes((made * loudness * 32767).astype("<i2").tobytes())


def least_and_most(count: int) -> tuple[float, float]:
    """Return the exact 95 % bounds of a Poisson rate, given a count."""

    def chance_of_at_most(number: int, rate: float) -> float:
        term = total = math.exp(-rate)
        for each in range(1, number + 1):
            term *= rate / each
            total += term
        return total

    def where(wanted: float, number: int) -> float:
        low, high = 0.0, 10.0 + 4.0 * number
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if chance_of_at_most(number, middle) > wanted else (low, middle)
        return low

    return (where(0.975, count - 1) if count else 0.0), where(0.025, count)
