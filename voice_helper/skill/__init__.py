"""The `Skill`: one intents folder, read and assembled into a conversation that answers its questions.

In voice assistants, a skill is a part that handles one subject. `learn_folder` trains the similarity model of a folder,
which is what `voice-helper learn` does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voice_helper.content.files import Files, generated_file, read_files
from voice_helper.dialogue.commands import usual_commands
from voice_helper.dialogue.conversation import Conversation
from voice_helper.errors import VoiceHelperError
from voice_helper.skill.chat import Chat
from voice_helper.skill.folder_reader import (
    Content,
    content_of,
    draw_phrases,
    load_content,
    unpacked,
)
from voice_helper.skill.generated_files import LEARNED_FILE, PHRASES_FILE, phrases_key
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
from voice_helper.support.clock import clock_seconds
from voice_helper.support.code_key import PACKAGE, code_key, source_key
from voice_helper.support.paths import cache_folder, intents_folder
from voice_helper.support.settings import callable_number
from voice_helper.types import Phrases, Transcript
from voice_helper.understanding.embedder import EmbedderWithMemory, SentenceEmbedder
from voice_helper.understanding.learned_alarm import ALARM_FILE, LearnedAlarm
from voice_helper.understanding.ranking import Ranking
from voice_helper.understanding.understand import Understanding
from voice_helper.voices import WORDS_PER_MINUTE

if TYPE_CHECKING:  # numpy and its dependents load with the first audio, or the first question that no template matches
    from voice_helper.audio.devices import Player, Source
    from voice_helper.recognizers import Recognizer
    from voice_helper.skill.live_assistant import FileHearing, LiveAssistant
    from voice_helper.support.cache import Arrays
    from voice_helper.understanding import classifier
    from voice_helper.voices import Voice

_DRAWN: Final = ("questions", "commands", "session")
_READ_BY: Final = ("content", "dialogue", "skill", "support", "understanding")
"""The packages whose code determines how an intents folder is parsed, in addition to the modules of values."""

_EMBEDDED_BY: Final = (
    "support/activations", "support/cache", "support/onnx", "support/onnx_weights", "understanding/embedder",
    "understanding/minilm",
)  # fmt: skip
_EMBEDDING_SHARE: Final = 0.75  # the share of the training time that embedding takes if no vectors are cached
_STALE: Final = (
    "the sentences have changed since the nearest meaning was learned from them: new templates match only word for"
    " word. To update it, run voice-helper learn {folder}, which takes up to two minutes"
)


class Memory:
    """Holds the trained similarity model, which is read from its file when a question first needs it."""

    def __init__(self, learned_from: str, read: Callable[[], classifier.Learned]) -> None:
        """Set the key of the content that the model was trained on, and the function that reads the model."""
        self.learned_from = learned_from
        self._read = read

    @cached_property
    def learned(self) -> classifier.Learned:
        """Return the trained model. It may include intents that the folder no longer has."""
        return self._read()


class RememberedMeaning:
    """Ranks meanings with the trained model in a `Memory`, limited to the current intents."""

    def __init__(self, memory: Memory, intents: tuple[str, ...], embed: SentenceEmbedder) -> None:
        """Set the current intents and the embedder."""
        self._memory, self._intents, self._embed = memory, intents, embed

    @cached_property
    def fitted(self) -> classifier.Nearest:
        """Return the classifier. The first call reads the trained model."""
        from voice_helper.understanding import classifier

        return classifier.Nearest(classifier.only(self._memory.learned, self._intents), self._embed)

    def rank(self, comparable: str) -> Ranking:
        """Return the similarity of a text to every intent."""
        return self.fitted.rank(comparable)

    def known_share(self, comparable: str) -> float:
        """Return the share of the text's words that occur in the templates, from 0.0 to 1.0."""
        return self.fitted.known_share(comparable)

    def knows(self, word: str, intent: str) -> bool:
        """Return whether an example of an intent has a word."""
        return self.fitted.knows(word, intent)

    def is_familiar(self, word: str) -> bool:
        """Return whether several examples have a word."""
        return self.fitted.is_familiar(word)

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return the template of an intent that is most similar to a text.

        Return `None` if the intent has no template.
        """
        return self.fitted.nearest_template(comparable, intent)


@dataclass(frozen=True)
class Skill:
    """The content of one intents folder, and the conversation that uses it."""

    content: Content
    understanding: Understanding
    conversation: Conversation
    memory: Memory = field(repr=False)
    embed: SentenceEmbedder = field(repr=False)
    alarm: LearnedAlarm | None = field(repr=False, default=None)

    @classmethod
    def load(
        cls, folder: str | Path | None = None, *, emergency_number: str | None = None, article_only: bool = False
    ) -> Skill:
        """Load an intents folder. The default is the English folder that is part of the package. Nothing is downloaded.

        The answers name the `emergency_number`, or the folder's own number if none is given. With `article_only`,
        guided sessions use only the article's own text and the safety rows. The first load of a custom folder takes up
        to two minutes. Raises `IntentsError` with every problem in the folder, or
        `VoiceHelperError` if there is no such folder.
        """
        if folder is not None and not Path(folder).is_dir():
            raise VoiceHelperError(f"there is no intents folder {folder}", hint="check its path")
        number = callable_number(emergency_number)
        if number is None and emergency_number:
            _log(f'"{emergency_number}" is not an emergency number: it has no digit')
        settings = {"number": number} if number else {}
        skill = open_skill(folder=Path(folder) if folder else None, settings=settings, announce=_log)
        return replace(skill, conversation=skill.conversation.article_only()) if article_only else skill

    def chat(self, *, clock: Callable[[], float] = clock_seconds) -> Chat:
        """Begin a conversation in which you send one text after another. `clock` returns seconds."""
        return Chat(self.conversation.by_turns(), clock=clock)

    def hear(self, sound: str | Path | Source, recognizer: Recognizer | None = None) -> Transcript:
        """Transcribe a whole audio file, or the first question from a source.

        The transcript is empty if no words are recognized. Without a `recognizer`, `open_recognizer` opens one, which
        is kept for the next call. Raises `AudioFileError` for a file that cannot be read, `EngineFaultError` if the
        recognizer returns anything but transcripts, and the errors of `open_recognizer`.
        """
        from voice_helper.audio.devices import WavSource
        from voice_helper.skill.live_assistant import CheckedRecognizer, hear_one, hear_whole

        source, hear = (WavSource(Path(sound)), hear_whole) if isinstance(sound, (str, Path)) else (sound, hear_one)
        if recognizer is None:
            return self._file_hearing.hear(source, hear)
        return hear(source, CheckedRecognizer(recognizer))

    @cached_property
    def _file_hearing(self) -> FileHearing:
        from voice_helper.skill.live_assistant import FileHearing

        return FileHearing(self.open_recognizer)

    def assistant(
        self,
        *,
        microphone: Source | str | None = None,
        recognizer: Recognizer | None = None,
        voice: Voice | None = None,
        loudspeaker: Player | str | None = None,
        headset: bool = False,
        wake: str | None = None,
        push_to_talk: bool = False,
        words_per_minute: float = WORDS_PER_MINUTE,
    ) -> LiveAssistant:
        """Open the voice loop. Pass any components of your own; the defaults are those of the command line.

        A string for `microphone` or `loudspeaker` is part of the name of a sound device. `headset` means that the
        microphone cannot pick up the loudspeaker, so no echo is removed. By default, the assistant answers all speech
        about its subject. With `wake`, it answers only after this phrase; with `push_to_talk`, only after `address()`.
        It always responds to signs of danger. Raises `SoundDeviceError` if a device does not work, and the errors of
        `open_recognizer` and `open_voice`.
        """
        from voice_helper.skill.live_assistant import LiveAssistant

        return LiveAssistant(
            self.conversation,
            recognizer or self.open_recognizer(),
            voice or self.open_voice(),
            microphone=microphone,
            loudspeaker=loudspeaker,
            headset=headset,
            wake=wake,
            push_to_talk=push_to_talk,
            words_per_minute=words_per_minute,
            announce=_log,
        )

    def open_recognizer(
        self, engine: str = "auto", *, model: str | Path | None = None, second_opinion: bool = True
    ) -> Recognizer:
        """Open a recognizer that expects the skill's phrases. `engine` is one of
        `voice_helper.recognizers.ENGINE_NAMES`.

        With `second_opinion`, an installed Vosk or Whisper model also transcribes utterances with low confidence.
        Raises `ModelMissingError` if there is no model for it, and `EngineMissingError` if it cannot run on this
        machine.
        """
        from voice_helper.runtime.supervised_engines import open_supervised_recognizer

        choice = open_supervised_recognizer(
            engine,
            phrases=self.phrases,
            language=self.content.language.code,
            model=Path(model) if model else None,
            second_opinion=second_opinion,
            announce=_log,
        )
        if choice.advice:
            _log(choice.advice)
        return choice.recognizer

    def open_voice(self, name: str = "auto") -> Voice:
        """Open a voice: `auto`, `natural`, `pyttsx3`, or `none`, which is silent and only leaves time to read.

        Raises `EngineMissingError` if the voice does not work on this machine.
        """
        from voice_helper.runtime.supervised_engines import open_supervised_voice

        return open_supervised_voice(name, self.content.language.code)

    @property
    def phrases(self) -> Phrases:
        """Return the typical phrases of this skill's users, as hints for a recognizer."""
        return phrases_of(self.content)

    @property
    def is_stale(self) -> bool:
        """Return whether the sentences have changed since the similarity model was trained."""
        return self.memory.learned_from != self.content.learning_key

    def read_ahead(self, texts: Sequence[str]) -> None:
        """Run the networks on many texts in one batch, which takes a third of the time.

        The results are the same. They are kept in memory until the next call, so pass at most a few hundred texts at
        once.
        """
        normalize = self.content.language.normalize
        firsts = [normalize(text).parts[0] for text in dict.fromkeys(texts)]
        self.embed.read_ahead(said.essence for said in firsts)
        if self.alarm is not None:
            # texts that match a template do not need the alarm
            exact = self.content.sentences.exact
            self.alarm.read_ahead(said.essence for said in firsts if not exact(said))

    def load_all(self) -> None:
        """Load everything that a question may need, so that no user of a server has to wait."""
        any_words = self.content.sentences.intents[0]
        self.understanding.nearest.rank(any_words)
        self.understanding.nearest.known_share(any_words)
        if self.understanding.alarm is not None:
            self.understanding.alarm.suspicion(any_words)


def _log(text: str) -> None:
    logging.getLogger("voice_helper").warning(text)


def open_skill(
    language: str = "en",
    *,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    announce: Callable[[str], None] = lambda text: None,
    before: Skill | None = None,
) -> Skill:
    """Read an intents folder and prepare to understand questions.

    The parsed content is cached, and parsed again only if the files change. The trained model is read from the folder
    or from the cache. `announce` is called if the model has to be trained, which takes up to two minutes, or if the
    sentences have changed since it was trained. `before` is the skill as it was before an edit. Its slow parts are
    reused if they have not changed, and no model is trained. Raises `IntentsError` with every problem in the folder.
    """
    files = read_files(folder or intents_folder(language))
    content = content_of(files, settings or {}, before.content) if before else _content(files, settings or {})
    is_kept_there = generated_file(content.folder, LEARNED_FILE).is_file()
    memory = before.memory if before and not is_kept_there else _memory(content, announce)
    embed = before.embed if before else SentenceEmbedder()
    meaning = RememberedMeaning(memory, content.sentences.intents, embed)
    alarm = _alarm(content.folder, embed)
    understanding = Understanding(content.sentences, content.safety, meaning, content.thresholds, alarm)
    conversation = Conversation(understanding, content.answers, content.guide, content.follow_ups)
    skill = Skill(content, understanding, conversation, memory, embed, alarm)
    if skill.is_stale and not (before and before.is_stale):
        announce(_STALE.format(folder=content.folder))
    return skill


def _content(files: Files, settings: Mapping[str, str]) -> Content:
    """Parse the files, or load the cached result for the same files."""
    depends_on = json.dumps([files.key(), files.shown, _reader_key(), sorted(settings.items())])
    key = hashlib.sha256(depends_on.encode()).hexdigest()
    packed = kept_values("content", key, lambda: content_of(files, settings).packed(), _kept_classes())
    return unpacked(packed, files.folder)


def _reader_key() -> str:
    """Return a key of the code that parses an intents folder, including hassil's."""
    hassil = find_spec("hassil")  # finds it without loading it
    folders = [Path(each) for each in hassil.submodule_search_locations or ()] if hassil else []
    return code_key(PACKAGE, *(PACKAGE / name for name in _READ_BY), *folders)


def _kept_classes() -> frozenset[str]:
    """Return the modules whose classes parsed content may consist of. They are loaded already."""
    packages = {f"voice_helper.{name}" for name in _READ_BY}
    return frozenset(name for name in sys.modules if name.rpartition(".")[0] in packages) | {"voice_helper.types"}


def learn_folder(folder: Path, progress: Callable[[float], None] = lambda share: None) -> Path:
    """Train the similarity model of an intents folder and store it there. Return the path of the file.

    Also stores the phrases that recognizers expect. `progress` is called with the share of work done. Takes up to two
    minutes. Raises `IntentsError` for a folder with problems. Raises `VoiceHelperError` if the file cannot be written;
    the previous file then stays unchanged.
    """
    content = load_content(folder)
    path = generated_file(folder, LEARNED_FILE)
    from voice_helper.understanding import classifier

    try:
        write_arrays(path, classifier.to_arrays(_learn(content, progress)))
        keep_phrases(content)
    except OSError as error:
        raise VoiceHelperError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _memory(content: Content, announce: Callable[[str], None]) -> Memory:
    """Return the trained model of a folder: from the folder, or from the cache, or newly trained."""
    path = generated_file(content.folder, LEARNED_FILE)
    if path.is_file():
        return _memory_in(path, content.folder)

    from voice_helper.understanding import classifier

    def learn() -> Arrays:
        announce("learning the sentences, once after each change ...")
        return classifier.to_arrays(_learn(content))

    key = hashlib.sha256(f"{content.learning_key} {classifier.LEARNING_VERSION}".encode()).hexdigest()
    learned = classifier.from_arrays(kept_arrays("nearest", key, learn))
    return Memory(learned.learned_from, lambda: learned)


def _alarm(folder: Path, embed: SentenceEmbedder) -> LearnedAlarm | None:
    """Return the trained alarm of a folder, or `None` if the folder has no alarm.

    The parameters are parsed when they are first needed.
    """
    path = generated_file(folder, ALARM_FILE)
    if not path.is_file():
        return None
    try:
        raw = read_checked(path)
    except (OSError, ValueError) as error:
        raise VoiceHelperError(f"{path}: cannot be read: {error}") from None
    return LearnedAlarm(lambda: arrays_of(raw), embed)


def _memory_in(path: Path, folder: Path) -> Memory:
    """Return the trained model in a file. Only its key is parsed immediately."""

    def unreadable(error: Exception) -> VoiceHelperError:
        return VoiceHelperError(f"{path}: cannot be read: {error}", hint=f"run: voice-helper learn {folder}")

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

    def embedded(share: float) -> None:
        progress(share * _EMBEDDING_SHARE)

    def added(share: float) -> None:
        progress(_EMBEDDING_SHARE + share * (1 - _EMBEDDING_SHARE))

    embed = EmbedderWithMemory(SentenceEmbedder(), _vectors_file(content.folder), embedded)
    learned = classifier.learn(content.sentences, content.wordings, embed, content.learning_key, added)
    embed.keep()
    return learned


def _vectors_file(folder: Path) -> Path:
    """Return the cache file for the vectors of a folder's texts. There is one for each folder and embedder version."""
    key = hashlib.sha256(f"{folder.resolve()} {source_key(*_EMBEDDED_BY)}".encode()).hexdigest()
    return cache_folder() / f"embedded-{key[:32]}.npz"


def phrases_of(content: Content) -> Phrases:
    """Return the phrases that recognizers should expect, from the folder or from the cache.

    If the sentences have changed, new phrases are drawn and cached, which takes seconds.
    """
    kept = _phrases_in(content)
    if kept is None:
        key = hashlib.sha256(f"{content.drawing_key} {_reader_key()}".encode()).hexdigest()
        kept = kept_texts("phrases", key, lambda: _drawn(content))
    drawn = {name: tuple(kept[name].split("\n")) for name in _DRAWN}
    return Phrases(**drawn, sounds=content.pronunciations, usual=usual_commands(content.sentences))


def keep_phrases(content: Content) -> None:
    """Draw the phrases and store them in the folder. Raises `OSError` if the file cannot be written."""
    path = generated_file(content.folder, PHRASES_FILE)
    write_texts(path, {"drawn_from": phrases_key(content), **_drawn(content)})


def _phrases_in(content: Content) -> Mapping[str, str] | None:
    """Return the phrases stored in the folder. Return `None` if there are none or the sentences have changed."""
    with suppress(OSError, ValueError):
        kept = read_texts(generated_file(content.folder, PHRASES_FILE))
        if kept.get("drawn_from") == phrases_key(content):
            return kept
    return None


def _drawn(content: Content) -> dict[str, str]:
    drawn = draw_phrases(content)
    return {name: "\n".join(getattr(drawn, name)) for name in _DRAWN}
