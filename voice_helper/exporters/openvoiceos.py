"""Build the locale files of the OpenVoiceOS skill from an intents folder.

The sentences only determine which utterances OpenVoiceOS passes to the skill. The skill itself determines their
meaning. The sentences contain no slots, because a slot would match any word. Each sentence either names the subject or
contains a sign of danger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.scope import Subject
from voice_helper.dialogue.turn_taking import first_state, take_turn
from voice_helper.errors import VoiceHelperError
from voice_helper.skill.folder_reader import Content, load_content
from voice_helper.types import COMMAND_GROUP, GUIDE_START, TALK_GROUP
from voice_helper.understanding.ranking import NothingIsNear
from voice_helper.understanding.understand import HELP_NOW, Understanding

MAX_SENTENCES: Final = 30
"""The maximum number of sentences per file. Larger files would slow OpenVoiceOS down: for every utterance, one of its
matchers rereads all sentences once per file. Other phrasings reach the skill as a fallback.
"""

MAX_SIGNS: Final = 60
"""The maximum number of sentences in a file of danger signs, which is higher than for other files."""

_DRAWN_OF_TEMPLATE: Final = 2
_NUMBER: Final = "{number}"


@dataclass(frozen=True)
class _Words:
    """The content from which the files are built."""

    content: Content
    subject: Subject
    conversation: Conversation


def locale_files(folder: Path) -> dict[str, str]:
    """Build the files for an intents folder, by path: `locale/en-US/remedy_heat.intent` and so on.

    Raises `IntentsError` with every problem in the folder, or `VoiceHelperError` if it has no `assistant.yaml`.
    """
    content = load_content(folder, {"number": _NUMBER})
    subject = subject_of(content)
    understanding = Understanding(content.sentences, content.safety, NothingIsNear(), content.thresholds)
    conversation = Conversation(understanding, content.answers, content.guide, content.follow_ups).by_turns()
    words = _Words(content, subject, conversation)
    files = {"skill.json": _metadata(subject)}
    for name, intents in _asked_together(content).items():
        most = MAX_SIGNS if name in HELP_NOW else MAX_SENTENCES
        asked = tuple(islice(_in_turn(_sentences(words, intent) for intent in intents), most))
        if asked:
            files[f"{name}.intent"] = "\n".join(asked) + "\n"
    for intent in (intent for intents in _asked_together(content).values() for intent in intents):
        answer = _dialog(words, intent)
        if answer:
            files[f"{intent}.dialog"] = answer + "\n"
    return {f"locale/{subject.locale}/{name}": text for name, text in files.items()}


def subject_of(content: Content) -> Subject:
    """Return the subject of the skill. Raises `VoiceHelperError` if the folder does not define one."""
    if content.subject is None:
        raise VoiceHelperError(
            f"{content.folder} has no assistant.yaml, so there is no name for the skill",
            hint="copy the one in intents/en, and adapt it",
        )
    return content.subject


def _asked_together(content: Content) -> dict[str, list[str]]:
    """Return the intents of each sentence file, by file name.

    Related intents share a file. Each sign of danger has its own file, as does the intent that starts the guided
    session.
    """
    files: dict[str, list[str]] = {}
    for intent in content.sentences.intents:
        group = content.sentences.group_of[intent]
        if intent in HELP_NOW or intent == GUIDE_START:
            files[intent] = [intent]
        elif group not in (TALK_GROUP, COMMAND_GROUP):
            files.setdefault(group, []).append(intent)
    return files


def _in_turn(each: Iterable[Iterator[str]]) -> Iterator[str]:
    """Interleave the iterators: yield the first item of each, then the second item of each, and so on."""
    return (text for texts in zip_longest(*each) for text in texts if text is not None)


def _sentences(words: _Words, intent: str) -> Iterator[str]:
    """Yield the examples, then the plainest sentence of each template, then its other sentences, lazily."""
    seen: set[str] = set()
    for text in _said(words, intent):
        if text not in seen and _is_fit(words, text, intent):
            yield text
        seen.add(text)


def _said(words: _Words, intent: str) -> Iterator[str]:
    yield from words.subject.examples
    sentences = words.content.sentences
    templates = [template for template in sentences.templates if template.intent == intent]
    for template in templates:
        yield sentences.plainest(template)
    for template in templates:
        yield from sentences.draw(template, _DRAWN_OF_TEMPLATE)


def _is_fit(words: _Words, text: str, intent: str) -> bool:
    """Return whether the text has this intent even without context, and is unlikely to be meant for another skill."""
    understanding = words.conversation.understanding
    said = understanding.normalize(text)
    if intent not in HELP_NOW and not words.subject.may_be_named(said):
        return False
    return understanding.meaning(said).intent == intent


def _dialog(words: _Words, intent: str) -> str:
    """Return the reply to the plainest sentence of an intent in a new conversation, without repeated rows."""
    text = next(_sentences(words, intent), None)
    if text is None:
        return ""
    _, reply = take_turn(words.conversation, first_state(), text)
    return " ".join(dict.fromkeys(row.text for row in reply.rows))


def _metadata(subject: Subject) -> str:
    about: Mapping[str, object] = {
        "name": subject.name, "description": subject.summary, "examples": list(subject.examples),
    }  # fmt: skip
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"
