"""Compute the log-probabilities of phones from audio: suppress noise, run hama's network, and map its symbols to CMU
phones.
"""

from __future__ import annotations

import copy
import json

import numpy as np
import numpy.typing as npt

from voice_helper.audio.noise import NoiseSuppressor
from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.embedded.conformer import Conformer, ConformerStream, Samples, read_hama_weights
from voice_helper.recognizers.embedded.phones import BLANK, BOUNDARY, folding
from voice_helper.recognizers.embedded.word_search import Frames, import_search
from voice_helper.support.onnx import packaged


class PhoneNetwork:
    """Computes how likely each phone is at each moment of the audio. Safe to share between threads."""

    def __init__(self) -> None:
        """Load the weights. Raises `EngineMissingError` if hama is not installed."""
        self._conformer = Conformer(read_hama_weights(packaged("hama", "assets", "asr_waveform.hama")))
        signs = json.loads(packaged("hama", "assets", "g2p_vocab.json").read_text(encoding="utf-8"))["decoder"]
        self._fold = folding([*signs, BOUNDARY, BLANK])

    def stream(self, right_context: int) -> PhoneStream:
        """Return a stream for one utterance. A frame is final once `right_context` frames of 20 ms have followed it."""
        return PhoneStream(ConformerStream(self._conformer, right_context), self._fold)


class PhoneStream:
    """Computes the log-probabilities of `PHONES` for one utterance, 50 rows per second.

    A stream can be copied with `copy.copy`. The original and the copy then continue independently from the same state.
    """

    def __init__(self, conformer: ConformerStream, fold: npt.NDArray[np.float32]) -> None:
        self._suppressor = NoiseSuppressor()
        self._conformer, self._fold = conformer, fold

    def __copy__(self) -> PhoneStream:
        """Return a copy in the same state."""
        twin = PhoneStream(copy.copy(self._conformer), self._fold)
        twin._suppressor = copy.copy(self._suppressor)
        return twin

    def accept(self, samples: Samples) -> Frames:
        """Accept samples (16 kHz, -1.0 to 1.0) and return the frames that are now final."""
        return self._folded(self._conformer.accept(self._suppressor.accept(samples)))

    def finish(self) -> Frames:
        """End the utterance and return the remaining frames."""
        last = self._folded(self._conformer.accept(self._suppressor.finish()))
        return np.concatenate([last, self._folded(self._conformer.finish())])

    def _folded(self, scores: Frames) -> Frames:
        return np.ascontiguousarray(np.log(np.exp(scores) @ self._fold + 1e-8), dtype=np.float32)


def is_available() -> bool:
    """Return whether hama's network and kaldi-decoder are installed and load on this machine."""
    try:
        packaged("hama")
        import_search()
    except EngineMissingError:
        return False
    return True
