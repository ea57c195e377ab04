from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.errors import EngineMissingError
from voice_helper.skill import Skill
from voice_helper.types import EMBEDDING_SIZE
from voice_helper.understanding.embedder import EmbedderWithMemory, Embeddings, SentenceEmbedder, word_pieces
from voice_helper.understanding.safety import Flags


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder()


def likeness(embedder: SentenceEmbedder, one: str, other: str) -> float:
    vectors = embedder([one, other])
    return float(vectors[0] @ vectors[1])


def test_every_text_becomes_a_vector_of_length_one(embedder: SentenceEmbedder) -> None:
    vectors = embedder(["my leg hurts", "cramp", "", "\u00e9\u4f60 \x00 ?" * 200])
    assert vectors.shape == (4, EMBEDDING_SIZE)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_similar_meanings_without_common_words_are_closer_than_different_ones(embedder: SentenceEmbedder) -> None:
    asked = "my calf keeps cramping at night"
    assert likeness(embedder, asked, "lower leg seizes up during sleep") > likeness(
        embedder, asked, "his cow often moos after dinner"
    )


def test_a_text_has_the_same_vector_alone_and_in_a_batch(embedder: SentenceEmbedder) -> None:
    together = embedder(["does heat help", "i can not breathe", "does cold help"])
    assert np.allclose(together[1], embedder(["i can not breathe"])[0], atol=0.02)


PIECES = {"cramp", "##ing", "##s", "c", "##r", "leg"}


@pytest.mark.parametrize(
    ("word", "pieces"),
    [("cramping", ["cramp", "##ing"]), ("legs", ["leg", "##s"]), ("cr", ["c", "##r"]), ("zoo", ["[UNK]"]), ("", [])],
)
def test_a_word_is_split_into_the_longest_pieces(word: str, pieces: list[str]) -> None:
    assert word_pieces(word, PIECES.__contains__) == pieces


@given(st.text(alphabet="crampings", max_size=30))
def test_the_pieces_of_a_word_can_be_joined_to_the_word(word: str) -> None:
    pieces = word_pieces(word, lambda piece: len(piece.removeprefix("##")) == 1 or piece in PIECES)
    assert "".join(piece.removeprefix("##") for piece in pieces) == word


def test_a_missing_model_is_reported(tmp_path: Path) -> None:
    with pytest.raises(EngineMissingError, match=r"nowhere\.onnx"):
        SentenceEmbedder(model=tmp_path / "nowhere.onnx")(["cramp"])
    with pytest.raises(EngineMissingError, match="word pieces"):
        SentenceEmbedder(vocabulary=tmp_path / "nowhere.txt")(["cramp"])


def test_only_new_texts_are_embedded_and_the_rest_is_kept(tmp_path: Path) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> Embeddings:
        asked.extend(texts)
        return np.asarray([[len(text), *[0.25] * (EMBEDDING_SIZE - 1)] for text in texts], dtype=np.float32)

    path, shares = tmp_path / "embedded.npz", list[float]()
    first = EmbedderWithMemory(embed, path, shares.append)
    first(["a", "bb", "a"])
    first.keep()
    again = EmbedderWithMemory(embed, path)
    vectors = again(["ccc", "bb"])
    assert asked == ["a", "bb", "ccc"]
    assert vectors[:, 0].tolist() == [3.0, 2.0]
    assert shares == [1.0]
    again.keep()
    assert list(EmbedderWithMemory(embed, path)(["a"])[:, 0]) == [1.0], "what was not asked for again is not kept"
    assert asked[-1] == "a"


def test_a_damaged_cache_of_vectors_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "embedded.npz"
    path.write_bytes(b"not an archive")
    embed = EmbedderWithMemory(lambda texts: np.zeros((len(texts), EMBEDDING_SIZE), dtype=np.float32), path)
    assert embed(["a"]).shape == (1, EMBEDDING_SIZE)
    embed.keep()
    assert embed([]).shape == (0, EMBEDDING_SIZE)


def test_reading_ahead_does_not_change_vectors_or_odds(skill: Skill) -> None:
    texts = ["does heat help", "my chest hurts and i can't breathe", "", "why do my calves cramp at night"]
    said = [skill.content.language.normalize(text) for text in texts]
    alone = skill.embed(texts), [skill.understanding.suspicion(each, Flags()) for each in said]
    skill.read_ahead(texts)
    assert (skill.embed(texts) == alone[0]).all()
    assert [skill.understanding.suspicion(each, Flags()) for each in said] == alone[1]
