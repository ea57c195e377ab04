from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.room import Room, missing
from voice_helper.content import Content, load_content
from voice_helper.paths import intents_folder
from voice_helper.skill import Skill, open_skill
from voice_helper.voices.pyttsx3 import Pyttsx3Voice


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


@pytest.fixture(scope="session")
def room() -> Iterator[Room]:
    """A microphone to speak into and a loudspeaker to listen to."""
    lacking = missing()
    if lacking:
        if os.environ.get("CI"):
            pytest.fail(f"CI must hear and speak: {lacking}")
        pytest.skip(lacking)
    with tempfile.TemporaryDirectory(prefix="room-") as folder:  # a socket's path may have 107 letters only
        room = Room(Path(folder))
        try:
            room.open()
            yield room
        finally:
            room.close()


hypothesis.settings.register_profile("fuzz", max_examples=2_000, deadline=None)
hypothesis.settings.register_profile("walks", max_examples=10_000, deadline=None)


@pytest.fixture(scope="session")
def voice() -> Pyttsx3Voice:
    """The voice of the system."""
    return Pyttsx3Voice()
