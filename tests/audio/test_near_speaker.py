from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.audio.endpoint import PAUSE_SECONDS, EndpointSettings
from voice_helper.audio.near_speaker import Gate, NearEndpointer
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

SECOND = SAMPLE_RATE / CHUNK_SAMPLES
_CHANCE = np.random.default_rng(4)


def at_level(decibels: float, seconds: float) -> list[AudioChunk]:
    """Return noise at a level, in chunks, which the tests treat as speech."""
    samples = _CHANCE.normal(0.0, 32768 * 10 ** (decibels / 20), (round(seconds * SECOND), CHUNK_SAMPLES))
    return [AudioChunk(chunk.astype("<i2").tobytes()) for chunk in samples]


def utterances(chunks: list[AudioChunk], endpointer: NearEndpointer | None = None) -> list[tuple[float, float]]:
    """Return the start and the end of each utterance in seconds. All chunks above -80 dB count as speech."""
    endpointer, found = endpointer or NearEndpointer(), list[tuple[float, float]]()
    begins = 0.0
    for number, chunk in enumerate(chunks):
        was_in_utterance = endpointer.in_utterance
        cut = endpointer.accept(chunk, any(chunk.pcm))
        if endpointer.in_utterance and not was_in_utterance:
            begins = number / SECOND
        if cut.is_over:
            found.append((begins, number / SECOND))
    return found


def silence(seconds: float) -> list[AudioChunk]:
    return [AudioChunk(bytes(CHUNK_SAMPLES * 2))] * round(seconds * SECOND)


@pytest.mark.parametrize("below", [8.0, 10.0, 15.0, 20.0])
def test_a_question_ends_even_if_someone_else_keeps_talking(below: float) -> None:
    talk, question = at_level(-20 - below, 3.0), at_level(-20, 2.0)
    found = utterances([*talk, *question, *talk])
    ours = [(begins, ends) for begins, ends in found if begins > 2.9]
    assert len(ours) == 1
    assert 5.0 < ours[0][1] < 6.5


def test_talk_softer_than_the_last_user_starts_no_utterance() -> None:
    talk = at_level(-35, 6.0)
    found = utterances([*at_level(-35, 3.0), *at_level(-20, 2.0), *talk])
    assert [begins for begins, _ in found if begins > 5.5] == []


def test_in_a_quiet_room_the_user_may_speak_softly() -> None:
    before = [*at_level(-32, 3.0), *at_level(-20, 2.0), *at_level(-32, 3.0), *silence(16.0)]
    found = utterances([*before, *at_level(-34, 1.0), *silence(2.0)])
    assert any(begins > len(before) / SECOND for begins, _ in found)


def test_one_person_who_trails_off_is_one_utterance() -> None:
    said = [*at_level(-20, 1.0), *at_level(-31, 0.35), *at_level(-22, 0.5), *at_level(-31, 0.3), *silence(1.0)]
    assert len(utterances(said)) == 1


def test_the_assistants_own_voice_does_not_change_the_rooms_level() -> None:
    endpointer = NearEndpointer()
    for chunk in at_level(-20, 5.0):
        endpointer.accept(chunk, is_speech=True, is_own_voice=True)
    assert not endpointer.hears_others


def test_audio_between_the_users_words_is_attenuated() -> None:
    gate = Gate()
    chunks = at_level(-30, 1.0)
    loud = [10 <= number < 15 for number in range(len(chunks))]
    passed = [part for chunk, is_loud in zip(chunks, loud, strict=True) for part in gate.accept(chunk, is_loud)]
    passed += gate.finish()
    assert passed[7:19] == chunks[7:19]  # the user's speech and the audio around it
    assert all(np.abs(np.frombuffer(part.pcm, "<i2")).max() < 100 for part in (*passed[1:6], *passed[20:]))


@given(st.lists(st.sampled_from([-90.0, -45.0, -38.0, -30.0, -20.0]), max_size=30), st.booleans())
def test_no_audio_is_lost_within_an_utterance(levels: list[float], ends: bool) -> None:
    endpointer = NearEndpointer(EndpointSettings(start_seconds=0.1, kept_seconds=0.2, silence_seconds=0.3))
    chunks = [chunk for level in levels for chunk in at_level(level, 0.2)]
    given_samples, in_utterance, begun = 0, 0, False
    for chunk in chunks:
        cut = endpointer.accept(chunk, any(chunk.pcm))
        given_samples += sum(part.samples for part in cut.chunks)
        begun = begun or endpointer.in_utterance
        in_utterance += chunk.samples if endpointer.in_utterance or cut.is_over else 0
    given_samples += sum(part.samples for part in endpointer.finish().chunks) if ends else 0
    delayed = 0 if ends else round(PAUSE_SECONDS * SAMPLE_RATE) + CHUNK_SAMPLES
    assert given_samples >= in_utterance - delayed
    assert given_samples == 0 or begun
