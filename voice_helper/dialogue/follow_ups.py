"""Follow-up questions about the topic of the last answer: "why", "how", "tell me more", "what about magnesium"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, get_args

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.content.file_kinds import FollowUpsFile, FollowUpTopicKeys, RowKeys
from voice_helper.content.schema import read
from voice_helper.dialogue.answers import Sources, row_of, rows_of
from voice_helper.types import Row
from voice_helper.understanding.normalize import Language, NormalizedText

FollowUp = Literal["why", "how", "more", "other", "done", "fails", "now", "sure"]

KINDS: Final[tuple[FollowUp, ...]] = get_args(FollowUp)
ABOUT_A_TOPIC: Final[tuple[FollowUp, ...]] = ("why", "how", "more")
"""The kinds of follow-up that mean nothing without a previous answer.

The other kinds, such as "nothing works", can always be answered.
"""

ONWARD: Final[tuple[FollowUp, ...]] = ("more", "other", "done")
"""The kinds of follow-up that lead to an answer not given before.

When the user repeats them, the answers eventually run out.
"""

MAX_PAIR_WORDS: Final = 24
"""The maximum number of words of a text that is searched for two questions joined by a word such as "and"."""

CHOICES: Final = ("first", "second")
_WORDS: Final = "{words}"


@dataclass(frozen=True, slots=True)
class Topic:
    """The replies to follow-up questions about the answer to one intent."""

    intent: str
    place: Place
    leads_to: Mapping[str, str] = field(default_factory=dict)
    """The intent that answers each kind of follow-up."""

    pages: Mapping[str, tuple[tuple[Row, ...], ...]] = field(default_factory=dict)
    """The rows for each kind of follow-up: one group for the first time that the user asks, one for the second time,
    and so on.
    """

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return all rows of the topic."""
        return tuple(row for pages in self.pages.values() for page in pages for row in page)

    def has(self, kind: FollowUp) -> bool:
        """Return whether the topic has its own reply to a kind of follow-up."""
        return kind in self.leads_to or kind in self.pages


@dataclass(frozen=True)
class FollowUps:
    """The follow-ups in one language, read from `follow_ups.yaml`."""

    language: Language = field(default_factory=Language)
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The phrases for each kind of follow-up."""

    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The phrases for the first and for the second of two options."""

    openers: tuple[str, ...] = ()
    """The words that introduce a follow-up about something else: "what about"."""

    frames: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns of complete questions, by group of the previous topic.

    `{words}` stands for the words after an opener: "does {words} help cramps".
    """

    nothing: Mapping[str, Row] = field(default_factory=dict)
    """The reply for each kind of follow-up if the topic has none."""

    otherwise: Mapping[str, str] = field(default_factory=dict)
    """For each kind of follow-up that has no row in `nothing`, the intent to answer if the topic has no reply."""

    joins: tuple[str, ...] = ()
    """The words between two questions in one utterance: "and", "and also"."""

    topics: Mapping[str, Topic] = field(default_factory=dict)

    @property
    def every_phrase(self) -> tuple[str, ...]:
        """Return every phrase that is a complete follow-up or choice."""
        return tuple(phrase for phrases in (*self.phrases.values(), *self.choices.values()) for phrase in phrases)

    def kind(self, said: NormalizedText) -> FollowUp | None:
        """Return the kind of follow-up that a text matches word for word, or `None`."""
        return self._kinds.get(said.comparable, self._kinds.get(said.essence))

    def split(self, said: NormalizedText) -> Iterator[tuple[str, str]]:
        """Yield the two halves of a text for each word that joins two questions. Yield nothing for a long text."""
        words = said.words
        if len(words) > MAX_PAIR_WORDS:
            return
        for at in range(1, len(words) - 1):
            for join in self._joins:
                if words[at : at + len(join)] == join and at + len(join) < len(words):
                    yield " ".join(words[:at]), " ".join(words[at + len(join) :])
                    break

    def choice(self, said: NormalizedText) -> int | None:
        """Return which of two options a text names, 0 or 1, or `None` if it names neither."""
        return self._choices.get(said.comparable, self._choices.get(said.essence))

    def framed(self, said: NormalizedText, group: str) -> Iterator[tuple[str, str]]:
        """Yield the complete questions that a follow-up such as "what about magnesium" may stand for, each with its
        group, starting with `group`.

        After an answer about a remedy, it asks whether magnesium helps; after one about a cause, whether magnesium is a
        cause.
        """
        opener = next((each for each in self._openers if said.comparable.startswith(f"{each} ")), None)
        if opener is None:
            return
        words = said.comparable.removeprefix(opener).strip()
        for name in sorted(self.frames, key=lambda name: name != group):
            yield from ((name, frame.replace(_WORDS, words)) for frame in self.frames[name])

    @cached_property
    def _joins(self) -> tuple[tuple[str, ...], ...]:
        return tuple(sorted(map(self.language.words, self.joins), key=len, reverse=True))

    @cached_property
    def _kinds(self) -> dict[str, FollowUp]:
        return {self.language.comparable(phrase): kind for kind in KINDS for phrase in self.phrases.get(kind, ())}

    @cached_property
    def _choices(self) -> dict[str, int]:
        return {
            self.language.comparable(phrase): number
            for number, name in enumerate(CHOICES)
            for phrase in self.choices.get(name, ())
        }

    @cached_property
    def _openers(self) -> tuple[str, ...]:
        return tuple(sorted(map(self.language.comparable, self.openers), key=len, reverse=True))


def read_follow_ups(item: Item, language: Language, sources: Sources, problems: Problems) -> FollowUps:
    """Read `follow_ups.yaml`. Mistakes are added to `problems`."""
    file = read(FollowUpsFile, item, problems)
    for name, frames in file.frames.items():
        if name not in language.groups:
            problems.add(frames.place, f'frames: "{name}" is not a group in language.yaml')
        if any(frame.count(_WORDS) != 1 for frame in frames.texts):
            problems.add(frames.place, f"frames: each of {name} needs {_WORDS} once")
    replies = {kind: getattr(file.nothing, kind) for kind in KINDS}
    for kind in KINDS:
        if replies[kind] is None and file.phrases is not None and file.phrases.has(kind):
            problems.add(file.nothing.place, f'nothing needs "{kind}", because there are phrases for it')
    return FollowUps(
        language,
        phrases={kind: getattr(file.phrases, kind) for kind in KINDS} if file.phrases is not None else {},
        choices={name: getattr(file.choices, name) for name in CHOICES} if file.choices is not None else {},
        openers=file.openers,
        frames={name: frames.texts for name, frames in file.frames.items()},
        nothing={
            kind: row_of(reply, f"nothing, {kind}", sources, problems)
            for kind, reply in replies.items()
            if isinstance(reply, RowKeys)
        },
        otherwise={kind: reply for kind, reply in replies.items() if isinstance(reply, str)},
        joins=file.joins,
        topics={name: _topic_of(name, topic, sources, problems) for name, topic in file.topics.items()},
    )


def _topic_of(intent: str, topic: FollowUpTopicKeys, sources: Sources, problems: Problems) -> Topic:
    leads_to: dict[str, str] = {}
    pages: dict[str, tuple[tuple[Row, ...], ...]] = {}
    for kind in KINDS:
        reply = getattr(topic, kind)
        if isinstance(reply, str):
            leads_to[kind] = reply
        elif isinstance(reply, tuple):
            rows = reply if kind == "more" else (reply,)
            pages[kind] = tuple(rows_of(page, f"{intent}, {kind}", sources, problems) for page in rows)
    return Topic(intent, topic.place, leads_to, pages)
