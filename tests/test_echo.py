from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sound import as_array, as_pcm, chunks_of, joined, loudness, recorded
from voice_helper.echo import EchoCanceller
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk


def room(pcm: bytes, delay_seconds: float, factor: float) -> bytes:
    """What comes back of a sound: later, softer, and once more from a wall."""
    samples = as_array(pcm).astype(np.float64) / 32768
    answer = np.zeros(round((delay_seconds + 0.02) * SAMPLE_RATE) + 1)
    answer[round(delay_seconds * SAMPLE_RATE)], answer[-1] = factor, -0.4 * factor
    return as_pcm(np.convolve(samples, answer)[: len(samples)])


def cleaned(heard: bytes, played: bytes) -> bytes:
    canceller = EchoCanceller()
    pairs = zip(chunks_of(heard), chunks_of(played), strict=True)
    return joined(canceller.clean(chunk, own.pcm) for chunk, own in pairs)


PROMPT = (recorded("bananas") + recorded("privacy") + recorded("put_heat_on_it"))[: 2 * CHUNK_SAMPLES * 150]


@pytest.mark.parametrize("delay_seconds", [0.02, 0.06, 0.12])
def test_our_own_voice_is_made_half_as_loud_or_less_within_three_seconds(delay_seconds: float) -> None:
    left = cleaned(room(PROMPT, delay_seconds, 0.7), PROMPT)
    last = len(PROMPT) // 2
    assert loudness(left[last:]) < 0.5 * loudness(room(PROMPT, delay_seconds, 0.7)[last:])


def test_a_person_who_speaks_over_it_stays_as_loud() -> None:
    person = bytes(len(PROMPT) - len(recorded("stop"))) + recorded("stop")
    mixed = as_pcm((as_array(room(PROMPT, 0.06, 0.5)) + as_array(person)) / 32768)
    left = cleaned(mixed, PROMPT)[-len(recorded("stop")) :]
    assert loudness(left) == pytest.approx(loudness(recorded("stop")), rel=0.3)


def test_where_nothing_is_played_nothing_is_changed() -> None:
    speech = recorded("bananas")
    assert cleaned(speech, bytes(len(speech))) == speech


@given(st.integers(1, CHUNK_SAMPLES))
def test_a_chunk_stays_as_long_as_it_was(samples: int) -> None:
    chunk = AudioChunk(b"\x01\x02" * samples)
    assert EchoCanceller().clean(chunk, b"\x05\x00" * samples).samples == samples
