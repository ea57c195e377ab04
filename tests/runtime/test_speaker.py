"""The speed of speech, which users change while they listen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.audio.devices import SilentPlayer
from voice_helper.runtime.speaker import Speaker
from voice_helper.types import Pace
from voice_helper.voices import NoVoice

SLOWER, FASTER, LOUDER = Pace(rate=1 / 1.2), Pace(rate=1.2), Pace(loudness=1.5)


def speaker_at(words_per_minute: float) -> Speaker:
    return Speaker(NoVoice(), SilentPlayer(), words_per_minute)


def rate_after(words_per_minute: float, *paces: Pace) -> float:
    speaker = speaker_at(words_per_minute)
    for pace in paces:
        speaker.change_pace(pace)
    return speaker.words_per_minute


@given(st.floats(80, 300), st.lists(st.sampled_from([SLOWER, FASTER, LOUDER])))
def test_slower_is_never_faster_and_louder_keeps_the_speed(start: float, before: list[Pace]) -> None:
    rate = rate_after(start, *before)
    assert rate_after(start, *before, SLOWER) <= rate <= rate_after(start, *before, FASTER)
    assert rate_after(start, *before, LOUDER) == rate


@pytest.mark.parametrize(("start", "slowest", "fastest"), [(150, 120, 180), (80, 80, 180), (300, 120, 300)])
def test_users_can_return_to_the_speed_at_the_start_but_speech_stays_clear(
    start: float, slowest: float, fastest: float
) -> None:
    assert rate_after(start, *[SLOWER] * 20) == slowest
    assert rate_after(start, *[FASTER] * 20) == fastest
