"""Sound in, log-probabilities of phones out: noise suppression, then hama's network, mapped to our phones."""

from __future__ import annotations

import copy
import importlib.util
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voice_helper.audio.noise import NoiseSuppressor
from voice_helper.errors import EngineMissingError, needs_package
from voice_helper.recognizers.embedded.conformer import Conformer, ConformerStream, Samples, read_weights
from voice_helper.recognizers.embedded.phones import BLANK, BOUNDARY, folding
from voice_helper.recognizers.embedded.word_search import Frames, import_search


class PhoneNetwork:
    """Computes how likely each phone is at each moment of a sound. Threads can share it."""

    def __init__(self) -> None:
        """Load the weights. Raises `EngineMissingError` if hama is not installed."""
        folder = _assets()
        self._conformer = Conformer(read_weights(folder / "asr_waveform.hama"))
        signs = json.loads((folder / "g2p_vocab.json").read_text(encoding="utf-8"))["decoder"]
        self._fold = folding([*signs, BOUNDARY, BLANK])

    def stream(self, right_context: int) -> PhoneStream:
        """Return a stream for one utterance. A frame is final once `right_context` frames of 20 ms have followed it."""
        return PhoneStream(ConformerStream(self._conformer, right_context), self._fold)


class PhoneStream:
    """Sound in, log-probabilities of `PHONES` out, 50 rows a second: noise suppression and the network.

    It can be copied (`copy.copy`). Both copies then continue independently from the same point.
    """

    def __init__(self, conformer: ConformerStream, fold: npt.NDArray[np.float32]) -> None:
        self._suppressor = NoiseSuppressor()
        self._conformer, self._fold = conformer, fold

    def __copy__(self) -> PhoneStream:
        """Return a copy that has heard the same sound."""
        twin = PhoneStream(copy.copy(self._conformer), self._fold)
        twin._suppressor = copy.copy(self._suppressor)
        return twin

    def accept(self, samples: Samples) -> Frames:
        """Accept sound (16 kHz, -1.0 to 1.0) and return the frames that it makes final."""
        return self._folded(self._conformer.accept(self._suppressor.accept(samples)))

    def finish(self) -> Frames:
        """End the utterance and return the remaining frames."""
        last = self._folded(self._conformer.accept(self._suppressor.finish()))
        return np.concatenate([last, self._folded(self._conformer.finish())])

    def _folded(self, scores: Frames) -> Frames:
        return np.ascontiguousarray(np.log(np.exp(scores) @ self._fold + 1e-8), dtype=np.float32)


def samples_of(pcm: bytes | bytearray) -> Samples:
    """Return 16-bit sound as samples from -1.0 to 1.0."""
    return np.frombuffer(bytes(pcm), dtype="<i2").astype(np.float32) / np.float32(32768)


def is_available() -> bool:
    """Return whether hama's network and kaldi-decoder are installed and load on this machine."""
    try:
        _assets()
        import_search()
    except EngineMissingError:
        return False
    return True


@lru_cache(maxsize=1)
def _assets() -> Path:
    """Return the folder of hama's weights without loading hama. Raises `EngineMissingError` if it is missing."""
    with needs_package("the embedded question recognizer", instead="take another one: --engine pocketsphinx"):
        found = importlib.util.find_spec("hama")
        if found is None or not found.submodule_search_locations:
            raise ImportError("hama is not installed")
    return Path(found.submodule_search_locations[0]) / "assets"
