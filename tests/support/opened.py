"""The English words, opened once in a process: also for tests that take no fixture, and for the copies of a process."""

from __future__ import annotations

from functools import cache

from voice_helper.skill import Skill, open_skill
from voice_helper.skill.content import Content, load_content
from voice_helper.support.paths import intents_folder


@cache
def english_content() -> Content:
    """All words of the English folder, with its own settings."""
    return load_content(intents_folder("en"))


@cache
def english_skill() -> Skill:
    """The English skill, told that the emergency number is 112."""
    return open_skill("en", settings={"number": "112"})
