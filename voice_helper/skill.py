"""The skill put together from an intents folder, as every door opens it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from voice_helper import content as content_module
from voice_helper import nearest, sentences, text, wordings
from voice_helper.cache import Arrays, kept_arrays, kept_texts
from voice_helper.content import Content, draw_phrases, load_content
from voice_helper.conversation import Conversation
from voice_helper.paths import intents_folder
from voice_helper.types import Phrases
from voice_helper.understand import Understanding


@dataclass(frozen=True)
class Skill:
    """The words of one language and the conversation over them."""

    content: Content
    understanding: Understanding
    conversation: Conversation


def open_skill(
    language: str = "en",
    *,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    announce: Callable[[str], None] = lambda text: None,
) -> Skill:
    """Read an intents folder and get its understanding ready.

    What was learned from the same templates before comes from the cache; `announce` is told when it
    has to be learned, which takes some seconds. Raises `IntentsError` with every problem of the folder.
    """
    content = load_content(folder or intents_folder(language), settings)

    def learn() -> Arrays:
        announce("learning the sentences, once for every change of them ...")
        return nearest.to_arrays(nearest.fit(content.sentences, content.wordings))

    fitted = nearest.from_arrays(kept_arrays("nearest", _key(content), learn))
    understanding = Understanding(content.sentences, content.safety, fitted, content.thresholds)
    return Skill(content, understanding, Conversation(understanding, content.answers, content.guide))


def phrases_of(content: Content) -> Phrases:
    """Give what people say to us, for recognizers to expect; drawn once for every change of the sentences."""

    def draw() -> dict[str, str]:
        questions, commands = draw_phrases(content)
        return {"questions": "\n".join(questions), "commands": "\n".join(commands)}

    kept = kept_texts("phrases", _key(content), draw)
    return Phrases(tuple(kept["questions"].split("\n")), tuple(kept["commands"].split("\n")), content.pronunciations)


def _key(content: Content) -> str:
    """What the fitted weights depend on: the words, and the code that learns from them."""
    digest = hashlib.sha256(content.content_key.encode())
    for module in (content_module, nearest, sentences, text, wordings):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()
