from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from voice_helper.endpoint import Endpointer, EndpointSettings
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

SECOND = SAMPLE_RATE / CHUNK_SAMPLES


def numbered(count: int) -> list[AudioChunk]:
    """Chunks that can be told apart."""
    return [AudioChunk(number.to_bytes(2, "little") * CHUNK_SAMPLES) for number in range(count)]


def utterances(pattern: list[bool], settings: EndpointSettings | None = None) -> list[list[int]]:
    endpointer = Endpointer(settings)
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


def test_a_click_is_no_utterance() -> None:
    assert utterances(runs((False, 1), (True, 0.1), (False, 1))) == []


def test_half_a_second_before_the_speech_belongs_to_it() -> None:
    (utterance,) = utterances(runs((False, 2), (True, 1), (False, 1)))
    assert abs(utterance[0] - (2 - 0.5) * SECOND) <= 2


def test_a_short_pause_does_not_cut_a_sentence() -> None:
    assert len(utterances(runs((True, 1), (False, 0.4), (True, 1), (False, 1)))) == 1


def test_a_long_pause_ends_it() -> None:
    assert len(utterances(runs((True, 1), (False, 0.8), (True, 1), (False, 1)))) == 2


def test_what_is_open_when_the_source_ends_is_over() -> None:
    assert len(utterances(runs((False, 1), (True, 1)))) == 1


@given(st.lists(st.tuples(st.booleans(), st.floats(0.03, 20)), max_size=12))
def test_no_chunk_is_lost_doubled_or_out_of_order_and_none_is_too_long(pattern: list[tuple[bool, float]]) -> None:
    found = utterances(runs(*pattern))
    numbers = [number for utterance in found for number in utterance]
    assert numbers == sorted(set(numbers))
    for utterance in found:
        assert utterance == list(range(utterance[0], utterance[-1] + 1))
        assert len(utterance) <= 15 * SECOND
