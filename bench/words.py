"""Regenerate `models/english-words.txt`.

Run this with `python -m bench.words`. It requires pocketsphinx, because it reads the dictionary and model of that
package.

Run this again after changes to many sentences in `intents/en`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from pocketsphinx import LogMath, NGramModel, get_model_path

from voice_helper.skill import open_skill, phrases_of
from voice_helper.support.paths import data_folder

FREQUENT_WORDS = 20_000
_VARIANT = re.compile(r"\(\d+\)$")
_ONE_LETTER_WORDS = ("a", "i", "o")
_MIN_CHANCE = 1e-9
_OPENING = """\
# The most frequent English words and those of intents/en: the word, the logarithm (base 10) of how likely it is, and
# its pronunciations in the phones of the CMU dictionary. From the dictionary and the language model that PocketSphinx
# 5.1 brings (Carnegie Mellon University, BSD 2-Clause; see NOTICE). Made by bench/words.py.
"""


def main() -> None:
    folder = Path(get_model_path("en-us"))
    sounds = read_dictionary((folder / "cmudict-en-us.dict").read_text(encoding="utf-8").splitlines())
    chance_of, to_chance = NGramModel.readfile(str(folder / "en-us.lm.bin")).prob, LogMath().exp
    chances = {word: to_chance(chance_of([word])) for word in sounds if len(word) > 1 or word in _ONE_LETTER_WORDS}
    frequent = sorted(chances, key=lambda word: (-chances[word], word))[:FREQUENT_WORDS]
    phrases = phrases_of(open_skill().content)
    ours = {word for said in (*phrases.questions, *phrases.session, *phrases.commands) for word in said.split()}
    kept = sorted({*frequent, *ours} & sounds.keys())
    lines = [
        f"{word}\t{math.log10(max(chances.get(word, 0.0), _MIN_CHANCE)):.3f}\t{', '.join(sounds[word])}\n"
        for word in kept
    ]
    path = data_folder("models") / "english-words.txt"
    path.write_text(_OPENING + "".join(lines), encoding="utf-8")
    print(len(lines), "words written to", path)


def read_dictionary(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the pronunciations of each word in a dictionary in the CMU format."""
    sounds: dict[str, tuple[str, ...]] = {}
    for line in lines:
        word, _, phones = line.partition(" ")
        word = _VARIANT.sub("", word)
        sounds[word] = (*sounds.get(word, ()), phones)
    return sounds


if __name__ == "__main__":
    main()
