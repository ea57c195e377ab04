"""Tune the confidence thresholds on labelled lines: try every candidate pair of values and choose the best acceptable
one.
"""

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
"""The maximum share of in-scope lines that may get no answer, from 0.0 to 1.0."""

MIN_LINES: Final = 20
"""The minimum number of lines of each kind. With fewer, the choice of thresholds would be down to chance."""

_SURE: Final = tuple(number / 50 for number in range(1, 46))
_MARGINS: Final = (0.0, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2)
_TENTHS: Final = 10
_NEWTON_STEPS: Final = 30
_STEADY: Final = 1e-6
_EDGE: Final = 1e-4  # closer to 0 or 1 than this, extreme log odds would dominate the fit
_MIN_WRONG: Final = 5
"""The minimum number of right results, and of wrong results, that are needed to calibrate the scores."""

_LINE: Final = re.compile(r"""(?P<key>\w+):\s+(?:"[^"]*"|'[^']*'|[^#"']*?)(?P<comment>\s*(?:\s#.*)?)""")


@dataclass(frozen=True, slots=True)
class Trial:
    """A labelled sentence with its similarity to the two nearest intents."""

    wanted: str
    """The intent that the line should get. `out_of_scope` if it should be refused."""

    best: str
    nearness: float
    second_nearness: float
    is_near: bool = True
    """Whether similarity decides the meaning. If a rule or a template decides, the thresholds have no effect."""

    @property
    def is_outside(self) -> bool:
        """Return whether the line should be refused."""
        return self.wanted == OUT_OF_SCOPE

    def outcome(self, thresholds: Thresholds) -> Outcome:
        """Return the outcome under the given thresholds. A clarifying question counts as refused."""
        decision: Decision = "nearest"
        if self.is_near:
            decision = thresholds.decision(self.nearness, self.second_nearness, may_ask=self.best != OUT_OF_SCOPE)
        if decision != "nearest" or self.best == OUT_OF_SCOPE:
            return "refused"
        return "right" if self.best == self.wanted else "wrong"


@dataclass(frozen=True, slots=True)
class Point:
    """The results of one pair of thresholds, as shares of the lines from 0.0 to 1.0."""

    sure: float
    margin: float
    right: float
    """The share of in-scope lines with the right answer."""

    refused: float
    """The share of in-scope lines that got no answer or a clarifying question."""

    outside_refused: float
    """The share of out-of-scope lines that were refused."""

    @property
    def value(self) -> float:
        """Return the quality of the pair. In-scope and out-of-scope lines have the same weight."""
        return (self.right + self.outside_refused) / 2


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose scores lie within one tenth of the range, and how many of them are right."""

    low: float
    count: int
    right: int
    mean_score: float


def trade_off(
    trials: Sequence[Trial], thresholds: Thresholds, sure: Iterable[float] = _SURE, margins: Iterable[float] = _MARGINS
) -> tuple[Point, ...]:
    """Return the results of every pair of `sure` and `margin`. The other thresholds stay unchanged."""
    tried = [(each, margin) for margin in margins for each in sure]
    return tuple(point(trials, with_sure(thresholds, *pair)) for pair in tried)


def with_sure(thresholds: Thresholds, sure: float, margin: float) -> Thresholds:
    """Return a copy of the thresholds with the given `sure` and `margin`. `unsure` is capped at `sure`."""
    return replace(thresholds, sure=sure, margin=margin, unsure=min(thresholds.unsure, sure))


def point(trials: Sequence[Trial], thresholds: Thresholds) -> Point:
    """Return the results of the thresholds on the trials."""
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
    """Return the best of the points that refuse few enough in-scope lines.

    If no point does, choose among those that refuse the fewest. Ties go to the smallest margin, and then to the median
    value of `sure`, which is the farthest from values with worse results.
    """
    fewest = min(each.refused for each in points)
    allowed = [each for each in points if each.refused <= max(most_refused, fewest)]
    highest = max(each.value for each in allowed)
    as_good = [each for each in allowed if each.value == highest]
    margin = min(each.margin for each in as_good)
    along = sorted((each for each in as_good if each.margin == margin), key=lambda each: each.sure)
    return along[(len(along) - 1) // 2]


def reliability(scored: Iterable[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Return the number of right answers in each tenth of the score range.

    Each input pair is a score and whether the answer was right. Empty tenths are left out.
    """
    bins: list[Bin] = []
    every = list(scored)
    for tenth in range(_TENTHS):
        within = [(score, right) for score, right in every if min(_TENTHS - 1, int(score * _TENTHS)) == tenth]
        if within:
            mean = sum(score for score, _ in within) / len(within)
            bins.append(Bin(tenth / _TENTHS, len(within), sum(right for _, right in within), mean))
    return tuple(bins)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean gap, weighted by lines, between the score and the share of right
    answers.
    """
    lines = sum(each.count for each in bins)
    return sum(abs(each.right - each.mean_score * each.count) for each in bins) / max(1, lines)


def with_score(thresholds: Thresholds, trials: Sequence[Trial]) -> Thresholds:
    """Return thresholds whose scores match the share of right answers.

    Fits a logistic regression on the log odds of similarity. Source: J. Platt, Probabilistic outputs for support vector
    machines (1999). His adjusted targets keep the slope finite. If right and wrong answers do not differ in similarity
    on these lines, the thresholds are returned unchanged.
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
    """Limit a step of the fit to ±1.0, so that the fit does not overshoot where the curve is nearly flat."""
    return max(-1.0, min(1.0, step))


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Set values in the text of a YAML file that consists of plain `key: value` lines.

    Comments are kept. Missing keys are appended at the end.
    """
    left = dict(values)
    lines: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        is_meant = found is not None and found["key"] in left
        lines.append(f"{found['key']}: {left.pop(found['key'])}{found['comment']}" if found and is_meant else line)
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in left.items())]) + "\n"
