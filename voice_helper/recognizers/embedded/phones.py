"""The phones of the CMU dictionary, and their mapping from the symbols of hama's network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.recognizers.embedded.search_graph import Alphabet

BLANK: Final = "<blank>"
BOUNDARY: Final = "<wb>"

SIGNS_OF_PHONE: Final[Mapping[str, str]] = {
    "AA": "ɑ ɒ a", "AE": "æ ã", "AH": "ʌ ə ɐ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b β", "CH": "t͡ʃ t͡ɕ",
    "D": "d ɾ", "DH": "ð", "EH": "ɛ e", "ER": "ɝ ɚ ɜ", "EY": "eɪ", "F": "f ɸ", "G": "g ɡ ɣ ɟ", "HH": "h ɦ x χ",
    "IH": "ɪ ɨ", "IY": "i", "JH": "d͡ʒ", "K": "k", "L": "l ɫ", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ o",
    "OY": "ɔɪ", "P": "p", "R": "ɹ r ɻ ʁ", "S": "s", "SH": "ʃ", "T": "t ɾ", "TH": "θ", "UH": "ʊ", "UW": "u ũ",
    "V": "v", "W": "w", "Y": "j ʝ", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""The phonetic symbols of hama that correspond to each phone of the CMU dictionary. A flap counts as both T and D."""

SIGNS_WITHOUT_SOUND: Final = "̪ ‿ ̞ ̯ ̃ ː ̩ ̟ ̥"
"""Diacritics that hama outputs after a symbol. They count as silence."""

CONFUSIONS: Final[Mapping[str, str]] = {
    "AA": "AO AH", "AO": "AA OW", "AE": "EH AA", "AH": "IH UH EH AA ER", "EH": "IH AE AH", "IH": "IY AH EH",
    "IY": "IH", "UW": "UH", "UH": "AH UW", "ER": "AH R", "OW": "AO UH", "EY": "EH", "AW": "AA", "AY": "AA",
    "S": "Z TH", "Z": "S", "T": "D K P", "D": "T", "K": "T G P", "G": "K", "P": "B T K", "B": "P", "F": "TH V",
    "V": "F B", "TH": "F T", "DH": "D TH", "M": "N", "N": "M NG", "NG": "N", "SH": "CH S", "CH": "SH T", "JH": "CH D",
}  # fmt: skip
"""For each phone, the phones that the network often confuses with it."""

CONFUSION_SHARE: Final = 0.02
PHONES: Final = (*SIGNS_OF_PHONE, BOUNDARY, BLANK)
_NUMBER: Final = {phone: index for index, phone in enumerate(PHONES)}
_BOUNDARY, _BLANK = _NUMBER[BOUNDARY], _NUMBER[BLANK]
ALPHABET: Final = Alphabet(_NUMBER, _BLANK, _BOUNDARY)


def folding(tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the matrix that maps the network's symbols to CMU phones."""
    rows = {token: index for index, token in enumerate(tokens)}
    fold = np.zeros((len(tokens), len(PHONES)), dtype=np.float32)

    def add(signs: Iterable[str], phone: str, share: float) -> None:
        for sign in signs:
            if sign in rows:
                fold[rows[sign], _NUMBER[phone]] = max(fold[rows[sign], _NUMBER[phone]], share)

    for phone, signs in SIGNS_OF_PHONE.items():
        add(signs.split(), phone, 1.0)
        for other in CONFUSIONS.get(phone, "").split():
            add(SIGNS_OF_PHONE[other].split(), phone, CONFUSION_SHARE)
    add([BOUNDARY], BOUNDARY, 1.0)
    add([BLANK, *SIGNS_WITHOUT_SOUND.split()], BLANK, 1.0)
    return fold
