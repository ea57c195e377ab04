"""Split text, complete or streamed, into parts that a voice can speak one by one."""

from __future__ import annotations

import re
import textwrap
from typing import Final

from voice_helper.runtime.speaker import sentences_of

MAX_PIECE_CHARACTERS: Final = 300
"""The maximum length of a part, in characters.

A longer sentence is split between two words, so that its audio starts sooner.
"""

_COMPLETE = re.compile(r".*[.?!]\s+", re.DOTALL)


class TextChunker:
    """Collects text and returns sentences as soon as they are complete."""

    def __init__(self) -> None:
        self.characters = 0
        """The number of characters received so far."""

        self._waiting = ""

    def add(self, text: str) -> list[str]:
        """Add text and return the parts that can be spoken now."""
        self.characters += len(text)
        self._waiting += text
        complete = _COMPLETE.match(self._waiting)
        if complete is None:
            return []
        self._waiting = self._waiting[complete.end() :]
        return _pieces(complete[0])

    def rest(self) -> list[str]:
        """Return the remaining parts. Call this when the text is complete."""
        left, self._waiting = self._waiting, ""
        return _pieces(left)


def _pieces(text: str) -> list[str]:
    return [piece for sentence in sentences_of(text) for piece in textwrap.wrap(sentence, MAX_PIECE_CHARACTERS)]
