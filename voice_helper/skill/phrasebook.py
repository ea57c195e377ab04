"""The topics and examples of the page "What can I say?", read from `phrases.yaml`.

If a folder has no such file, each of its groups becomes one topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import PhrasesFile, TopicKeys
from voice_helper.content.schema import read
from voice_helper.types import OUT_OF_SCOPE
from voice_helper.understanding.sentences import Sentences

_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page "What can I say?"."""

    title: str
    intents: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """The contents of `phrases.yaml`."""

    title: str
    topics: tuple[Section, ...]
    opening: str = ""
    written: Mapping[str, str] = field(default_factory=dict)
    """Words whose display form differs from their normalized form: `{"i": "I"}`."""

    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sentences to show for an intent. For intents that are not in the mapping, sentences are chosen automatically."""

    def shown(self, text: str) -> str:
        """Return a sentence in its display form: with a capital first letter, and words such as "I"."""
        written = _WORD.sub(lambda found: self.written.get(found[0], found[0]), text)
        return written[:1].upper() + written[1:]


def read_phrasebook(item: Item | None, sentences: Sentences, problems: Problems) -> Phrasebook:
    """Read `phrases.yaml`. Mistakes are added to `problems`."""
    if item is None:
        groups = dict.fromkeys(sentences.group_of.values())
        topics_of_groups = (Section(group, _of_group(sentences, group)) for group in groups)
        return Phrasebook(sentences.language.code, tuple(_each_once(topics_of_groups)))
    file = read(PhrasesFile, item, problems)
    _check_topics(file, sentences, problems)
    _check_examples(file, sentences, problems)
    topics = (Section(each.title, tuple(_intents_of(each, sentences)), each.text) for each in file.topics)
    return Phrasebook(file.title, tuple(_each_once(topics)), file.opening, file.written, file.examples)


def _intents_of(topic: TopicKeys, sentences: Sentences) -> Iterator[str]:
    yield from topic.intents
    for group in topic.groups:
        yield from (intent for intent in _of_group(sentences, group) if intent not in topic.intents)


def _check_topics(file: PhrasesFile, sentences: Sentences, problems: Problems) -> None:
    groups = set(sentences.group_of.values())
    for number, topic in enumerate(file.topics, 1):
        for name in topic.intents:
            if name not in sentences.group_of:
                problems.add(topic.place_of("intents"), f'topic {number}: there is no intent "{name}"')
        for group in topic.groups:
            if group not in groups:
                problems.add(topic.place_of("groups"), f'topic {number}: there is no group "{group}"')


def _of_group(sentences: Sentences, group: str) -> tuple[str, ...]:
    return tuple(intent for intent in sentences.intents if sentences.group_of[intent] == group)


def _each_once(topics: Iterable[Section]) -> Iterable[Section]:
    """Yield the topics, with each intent only in the first topic that contains it."""
    seen: set[str] = {OUT_OF_SCOPE}
    for topic in topics:
        yield Section(topic.title, tuple(intent for intent in topic.intents if intent not in seen), topic.text)
        seen.update(topic.intents)


def _check_examples(file: PhrasesFile, sentences: Sentences, problems: Problems) -> None:
    for intent, texts in file.examples.items():
        for text in texts:
            claims = sentences.exact(sentences.language.normalize(text))
            if not claims or claims[0].intent != intent:
                place = file.place_of("examples")
                problems.add(place, f'examples: "{text}" matches no sentence of {intent} word for word')
