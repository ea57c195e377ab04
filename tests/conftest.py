from __future__ import annotations

import pytest

from voice_helper.content import Content, load_content
from voice_helper.paths import intents_folder
from voice_helper.skill import Skill, open_skill


@pytest.fixture(scope="session")
def content() -> Content:
    """All words of the English folder, with its own settings."""
    return load_content(intents_folder("en"))


@pytest.fixture(scope="session")
def skill() -> Skill:
    """The English skill, told that the emergency number is 112."""
    return open_skill("en", settings={"number": "112"})


@pytest.fixture(scope="session")
def plain_skill() -> Skill:
    """The English skill as it is where nobody has set a number."""
    return open_skill("en")
