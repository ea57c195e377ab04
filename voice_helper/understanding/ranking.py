"""Rank the meanings by their similarity to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Ranking:
    """The similarity of one text to every label. The scores of the intents follow from it."""

    labels: tuple[str, ...]
    shares: Sequence[float] | npt.NDArray[np.float32]
    """The similarity to each label, as shares that add up to 1.0. Empty if the text contains nothing to compare."""

    def scores(self) -> list[tuple[str, float]]:
        """Return every intent with its score, highest first. Scores range from 0.0 to 1.0 and add up to 1.0."""
        summed: dict[str, float] = {}
        for label, share in zip(self.labels, self.shares, strict=False):
            intent = label.partition("/")[0]
            summed[intent] = summed.get(intent, 0.0) + float(share)
        return sorted(summed.items(), key=lambda item: -item[1])

    def family(self, intent: str) -> str | None:
        """Return the most likely red-flag family of an intent, or `None` if the intent has no families."""
        own = [
            (float(share), label)
            for label, share in zip(self.labels, self.shares, strict=False)
            if label.startswith(f"{intent}/")
        ]
        return max(own)[1].partition("/")[2] if own else None


NOTHING_NEAR = Ranking((), ())


class NothingIsNear:
    """The ranking of a folder without a trained model, in which only templates and rules find a meaning."""

    def rank(self, comparable: str) -> Ranking:
        """Return an empty ranking."""
        return NOTHING_NEAR

    def known_share(self, comparable: str) -> float:
        """Return 0.0, because no words are known."""
        return 0.0

    def knows(self, word: str, intent: str) -> bool:
        """Return `False`, because there are no examples."""
        return False

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return `None`, because there are no templates to compare."""
        return None
