"""The pronunciations that hama's phoneme network expects. The lexicon adds them to those of the dictionary.

The network was trained on pronunciations that were derived from spelling: "to" as "toe", "of" as "off", "is" with an S.
Adding these variants to the lexicon reduces word errors by a third (bench/RESULTS-appendix.md).
`models/hama-pronunciations.txt` lists the variants of the words in the intents folder and of frequent words. For all
other words, the program asks hama itself.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from voice_helper.recognizers.embedded.language_model import dictionary_key, english_words
from voice_helper.recognizers.embedded.phones import SIGNS_OF_PHONE, SIGNS_WITHOUT_SOUND
from voice_helper.support.cache import kept_texts
from voice_helper.support.code_key import code_key
from voice_helper.support.paths import data_folder

_FILE: Final = "hama-pronunciations.txt"
_PHONE_OF_SIGN: Final = {
    sign: phone for phone, signs in reversed(list(SIGNS_OF_PHONE.items())) for sign in signs.split()
}
_LONGEST_SIGN: Final = max(len(sign) for sign in _PHONE_OF_SIGN)


def with_own_ways(words: Iterable[str], own: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the pronunciations in `own`, plus the variants that hama's network expects.

    Words without a stored variant are looked up with hama.
    """
    kept = own_ways()
    others = sorted({word for word in words if word not in kept})
    ways = {**kept, **_asked(others)}
    spoken = {word: way for word, way in ways.items() if way}
    return {**own, **{word: tuple(dict.fromkeys((*own.get(word, ()), way))) for word, way in spoken.items()}}


@lru_cache(maxsize=1)
def own_ways() -> Mapping[str, str]:
    """Read hama's stored pronunciations that the dictionary lacks, by word. Empty if hama is not installed."""
    lines = (data_folder("models") / _FILE).read_text(encoding="utf-8").splitlines()
    ways = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {word: way for word, _, way in ways}


def _asked(words: list[str]) -> Mapping[str, str]:
    """Ask hama for the pronunciations of words that no dictionary contains.

    A lookup takes 60 ms per word, so the results are cached. Without hama's own engine, which has no Windows version,
    the result is empty, and such words need a line in pronunciation.yaml.
    """

    def ask() -> dict[str, str]:
        unknown = [word for word in words if word not in english_words()]
        if not unknown:
            return {}
        try:
            model: Any = importlib.import_module("hama").G2PModel()
        except (ImportError, OSError, RuntimeError):  # hama raises RuntimeError if its engine is missing
            return {}
        return {word: phones_of(str(model.predict(word).ipa)) for word in unknown}

    key = hashlib.sha256("\n".join((code_key(Path(__file__).parent), dictionary_key(), *words)).encode()).hexdigest()
    return kept_texts("hama-pronunciations", key, ask)


def phones_of(signs: str) -> str:
    """Convert hama's phonetic symbols to phones of the CMU dictionary. Return an empty string if a symbol is
    unknown.
    """
    phones: list[str] = []
    at = 0
    while at < len(signs):
        length = next((n for n in range(_LONGEST_SIGN, 0, -1) if signs[at : at + n] in _PHONE_OF_SIGN), 0)
        if length:
            phones.append(_PHONE_OF_SIGN[signs[at : at + length]])
        elif signs[at] not in SIGNS_WITHOUT_SOUND and not signs[at].isspace():  # hama treats "how's" as two words
            return ""
        at += max(1, length)
    return " ".join(phones)
