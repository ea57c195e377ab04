"""The search graph and the search, tested on synthetic frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.embedded.language_model import arpa
from voice_helper.recognizers.embedded.search_graph import Alphabet, language_graph, phrase_graph
from voice_helper.recognizers.embedded.word_search import Frames, Graph, Hypothesis, Width, import_search

try:
    import_search()
except EngineMissingError as error:
    pytest.skip(error.message, allow_module_level=True)

PHONES = ("A", "B", "C", "D")
ALPHABET = Alphabet({phone: number for number, phone in enumerate(PHONES)}, blank=4, boundary=5)
SOUNDS = {"ab": ("A B",), "abc": ("A B C", "A B D"), "ad": ("A D",), "da": ("D A",), "b": ("B",)}
WORDS = sorted(SOUNDS)
SENTENCES = ("ab ad", "ab ad da", "abc da b", "da da abc", "b b ab")
WIDTH = Width(beam=40.0, max_active=2_000)
UNLIKELY = -12.0
said = st.sampled_from(WORDS)


def frames_of(labels: Sequence[int]) -> Frames:
    """Return frames in which each label is nearly certain."""
    frames = np.full((len(labels), len(PHONES) + 2), UNLIKELY, dtype=np.float32)
    frames[np.arange(len(labels)), labels] = -0.01
    return frames


def spoken(words: Sequence[str], way: int = 0) -> Frames:
    """Return frames like the network's: phones separated by blanks, with a boundary between words."""
    labels = [ALPHABET.blank]
    for word in words:
        for phone in SOUNDS[word][min(way, len(SOUNDS[word]) - 1)].split():
            labels += [ALPHABET.phones[phone], ALPHABET.blank]
        labels.append(ALPHABET.boundary)
    return frames_of(labels)


def made(content: bytes, folder: Path) -> Graph:
    path = folder / "graph.fst"
    path.write_bytes(content)
    return Graph(path)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return made(language_graph(arpa(SENTENCES), SOUNDS, ALPHABET, 1.0), tmp_path_factory.mktemp("graph"))


def heard(graph: Graph, frames: Frames) -> list[str]:
    search = graph.search(WIDTH)
    search.accept(frames)
    best = search.best(is_over=True)
    return [WORDS[number - 1] for number in best.words] if best else []


@given(st.lists(said, min_size=1, max_size=6), st.integers(0, 1))
@settings(max_examples=60)
def test_any_sequence_of_words_is_found(graph: Graph, words: list[str], way: int) -> None:
    assert heard(graph, spoken(words, way)) == words


@given(st.lists(said, min_size=1, max_size=5), st.integers(1, 7))
@settings(max_examples=40)
def test_frames_in_pieces_give_the_same_words(graph: Graph, words: list[str], size: int) -> None:
    frames, search = spoken(words), graph.search(WIDTH)
    for start in range(0, len(frames), size):
        search.accept(frames[start : start + size])
    best = search.best(is_over=True)
    assert best is not None
    assert [WORDS[number - 1] for number in best.words] == words


def test_the_language_model_decides_between_equal_sounds(graph: Graph) -> None:
    frames = spoken(["ab", "ad"])
    frames[:, ALPHABET.phones["C"]] = frames[:, ALPHABET.phones["D"]]  # "ab ac" would sound the same
    assert heard(graph, frames) == ["ab", "ad"]


def test_the_same_words_make_the_same_bytes() -> None:
    one = language_graph(arpa(SENTENCES), SOUNDS, ALPHABET, 1.0)
    assert one == language_graph(arpa(SENTENCES), dict(reversed(SOUNDS.items())), ALPHABET, 1.0)


def test_no_frames_have_no_words(graph: Graph) -> None:
    assert graph.search(WIDTH).best(is_over=True) is None
    assert heard(graph, frames_of([ALPHABET.blank] * 20)) == []
    assert graph.wordings(frames_of([]), 10.0, 3.0) == ()


def test_similar_sounding_words_are_all_returned_best_first(graph: Graph) -> None:
    frames = spoken(["ab", "ad"])
    last_phone = len(frames) - 3
    frames[last_phone, ALPHABET.phones["B"]] = -0.7  # "ab ab", perhaps
    wordings = [[WORDS[number - 1] for number in words] for words in graph.wordings(frames, 20.0, 8.0)]
    assert wordings[0] == ["ab", "ad"]
    assert ["ab", "ab"] in wordings
    assert len(wordings) == len({tuple(words) for words in wordings})


def test_a_phrase_of_a_closed_set_is_one_word(tmp_path: Path) -> None:
    phrases = made(phrase_graph([["A B", "A C"], ["D A B"]], ALPHABET), tmp_path)
    for labels, phrase in (("AB", 1), ("AC", 1), ("DAB", 2)):
        search = phrases.search(WIDTH)
        search.accept(frames_of([4, *(number for phone in labels for number in (ALPHABET.phones[phone], 4))]))
        best = search.best(is_over=True)
        assert best is not None
        assert best.words == (phrase,)
        assert best.fit(frames_of([4]), 2) > 0.0


def test_a_phrase_that_fits_as_well_as_any_phones_has_a_fit_of_one() -> None:
    frames = frames_of([0, 4, 1, 4])
    assert Hypothesis((1,), 3, -float(frames.max(axis=1).sum())).fit(frames, 2) == pytest.approx(1.0)
    assert Hypothesis((1,), 3, 20.0).fit(frames, 2) < 0.01


@pytest.mark.parametrize("content", [b"", b"no graph at all", None])
def test_a_file_without_a_graph_is_rejected(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "graph.fst"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no graph"):
        Graph(path)


def test_a_truncated_graph_is_rejected(tmp_path: Path) -> None:
    content = language_graph(arpa(SENTENCES), SOUNDS, ALPHABET, 1.0)
    path = tmp_path / "graph.fst"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="holds no graph"):
        Graph(path)
