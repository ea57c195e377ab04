from __future__ import annotations

import pytest

from tests.support.sound import as_array, as_pcm, chunks_of, noise, recorded
from voice_helper.audio.levels import QUIETEST_DECIBELS
from voice_helper.audio.room_level import RoomVerdict, loud_decibels, room_verdict
from voice_helper.cli.room_advice import problem_of_room


@pytest.mark.parametrize(
    ("room", "voice", "verdict"),
    [
        (-60.0, -25.0, "clear"),
        (-35.0, -25.0, "clear"),
        (-34.9, -25.0, "close"),
        (-28.0, -25.0, "close"),
        (-27.9, -25.0, "drowned"),
        (-20.0, -25.0, "drowned"),
    ],
)
def test_a_voice_is_compared_with_the_room(room: float, voice: float, verdict: RoomVerdict) -> None:
    assert room_verdict(room, voice) == verdict


def mixed(below: float) -> tuple[float, float]:
    """Return the level of a room with noise `below` decibels below a recorded question, and the level of the question
    in it.
    """
    spoken = as_array(recorded("put_heat_on_it")) / 32_767
    voice = loud_decibels(chunks_of(as_pcm(spoken)))
    behind = as_array(noise(len(spoken) / 16_000)) / 32_767
    behind = behind[: len(spoken)] * 10 ** ((voice - below - loud_decibels(chunks_of(as_pcm(behind)))) / 20)
    return loud_decibels(chunks_of(as_pcm(behind))), loud_decibels(chunks_of(as_pcm(spoken[: len(behind)] + behind)))


@pytest.mark.parametrize(("below", "verdict"), [(30.0, "clear"), (12.0, "clear"), (7.0, "close"), (-6.0, "drowned")])
def test_a_question_in_a_room_with_noise_is_judged(below: float, verdict: RoomVerdict) -> None:
    assert room_verdict(*mixed(below)) == verdict


def test_no_audio_has_the_lowest_level() -> None:
    assert loud_decibels([]) == QUIETEST_DECIBELS


def test_a_room_that_is_too_loud_is_reported_with_a_hint() -> None:
    assert problem_of_room(-50.0, -25.0) is None
    close, drowned = problem_of_room(-31.0, -25.0), problem_of_room(-25.0, -25.0)
    assert close is not None
    assert "only 6 dB louder than the room" in close[0]
    assert drowned is not None
    assert "cannot be told apart" in drowned[0]
    for _, mend in (close, drowned):
        assert "nearer" in mend
        assert "television" in mend
