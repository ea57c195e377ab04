from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulated_room import RoomPlayer, SimulatedRoom
from tests.support.sound import as_array, as_pcm, chunks_of, joined, loudness, recorded, silence
from voice_helper.audio.devices import chime
from voice_helper.audio.echo import EchoCanceller
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk


def room(pcm: bytes, delay_seconds: float, factor: float) -> bytes:
    """Return the echo of a sound: delayed, softer, and once more from a wall."""
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
def test_the_programs_own_voice_is_at_most_half_as_loud_after_three_seconds(delay_seconds: float) -> None:
    left = cleaned(room(PROMPT, delay_seconds, 0.7), PROMPT)
    last = len(PROMPT) // 2
    assert loudness(left[last:]) < 0.5 * loudness(room(PROMPT, delay_seconds, 0.7)[last:])


def test_a_person_who_speaks_during_playback_is_not_attenuated() -> None:
    person = bytes(len(PROMPT) - len(recorded("stop"))) + recorded("stop")
    mixed = as_pcm((as_array(room(PROMPT, 0.06, 0.5)) + as_array(person)) / 32768)
    left = cleaned(mixed, PROMPT)[-len(recorded("stop")) :]
    assert loudness(left) == pytest.approx(loudness(recorded("stop")), rel=0.3)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_after_the_chime_and_a_silence_the_first_words_of_the_voice_are_still_removed(seed: int) -> None:
    """The echo's level must not be estimated from the end of one sound and the beginning of the next."""
    player, canceller, alone = RoomPlayer(), EchoCanceller(), list[bool]()
    before = chime() + silence(1.0)
    player.play(before + recorded("bananas")[2 * CHUNK_SAMPLES * 10 :], 1.0)  # the speech begins with a silence
    for chunk in SimulatedRoom(silence(3.2), player, leak_decibels=-6.0, seed=seed).chunks():
        canceller.clean(chunk, player.advance(chunk.samples))
        alone.append(canceller.hears_us_alone)
    begins = len(before) // 2 // CHUNK_SAMPLES
    assert sum(alone[begins : begins + 30]) >= 27


@pytest.mark.parametrize("factor", [0.0, 0.02])
@pytest.mark.parametrize("begins", [20, 30, 60])
def test_with_little_echo_a_person_is_not_mistaken_for_it(factor: float, begins: int) -> None:
    word = as_pcm(as_array(recorded("stop")) / 32768 * 0.3)  # softly
    person = bytes(begins * CHUNK_SAMPLES * 2) + word
    echo = as_array(room(PROMPT, 0.06, factor))[: len(person) // 2]
    mixed = as_pcm((echo + as_array(person)[: len(echo)]) / 32768)
    canceller = EchoCanceller()
    alone = 0
    for heard, own in zip(chunks_of(mixed), chunks_of(PROMPT[: len(mixed)]), strict=True):
        canceller.clean(heard, own.pcm)
        is_person = np.square(as_array(heard.pcm).astype(np.float64)).mean() > 0.1 * loudest(word)
        alone += is_person and canceller.hears_us_alone
    assert alone == 0


def loudest(pcm: bytes) -> float:
    return max(float(np.square(as_array(chunk.pcm).astype(np.float64)).mean()) for chunk in chunks_of(pcm))


def test_without_playback_the_audio_is_unchanged() -> None:
    speech = recorded("bananas")
    assert cleaned(speech, bytes(len(speech))) == speech


@given(st.integers(1, CHUNK_SAMPLES))
def test_a_chunk_keeps_its_length(samples: int) -> None:
    chunk = AudioChunk(b"\x01\x02" * samples)
    assert EchoCanceller().clean(chunk, b"\x05\x00" * samples).samples == samples
