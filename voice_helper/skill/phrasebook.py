"""The topics and examples of the page "What can I say?", read from `phrases.yaml`.

A folder without that file gets one topic for each of its groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from voice_helper.content.documents import Item, Problems
from voice_helper.types import OUT_OF_SCOPE
from voice_helper.understanding.sentences import Sentences

_TOP_KEYS: Final = frozenset({"language", "title", "opening", "topics", "written", "examples"})
_TOPIC_KEYS: Final = frozenset({"title", "text", "groups", "intents"})
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

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
    """Words whose written form differs from the form used for comparison: `{"i": "I"}`."""

    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sentences to show for an intent instead of automatically chosen ones."""

    def shown(self, text: str) -> str:
        """Return a sentence in its written form: with a capital first letter, and words such as "I"."""
        written = _WORD.sub(lambda found: self.written.get(found[0], found[0]), text)
        return written[:1].upper() + written[1:]


def read_phrasebook(item: Item | None, sentences: Sentences, problems: Problems) -> Phrasebook:
    """Read `phrases.yaml`. Mistakes are added to `problems`."""
    if item is None:
        groups = dict.fromkeys(sentences.group_of.values())
        topics_of_groups = (Section(group, _of_group(sentences, group)) for group in groups)
        return Phrasebook(sentences.language.code, tuple(_each_once(topics_of_groups)))
    top = item.mapping(problems, "phrases.yaml", known=_TOP_KEYS)

    def text(key: str) -> str:
        return top[key].text(problems, key) if key in top else ""

    topics: list[Section] = []
    for number, entry in enumerate(top["topics"].items(problems, "topics") if "topics" in top else [], 1):
        topics.append(_read_topic(entry, f"topic {number}", sentences, problems))
    written = top["written"].mapping(problems, "written") if "written" in top else {}
    return Phrasebook(
        title=text("title"),
        topics=tuple(_each_once(topics)),
        opening=text("opening"),
        written={word: entry.text(problems, f"written, {word}") for word, entry in written.items()},
        examples=_read_examples(top.get("examples"), sentences, problems),
    )


def _read_topic(item: Item, what: str, sentences: Sentences, problems: Problems) -> Section:
    fields = item.mapping(problems, what, known=_TOPIC_KEYS)
    if "title" not in fields:
        problems.add(item.place, f"{what} has no title")
    intents: dict[str, None] = {}
    for name in fields["intents"].texts(problems, f"{what}, intents") if "intents" in fields else ():
        if name not in sentences.group_of:
            problems.add(fields["intents"].place, f'{what}: there is no intent "{name}"')
        intents[name] = None
    for group in fields["groups"].texts(problems, f"{what}, groups") if "groups" in fields else ():
        if group not in sentences.group_of.values():
            problems.add(fields["groups"].place, f'{what}: there is no group "{group}"')
        intents.update(dict.fromkeys(_of_group(sentences, group)))
    title = fields["title"].text(problems, f"{what}, title") if "title" in fields else ""
    return Section(title, tuple(intents), fields["text"].text(problems, f"{what}, text") if "text" in fields else "")


def _of_group(sentences: Sentences, group: str) -> tuple[str, ...]:
    return tuple(intent for intent in sentences.intents if sentences.group_of[intent] == group)


def _each_once(topics: Iterable[Section]) -> Iterable[Section]:
    """Yield the topics with each intent only under the first one that contains it."""
    seen: set[str] = {OUT_OF_SCOPE}
    for topic in topics:
        yield Section(topic.title, tuple(intent for intent in topic.intents if intent not in seen), topic.text)
        seen.update(topic.intents)


def _read_examples(item: Item | None, sentences: Sentences, problems: Problems) -> dict[str, tuple[str, ...]]:
    examples: dict[str, tuple[str, ...]] = {}
    for intent, entry in item.mapping(problems, "examples").items() if item is not None else ():
        examples[intent] = entry.texts(problems, f"examples, {intent}")
        for text in examples[intent]:
            claims = sentences.exact(text)
            if not claims or claims[0].intent != intent:
                problems.add(entry.place, f'examples: "{text}" matches no sentence of {intent} word for word')
    return examples
