"""The learned alarm: estimate from the meaning of a text how likely it is that someone needs help now.

The sentence model processes the text again, with small adapters added to its matrices. The adapters were trained for
this one question (`python -m bench.alarm`) on the red flags in `wordings.txt` and on harmless sentences in
`alarms.txt`. The result is log odds. The program responds if they reach the limits in `thresholds.yaml`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from voice_helper.understanding.embedder import SentenceEmbedder
    from voice_helper.understanding.minilm import SentenceNetwork

ALARM_FILE: Final = "alarm.learned"
ALARM_LINES_FILE: Final = "alarms.txt"
SCALE: Final = 8.0
"""The unit vectors of texts are multiplied by this factor before the last layer, as in training."""

CLASSES: Final = ("ordinary", "urgent", "emergency")
_MAX_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The estimated danger in a text."""

    odds: float = -math.inf
    """The natural logarithm of the odds that someone needs help now (urgent or emergency)."""

    emergency: float = 0.0
    """The probability of an emergency if someone needs help, from 0.0 to 1.0."""


NO_SUSPICION: Final = Suspicion()


class Alarm(Protocol):
    """Estimates the danger in a text."""

    def suspicion(self, comparable: str) -> Suspicion:
        """Return the estimated danger in a normalized text."""


class NoAlarm:
    """The placeholder for a folder without a trained alarm, where only the rules detect danger."""

    def suspicion(self, comparable: str) -> Suspicion:
        """Return no suspicion."""
        return NO_SUSPICION


class LearnedAlarm:
    """The trained alarm. Its parameters are read with the first text."""

    def __init__(self, read: Callable[[], Mapping[str, npt.NDArray[Any]]], embed: SentenceEmbedder) -> None:
        """Set the function that reads the trained parameters, and the embedder whose network is adapted."""
        self._read, self._embed = read, embed
        self._kept: dict[str, Suspicion] = {}

    def suspicion(self, comparable: str) -> Suspicion:
        """Return the estimated danger in a normalized text. Recent results are cached."""
        if not comparable:
            return NO_SUSPICION
        if comparable not in self._kept:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[comparable] = self._judged(comparable)
        return self._kept[comparable]

    def _judged(self, comparable: str) -> Suspicion:
        import numpy as np

        network, weights, bias = self._trained
        vector = network(np.array([self._embed.pieces(comparable)], dtype=np.int64))[0]
        return suspicion_of(vector * np.float32(SCALE) @ weights + bias)

    @cached_property
    def _trained(self) -> tuple[SentenceNetwork, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        import numpy as np

        from voice_helper.understanding.minilm import LAYERS, MATRICES, Adapter

        arrays = self._read()

        def floats(name: str) -> npt.NDArray[np.float32]:
            return np.asarray(arrays[name], dtype=np.float32)

        numbers = range(LAYERS * MATRICES)
        adapters = [Adapter(floats(f"down_{number}"), floats(f"up_{number}")) for number in numbers]
        return self._embed.network.adapted(adapters), floats("weights"), floats("bias")


def suspicion_of(scores: npt.NDArray[np.float32]) -> Suspicion:
    """Convert the scores of the three classes (`CLASSES`)."""
    ordinary, urgent, emergency = (float(score) for score in scores)
    highest = max(urgent, emergency)
    danger = highest + math.log(math.exp(urgent - highest) + math.exp(emergency - highest))
    return Suspicion(danger - ordinary, math.exp(emergency - danger))
