"""What is heard while we speak ourselves: which of the words are our own, come back through the microphone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import fuzz

from voice_helper.types import SAMPLE_RATE, Transcript

OWN_WORD_RATIO: Final = 75.0
"""A heard word spelled so much like one of ours (0 to 100) is taken for ours."""

ECHO_SECONDS: Final = 0.3
"""The room still carries a word for so long after it was played."""

ECHO_SAMPLES: Final = round(ECHO_SECONDS * SAMPLE_RATE)
_WORD_MARGIN_SAMPLES: Final = round(0.15 * SAMPLE_RATE)  # when a word is played is an estimate


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of ours and when it is played, in samples."""

    word: str
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The words of ours that may be heard in one utterance, in order."""

    words: tuple[str, ...]
    is_never_ours: Callable[[str], bool]
    """Words that are somebody else's, whatever we say."""

    def leave_out(self, text: str) -> str:
        """Return a text without our words, in their order, each left out once."""
        if not self.words:
            return text
        heard = text.split()
        ours = own_among(heard, self.words, self.is_never_ours)
        return " ".join(word for index, word in enumerate(heard) if index not in ours)

    def masked(self, heard: Transcript) -> Transcript:
        """Return what was heard without our words; a command with a word of ours in it is none."""
        command = heard.command if self.leave_out(heard.command) == heard.command else ""
        others = tuple(self.leave_out(other) for other in heard.alternatives)
        return replace(heard, text=self.leave_out(heard.text), alternatives=others, command=command)


def is_heard_in(timed: TimedWord, begins: int, now: int) -> bool:
    """Tell whether a word is played, or still hangs in the room, between two samples of the clock."""
    return timed.ends + ECHO_SAMPLES >= begins and timed.starts - _WORD_MARGIN_SAMPLES <= now


def own_among(heard: Sequence[str], own: Sequence[str], is_never_ours: Callable[[str], bool]) -> frozenset[int]:
    """Return which of the heard words are our own: the most that stand in the same order, each of ours once.

    So a command among our words is kept, also one that we say ourselves, where it is heard once more than we said it.
    """
    alike = [[_is_alike(word, other) and not is_never_ours(word) for other in own] for word in heard]
    most = [[0] * (len(own) + 1) for _ in range(len(heard) + 1)]
    for row in reversed(range(len(heard))):
        for column in reversed(range(len(own))):
            most[row][column] = max(
                most[row + 1][column], most[row][column + 1], (1 + most[row + 1][column + 1]) * alike[row][column]
            )
    ours, row, column = set(), 0, 0
    while row < len(heard) and column < len(own):
        if alike[row][column] and most[row][column] == 1 + most[row + 1][column + 1]:
            ours.add(row)
            row, column = row + 1, column + 1
        elif most[row][column] == most[row + 1][column]:
            row += 1
        else:
            column += 1
    return frozenset(ours)


def _is_alike(heard: str, own: str) -> bool:
    return heard == own or fuzz.ratio(heard, own) >= OWN_WORD_RATIO
