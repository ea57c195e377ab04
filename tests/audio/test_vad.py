from __future__ import annotations

import numpy as np
import pytest

from tests.support.sound import as_array, as_pcm, chunks_of, noise, recorded, silence, sine
from voice_helper.audio.vad import RoomSound, VoiceActivity
from voice_helper.types import SAMPLE_RATE, AudioChunk

RECORDED = ("bananas", "have_a_cramp", "numb", "put_heat_on_it", "stop", "stretching", "what_is_a_cramp")


def speech_share(pcm: bytes) -> float:
    activity = VoiceActivity()
    found = [activity.is_speech(chunk) for chunk in chunks_of(pcm)]
    return sum(found) / len(found)


@pytest.mark.parametrize("name", RECORDED)
def test_most_of_a_recording_is_speech(name: str) -> None:
    assert speech_share(recorded(name)) > 0.4


@pytest.mark.parametrize("name", RECORDED)
def test_the_silence_before_a_recording_is_not_speech(name: str) -> None:
    assert speech_share(recorded(name)[: 2 * 4_000]) == 0


@pytest.mark.parametrize(
    "pcm",
    [silence(2.0), noise(2.0, 0.001), noise(2.0, 0.3), as_pcm(sine(2.0)), as_pcm(sine(2.0, hertz=50, level=0.9))],
    ids=["silence", "hiss", "loud noise", "a tone", "mains hum"],
)
def test_other_sounds_are_not_detected_as_speech(pcm: bytes) -> None:
    assert speech_share(pcm) < 0.05


def test_softly_recorded_speech_is_speech() -> None:
    soft = as_pcm(0.05 * as_array(recorded("numb")) / 32768)
    assert speech_share(soft) > 0.3


def test_a_pause_after_speech_is_detected() -> None:
    activity = VoiceActivity()
    found = [activity.is_speech(chunk) for chunk in chunks_of(recorded("stop") + silence(1.0))]
    assert any(found)
    assert not any(found[-20:])


@pytest.mark.parametrize("samples", [0, 1, 511])
def test_a_short_last_chunk_is_padded_with_silence(samples: int) -> None:
    assert VoiceActivity().is_speech(AudioChunk(bytes(2 * samples))) is False


def test_two_detectors_do_not_affect_each_other() -> None:
    alone, first, second = VoiceActivity(), VoiceActivity(), VoiceActivity()
    expected = [alone.is_speech(chunk) for chunk in chunks_of(recorded("bananas"))]
    between = list(chunks_of(noise(10.0)))
    found = []
    for chunk, other in zip(chunks_of(recorded("bananas")), between, strict=False):
        second.is_speech(other)
        found.append(first.is_speech(chunk))
    assert found == expected


def network_alone(activity: VoiceActivity) -> VoiceActivity:
    """Return the same detector, but with the network running for every chunk."""
    activity._room_sound.is_quiet = lambda chunk: False  # type: ignore[method-assign]
    return activity


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("room", [0.001, 0.01])
def test_skipping_the_network_in_constant_noise_moves_the_end_of_speech_by_at_most_two_chunks(
    name: str, room: float
) -> None:
    spoken = as_array(recorded(name)) / 32768
    around = as_array(noise(4.0, room)) / 32768
    sound = as_pcm(np.concatenate([around, spoken + np.resize(around, len(spoken)), around]))
    resting, alone = VoiceActivity(), network_alone(VoiceActivity())
    found = [(resting.is_speech(chunk), alone.is_speech(chunk)) for chunk in chunks_of(sound)]
    first = [[one for one, _ in found].index(True), [other for _, other in found].index(True)]
    last = [max(at for at, pair in enumerate(found) if pair[which]) for which in (0, 1)]
    assert abs(first[0] - first[1]) <= 2
    assert abs(last[0] - last[1]) <= 2


def test_in_constant_noise_the_network_does_not_run_until_a_louder_sound() -> None:
    room = RoomSound()
    quiet = [room.is_quiet(chunk) for chunk in chunks_of(noise(4.0, 0.002))]
    assert not any(quiet[:60])
    assert all(quiet[-20:])
    assert not any(room.is_quiet(chunk) for chunk in chunks_of(noise(1.0, 0.01)))


def test_a_room_that_slowly_grows_louder_still_counts_as_quiet() -> None:
    room = RoomSound()
    sound = as_array(noise(40.0, 0.002)) * np.linspace(1.0, 3.0, 40 * SAMPLE_RATE)
    quiet = [room.is_quiet(chunk) for chunk in chunks_of(as_pcm(sound / 32768))]
    assert sum(quiet) / len(quiet) > 0.8
