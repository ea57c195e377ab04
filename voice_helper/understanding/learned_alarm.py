"""The alarm: how likely it is that somebody needs help now, or asks what only people may answer, from labelled lines.

The sentence model reads the text once more, with small adapters beside its matrices that were trained for this one
question (`python -m bench.alarm`), on the red flags and redirects of `wordings.txt` and on what people say that is
none, in `alarms.txt`. It returns odds. `thresholds.yaml` has the odds from which on something is done.
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
"""The unit vectors of texts are multiplied by this factor before the last layer, as in training."""

ORDINARY: Final = "ordinary"
REDIRECTS: Final = ("ask_medicine", "ask_diagnosis", "ask_other_person")
CLASSES: Final = (ORDINARY, "urgent", "emergency", *REDIRECTS)
_MAX_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The estimated danger in a text."""

    odds: float = -math.inf
    """The natural logarithm of the odds that someone needs help now (urgent or emergency)."""

    emergency: float = 0.0
    """The probability of an emergency if someone needs help, from 0.0 to 1.0."""

    redirect: str | None = None
    """The likeliest of `REDIRECTS`, which ask what only people may answer."""

    redirect_odds: float = -math.inf
    """Natural logarithm of the odds that it means one of `REDIRECTS`."""


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
            self._kept[comparable] = self._judged([comparable])[0]
        return self._kept[comparable]

    def read_ahead(self, comparable: Iterable[str]) -> None:
        """Judge texts together and remember them instead of others: the same odds in a third of the time."""
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
    """Return what the scores of the classes (`CLASSES`) say."""
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
    """Return the score of several classes taken as one."""
    highest = max(scores)
    return highest + math.log(sum(math.exp(score - highest) for score in scores))
