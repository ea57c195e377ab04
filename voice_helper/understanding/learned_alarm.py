"""The alarm: a trained model that estimates how likely it is that the user needs help now, or asks something that only
a person should answer.

The alarm is the sentence model with small adapters next to its matrices. The adapters were trained for this one
question (`python -m bench.alarm`) on the labelled lines of `wordings.txt` and `alarms.txt`: red flags, redirects and
harmless sentences. The alarm returns log odds. `thresholds.yaml` sets the minimum odds at which the program acts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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
"""The factor by which the unit vectors of texts are multiplied before the last layer, as in training."""

ORDINARY: Final = "ordinary"
REDIRECTS: Final = ("ask_medicine", "ask_diagnosis", "ask_other_person")
CLASSES: Final = (ORDINARY, "urgent", "emergency", *REDIRECTS)
_MAX_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The alarm's estimate of whether a text reports a danger or needs a redirect."""

    odds: float = -math.inf
    """The natural logarithm of the odds that the user needs help now, which means urgent or emergency."""

    emergency: float = 0.0
    """The probability, from 0.0 to 1.0, that the case is an emergency if the user needs help now."""

    redirect: str | None = None
    """The likeliest of the `REDIRECTS`, the intents that send the user to a person for an answer.

    `None` without a trained alarm.
    """

    redirect_odds: float = -math.inf
    """The natural logarithm of the odds that the text means any of the `REDIRECTS`."""


NO_SUSPICION: Final = Suspicion()


class Alarm(Protocol):
    """Estimates whether a text reports a danger."""

    def suspicion(self, comparable: str) -> Suspicion:
        """Return the estimate for a normalized text."""


class NoAlarm:
    """The alarm of a folder without a trained model. It never reports a danger, so that only the rules can."""

    def suspicion(self, comparable: str) -> Suspicion:
        """Return the lowest possible odds for any text, because there is no trained model."""
        return NO_SUSPICION


class LearnedAlarm:
    """The trained alarm. Its parameters are read when the first text is estimated."""

    def __init__(self, read: Callable[[], Mapping[str, npt.NDArray[Any]]], embed: SentenceEmbedder) -> None:
        """Set the function that reads the trained parameters, and the embedder whose network is adapted."""
        self._read, self._embed = read, embed
        self._kept: dict[str, Suspicion] = {}

    def suspicion(self, comparable: str) -> Suspicion:
        """Return the estimate for a normalized text. Recent estimates are cached."""
        if not comparable:
            return NO_SUSPICION
        if comparable not in self._kept:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[comparable] = self._judged([comparable])[0]
        return self._kept[comparable]

    def read_ahead(self, comparable: Iterable[str]) -> None:
        """Estimate many texts in one batch, in a third of the time, and cache the results in place of earlier ones."""
        texts = tuple(dict.fromkeys(text for text in comparable if text))
        self._kept = dict(zip(texts, self._judged(texts), strict=True))

    def _judged(self, comparable: Sequence[str]) -> list[Suspicion]:
        import numpy as np

        network, weights, bias = self._trained
        vectors = self._embed.vectors(comparable, network)
        return [suspicion_of(vector * np.float32(SCALE) @ weights + bias) for vector in vectors]

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
    """Return the estimate that follows from the scores of the `CLASSES`."""
    of = dict(zip(CLASSES, map(float, scores), strict=True))
    danger = _together(of["urgent"], of["emergency"])
    redirects = _together(*(of[name] for name in REDIRECTS))
    return Suspicion(
        odds=danger - _together(of[ORDINARY], redirects),
        emergency=math.exp(of["emergency"] - danger),
        redirect=max(REDIRECTS, key=of.__getitem__),
        redirect_odds=redirects - _together(of[ORDINARY], danger),
    )


def _together(*scores: float) -> float:
    """Return the combined score of several classes: the logarithm of the sum of their exponentials."""
    highest = max(scores)
    return highest + math.log(sum(math.exp(score - highest) for score in scores))
