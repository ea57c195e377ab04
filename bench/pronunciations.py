"""Regenerate `models/hama-pronunciations.txt`: `python -m bench.pronunciations`, about five minutes.

Looks up hama's pronunciation of the most frequent English words and of those in `intents/en`, and keeps those that
differ from the CMU dictionary's. Run this after an update of hama, or after changes to many sentences.
"""

from __future__ import annotations

from hama import G2PModel

from voice_helper.recognizers.embedded.g2p import phones_of
from voice_helper.recognizers.embedded.language_model import english_words, frequent_words
from voice_helper.recognizers.embedded.shared_models import FREQUENT_WORDS
from voice_helper.skill import open_skill, phrases_of
from voice_helper.support.paths import data_folder

_OPENING = """\
# Pronunciations by hama 1.7 (Apache-2.0) that the CMU dictionary does not have, in the phones of that dictionary: for
# the 8,000 most frequent words and the words of intents/en. A word without phones is one that hama cannot pronounce.
# Written by bench/pronunciations.py.
"""


def main() -> None:
    phrases, model, known = phrases_of(open_skill().content), G2PModel(), english_words()
    words = {word for sentence in (*phrases.questions, *phrases.session) for word in sentence.split()}
    lines = []
    for word in sorted(words | frequent_words(FREQUENT_WORDS).keys()):
        phones = phones_of(str(model.predict(word).ipa))
        if phones and phones not in known.get(word, (0.0, ()))[1]:
            lines.append(f"{word} {phones}\n")
        elif word not in known:  # no need to look it up again
            lines.append(f"{word}\n")
    path = data_folder("models") / "hama-pronunciations.txt"
    path.write_text(_OPENING + "".join(lines), encoding="utf-8")
    print(len(lines), "words written to", path)


if __name__ == "__main__":
    main()
