"""`voice_helper.testing`: synthetic audio, scripted engines, and the checks for custom engines."""

from __future__ import annotations

from typing import Any

import pytest

from voice_helper.audio.vad import VoiceActivity
from voice_helper.testing import (
    RecordingVoice,
    ScriptedMicrophone,
    ScriptedRecognizer,
    SimulatedClock,
    check_recognizer,
    check_voice,
    chunks_of,
    noise,
    silence,
    speech,
    tone,
)
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript


def seconds_of_speech(pcm: bytes) -> float:
    activity = VoiceActivity()
    return sum(chunk.seconds for chunk in chunks_of(pcm) if activity.is_speech(chunk))


@pytest.mark.parametrize("seconds", [0.4, 1.0, 5.0])
def test_synthetic_speech_is_detected_as_speech(seconds: float) -> None:
    assert len(speech(seconds)) == 2 * round(seconds * SAMPLE_RATE)
    for before in (0.1, 0.5, 3.0):
        heard = seconds_of_speech(silence(before) + speech(seconds) + silence(0.5))
        assert heard == pytest.approx(seconds, abs=0.15)


@pytest.mark.parametrize("pcm", [tone(2.0), noise(2.0), silence(2.0)], ids=["tone", "noise", "silence"])
def test_tones_and_noise_are_not_detected_as_speech(pcm: bytes) -> None:
    assert seconds_of_speech(pcm) == 0.0


def test_a_scripted_microphone_plays_its_clips_in_order() -> None:
    heard = b"".join(chunk.pcm for chunk in ScriptedMicrophone(tone(0.1), silence(0.1)).chunks())
    assert heard == tone(0.1) + silence(0.1)


def test_a_scripted_recognizer_returns_its_words_as_the_audio_arrives() -> None:
    recognizer = ScriptedRecognizer("does heat help", Transcript("stop", 0.5))
    so_far = [recognizer.accept(chunk) for chunk in chunks_of(silence(1.0))]
    assert list(dict.fromkeys(so_far)) == ["", "does", "does heat", "does heat help"]
    assert recognizer.pause() == recognizer.finish() == Transcript("does heat help")
    assert recognizer.finish() == Transcript("", 0.0)
    recognizer.accept(AudioChunk(silence(0.1)))
    assert recognizer.finish() == Transcript("stop", 0.5)


def test_a_simulated_clock_moves_when_it_is_advanced() -> None:
    clock = SimulatedClock()
    clock.advance(90.0)
    assert clock() == 90.0


def test_the_scripted_engines_follow_the_protocols() -> None:
    check_recognizer(ScriptedRecognizer("does heat help", "", "stop"))
    voice = RecordingVoice()
    check_voice(voice)
    assert voice.spoken == ["Gently put the kettle on the stove."] * 2


BROKEN_RECOGNIZERS: dict[str, dict[str, Any]] = {
    "name": {"name": ""},
    "accept": {"accept": lambda self, chunk: None},
    "pause": {
        "accept": lambda self, chunk: "",
        "pause": lambda self: "stop",
        "finish": lambda self: Transcript("", 0.0),
    },
    "finish": {"finish": lambda self: Transcript("stop")},
    "confidence": {"pause": lambda self: Transcript("stop", 2.0)},
    "lower-case": {"pause": lambda self: Transcript("Stop.", 1.0)},
}
BROKEN_VOICES: dict[str, dict[str, Any]] = {
    "name": {"name": None},
    "16-bit": {"speak": lambda self, text, words_per_minute: b"abc"},
    "silent": {"speak": lambda self, text, words_per_minute: bytes(32_000)},
    "no word": {"speak": lambda self, text, words_per_minute: tone(1.0)},
}


@pytest.mark.parametrize("what", BROKEN_RECOGNIZERS)
def test_a_protocol_violation_of_a_recognizer_is_explained(what: str) -> None:
    broken = type("Broken", (ScriptedRecognizer,), BROKEN_RECOGNIZERS[what])
    with pytest.raises(AssertionError, match=what):
        check_recognizer(broken("does heat help"))


@pytest.mark.parametrize("what", BROKEN_VOICES)
def test_a_protocol_violation_of_a_voice_is_explained(what: str) -> None:
    broken = type("Broken", (RecordingVoice,), BROKEN_VOICES[what])
    with pytest.raises(AssertionError, match=what):
        check_voice(broken())


class Bare:
    """Has a name and no method."""

    name = "bare"


class Failing:
    name = "failing"

    def accept(self, chunk: AudioChunk) -> str:
        raise RuntimeError("no licence")

    def pause(self) -> Transcript:
        return Transcript("", 0.0)

    finish = pause


class NoTranscript(Failing):
    def finish(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("recognizer", "reason"),
    [
        (object(), "name must be a non-empty str"),
        (Bare(), r"needs a method accept\(\)"),
        (Failing(), "raised RuntimeError"),
        (NoTranscript(), "must return a Transcript"),
    ],
)
def test_a_recognizer_that_fails_is_reported_as_an_assertion_with_the_reason(recognizer: Any, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        check_recognizer(recognizer)


def test_a_voice_without_speech_is_reported_as_an_assertion_with_the_reason() -> None:
    voice: Any = Bare()
    with pytest.raises(AssertionError, match="needs a method speak"):
        check_voice(voice)
