"""How near a text is to every meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Ranking:
    """How near one text is to every meaning."""

    labels: tuple[str, ...]
    shares: Sequence[float] | npt.NDArray[np.float32]
    """One for each label, all adding up to 1.0; empty where the text has nothing to compare."""

    def scores(self) -> list[tuple[str, float]]:
        """Give every intent with its score (0.0 to 1.0, all adding up to 1.0), the highest first."""
        summed: dict[str, float] = {}
        for label, share in zip(self.labels, self.shares, strict=False):
            intent = label.partition("/")[0]
            summed[intent] = summed.get(intent, 0.0) + float(share)
        return sorted(summed.items(), key=lambda item: -item[1])

    def family(self, intent: str) -> str | None:
        """Give the likeliest red-flag family of an intent."""
        own = [
            (float(share), label)
            for label, share in zip(self.labels, self.shares, strict=False)
            if label.startswith(f"{intent}/")
        ]
        return max(own)[1].partition("/")[2] if own else None


NOTHING_NEAR = Ranking((), ())


class NothingIsNear:
    """No nearest meaning: words are understood by the sentences and rules alone."""

    def rank(self, comparable: str) -> Ranking:
        """Give no meaning."""
        return NOTHING_NEAR

    def known_share(self, comparable: str) -> float:
        """Give that no word is known."""
        return 0.0

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Give no template."""
        return None
