"""The natural voice: hibari, a small neural network that its package includes (extra `natural`). English only."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from voice_helper.audio.devices import spoken_part, to_pcm
from voice_helper.errors import EngineMissingError, install_hint, needs_package
from voice_helper.support.onnx import keep_onnxruntime_silent

_PACE: Final = 1 / 216  # its normal pace is 216 words a minute, without pauses
_LOUDNESS: Final = 1.35  # softer than the system's voice; even the loudest sentence does not clip
_INSTEAD: Final = "use the system's voice: --voice pyttsx3"
_NOISE_SEED: Final = 0  # the same sentence always sounds the same


class NaturalVoice:
    """Synthesizes one sentence at a time, on the calling thread."""

    name = "natural"

    def __init__(self) -> None:
        """Load the network and run it once as a warm-up, which takes about a second.

        Raises `EngineMissingError` if the extra is not installed or does not load.
        """
        keep_onnxruntime_silent()  # hibari loads it
        with needs_package("the natural voice", "natural", _INSTEAD):
            from hibari import Hibari
            from hibari.voices import DEFAULT, voice_path
        try:
            model = voice_path(DEFAULT, download_missing=False)  # otherwise it downloads missing files
            self._engine: Any = Hibari(model=model)
            self._engine("0")
        except Exception as error:  # any error means that the voice is unusable
            raise EngineMissingError(
                f"the natural voice does not start: {error}",
                hint=f"{install_hint('natural')}; or {_INSTEAD}",
            ) from error
        self._one_at_a_time = threading.Lock()

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono audio, without leading or trailing silence."""
        if not any(character.isalnum() for character in text):
            return b""
        with self._one_at_a_time:
            samples = self._engine(text, speed=words_per_minute * _PACE, seed=_NOISE_SEED)
        return spoken_part(to_pcm(np.asarray(samples, dtype=np.float32) * _LOUDNESS, int(self._engine.sample_rate)))


def open_engine() -> NaturalVoice:
    """Open the voice. Raises `EngineMissingError`."""
    return NaturalVoice()
