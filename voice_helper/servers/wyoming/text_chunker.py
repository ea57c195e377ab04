"""A text to be read aloud, whole or as it comes, in pieces that a voice speaks one after the other."""

from __future__ import annotations

import re
import textwrap
from typing import Final

from voice_helper.runtime.speaker import sentences_of

MAX_PIECE_CHARACTERS: Final = 300
"""A longer sentence is cut between two words, so that nobody waits long for its sound."""

_COMPLETE = re.compile(r".*[.?!]\s+", re.DOTALL)


class TextChunker:
    """Gathers text; gives sentences as soon as they are complete."""

    def __init__(self) -> None:
        self.characters = 0
        """So many have come."""

        self._waiting = ""

    def add(self, text: str) -> list[str]:
        """Take more text; give what can be spoken now."""
        self.characters += len(text)
        self._waiting += text
        complete = _COMPLETE.match(self._waiting)
        if complete is None:
            return []
        self._waiting = self._waiting[complete.end() :]
        return _pieces(complete[0])

    def rest(self) -> list[str]:
        """No more text comes: give what is left of it."""
        left, self._waiting = self._waiting, ""
        return _pieces(left)


def _pieces(text: str) -> list[str]:
    return [piece for sentence in sentences_of(text) for piece in textwrap.wrap(sentence, MAX_PIECE_CHARACTERS)]
