"""The results of a batch of test lines: how many lines of each intent are right, and which intents are confused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from voice_helper.tester.run import Result
from voice_helper.types import NONE_INTENT, OUT_OF_SCOPE, UNSURE_INTENT

REFUSED = frozenset({NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE})


@dataclass(frozen=True, slots=True)
class IntentFigures:
    """The results of one intent."""

    intent: str
    expected: int
    """The number of lines that should have this intent."""

    right: int
    taken: int
    """The number of lines that should have another intent but got this one."""

    @property
    def accuracy(self) -> float:
        """Return the share of right results among the lines that should have this intent."""
        return self.right / self.expected


@dataclass(frozen=True, slots=True)
class Confusion:
    """The lines of one intent that were understood as another one."""

    expected: str
    got: str
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Report:
    """A batch of results."""

    results: tuple[Result, ...]

    @cached_property
    def expected(self) -> int:
        """Return the number of lines that specify an expected result."""
        return sum(result.is_right is not None for result in self.results)

    @cached_property
    def right(self) -> int:
        """Return the number of lines whose result is as expected."""
        return sum(result.is_right is True for result in self.results)

    @property
    def accuracy(self) -> float:
        """Return the share of lines whose result is as expected, or 1.0 if no line specifies an expected result."""
        return self.right / self.expected if self.expected else 1.0

    @cached_property
    def not_understood(self) -> int:
        """Return the number of lines that had no single meaning."""
        unclear = (NONE_INTENT, UNSURE_INTENT)
        return sum(result.match.intent in unclear and result.fault is None for result in self.results)

    @cached_property
    def failed(self) -> tuple[Result, ...]:
        """Return the lines that could not be tested, in their original order."""
        return tuple(result for result in self.results if result.fault is not None)

    @cached_property
    def wrong(self) -> tuple[Result, ...]:
        """Return the lines whose result is not as expected, in their original order."""
        return tuple(result for result in self.results if result.is_right is False)

    @cached_property
    def refused(self) -> tuple[Result, ...]:
        """Return the lines that got no answer because they were not understood, ambiguous, or off topic."""
        return tuple(result for result in self.results if result.match.intent in REFUSED)

    def by_intent(self) -> list[IntentFigures]:
        """Return the figures for each expected intent, worst first."""
        expected = Counter(result.case.intent for result in self.results if result.case.intent)
        right = Counter(result.case.intent for result in self.results if result.is_right)
        taken = Counter(result.match.intent for result in self.wrong if result.match.intent != result.case.intent)
        figures = [
            IntentFigures(intent, count, right[intent], taken[intent]) for intent, count in expected.items() if intent
        ]
        return sorted(figures, key=lambda each: (each.accuracy, each.intent))

    def confusions(self) -> list[Confusion]:
        """Return the pairs of confused intents, most frequent first."""
        pairs: dict[tuple[str, str], list[Result]] = {}
        for result in self.wrong:
            pairs.setdefault((result.case.intent or "", result.match.intent), []).append(result)
        found = [Confusion(expected, got, tuple(results)) for (expected, got), results in pairs.items()]
        return sorted(found, key=lambda each: (-len(each.results), each.expected, each.got))

    def scores(self, bins: int) -> tuple[list[int], list[int]]:
        """Return the numbers of right and of wrong results per score range, for `bins` equal ranges from 0 to 1."""
        right, wrong = [0] * bins, [0] * bins
        for result in self.results:
            if result.is_right is not None:
                counts = right if result.is_right else wrong
                counts[min(int(result.match.score * bins), bins - 1)] += 1
        return right, wrong

    def matrix(self) -> Mapping[tuple[str, str], int]:
        """Return the number of lines for each pair of expected and actual intent."""
        return Counter((result.case.intent, result.match.intent) for result in self.results if result.case.intent)


def in_order(intents: Iterable[str], known: Sequence[str]) -> list[str]:
    """Sort intents in the order of the folder. Intents that the folder does not have come last, sorted by name."""
    places = {intent: place for place, intent in enumerate(known)}
    return sorted(set(intents), key=lambda intent: (places.get(intent, len(places)), intent))


def several_utterances(result: Result) -> str:
    """Return a remark to show after the name of an audio file that does not contain exactly one utterance."""
    return "" if result.utterances == 1 else f" ({result.utterances} utterances)"


def printable(text: str) -> str:
    """Return a text that is safe to display. Control characters, including line ends, are escaped (`\\x1b`)."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
