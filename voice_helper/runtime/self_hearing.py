"""Remove the assistant's own words from transcripts of audio recorded while it was speaking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import fuzz

from voice_helper.types import SAMPLE_RATE, Transcript

OWN_WORD_RATIO: Final = 75.0
"""The minimum similarity of spelling, from 0 to 100, for a recognized word to count as one of the assistant's own
words.
"""

ECHO_SECONDS: Final = 0.3
"""How long, in seconds, a word echoes in the room after playback."""

ECHO_SAMPLES: Final = round(ECHO_SECONDS * SAMPLE_RATE)
_WORD_MARGIN_SAMPLES: Final = round(0.15 * SAMPLE_RATE)  # the times of the words are estimates


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of the assistant's speech, with its start and end in samples."""

    word: str
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The assistant's own words that may appear in the transcript of one utterance, in order."""

    words: tuple[str, ...]
    is_never_ours: Callable[[str], bool]
    """Returns whether a word, such as "stop", always counts as the user's, even if the assistant also says it."""

    def leave_out(self, text: str) -> str:
        """Return a text without the assistant's own words. Each own word is removed once, in order."""
        if not self.words:
            return text
        heard = text.split()
        ours = own_among(heard, self.words, self.is_never_ours)
        return " ".join(word for index, word in enumerate(heard) if index not in ours)

    def masked(self, heard: Transcript) -> Transcript:
        """Return a transcript without the assistant's own words. A command that contains one of them is removed."""
        command = heard.command if self.leave_out(heard.command) == heard.command else ""
        others = tuple(self.leave_out(other) for other in heard.alternatives)
        return replace(heard, text=self.leave_out(heard.text), alternatives=others, command=command)


def is_heard_in(timed: TimedWord, begins: int, now: int) -> bool:
    """Return whether a word is playing, or still echoing, between two times of the audio clock, in samples."""
    return timed.ends + ECHO_SAMPLES >= begins and timed.starts - _WORD_MARGIN_SAMPLES <= now


def own_among(heard: Sequence[str], own: Sequence[str], is_never_ours: Callable[[str], bool]) -> frozenset[int]:
    """Return the positions of the recognized words that are the assistant's own.

    The words are matched by longest common subsequence, so that each own word is used once and a command between own
    words remains. A command that the assistant has also said remains if it is recognized more often than the assistant
    said it.
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
