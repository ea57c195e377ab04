"""The English skill, opened once per process, for tests without fixtures and for forked processes."""

from __future__ import annotations

from functools import cache

from voice_helper.skill import Skill, open_skill
from voice_helper.skill.folder_reader import Content, load_content
from voice_helper.support.paths import intents_folder


@cache
def english_content() -> Content:
    """Return all content of the English folder, with the folder's own settings."""
    return load_content(intents_folder("en"))


@cache
def english_skill() -> Skill:
    """Return the English skill, with 112 as the emergency number."""
    return open_skill("en", settings={"number": "112"})
