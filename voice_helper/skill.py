"""The skill put together from an intents folder, as every door opens it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voice_helper import content as content_module
from voice_helper import nearest, sentences, text, wordings
from voice_helper.cache import Arrays, kept_arrays, kept_texts, read_arrays, write_arrays
from voice_helper.content import Content, draw_phrases, load_content
from voice_helper.conversation import Conversation
from voice_helper.embedding import SentenceEmbedder
from voice_helper.errors import VoiceHelperError
from voice_helper.paths import intents_folder
from voice_helper.types import Phrases
from voice_helper.understand import Understanding

_DRAWN: Final = ("questions", "commands", "session")
LEARNED_FILE: Final = "nearest.learned"
_STALE: Final = (
    "the sentences have changed since the nearest meaning was learned from them: new templates are matched word for"
    " word only; voice-helper learn, about a minute, mends that"
)


@dataclass(frozen=True)
class Skill:
    """The words of one language and the conversation over them."""

    content: Content
    understanding: Understanding
    conversation: Conversation
    learned: nearest.Learned = field(repr=False)
    """What the nearest meaning learned, of intents that are gone, too."""

    embed: SentenceEmbedder = field(repr=False)

    @property
    def is_stale(self) -> bool:
        """Whether the nearest meaning was learned from other sentences than those that are there."""
        return self.learned.learned_from != self.content.learning_key


def open_skill(
    language: str = "en",
    *,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    announce: Callable[[str], None] = lambda text: None,
    before: Skill | None = None,
) -> Skill:
    """Read an intents folder and get its understanding ready.

    What was learned from the sentences lies in the folder, or in the cache; `announce` is told when it has to be
    learned, which takes about a minute, and when it was learned from other sentences than those that are there.
    From the skill `before` an edit is taken what takes long and has not changed; nothing is then learned anew.
    Raises `IntentsError` with every problem of the folder.
    """
    content = load_content(folder or intents_folder(language), settings, before.content if before else None)
    is_kept_there = (content.folder / LEARNED_FILE).is_file()
    learned = before.learned if before and not is_kept_there else _learned(content, announce)
    embed = before.embed if before else SentenceEmbedder()
    fitted = nearest.Nearest(nearest.only(learned, content.sentences.intents), embed)
    understanding = Understanding(content.sentences, content.safety, fitted, content.thresholds)
    conversation = Conversation(understanding, content.answers, content.guide)
    skill = Skill(content, understanding, conversation, learned, embed)
    if skill.is_stale and not (before and before.is_stale):
        announce(_STALE)
    return skill


def learn_folder(folder: Path) -> Path:
    """Learn the nearest meaning from an intents folder and keep it there; gives the file's path.

    Takes about a minute. Raises `IntentsError` for a folder with problems, and `VoiceHelperError` when the
    file cannot be written; what was there before is then untouched.
    """
    content = load_content(folder)
    path = folder / LEARNED_FILE
    try:
        write_arrays(path, nearest.to_arrays(_learn(content)))
    except OSError as error:
        raise VoiceHelperError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _learned(content: Content, announce: Callable[[str], None]) -> nearest.Learned:
    """What was learned from a folder: what lies in it, or what is kept since it was learned here."""
    path = content.folder / LEARNED_FILE
    if path.is_file():
        try:
            return nearest.from_arrays(read_arrays(path))
        except (OSError, ValueError, KeyError) as error:
            raise VoiceHelperError(
                f"{path}: cannot be read: {error}", hint=f"run: voice-helper learn {content.folder}"
            ) from None

    def learn() -> Arrays:
        announce("learning the sentences, once for every change of them ...")
        return nearest.to_arrays(_learn(content))

    key = hashlib.sha256(f"{content.learning_key} {nearest.LEARNING_VERSION}".encode()).hexdigest()
    return nearest.from_arrays(kept_arrays("nearest", key, learn))


def _learn(content: Content) -> nearest.Learned:
    return nearest.learn(content.sentences, content.wordings, SentenceEmbedder(), content.learning_key)


def phrases_of(content: Content) -> Phrases:
    """Give what people say to us, for recognizers to expect; drawn once for every change of the sentences."""

    def draw() -> dict[str, str]:
        drawn = draw_phrases(content)
        return {name: "\n".join(getattr(drawn, name)) for name in _DRAWN}

    kept = kept_texts("phrases", _key(content), draw)
    return Phrases(**{name: tuple(kept[name].split("\n")) for name in _DRAWN}, sounds=content.pronunciations)


def _key(content: Content) -> str:
    """What the phrases depend on: the words, and the code that draws them."""
    digest = hashlib.sha256(content.content_key.encode())
    for module in (content_module, sentences, text, wordings):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()
