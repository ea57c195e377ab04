"""The schema of the files of an intents folder: their keys, the type of each value, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from voice_helper.content.schema import Record, key

_LANGUAGE: Final = "The language, such as `en`, for readers. `language.yaml` decides."


LABELS: Final = frozenset(
    {
        "title", "about", "skip", "welcome", "begin", "begin_hint", "try", "emergency", "talk", "talk_hint",
        "listening", "thinking", "question", "ask", "answers", "you", "source", "voice", "hush", "sayable", "close",
        "session", "step", "seconds", "places", "feelings", "moves", "session_listening", "session_deaf",
        "session_over", "no_secure", "no_microphone", "no_words", "unreachable", "cut", "cut_session", "busy",
        "too_fast", "fault", "token", "token_hint", "token_wrong", "token_send",
    }
)  # fmt: skip
MARKED_KINDS: Final = frozenset({"article", "first_aid", "safety"})


def _share(about: str) -> Any:
    return key(about, hint="a number from 0 to 1", low=0.0, high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdsFile(Record):
    """The minimum nearness for each decision. `voice-helper calibrate` sets some of them."""

    named = "thresholds.yaml"

    language: str = key(_LANGUAGE, default="")
    set_on: str = key("The date and the lines that the values were set on.", default="")
    figures: str = key("What the values gave on these lines.", default="")
    sure: float = _share("At least this near, a meaning is answered.")
    margin: float = _share("Two meanings nearer to each other than this are asked about.")
    unsure: float = _share("Below this, the words are not understood.")
    confident: float = _share("The minimum confidence to trust the recognizer's words.")
    emergency: float = _share("The minimum share of emergency in a danger that makes it one.")
    alarm_certain: float | None = key("The minimum log odds of danger that are acted on without a rule.", default=None)
    alarm_possible: float | None = key(
        "The minimum log odds at which the emergency number is named, without a rule.", default=None
    )
    rule_certain: float | None = key("The minimum log odds at which the words of a rule are acted on.", default=None)
    rule_possible: float | None = key("The minimum log odds at which the words of a rule count at all.", default=None)
    alarm_short: float | None = key("Added to all four for a text of up to five words.", default=None)
    alarm_session: float | None = key("Added to all four in a guided session.", default=None)
    alarm_misheard: float | None = key(
        "Added to all four if the recognizer is less confident than `confident`.", default=None
    )
    overheard: float = _share("The minimum score for overheard words, which nobody addressed to the program.")
    overheard_confident: float = _share("The minimum confidence for a nearest meaning of overheard words.")
    overheard_clear: float = _share(
        "From this confidence, an overheard red flag counts regardless of the partial words."
    )
    score_slope: float | None = key(
        "With `score_offset`, converts nearness to a calibrated score, in log odds.", default=None
    )
    score_offset: float | None = key("See `score_slope`.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PronunciationFile(Record):
    """The pronunciations of words that the recognizers' dictionaries lack."""

    named = "pronunciation.yaml"

    language: str = key(_LANGUAGE, default="")
    words: dict[str, tuple[str, ...]] = key(
        "One or several pronunciations of each word, in the phones of the CMU dictionary.",
        default={},
        each="the sound of {}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageFile(Record):
    """What the language needs besides sentences."""

    named = "language.yaml"

    language: str = key("The language of the folder, such as `en`.", default="en")
    groups: tuple[str, ...] = key(
        "The intent groups (names of the sentence files), highest priority first.", default=()
    )
    contractions: dict[str, str] = key("Short forms: texts are compared as `it's`, not as `it is`.", default={})
    letters: str = key("The letters of the language, if there are others than a to z.", default="")
    spellings: dict[str, str] = key("The usual spelling of misheard or differently spelled words.", default={})
    in_session: dict[str, str] = key("Words that have a different intent during a session.", default={})
    fillers: tuple[str, ...] = key("Words and phrases that carry no meaning, such as `um`.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFile(Record):
    """The facts of the article, which rows of kind `article` refer to."""

    named = "facts.yaml"

    language: str = key(_LANGUAGE, default="")
    source: dict[str, str] = key("The article: its title, address and date.", default={})
    facts: dict[str, str] = key("Each fact by its id.", each="the fact {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicKeys(Record):
    """A part of the page."""

    title: str = key("The heading.")
    text: str = key("A text below the heading.", default="")
    groups: tuple[str, ...] = key("Groups whose intents belong here.", default=())
    intents: tuple[str, ...] = key("Single intents that belong here.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PhrasesFile(Record):
    """The titles and examples of the page that `voice-helper check --phrases` writes."""

    named = "phrases.yaml"

    language: str = key(_LANGUAGE, default="")
    title: str = key("The title of the page.", default="")
    opening: str = key("The first paragraph.", default="")
    topics: tuple[TopicKeys, ...] = key("The parts of the page.", default=(), each="topic {}")
    written: dict[str, str] = key("Words that are written otherwise than they are compared: `i: I`.", default={})
    examples: dict[str, tuple[str, ...]] = key(
        "Sentences to show for an intent instead of chosen ones. Each must match a template of the intent.", default={}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantFile(Record):
    """The names of the subject, for assistants with other skills."""

    named = "assistant.yaml"

    language: str = key(_LANGUAGE, default="")
    name: str = key("The name of the subject, as a title.")
    summary: str = key("What the skill does, in one sentence.")
    locale: str = key("The language in the form that assistants use: `en-US`.")
    subject: tuple[str, ...] = key("Phrases that always refer to the subject.")
    near: tuple[str, ...] = key("Phrases that may refer to the subject.")
    examples: tuple[str, ...] = key("Questions to show. Each must match a template.")
    start: str = key("What a user says to start a guided session. It must match a template.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonKeys(Record):
    """A button that says a sentence for the user."""

    label: str = key("The text on the button.")
    says: str = key("The sentence. It must match a template of the intent word for word.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile(Record):
    """The labels and buttons of the page that `voice-helper serve web` shows.

    `intents/page.en.yaml` has the usual ones: a folder in English needs only those that it says otherwise.
    """

    named = "page.yaml"

    language: str = key(_LANGUAGE, default="")
    labels: dict[str, str] = key("The texts of the page.", default={}, names=LABELS)
    kinds: dict[str, str] = key("The mark of a sentence, by the kind of its row.", default={}, names=MARKED_KINDS)
    commands: dict[str, ButtonKeys] = key("The buttons of a session, by intent.", default={}, each="{}")
    places: tuple[ButtonKeys, ...] = key("Buttons that name a place.", default=(), each="place {}")
    examples: tuple[str, ...] = key("Questions to start with. Each must match a template.", default=())
