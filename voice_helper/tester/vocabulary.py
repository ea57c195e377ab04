"""Find words in the templates that the recognizers on this machine cannot recognize."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voice_helper.errors import ModelMissingError
from voice_helper.skill.folder_reader import Content
from voice_helper.speech_models.find import find_model
from voice_helper.support.engines import RECOGNIZERS, RecognizerRecord
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.sentences import Template

_PRONOUNCED: Final = " and ".join(each.name for each in RECOGNIZERS if each.vocabulary == "pronunciations")


@dataclass(frozen=True, slots=True)
class Unheard:
    """The words that one recognizer cannot recognize, with the recognizer's name."""

    recognizer: str
    words: tuple[tuple[str, Template], ...]
    """Each word, with the first template that contains the word."""

    mend: str


def unheard_words(content: Content, model: Path | None = None) -> tuple[list[Unheard], list[str]]:
    """Check every recognizer. Return the words that each one cannot recognize, and why some recognizers were not
    checked.

    `model` is the folder of a Vosk model; without it, the function searches for one. Raises `ModelMissingError` if the
    folder holds no model, and `EngineMissingError` if vosk does not load.
    """
    looked_at: list[Unheard] = []
    skipped: list[str] = []
    if content.language.code == "en":
        looked_at.append(_without_pronunciation(content))
    else:
        skipped.append(f'{_PRONOUNCED} recognize English only, not "{content.language.code}"')
    for record in RECOGNIZERS:
        if record.vocabulary != "model":
            continue
        try:
            folder = find_model(record.name, content.language.code, model)
            looked_at.append(_outside_the_model(content, record, folder))
        except ModelMissingError as error:
            if model is not None:
                raise
            skipped.append(f"{record.name}: {error.message}")
    return looked_at, skipped


def _without_pronunciation(content: Content) -> Unheard:
    from voice_helper.recognizers.embedded.g2p import with_own_ways
    from voice_helper.recognizers.embedded.language_model import pronunciations

    mend = "add their pronunciations to pronunciation.yaml"

    def heard(words: set[str]) -> set[str]:
        return set(pronunciations(words, with_own_ways(words, content.pronunciations)))

    return _unheard(_PRONOUNCED, content, mend, heard)


def _outside_the_model(content: Content, record: RecognizerRecord, model: Path) -> Unheard:
    unknown_words = importlib.import_module(record.module).unknown_words
    mend = "add other words for them, or use a larger model"
    return _unheard(
        f"{record.name} with {model}", content, mend, lambda words: words - set(unknown_words(model, words))
    )


def _unheard(recognizer: str, content: Content, mend: str, heard: Callable[[set[str]], set[str]]) -> Unheard:
    ways = {word: _ways(word, content.language) for word in content.sentences.words}
    known = heard({part for each in ways.values() for way in each for part in way})
    deaf = (word for word, each in ways.items() if not any(all(part in known for part in way) for way in each))
    return Unheard(recognizer, tuple((word, content.sentences.words[word]) for word in deaf), mend)


def _ways(word: str, language: Language) -> set[tuple[str, ...]]:
    """Return every form of a word that a recognizer may write and that still matches the templates."""
    comparable = language.comparable(word)
    same: Iterable[str] = (
        left for table in (language.contractions, language.spellings) for left, right in table.items() if right == word
    )
    return {language.words(word), tuple(comparable.split()), *(tuple(each.split()) for each in same)}
