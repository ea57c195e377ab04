"""Audio for the tests: recordings, tones, files in every format, and measures of the output."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from voice_helper.audio.devices import WavSource
from voice_helper.recognizers import Recognizer
from voice_helper.recognizers.embedded.shared_models import EmbeddedModels
from voice_helper.skill import Skill, phrases_of
from voice_helper.testing import Samples, as_pcm, chunks_of, noise, silence, sine
from voice_helper.types import SAMPLE_RATE, AudioChunk, Phrases

CHECKOUT = Path(__file__).resolve().parents[2]
__all__ = ["as_pcm", "chunks_of", "noise", "silence", "sine"]  # re-exported next to the helpers below

RECORDINGS = CHECKOUT / "tests" / "recordings"


def recording(name: str) -> Path:
    """Return the file of a recording."""
    return RECORDINGS / f"{name}.wav"


def recorded(name: str) -> bytes:
    """Return the audio of a recording."""
    return pcm_of(recording(name))


def pcm_of(path: Path) -> bytes:
    """Return the audio of a 16 kHz, 16-bit, mono WAV file."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (SAMPLE_RATE, 2, 1)
        return file.readframes(file.getnframes())


def as_array(pcm: bytes) -> npt.NDArray[np.int64]:
    """Return 16-bit audio as numbers."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.int64)


def write_sound(path: Path, samples: Samples, *, rate: int = SAMPLE_RATE, subtype: str = "PCM_16") -> Path:
    """Write samples (frames, or frames by channels) to a WAV file."""
    soundfile.write(str(path), samples, rate, subtype=subtype, format="WAV")
    return path


def write_pcm(path: Path, pcm: bytes) -> Path:
    """Write 16 kHz, 16-bit audio to a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
    return path


def loudness(pcm: bytes) -> float:
    """Return the root mean square, from 0 to 32768."""
    samples = as_array(pcm)
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def loudest_hertz(pcm: bytes) -> float:
    """Return the frequency with the highest level."""
    samples = as_array(pcm).astype(np.float64) * np.hanning(len(pcm) // 2)
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * SAMPLE_RATE / len(samples)


def seconds_of(pcm: bytes) -> float:
    """Return the duration."""
    return len(pcm) / 2 / SAMPLE_RATE


def heard_from(path: Path) -> bytes:
    """Return all audio that a file delivers as a source."""
    return joined(WavSource(path).chunks())


def joined(chunks: Iterable[AudioChunk]) -> bytes:
    """Join the audio of chunks."""
    return b"".join(chunk.pcm for chunk in chunks)


_phrases: list[tuple[Skill, Phrases]] = []
_embedded: list[tuple[Skill, Recognizer]] = []


def phrases(skill: Skill) -> Phrases:
    """Return the typical user phrases of a skill, built once."""
    for known, made in _phrases:
        if known is skill:
            return made
    _phrases.append((skill, phrases_of(skill.content)))
    return _phrases[-1][1]


def embedded(skill: Skill) -> Recognizer:
    """Return the embedded recognizer for a skill, loaded once for all test modules."""
    for known, loaded in _embedded:
        if known is skill:
            return loaded
    _embedded.append((skill, EmbeddedModels(phrases(skill)).recognizer()))
    return _embedded[-1][1]
