from __future__ import annotations

import shutil

import pytest

from tests.support.sound import chunks_of, recorded, silence
from tests.support.speech import flite
from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.wake_word import WakeWord
from voice_helper.types import AudioChunk


@pytest.fixture(scope="module")
def wake() -> WakeWord:
    return WakeWord("hey helper")


def times(wake: WakeWord, pcm: bytes) -> int:
    return sum(wake.accept(chunk) for chunk in chunks_of(pcm))


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_the_phrase_is_detected_each_time(wake: WakeWord) -> None:
    said = silence(0.5) + flite("slt", "hey helper") + silence(1.0)
    assert times(wake, said + said) == 2


@pytest.mark.parametrize("name", ["bananas", "what_is_a_cramp", "privacy", "stretching"])
def test_other_speech_is_not_detected_as_the_phrase(wake: WakeWord, name: str) -> None:
    assert times(wake, recorded(name) + silence(0.5)) == 0


def test_an_empty_chunk_detects_nothing(wake: WakeWord) -> None:
    assert wake.accept(AudioChunk(b"")) is False


@pytest.mark.parametrize("phrase", ["", "hey 42"])
def test_a_phrase_without_a_pronunciation_is_rejected_with_a_hint(phrase: str) -> None:
    with pytest.raises(EngineMissingError, match="cannot be used") as caught:
        WakeWord(phrase)
    assert "--wake" in str(caught.value.hint)
