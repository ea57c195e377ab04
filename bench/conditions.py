"""The conditions in which a spoken line reaches the microphone: in noise, in a room, fast, from a distance."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from bench.speech import Condition
from tests.support.speech import mixed, with_noise
from voice_helper.audio.devices import to_pcm
from voice_helper.types import SAMPLE_RATE

_TESTDATA: Final = Path("/usr/share/pocketsphinx/test/data")  # Debian's pocketsphinx-testdata
_HUM_HERTZ: Final = (50, 100, 150, 200, 300, 400)
_ROOM_SECONDS: Final = 0.35
_TALKERS: Final = 4


def conditions() -> Mapping[str, Condition]:
    """Return the conditions that can be produced on this machine."""
    made: dict[str, Condition] = {
        "clean": lambda pcm, number: pcm,
        "10 dB": lambda pcm, number: with_noise(pcm, 10.0, number),
        "5 dB": lambda pcm, number: with_noise(pcm, 5.0, number),
        "hum, 10 dB": lambda pcm, number: mixed(pcm, _hum(len(pcm) // 2, number), 10.0),
        "quiet": lambda pcm, number: _louder(pcm, 0.1),
        "overdriven": lambda pcm, number: _louder(pcm, 6.0),
        "small room": _in_a_room,
    }
    if human_speech():
        made["babble, 10 dB"] = lambda pcm, number: mixed(pcm, _babble(len(pcm) // 2, number), 10.0)
    else:
        print("babble is left out: apt-get install pocketsphinx-testdata; pip install moonshine-voice")
    if shutil.which("sox"):
        made["slow"] = lambda pcm, number: _at_pace(pcm, 0.7)
        made["fast"] = lambda pcm, number: _at_pace(pcm, 1.35)
    else:
        print("slow and fast are left out: apt-get install sox")
    return made


@functools.cache
def human_speech() -> Mapping[str, bytes]:
    """Return recordings of real people who are not talking to the assistant, by name, as 16 kHz audio."""
    paths = sorted(_TESTDATA.rglob("*.wav")) if _TESTDATA.is_dir() else []
    try:
        import moonshine_voice
    except ImportError:
        pass
    else:
        folder = Path(moonshine_voice.__file__).parent / "assets"
        paths += [folder / f"{name}.wav" for name in ("beckett", "endgame_nagg_nell", "two_cities")]
    found = {path.name: _read(path) for path in paths}
    for path in sorted(_TESTDATA.rglob("*.raw")) if _TESTDATA.is_dir() else []:
        found[path.name] = path.read_bytes()
    return found


def _read(path: Path) -> bytes:
    samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    return to_pcm(np.asarray(samples[:, 0], dtype=np.float32), int(rate))


def _hum(samples: int, seed: int) -> npt.NDArray[np.float64]:
    """Return the hum of a transformer, a fan or a refrigerator: the mains frequency and its overtones, with a little
    hiss.
    """
    chance = np.random.default_rng(seed)
    time = np.arange(samples) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * (hertz * time + chance.random())) / n for n, hertz in enumerate(_HUM_HERTZ, 1))
    return np.asarray(tones + chance.normal(0.0, 0.1, samples), dtype=np.float64)


def _babble(samples: int, seed: int) -> npt.NDArray[np.float64]:
    """Return several real people talking at once, none of them close."""
    chance = np.random.default_rng(seed)
    talk = np.frombuffer(b"".join(human_speech().values()), dtype="<i2").astype(np.float64)
    starts = chance.integers(0, len(talk) - samples, _TALKERS)
    return np.asarray(sum(talk[start : start + samples] for start in starts), dtype=np.float64)


def _louder(pcm: bytes, factor: float) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) * factor
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


def _in_a_room(pcm: bytes, seed: int) -> bytes:
    """Return speech as heard two metres from the microphone, in a small room with hard walls."""
    length = round(_ROOM_SECONDS * SAMPLE_RATE)
    walls = np.random.default_rng(seed).normal(0.0, 0.06, length) * 10 ** (-3 * np.arange(length) / length)
    walls[0] = 1.0
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    size = 1 << (len(samples) + length - 1).bit_length()
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(walls, size), size)[: len(samples)]
    heard *= np.sqrt(np.square(samples).mean() / max(1e-9, float(np.square(heard).mean())))
    return bytes(np.clip(heard, -32768, 32767).astype("<i2").tobytes())


def _at_pace(pcm: bytes, factor: float) -> bytes:
    raw = ["-t", "raw", "-r", str(SAMPLE_RATE), "-e", "signed", "-b", "16", "-c", "1", "-"]
    made = subprocess.run(["sox", *raw, *raw, "tempo", "-s", str(factor)], input=pcm, capture_output=True, check=True)
    return made.stdout
