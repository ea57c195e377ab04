"""Setting thresholds on labelled lines: what each would give, and which is the best of those that may be chosen."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from voice_helper.types import OUT_OF_SCOPE, Decision
from voice_helper.understanding.understand import Thresholds, logistic

Outcome = Literal["right", "wrong", "refused"]

MAX_REFUSED: Final = 0.05
"""Of the lines about our subject so many may be left without an answer."""

MIN_LINES: Final = 20
"""Of each kind: on fewer lines a threshold is set by chance."""

_SURE: Final = tuple(number / 50 for number in range(1, 46))
_MARGINS: Final = (0.0, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2)
_TENTHS: Final = 10
_NEWTON_STEPS: Final = 30
_STEADY: Final = 1e-6
_EDGE: Final = 1e-4  # nearer to 0 or 1 than this, log odds say too much
_MIN_WRONG: Final = 5
"""So many right and so many wrong near meanings are needed to say how far scores can be believed."""

_LINE: Final = re.compile(r"""(?P<key>\w+):\s+(?:"[^"]*"|'[^']*'|[^#"']*?)(?P<comment>\s*(?:\s#.*)?)""")


@dataclass(frozen=True, slots=True)
class Trial:
    """A labelled line, and how near it came to two meanings."""

    wanted: str
    """Its intent; `out_of_scope` where it should be refused."""

    best: str
    nearness: float
    second_nearness: float
    is_near: bool = True
    """Whether nearness decides; what a rule or a template decides is so with any thresholds."""

    @property
    def is_outside(self) -> bool:
        """Whether it should be refused."""
        return self.wanted == OUT_OF_SCOPE

    def outcome(self, thresholds: Thresholds) -> Outcome:
        """Give what becomes of it; a question back counts as refused."""
        decision: Decision = "nearest"
        if self.is_near:
            decision = thresholds.decision(self.nearness, self.second_nearness, may_ask=self.best != OUT_OF_SCOPE)
        if decision != "nearest" or self.best == OUT_OF_SCOPE:
            return "refused"
        return "right" if self.best == self.wanted else "wrong"


@dataclass(frozen=True, slots=True)
class Point:
    """What two thresholds give, as shares from 0.0 to 1.0."""

    sure: float
    margin: float
    right: float
    """Of the lines about our subject."""

    refused: float
    """Of the same, those left without an answer or asked back."""

    outside_refused: float
    """Of the other lines."""

    @property
    def value(self) -> float:
        """How good it is: both kinds of lines count the same."""
        return (self.right + self.outside_refused) / 2


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose score lies in one tenth."""

    low: float
    count: int
    right: int
    mean_score: float


def trade_off(
    trials: Sequence[Trial], thresholds: Thresholds, sure: Iterable[float] = _SURE, margins: Iterable[float] = _MARGINS
) -> tuple[Point, ...]:
    """Give what each pair of `sure` and `margin` would give, the others staying as they are."""
    tried = [(each, margin) for margin in margins for each in sure]
    return tuple(point(trials, with_sure(thresholds, *pair)) for pair in tried)


def with_sure(thresholds: Thresholds, sure: float, margin: float) -> Thresholds:
    """Give thresholds with another `sure` and `margin`; `unsure` is never above `sure`."""
    return replace(thresholds, sure=sure, margin=margin, unsure=min(thresholds.unsure, sure))


def point(trials: Sequence[Trial], thresholds: Thresholds) -> Point:
    """Give what thresholds give on some lines."""
    ours = [trial.outcome(thresholds) for trial in trials if not trial.is_outside]
    outside = [trial.outcome(thresholds) for trial in trials if trial.is_outside]
    return Point(
        thresholds.sure,
        thresholds.margin,
        right=ours.count("right") / max(1, len(ours)),
        refused=ours.count("refused") / max(1, len(ours)),
        outside_refused=outside.count("refused") / max(1, len(outside)),
    )


def best(points: Sequence[Point], most_refused: float = MAX_REFUSED) -> Point:
    """Give the best of the points that refuse few enough lines about our subject.

    Where none does, the one that refuses fewest. Of those that are as good, the one with the smallest margin, and in
    the middle of their scores: the farthest from where it gets worse.
    """
    fewest = min(each.refused for each in points)
    allowed = [each for each in points if each.refused <= max(most_refused, fewest)]
    highest = max(each.value for each in allowed)
    as_good = [each for each in allowed if each.value == highest]
    margin = min(each.margin for each in as_good)
    along = sorted((each for each in as_good if each.margin == margin), key=lambda each: each.sure)
    return along[(len(along) - 1) // 2]


def reliability(scored: Iterable[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Give, for each tenth of the score, how many are right; takes scores, each with whether the meaning was right."""
    bins: list[Bin] = []
    every = list(scored)
    for tenth in range(_TENTHS):
        within = [(score, right) for score, right in every if min(_TENTHS - 1, int(score * _TENTHS)) == tenth]
        if within:
            mean = sum(score for score, _ in within) / len(within)
            bins.append(Bin(tenth / _TENTHS, len(within), sum(right for _, right in within), mean))
    return tuple(bins)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Give the expected calibration error: how far scores are from shares of right ones, on the mean over lines."""
    lines = sum(each.count for each in bins)
    return sum(abs(each.right - each.mean_score * each.count) for each in bins) / max(1, lines)


def with_score(thresholds: Thresholds, trials: Sequence[Trial]) -> Thresholds:
    """Give thresholds whose scores say how often near meanings are right (logistic regression on their log odds).

    J. Platt, Probabilistic outputs for support vector machines (1999), with his targets, which keep the slope finite.
    Where nearness tells nothing on these lines, the thresholds come back as they are.
    """
    near = [trial for trial in trials if trial.is_near and _EDGE < trial.nearness < 1.0 - _EDGE]
    right = [trial.best == trial.wanted for trial in near]
    count, wrong_count = sum(right), len(right) - sum(right)
    if min(count, wrong_count) < _MIN_WRONG:
        return thresholds
    odds = [math.log(trial.nearness / (1 - trial.nearness)) for trial in near]
    targets = [(count + 1) / (count + 2) if each else 1 / (wrong_count + 2) for each in right]
    slope, offset = 1.0, 0.0
    for _ in range(_NEWTON_STEPS):
        believed = [logistic(slope * each + offset) for each in odds]
        gaps = [target - each for target, each in zip(targets, believed, strict=True)]
        weights = [each * (1 - each) for each in believed]
        by_slope = sum(gap * each for gap, each in zip(gaps, odds, strict=True))
        curve = sum(weight * each * each for weight, each in zip(weights, odds, strict=True)) + _STEADY
        mixed = sum(weight * each for weight, each in zip(weights, odds, strict=True))
        flat = sum(weights) + _STEADY
        whole = curve * flat - mixed * mixed
        slope += _short((flat * by_slope - mixed * sum(gaps)) / whole)
        offset += _short((curve * sum(gaps) - mixed * by_slope) / whole)
    if slope <= 0.0:
        return thresholds
    return replace(thresholds, score_slope=slope, score_offset=offset)


def _short(step: float) -> float:
    """A step that leads not too far where the curve is nearly flat."""
    return max(-1.0, min(1.0, step))


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Give a YAML file of plain `key: value` lines with other values; comments stay, keys it lacks come at the end."""
    left = dict(values)
    lines: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        is_meant = found is not None and found["key"] in left
        lines.append(f"{found['key']}: {left.pop(found['key'])}{found['comment']}" if found and is_meant else line)
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in left.items())]) + "\n"
