"""The skill put together from an intents folder, as every door opens it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voice_helper.content.files import Files, read_files
from voice_helper.dialogue.conversation import Conversation
from voice_helper.errors import VoiceHelperError
from voice_helper.skill.content import (
    DRAWING_VERSION,
    Content,
    content_of,
    draw_phrases,
    load_content,
    unpacked,
)
from voice_helper.support.cache import (
    arrays_of,
    kept_arrays,
    kept_texts,
    kept_values,
    read_checked,
    read_texts,
    text_in,
    write_arrays,
    write_texts,
)
from voice_helper.support.paths import cache_folder, intents_folder
from voice_helper.types import Phrases
from voice_helper.understanding.embedder import EmbedderWithMemory, SentenceEmbedder
from voice_helper.understanding.ranking import Ranking
from voice_helper.understanding.understand import Understanding

if TYPE_CHECKING:  # numpy and what needs it are loaded by the first question that no template matches
    from voice_helper.support.cache import Arrays
    from voice_helper.understanding import classifier

_DRAWN: Final = ("questions", "commands", "session")
_DRAWN_BY: Final = (
    "content/files", "content/wordings", "skill/content", "understanding/hassil_adapter", "understanding/normalize",
    "understanding/prefilter", "understanding/sentences",
)  # fmt: skip
LEARNED_FILE: Final = "nearest.learned"
PHRASES_FILE: Final = "phrases.drawn"
_READERS: Final = (
    "content/documents", "content/files", "content/wordings", "content/yaml_documents", "dialogue/answers",
    "dialogue/disclaimer",
    "dialogue/follow_ups", "dialogue/guide", "dialogue/scope", "skill/content", "skill/phrasebook", "skill/web_labels",
    "types", "understanding/fragments", "understanding/hassil_adapter", "understanding/normalize",
    "understanding/prefilter", "understanding/safety", "understanding/sentences", "understanding/slots",
    "understanding/understand",
)  # fmt: skip
"""The modules that read an intents folder."""

_OURS: Final = Path(__file__).parents[1]
_HASSIL: Final = ("expression", "parse_expression", "recognize", "string_matcher", "util")
_KEPT_CLASSES: Final = frozenset(f"voice_helper.{name.replace('/', '.')}" for name in _READERS)
_STALE: Final = (
    "the sentences have changed since the nearest meaning was learned from them: new templates are matched word for"
    " word only; voice-helper learn, about a minute, mends that"
)


class Memory:
    """What was learned from the sentences, read when a question needs it."""

    def __init__(self, learned_from: str, read: Callable[[], classifier.Learned]) -> None:
        """Take the key of the words it was learned from, and what reads the rest."""
        self.learned_from = learned_from
        self._read = read

    @cached_property
    def learned(self) -> classifier.Learned:
        """What was learned, of intents that are gone, too."""
        return self._read()


class RememberedMeaning:
    """The nearest meaning, by what is in a memory."""

    def __init__(self, memory: Memory, intents: tuple[str, ...], embed: SentenceEmbedder) -> None:
        """Take the intents that are still there."""
        self._memory, self._intents, self._embed = memory, intents, embed

    @cached_property
    def fitted(self) -> classifier.Nearest:
        """The classifier."""
        from voice_helper.understanding import classifier

        return classifier.Nearest(classifier.only(self._memory.learned, self._intents), self._embed)

    def rank(self, comparable: str) -> Ranking:
        """Return how near a text is to every meaning."""
        return self.fitted.rank(comparable)

    def known_share(self, comparable: str) -> float:
        """Return the share of the words of a text that the templates know."""
        return self.fitted.known_share(comparable)

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return the nearest template of an intent."""
        return self.fitted.nearest_template(comparable, intent)


@dataclass(frozen=True)
class Skill:
    """The words of one language and the conversation over them."""

    content: Content
    understanding: Understanding
    conversation: Conversation
    memory: Memory = field(repr=False)
    embed: SentenceEmbedder = field(repr=False)

    @property
    def is_stale(self) -> bool:
        """Whether the nearest meaning was learned from other sentences than those that are there."""
        return self.memory.learned_from != self.content.learning_key

    def load_all(self) -> None:
        """Load now what the first question that no template matches would load: for servers, where many wait for it."""
        any_words = self.content.sentences.intents[0]
        self.understanding.nearest.rank(any_words)
        self.understanding.nearest.known_share(any_words)


def open_skill(
    language: str = "en",
    *,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    announce: Callable[[str], None] = lambda text: None,
    before: Skill | None = None,
) -> Skill:
    """Read an intents folder and get its understanding ready.

    What was read is kept in the cache, and read again for other words only. What was learned from the sentences lies
    in the folder, or in the cache; `announce` is told when it has to be learned, which takes about a minute, and when
    it was learned from other sentences than those that are there. From the skill `before` an edit is taken what takes
    long and has not changed; nothing is then learned anew. Raises `IntentsError` with every problem of the folder.
    """
    files = read_files(folder or intents_folder(language))
    content = content_of(files, settings or {}, before.content) if before else _content(files, settings or {})
    is_kept_there = (content.folder / LEARNED_FILE).is_file()
    memory = before.memory if before and not is_kept_there else _memory(content, announce)
    embed = before.embed if before else SentenceEmbedder()
    meaning = RememberedMeaning(memory, content.sentences.intents, embed)
    understanding = Understanding(content.sentences, content.safety, meaning, content.thresholds)
    conversation = Conversation(understanding, content.answers, content.guide, content.follow_ups)
    skill = Skill(content, understanding, conversation, memory, embed)
    if skill.is_stale and not (before and before.is_stale):
        announce(_STALE)
    return skill


def _content(files: Files, settings: Mapping[str, str]) -> Content:
    """Read the files, or take what was kept of the same ones."""
    depends_on = json.dumps([files.key(), files.shown, _code_key(*_READERS), sorted(settings.items())])
    key = hashlib.sha256(depends_on.encode()).hexdigest()
    packed = kept_values("content", key, lambda: content_of(files, settings).packed(), _KEPT_CLASSES)
    return unpacked(packed, files.folder)


def _code_key(*modules: str) -> str:
    """A hash of our code, and of the library that it leans on: other code may read the same words in another way."""
    digest = hashlib.sha256(sys.version.encode())
    hassil = find_spec("hassil")  # looks for it, and does not load it
    folder = Path(hassil.origin).parent if hassil and hassil.origin else Path()
    for path in (*(_OURS / f"{name}.py" for name in modules), *(folder / f"{name}.py" for name in _HASSIL)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def learn_folder(folder: Path, progress: Callable[[float], None] = lambda share: None) -> Path:
    """Learn the nearest meaning from an intents folder and keep it there; gives the file's path.

    The phrases that recognizers expect are kept beside it. `progress` is told which share is done.

    Takes about a minute. Raises `IntentsError` for a folder with problems, and `VoiceHelperError` when the
    file cannot be written; what was there before is then untouched.
    """
    content = load_content(folder)
    path = folder / LEARNED_FILE
    from voice_helper.understanding import classifier

    try:
        write_arrays(path, classifier.to_arrays(_learn(content, progress)))
        keep_phrases(content)
    except OSError as error:
        raise VoiceHelperError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _memory(content: Content, announce: Callable[[str], None]) -> Memory:
    """What was learned from a folder: what lies in it, or what is kept since it was learned here."""
    path = content.folder / LEARNED_FILE
    if path.is_file():
        return _memory_in(path)

    from voice_helper.understanding import classifier

    def learn() -> Arrays:
        announce("learning the sentences, once for every change of them ...")
        return classifier.to_arrays(_learn(content))

    key = hashlib.sha256(f"{content.learning_key} {classifier.LEARNING_VERSION}".encode()).hexdigest()
    learned = classifier.from_arrays(kept_arrays("nearest", key, learn))
    return Memory(learned.learned_from, lambda: learned)


def _memory_in(path: Path) -> Memory:
    """What lies in a folder: only what it was learned from is read at once."""

    def unreadable(error: Exception) -> VoiceHelperError:
        return VoiceHelperError(f"{path}: cannot be read: {error}", hint=f"run: voice-helper learn {path.parent}")

    def read() -> classifier.Learned:
        from voice_helper.understanding import classifier

        try:
            return classifier.from_arrays(arrays_of(raw))
        except (ValueError, KeyError) as error:
            raise unreadable(error) from None

    try:
        raw = read_checked(path)
        return Memory(text_in(raw, "learned_from"), read)
    except (OSError, ValueError, KeyError) as error:
        raise unreadable(error) from None


def _learn(content: Content, progress: Callable[[float], None] = lambda share: None) -> classifier.Learned:
    from voice_helper.understanding import classifier

    embed = EmbedderWithMemory(SentenceEmbedder(), cache_folder() / f"embedded-{content.language.code}.npz", progress)
    learned = classifier.learn(content.sentences, content.wordings, embed, content.learning_key)
    embed.keep()
    return learned


def phrases_of(content: Content) -> Phrases:
    """Return what people say to us, for recognizers to expect: as it lies in the folder, else drawn.

    Where the sentences have changed since, it is drawn once for every change of them, which takes seconds.
    """
    kept = _phrases_in(content)
    if kept is None:
        key = hashlib.sha256(f"{content.drawing_key} {_code_key(*_DRAWN_BY)}".encode()).hexdigest()
        kept = kept_texts("phrases", key, lambda: _drawn(content))
    return Phrases(**{name: tuple(kept[name].split("\n")) for name in _DRAWN}, sounds=content.pronunciations)


def keep_phrases(content: Content) -> None:
    """Draw what people say to us, and keep it in the folder; raises `OSError` when the file cannot be written."""
    write_texts(content.folder / PHRASES_FILE, {"drawn_from": _drawn_from(content), **_drawn(content)})


def _phrases_in(content: Content) -> Mapping[str, str] | None:
    """Return what lies in the folder; `None` where nothing does that was drawn from these sentences."""
    with suppress(OSError, ValueError):
        kept = read_texts(content.folder / PHRASES_FILE)
        if kept.get("drawn_from") == _drawn_from(content):
            return kept
    return None


def _drawn(content: Content) -> dict[str, str]:
    drawn = draw_phrases(content)
    return {name: "\n".join(getattr(drawn, name)) for name in _DRAWN}


def _drawn_from(content: Content) -> str:
    return f"{content.drawing_key} {DRAWING_VERSION}"
