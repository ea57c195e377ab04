"""The generated files of an intents folder, and the keys of the words that they are made from."""

from __future__ import annotations

from typing import Final

from voice_helper.skill.content import DRAWING_VERSION, Content

LEARNED_FILE: Final = "nearest.learned"
PHRASES_FILE: Final = "phrases.drawn"


def phrases_key(content: Content) -> str:
    """Return the key of everything that the phrases are drawn from."""
    return f"{content.drawing_key} {DRAWING_VERSION}"
