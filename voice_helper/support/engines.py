"""The tables of engines: one record for each recognizer and one for each voice.

A new engine needs a module and one record here. The command line, `doctor`, the servers, and the code that finds and
installs models all read these records. A test compares the README with the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class ModelKind:
    """How to detect, find and load the model folders of one engine."""

    title: str
    contents: str
    """A description of the folder's content, for users."""

    files: tuple[str, ...]
    """The files that every model has."""

    alternatives: tuple[tuple[str, ...], ...]
    """Groups of files. A complete model has all files of at least one group."""

    without_alternatives: str
    """The message for a folder that has none of these groups."""

    load: str
    """Python code that defines `load`, a function that loads the model in a folder."""

    mark: tuple[str, bytes, str] | None = None
    """The name of a file, bytes near its start that identify this kind of model, and the error message if they are
    missing.
    """

    language_in_name: bool = False
    """Whether the language is taken from the name of the model's folder.

    If not, a name that ends in `.en` means English only.
    """

    variable: str | None = None
    """The environment variable that lists additional folders. Models found there are accepted for every language."""

    folders: tuple[str, ...] = ()
    """Folders of other programs that are also searched."""


@dataclass(frozen=True, slots=True)
class RecognizerRecord:
    """A recognizer, as the command line, `doctor` and the servers list it.

    The recognizer's module has `open_engine(request)`, which returns an `OpenedRecognizer`.
    """

    name: str
    """The name of the recognizer for `--engine`."""

    module: str
    package: str
    """The name of the package in pip."""

    imports: str
    """The name under which the package is imported."""

    hears: str
    needs: str
    """What the recognizer needs before it can run, as the README's table shows it after the install command."""

    adds: str
    """What the recognizer would add to a machine that lacks it, as `doctor` shows it."""

    languages: Mapping[str, str] = field(default_factory=dict)
    """The languages that the engine recognizes, by language code. Empty if they depend on the model."""

    extra: str | None = None
    """The extra that installs the recognizer. `None` if it is part of the base install."""

    model: ModelKind | None = None
    """The kind of model that the engine needs. `None` if its models come in Python packages."""

    automatic: bool = False
    """Whether `auto` may choose the recognizer when the user names no model."""

    gives_second_opinions: bool = False
    """Whether the recognizer, if it has a model, gives a second opinion when another one is unsure."""

    wants_second_opinions: bool = False
    """Whether the recognizer's confidence is reliable enough to show when a second opinion is worthwhile."""

    vocabulary: Literal["pronunciations", "model"] | None = None
    """What limits the words that the engine can recognize: the known pronunciations, the model (its module then has
    `unknown_words`), or nothing.
    """


@dataclass(frozen=True, slots=True)
class VoiceRecord:
    """A voice, as the command line and `doctor` list it. Its module has `open_engine()`, which returns a `Voice`."""

    name: str
    """The name of the voice for `--voice`."""

    module: str
    package: str
    imports: str
    title: str
    """The display name of the voice, for `doctor`."""

    languages: Mapping[str, str] = field(default_factory=dict)
    """The languages that the voice speaks, by language code. Empty if they depend on the operating system."""

    extra: str | None = None
    adds: str | None = None
    """What the voice would add to a machine that lacks it. `None` if every machine should have the voice."""


RECOGNIZERS: Final = (
    RecognizerRecord(
        name="vosk",
        module="voice_helper.recognizers.vosk",
        package="vosk",
        imports="vosk",
        hears="any language with a Vosk model",
        needs=("an installed model (below), or a folder in `models/`, in `VOSK_MODEL_PATH`, or named with `--model`"),
        adds="may recognize English better than the built-in recognizer, and recognizes other languages",
        model=ModelKind(
            title="Vosk",
            contents="am/, conf/ and graph/",
            files=("am/final.mdl", "conf/model.conf"),
            alternatives=(("graph/HCLG.fst",), ("graph/HCLr.fst", "graph/Gr.fst")),
            without_alternatives="the word graph is missing (graph/HCLG.fst, or graph/HCLr.fst and graph/Gr.fst)",
            load="import vosk; vosk.SetLogLevel(-1); load = vosk.Model",
            language_in_name=True,
            variable="VOSK_MODEL_PATH",
            folders=("/usr/share/vosk", "~/.cache/vosk"),
        ),
        automatic=True,
        gives_second_opinions=True,
        vocabulary="model",
    ),
    RecognizerRecord(
        name="embedded",
        module="voice_helper.recognizers.embedded.opener",
        package="hama",
        imports="hama",
        hears=(
            "English, with hama's phoneme network and a lexicon and language model built for it; partial transcripts"
            " arrive while you speak"
        ),
        needs="nothing: the models are in the packages",
        adds="recognizes English without a model",
        languages={"en": "English"},
        automatic=True,
        wants_second_opinions=True,
        vocabulary="pronunciations",
    ),
    RecognizerRecord(
        name="pocketsphinx",
        module="voice_helper.recognizers.pocketsphinx",
        package="pocketsphinx",
        imports="pocketsphinx",
        hears="English, on a very small machine",
        needs="(Python 3.13 or older)",
        adds="--engine pocketsphinx: recognizes speech with PocketSphinx",
        languages={"en": "English"},
        extra="pocketsphinx",
        vocabulary="pronunciations",
    ),
    RecognizerRecord(
        name="whisper",
        module="voice_helper.recognizers.whisper",
        package="faster-whisper",
        imports="faster_whisper",
        hears="the languages of a Whisper model; the transcript arrives half a second after the end of the question",
        needs="and a model for CTranslate2 (`models install faster-whisper-tiny.en`)",
        adds="--engine whisper: recognizes speech with a Whisper model",
        extra="whisper",
        gives_second_opinions=True,
        model=ModelKind(
            title="Whisper",
            contents="config.json, model.bin, tokenizer.json and a vocabulary",
            files=("config.json", "model.bin", "tokenizer.json"),
            alternatives=(("vocabulary.txt",), ("vocabulary.json",)),
            without_alternatives="vocabulary.txt is missing",
            load="import ctranslate2; load = ctranslate2.models.Whisper",
            mark=("model.bin", b"WhisperSpec", "model.bin is not a Whisper model for CTranslate2"),
        ),
    ),
)

VOICES: Final = (
    VoiceRecord(
        name="natural",
        module="voice_helper.voices.natural",
        package="hibari-tts",
        imports="hibari",
        title="natural voice",
        languages={"en": "English"},
        extra="natural",
        adds="a calmer voice for English",
    ),
    VoiceRecord(
        name="pyttsx3",
        module="voice_helper.voices.pyttsx3",
        package="pyttsx3",
        imports="pyttsx3",
        title="voice",
    ),
)
"""The voices, in the order in which `auto` tries them."""

MODEL_KINDS: Final = {each.name: each.model for each in RECOGNIZERS if each.model is not None}
"""The kinds of models, by engine name."""


def recognizer_named(name: str) -> RecognizerRecord | None:
    """Return the record of a recognizer, or `None` if the name is unknown."""
    return next((each for each in RECOGNIZERS if each.name == name), None)


def voice_named(name: str) -> VoiceRecord | None:
    """Return the record of a voice, or `None` if the name is unknown."""
    return next((each for each in VOICES if each.name == name), None)


def package_of(engine: str) -> str:
    """Return the package that provides a recognizer or a voice. For an unknown engine, return the engine's name."""
    record = recognizer_named(engine) or voice_named(engine)
    return record.package if record else engine
