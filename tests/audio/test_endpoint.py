from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.audio.endpoint import PAUSE_SECONDS, Endpointer, EndpointSettings
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

SECOND = SAMPLE_RATE / CHUNK_SAMPLES


def numbered(count: int) -> list[AudioChunk]:
    """Return chunks that all differ."""
    return [AudioChunk(number.to_bytes(2, "little") * CHUNK_SAMPLES) for number in range(count)]


def utterances(pattern: list[bool], timing: EndpointSettings | None = None) -> list[list[int]]:
    endpointer = Endpointer(timing)
    found: list[list[int]] = []
    current: list[int] = []
    for chunk, is_speech in zip(numbered(len(pattern)), pattern, strict=True):
        cut = endpointer.accept(chunk, is_speech)
        current += [int.from_bytes(part.pcm[:2], "little") for part in cut.chunks]
        if cut.is_over:
            found.append(current)
            current = []
    if endpointer.finish().is_over:
        found.append(current)
    return found


def runs(*lengths: tuple[bool, float]) -> list[bool]:
    return list(itertools.chain.from_iterable([is_speech] * round(seconds * SECOND) for is_speech, seconds in lengths))


def test_a_click_is_not_an_utterance() -> None:
    assert utterances(runs((False, 1), (True, 0.1), (False, 1))) == []


def test_an_utterance_includes_half_a_second_before_the_speech() -> None:
    (utterance,) = utterances(runs((False, 2), (True, 1), (False, 1)))
    assert abs(utterance[0] - (2 - 0.5) * SECOND) <= 2


def test_a_short_pause_does_not_split_a_sentence() -> None:
    assert len(utterances(runs((True, 1), (False, 0.4), (True, 1), (False, 1)))) == 1


def test_a_long_pause_ends_an_utterance() -> None:
    assert len(utterances(runs((True, 1), (False, 0.8), (True, 1), (False, 1)))) == 2


def test_the_end_of_the_source_ends_the_utterance() -> None:
    assert len(utterances(runs((False, 1), (True, 1)))) == 1


@pytest.mark.slow
@given(st.lists(st.tuples(st.booleans(), st.floats(0.03, 20)), max_size=12))
def test_no_chunk_is_lost_repeated_or_out_of_order_and_no_utterance_is_too_long(
    pattern: list[tuple[bool, float]],
) -> None:
    found = utterances(runs(*pattern))
    numbers = [number for utterance in found for number in utterance]
    assert numbers == sorted(set(numbers))
    for utterance in found:
        assert utterance == list(range(utterance[0], utterance[-1] + 1))
        assert len(utterance) <= 15 * SECOND


# Exact to the sample: chunks of one sample, and settings in samples

ONE_SAMPLE = AudioChunk(bytes(2))
START, KEPT, SILENCE, MOST = 3, 2, 4, CHUNK_SAMPLES + 20
TINY = EndpointSettings(START / SAMPLE_RATE, KEPT / SAMPLE_RATE, SILENCE / SAMPLE_RATE, MOST / SAMPLE_RATE)


def lengths(pattern: str, endpointer: Endpointer | None = None) -> tuple[list[int], int]:
    """Return the length of each utterance, and of the one in progress. In `pattern`, `s` is a sample of speech and `.`
    one of silence.
    """
    endpointer = endpointer or Endpointer(TINY)
    over: list[int] = []
    length = 0
    for sign in pattern:
        cut = endpointer.accept(ONE_SAMPLE, sign == "s")
        length += len(cut.chunks)
        if cut.is_over:
            over.append(length)
            length = 0
    return over, length


@pytest.mark.parametrize("too_little", ["ss", "ss.s", "ss..ss", "s...ss"])
def test_speech_starts_an_utterance_once_it_has_lasted_long_enough_without_the_silence_in_it(too_little: str) -> None:
    assert lengths(too_little) == ([], 0)
    assert lengths(f"{too_little}s") == ([], min(len(too_little) + 1, KEPT + START + 1))


@pytest.mark.parametrize("silence", [KEPT, KEPT + 1, 10])
def test_an_utterance_includes_the_audio_kept_from_before_it(silence: int) -> None:
    _, length = lengths("." * silence + "sss")
    assert length == START + min(silence, KEPT + 1)


def test_the_silence_that_ends_an_utterance_belongs_to_it_and_is_counted_from_the_last_word() -> None:
    assert lengths("sss....") == ([7], 0)
    assert lengths("sss...s...") == ([], 10)
    assert lengths("sss...s....") == ([11], 0)


def test_an_utterance_ends_before_a_chunk_would_make_it_too_long() -> None:
    assert lengths("s" * 20) == ([], 20)
    assert lengths("s" * 21) == ([21], 0)


@pytest.mark.parametrize("before", ["sss....", "ss", "s" * 21])
def test_all_counters_restart_after_an_utterance_or_the_end_of_the_source(before: str) -> None:
    endpointer = Endpointer(TINY)
    lengths(before, endpointer)
    endpointer.finish()
    assert not endpointer.in_utterance
    assert lengths("ss", endpointer) == ([], 0)
    assert lengths("s" + "s" * 17, endpointer) == ([], 20)
    assert lengths("s", endpointer) == ([1], 0)


def test_a_pause_is_reported_before_the_utterance_is_over_and_only_within_one() -> None:
    endpointer, chunk = Endpointer(), AudioChunk(bytes(2 * 400))  # ten of them start an utterance, five are a pause
    assert PAUSE_SECONDS * SAMPLE_RATE == 5 * 400
    for is_speech, has_paused in [*[(False, False)] * 6, *[(True, False)] * 10, *[(False, False)] * 4, (False, True)]:
        endpointer.accept(chunk, is_speech)
        assert endpointer.has_paused is has_paused
    endpointer.accept(chunk, is_speech=True)
    assert (endpointer.in_utterance, endpointer.has_paused) == (True, False)


@pytest.mark.parametrize(("pattern", "is_open"), [("", False), ("ss", False), ("sss", True), ("sss....", False)])
def test_finish_ends_an_utterance_in_progress(pattern: str, is_open: bool) -> None:
    endpointer = Endpointer(TINY)
    lengths(pattern, endpointer)
    cut = endpointer.finish()
    assert (cut.chunks, cut.is_over) == ((), is_open)
    assert not endpointer.finish().is_over


@pytest.mark.parametrize("is_speech", [True, False])
def test_a_split_utterance_continues_with_the_next_chunk_loud_or_soft(is_speech: bool) -> None:
    endpointer, chunks = Endpointer(), numbered(40)
    for chunk in chunks[:-2]:
        endpointer.accept(chunk, True)
    assert endpointer.split(chunks[-2]).is_over
    assert endpointer.accept(chunks[-1], is_speech).chunks == tuple(chunks[-18:])  # half a second, and two chunks
