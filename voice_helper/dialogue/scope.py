"""Decide whether an utterance is meant for this skill, in an assistant that has other skills.

Users do not say which skill they mean. An utterance is meant for this skill if it names the subject (`assistant.yaml`),
continues a conversation with the skill, or reports an emergency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import AssistantFile
from voice_helper.content.schema import read
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.dialogue.turn_taking import take_turn
from voice_helper.types import (
    COMMAND_GROUP,
    GUIDE_START,
    NONE_INTENT,
    OUT_OF_SCOPE,
    TALK_GROUP,
    UNSURE_INTENT,
    Match,
    Transcript,
)
from voice_helper.understanding.normalize import Language, NormalizedText
from voice_helper.understanding.sentences import Sentences

GOING_ON_SECONDS: Final = 120.0
"""The time after an answer, in seconds, in which an utterance that does not name the subject may continue the
conversation:

"what about magnesium".
"""


@dataclass(frozen=True)
class Subject:
    """The subject of the skill, from `assistant.yaml`."""

    language: Language
    name: str
    summary: str
    locale: str
    """The language code that assistants use: `en-US`."""

    names: tuple[str, ...]
    """Phrases that always refer to the subject."""

    near_names: tuple[str, ...]
    """Phrases that may refer to the subject."""

    examples: tuple[str, ...]
    start: str = ""
    """What a user says to start a guided session, for display."""

    skip_words: tuple[str, ...] = ()
    """Phrases that Home Assistant removes from an utterance before matching."""

    regions: tuple[str, ...] = ()
    """The regional variants that assistants may request: `en-GB`."""

    @property
    def about(self) -> str:
        """Return the name as it appears inside a sentence."""
        return name_inside(self.name)

    def is_named(self, said: NormalizedText) -> bool:
        """Return whether a text names the subject."""
        return self._any_name.search(said.comparable) is not None

    def may_be_named(self, said: NormalizedText) -> bool:
        """Return whether a text names the subject or something related to it."""
        return self.is_named(said) or self._any_near_name.search(said.comparable) is not None

    @cached_property
    def _any_name(self) -> re.Pattern[str]:
        return _any_of(self.language.comparable(word) for word in self.names)

    @cached_property
    def _any_near_name(self) -> re.Pattern[str]:
        return _any_of(self.language.comparable(word) for word in self.near_names)


def name_inside(name: str) -> str:
    """Return a name as it appears inside a sentence: "leg cramps" for "Leg cramps". Acronyms are left unchanged."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'])(?:{'|'.join(re.escape(word) for word in words)})(?!\w)")


def read_subject(item: Item, sentences: Sentences, problems: Problems) -> Subject:
    """Read `assistant.yaml`. Mistakes are added to `problems`."""
    file = read(AssistantFile, item, problems)
    for example in file.examples:
        if not sentences.exact(sentences.language.normalize(example)):
            problems.add(file.place_of("examples"), f'examples: "{example}" matches no sentence word for word')
    start = sentences.language.normalize(file.start)
    if file.start and GUIDE_START not in {claim.intent for claim in sentences.exact(start)}:
        problems.add(
            file.place_of("start"), f'start: "{file.start}" matches no sentence of {GUIDE_START} word for word'
        )
    about = (file.name, file.summary, file.locale)
    return Subject(
        sentences.language,
        *about,
        names=file.subject,
        near_names=file.near,
        examples=file.examples,
        start=file.start,
        skip_words=file.skip_words,
        regions=file.regions,
    )


def is_our_turn(
    conversation: Conversation, subject: Subject, state: State, text: str, elapsed_seconds: float, *, is_last: bool
) -> bool:
    """Return whether an utterance to an assistant with several skills is meant for this skill.

    `elapsed_seconds` is the time since this skill's last turn. `is_last` means that no other skill has claimed the
    utterance. During a session, such an utterance belongs to this skill, whatever it means.
    """
    _, reply = take_turn(conversation, state, text, elapsed_seconds)
    match = reply.match
    if match is None:
        return False
    if match.intent == OUT_OF_SCOPE:
        return is_last and state.session is not None
    if state.session is not None or match.intent in state.candidates:
        return True
    said = conversation.understanding.normalize(text)
    goes_on = state.last.match is not None and elapsed_seconds <= GOING_ON_SECONDS
    if goes_on and _is_command(conversation, said):  # "next" may be meant for a music player
        return False
    if (goes_on or match.certainty is not None) and conversation.understanding.is_for_us(Transcript(text), match):
        return True
    return _speaks_of_it(conversation, subject, said, match)


def _is_command(conversation: Conversation, said: NormalizedText) -> bool:
    meant = conversation.understanding.meaning(said)
    return meant.decided_by == "command" and meant.intent != GUIDE_START


def _speaks_of_it(conversation: Conversation, subject: Subject, said: NormalizedText, match: Match) -> bool:
    if subject.is_named(said):
        return True
    group = conversation.understanding.sentences.group_of.get(match.intent, "")
    if group == TALK_GROUP or (group == COMMAND_GROUP and match.intent != GUIDE_START):
        return False
    return match.intent not in (NONE_INTENT, UNSURE_INTENT) and subject.may_be_named(said)
