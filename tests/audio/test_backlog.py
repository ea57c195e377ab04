from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_helper.audio.backlog import CAUGHT_UP_SECONDS, LATE_SECONDS, Backlog
from voice_helper.types import CHUNK_SAMPLES, AudioChunk

_CHANCE = np.random.default_rng(7)
LOUD, QUIET = 3_000.0, 10.0
KEPT_CHUNKS = 16


def chunk_of(level: float) -> AudioChunk:
    return AudioChunk(_CHANCE.normal(0.0, level, CHUNK_SAMPLES).astype("<i2").tobytes())


def test_without_delay_all_audio_is_processed() -> None:
    backlog = Backlog()
    for chunk in [chunk_of(QUIET) for _ in range(200)]:
        assert backlog.accept(chunk, LATE_SECONDS, is_needed=False, is_rooms=True) == (chunk,)
    assert not backlog.is_late


def test_when_late_a_quiet_room_is_dropped_except_for_the_half_second_before_a_sound() -> None:
    backlog, quiet, loud = Backlog(), [chunk_of(QUIET) for _ in range(200)], chunk_of(LOUD)
    heard = [backlog.accept(chunk, 10.0, is_needed=False, is_rooms=False) for chunk in quiet]
    assert heard[:60] == [(chunk,) for chunk in quiet[:60]]  # for two seconds, the silence may be a pause
    assert heard[70:] == [()] * 130
    assert backlog.accept(loud, 10.0, is_needed=False, is_rooms=False) == (*quiet[-KEPT_CHUNKS:], loud)


def test_when_late_background_talk_is_dropped() -> None:
    backlog, talk = Backlog(), [chunk_of(LOUD) for _ in range(50)]
    assert not any(backlog.accept(chunk, 10.0, is_needed=False, is_rooms=True) for chunk in talk)


def test_an_utterance_is_never_dropped_however_late_it_is() -> None:
    backlog = Backlog()
    for chunk in [chunk_of(level) for level in (LOUD, QUIET) for _ in range(200)]:
        assert backlog.accept(chunk, 600.0, is_needed=True, is_rooms=True) == (chunk,)


@pytest.mark.parametrize(
    ("behind", "late"),
    [
        ([1.0, LATE_SECONDS, LATE_SECONDS + 0.1], [False, False, True]),
        ([4.0, 2.0, CAUGHT_UP_SECONDS + 0.1, CAUGHT_UP_SECONDS, 2.0], [True, True, True, False, False]),
    ],
    ids=["falls behind", "catches up"],
)
def test_audio_is_dropped_until_the_delay_is_made_up(behind: list[float], late: list[bool]) -> None:
    backlog, found = Backlog(), list[bool]()
    for seconds in behind:
        backlog.accept(chunk_of(QUIET), seconds, is_needed=False, is_rooms=False)
        found.append(backlog.is_late)
    assert found == late


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from([LOUD, QUIET]), st.integers(1, 90), st.booleans(), st.booleans()), max_size=6),
    st.floats(0.0, 60.0),
)
def test_chunks_stay_in_order_and_a_sound_comes_with_the_half_second_before_it(
    parts: list[tuple[float, int, bool, bool]], behind: float
) -> None:
    backlog, given_chunks, heard = Backlog(), list[AudioChunk](), list[AudioChunk]()
    for level, count, is_needed, is_rooms in parts:
        for _ in range(count):
            given_chunks.append(chunk_of(level))
            ready = backlog.accept(given_chunks[-1], behind, is_needed=is_needed, is_rooms=is_rooms)
            heard += ready
            assert ready or (behind > LATE_SECONDS and not is_needed)
            if ready:
                assert ready[-1] is given_chunks[-1]
                assert heard[-KEPT_CHUNKS:] == given_chunks[-KEPT_CHUNKS:]
    places = [next(at for at, each in enumerate(given_chunks) if each is chunk) for chunk in heard]
    assert all(before < after for before, after in itertools.pairwise(places))
