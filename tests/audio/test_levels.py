from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sound import as_array, as_pcm, chunks_of, noise, recorded, silence, sine
from voice_helper.audio.levels import QUIETEST_DECIBELS, LevelMeter, Verdict, decibels, quantile
from voice_helper.types import AudioChunk


def verdict(pcm: bytes) -> Verdict:
    meter = LevelMeter()
    for chunk in chunks_of(pcm):
        meter.accept(chunk)
    return meter.verdict()


def scaled(pcm: bytes, factor: float) -> bytes:
    return as_pcm(as_array(pcm) / 32_767 * factor)


def test_a_tone_at_full_scale_is_three_decibels_below_it() -> None:
    chunk = AudioChunk(as_pcm(sine(0.032, hertz=1_000, level=1.0)))
    assert decibels(chunk) == pytest.approx(-3.0, abs=0.1)


def test_silence_and_empty_audio_have_the_lowest_level() -> None:
    assert decibels(AudioChunk(silence(0.032))) == decibels(AudioChunk(b"")) == QUIETEST_DECIBELS


def test_half_as_loud_is_six_decibels_less() -> None:
    loud = np.random.default_rng(2).standard_normal(512) * 0.1
    assert decibels(AudioChunk(as_pcm(loud))) - decibels(AudioChunk(as_pcm(loud / 2))) == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, "good"), (0.1, "good"), (0.01, "soft"), (0.0, "silent"), (12.0, "loud")]
)
def test_a_question_is_judged_by_its_level(factor: float, expected: Verdict) -> None:
    waited = silence(8)  # before the user spoke
    assert verdict(waited + scaled(recorded("bananas"), factor)) == expected


def test_a_noisy_room_alone_does_not_count_as_a_soft_voice() -> None:
    assert verdict(noise(2, level=0.1)) == "good"


def test_empty_audio_counts_as_silent() -> None:
    assert LevelMeter().verdict() == "silent"


@given(st.lists(st.floats(-90.0, 0.0), min_size=1, max_size=40), st.floats(0.0, 1.0))
def test_a_quantile_equals_numpys(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=1e-9)
