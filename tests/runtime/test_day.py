"""A few minutes of a simulated day, in virtual time: resource use does not grow, and the clock matches the audio."""

from __future__ import annotations

import sys

import pytest

from tests.support.day import drift, hour_of, live_through, room
from tests.support.sound import recorded, seconds_of, silence

pytestmark = pytest.mark.slow

MINUTE = 60.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_resource_use_does_not_grow() -> None:
    said = [recorded(name) for name in ("put_heat_on_it", "bananas", "stop", "what_is_a_cramp")]
    talk = recorded("privacy") + silence(0.3) + recorded("stretching")
    minutes = list(live_through(3, said, [talk], MINUTE))
    grown = drift(minutes)
    assert grown["clock_off_seconds"] == 0.0
    # Fewer is fine: threads that an earlier test left may end meanwhile.
    assert grown["open_files"] <= 0
    assert grown["threads"] <= 0
    assert grown["resident_megabytes_most"] < 20.0  # the last parts that are loaded on first use
    assert minutes[-1].heard >= 3 * 3
    assert minutes[-1].said > minutes[0].said


def test_the_clock_of_a_busy_hour_is_exact() -> None:
    said = [recorded("put_heat_on_it"), recorded("bananas")]
    chunks = list(hour_of(said, room(), MINUTE))
    assert seconds_of(b"".join(chunk.pcm for chunk in chunks)) == pytest.approx(MINUTE, abs=0.04)
    assert b"".join(chunk.pcm for chunk in chunks).startswith(said[0])
