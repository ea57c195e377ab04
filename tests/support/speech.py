"""Synthesize lines with a flite voice, and mix noise into audio."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from voice_helper.audio.devices import to_pcm


def with_noise(pcm: bytes, decibels: float, seed: int) -> bytes:
    """Mix white noise into the speech at a signal-to-noise ratio."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, len(pcm) // 2)
    return mixed(pcm, noise, decibels)


def mixed(pcm: bytes, other: npt.NDArray[np.floating[Any]], decibels: float) -> bytes:
    """Mix other audio of the same length into the speech at a signal-to-noise ratio."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    loud = samples[np.abs(samples) > 200]
    power = float(np.mean(loud**2)) if len(loud) else 1.0
    scaled = other * np.sqrt(power / 10 ** (decibels / 10) / max(1e-12, float(np.mean(np.square(other)))))
    return bytes(np.clip(samples + scaled, -32768, 32767).astype("<i2").tobytes())


def flite(voice: str, text: str) -> bytes:
    """Return a text spoken by a flite voice, as 16 kHz audio."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        samples, rate = soundfile.read(str(path), dtype="float32")
    return to_pcm(np.asarray(samples, dtype=np.float32), int(rate))
