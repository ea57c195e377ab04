"""The schema of the files of an intents folder: their keys, the type of each value, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from voice_helper.content.schema import Record, Text, Texts, key
from voice_helper.types import DisclaimerRule, Kind

Level = Literal["emergency", "urgent", "ask_other_person", "ask_medicine", "ask_diagnosis", "see_doctor"]
"""The intents of the safety group, highest priority first."""

_LANGUAGE: Final = "The language, such as `en`, for readers. `language.yaml` decides."


LABELS: Final = frozenset(
    {
        "title", "about", "skip", "welcome", "begin", "begin_hint", "try", "emergency", "talk", "talk_hint",
        "listening", "thinking", "question", "ask", "answers", "you", "source", "voice", "hush", "sayable", "close",
        "session", "step", "seconds", "places", "feelings", "moves", "session_listening", "session_deaf",
        "session_over", "no_secure", "no_microphone", "no_words", "unreachable", "cut", "cut_session", "busy",
        "too_fast", "fault", "token", "token_hint", "token_wrong", "token_send", "home", "call", "rejoining",
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
    heard: float | None = key(
        "Words heard with less confidence than this mean nothing, except a sign of danger that a rule names.",
        default=None,
        low=0.0,
        high=1.0,
    )
    emergency: float = _share("The minimum share of emergency in a danger that makes it one.")
    alarm_certain: float | None = key("The minimum log odds of danger that are acted on without a rule.", default=None)
    alarm_possible: float | None = key(
        "The minimum log odds at which the emergency number is named, without a rule.", default=None
    )
    rule_certain: float | None = key("The minimum log odds at which the words of a rule are acted on.", default=None)
    rule_possible: float | None = key("The minimum log odds at which the words of a rule count at all.", default=None)
    alarm_short: float | None = key("Added to all four for a text of up to five words.", default=None)
    alarm_session: float | None = key("Added to all four in a guided session.", default=None)
    alarm_clear: float | None = key(
        "A sign of danger heard with less confidence than this is at most possible.", default=None, low=0.0, high=1.0
    )
    redirect: float | None = key("The minimum log odds of a redirect that are acted on without a rule.", default=None)
    rule_redirect: float | None = key(
        "The minimum log odds at which the words of a redirect's rule count.", default=None
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
    asked: tuple[str, ...] = key(
        "Questions about anything: `does {words} help [leg] (cramp|cramps)`. If the last of `{words}` is not among the "
        "words of the nearest meaning, nothing is known of it.",
        default=(),
    )
    blamed: tuple[str, ...] = key(
        "Questions whether something is the cause: `{words} is that (it|why)`. They are about a value in `{words}`.",
        default=(),
    )
    subject: tuple[str, ...] = key(
        "Words that name what the folder is about. A question with one of them that is not understood otherwise gets "
        "the answer of `questions`, or that nothing is known of it.",
        default=(),
    )
    elsewhere: tuple[str, ...] = key("Words beside which the subject is another, such as `stomach`.", default=())
    questions: dict[str, tuple[str, ...]] = key(
        "By intent, words that ask for it in a text that names the subject and means nothing else.", default={}
    )
    other_questions: tuple[str, ...] = key("Words that begin a question about anything else.", default=())
    asked_first: dict[str, tuple[str, ...]] = key(
        "By slot, the values that say what a question is about, even if another meaning is nearer.", default={}
    )
    corrections: tuple[str, ...] = key("Words before a value that take it back, such as `not the`.", default=())


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
    regions: tuple[str, ...] = key("The forms of the language that Home Assistant may ask for: `en-GB`.", default=())
    skip_words: tuple[str, ...] = key(
        "What Home Assistant cuts from an utterance before it looks for a sentence.", default=()
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKeys(Record):
    """One thing to say, and where it comes from."""

    text: str = key("The words. `{name}` is a value of a slot or a setting.")
    kind: Kind = key("What it is. It decides whether the row needs a fact or a source.")
    fact: str | None = key("For kind `article`: an id of `facts.yaml`.", default=None)
    source: str | None = key("For `first_aid` and `safety`: a key of `sources` in `answers.yaml`.", default=None)
    when: dict[str, tuple[str, ...]] = key(
        "The values of each slot that the row is for; also `any`, `none` (no value) and `other` (none that is named).",
        default={},
        each="when {}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKeys(Record):
    """A public source that rows refer to."""

    name: str = key("Its name, as users see it.")
    read: str = key("When it was read.", default="")
    page: str = key("Its address.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclaimerKeys(Record):
    """The disclaimer in its two lengths."""

    full: str = key("Said the first time.")
    short: str = key("Said from then on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstoodKeys(Record):
    """What is said to unclear words."""

    again: str = key("Asks the user to say it again.", hint="what is said to unclear words")
    samples: tuple[str, ...] = key("Questions to propose.", default=())
    waiting: RowKeys | None = key("Said when nothing was understood several times.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageKeys(Record):
    """What is said when an engine or a device fails or works again."""

    hearing: str = key("The recognizer fails.", default="")
    hearing_again: str = key("The recognizer works again.", default="")
    voice: str = key("The voice fails.", default="")
    microphone: str = key("The microphone is gone.", default="")
    microphone_back: str = key("The microphone is back.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerKeys(Record):
    """The answer of one intent."""

    disclaimer: DisclaimerRule = key(
        "The disclaimer that follows. `topic` is the full one once, then the short one.", unless="like"
    )
    title: str = key('Its name in "Did you mean ..., or ...?". Without one, the name of the intent.', default="")
    rows: tuple[RowKeys, ...] = key("What is said, in this order.", each="row {}", unless="like")
    said_twice: bool = key("Whether it is said twice.", default=False, unless="like")
    one_at_a_time: bool = key("Whether only the first of several values is answered.", default=False, unless="like")
    like: Literal["no_session"] | None = key(
        "For a command that needs a session: it is answered as `no_session` says.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersFile(Record):
    """What the program says for each intent."""

    named = "answers.yaml"

    language: str = key(_LANGUAGE, default="")
    content_reviewed: str = key("Which clinician reviewed the words, and when.", default="none")
    sources: dict[str, SourceKeys] = key("The sources that rows refer to.", default={}, each="the source {}")
    disclaimers: DisclaimerKeys = key("The disclaimer.", hint='with "full" and "short"')
    markers: dict[str, str] = key("How rows of a kind begin, if an answer has several kinds.", default={})
    settings: dict[str, str] = key("Values that users may change, such as the emergency number.", default={})
    not_understood: NotUnderstoodKeys = key(
        "What is said to unclear words.", hint='with "again", what is said to unclear words'
    )
    unsure: str = key("Asks which of two was meant. It needs `{first}` and `{second}`.", default="{first}? {second}?")
    unsure_start: str = key("Asks whether a session is needed now, if that is one of the two.", default="")
    denied_flag: str = key("Said after a sign of danger was denied.", default="")
    possible_flag: str = key("Names the emergency number if danger is possible.", default="")
    unread: str = key("Said after the answer to a text that is too long to be read as a question.", default="")
    recording_notice: str = key("Said first if the sound is recorded.", default="")
    outages: OutageKeys | None = key("What is said about failures.", default=None)
    last_of_several: str = key(
        "Joins the last of several values. It needs `{before}` and `{last}`.", default="{before}, {last}"
    )
    no_session: AnswerKeys | None = key(
        "The answer of the commands that need a session, when there is none.", default=None
    )
    answers: dict[str, AnswerKeys] = key("The answer of each intent.", default={}, each="the answer {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingKeys(Record):
    """The reply to each kind of follow-up if the topic has none: a row, or the intent that answers instead.

    Each kind that has phrases needs one.
    """

    why: RowKeys | str = key("The reply to 'why'.")
    how: RowKeys | str = key("The reply to 'how'.")
    more: RowKeys | str = key("The reply to 'tell me more'.")
    other: RowKeys | str | None = key("The reply to 'what else can I do'.", default=None)
    done: RowKeys | str | None = key("The reply to 'I already did that'.", default=None)
    fails: RowKeys | str | None = key("The reply to 'nothing works'.", default=None)
    now: RowKeys | str | None = key("The reply to 'so what should I do'.", default=None)
    sure: RowKeys | str | None = key("The reply to 'are you sure'.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpPhrasesKeys(Record):
    """What people say to follow up an answer."""

    why: tuple[str, ...] = key("Asks for the reason.", default=())
    how: tuple[str, ...] = key("Asks for the way.", default=())
    more: tuple[str, ...] = key("Asks for more.", default=())
    other: tuple[str, ...] = key("Asks for something else. Answered without an answer before, too.", default=())
    done: tuple[str, ...] = key("Says that it was done already. Answered without an answer before, too.", default=())
    fails: tuple[str, ...] = key("Says that nothing helps. Answered without an answer before, too.", default=())
    now: tuple[str, ...] = key("Asks what to do now. Answered without an answer before, too.", default=())
    sure: tuple[str, ...] = key("Doubts the answer. Answered without an answer before, too.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicesKeys(Record):
    """What people say to choose one of two."""

    first: tuple[str, ...] = key("Chooses the first.", default=())
    second: tuple[str, ...] = key("Chooses the second.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpTopicKeys(Record):
    """The replies after the answer of one intent: another intent, or rows."""

    why: str | tuple[RowKeys, ...] | None = key("The reply to 'why'.", default=None, each="why, row {}")
    how: str | tuple[RowKeys, ...] | None = key("The reply to 'how'.", default=None, each="how, row {}")
    more: str | tuple[tuple[RowKeys, ...], ...] | None = key(
        "The reply to 'tell me more': another intent, or a list of rows for each time.", default=None
    )
    other: str | tuple[RowKeys, ...] | None = key(
        "The reply to 'what else can I do'.", default=None, each="other, row {}"
    )
    done: str | tuple[RowKeys, ...] | None = key(
        "The reply to 'I already did that'.", default=None, each="done, row {}"
    )
    fails: str | tuple[RowKeys, ...] | None = key("The reply to 'nothing works'.", default=None, each="fails, row {}")
    now: str | tuple[RowKeys, ...] | None = key("The reply to 'so what should I do'.", default=None, each="now, row {}")
    sure: str | tuple[RowKeys, ...] | None = key("The reply to 'are you sure'.", default=None, each="sure, row {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpsFile(Record):
    """What people say to follow up an answer, and the replies."""

    named = "follow_ups.yaml"

    language: str = key(_LANGUAGE, default="")
    phrases: FollowUpPhrasesKeys | None = key("What people say for each kind of follow-up.", default=None)
    choices: ChoicesKeys | None = key("What people say to choose one of two.", default=None)
    openers: tuple[str, ...] = key("Words that begin a follow-up about something else.", default=())
    joins: tuple[str, ...] = key("Words between two questions in one breath, such as `and also`.", default=())
    frames: dict[str, Texts] = key(
        "Whole questions for the words after an opener, by the group of the last answer. Each needs `{words}` once.",
        default={},
    )
    nothing: NothingKeys = key("The reply if the topic has none.", hint='with "why", "how" and "more"')
    topics: dict[str, FollowUpTopicKeys] = key(
        "The replies after the answer of each intent.", default={}, each="the topic {}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKeys(Record):
    """One step of the session."""

    name: str = key("Its name, which other keys refer to. Without one, its number.", default="")
    number: float | None = key("Its number, as it is spoken. Without one, its position.", default=None)
    say: tuple[RowKeys, ...] = key("What is said.", each="say, row {}", default=())
    say_again: tuple[RowKeys, ...] = key("What is said in later rounds.", default=(), each="say_again, row {}")
    rounds: float = key("How many times it is held.", default=1.0)
    hold_seconds: float = key("How long it is held.", default=0.0)
    rest_seconds: float = key("The rest between two rounds.", default=0.0)
    wait_seconds: float = key("How long to wait after it was said.", default=0.0)
    in_hold: tuple[RowKeys, ...] = key("What is said during the hold.", default=(), each="in_hold, row {}")
    five_more: RowKeys | None = key("Said five seconds before the end of the hold.", default=None)
    rest: RowKeys | None = key("Said after a hold.", default=None)
    asks: bool = key("Whether it asks how the trouble is. Silence counts as no change.", default=False)
    repeat_from: str | None = key("The step to go back to, once, if nothing has changed.", default=None)
    skip_when: str | None = key("The condition under which it is left out.", default=None)
    called: tuple[str, ...] = key("What users call it when they want to go to it.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKeys(Record):
    """How the session depends on where the trouble is."""

    slot: str = key("The slot that names a place.", hint="the slot that names a place in the sentences")
    usual: str | None = key("The place that is assumed if none was named.", default=None)
    step: str | None = key("The step that naming a place leads to.", default=None)
    ask: dict[str, RowKeys] = key("The question about a place that is not exact enough.", default={})
    other: RowKeys | None = key(
        "Said before the step if the user wants another place without naming it: `the other one`.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeKeys(Record):
    """Words that make a report say less than its intent: `nearly gone` is not yet `gone`."""

    words: tuple[str, ...] = key("The words.")
    say: RowKeys = key("Said to the first such report. If it is a question, `yes` is the report in full.")
    then: RowKeys | None = key("Said to later ones. Without it, a later one counts in full.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleKeys(Record):
    """What stands around a report of the trouble inside a longer text."""

    before: tuple[str, ...] = key("Words before the report, such as `and now`.", default=())
    after: tuple[str, ...] = key("Words that begin something else after it, such as `i was`.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideFile(Record):
    """The steps of the guided session, its places and its time limit."""

    named = "guide.yaml"

    language: str = key(_LANGUAGE, default="")
    content_reviewed: str = key("Which clinician reviewed the words, and when.", default="")
    limit_seconds: float = key("The time limit. It never pauses.", default=600.0)
    place_: PlaceKeys | None = key("How the session depends on a place.", default=None)
    conditions: dict[str, tuple[str, ...]] = key(
        "The intents that make a condition true. Steps name it in `skip_when`.", default={}
    )
    steps: tuple[StepKeys, ...] = key("The steps, in this order.", each="the step {}", default=())
    stand: StepKeys | None = key("An extra step that is given only on request.", default=None)
    help: RowKeys | None = key("What can be said in a session.", default=None)
    which_step: RowKeys | None = key("Names the step, `{step}` of `{steps}`.", default=None)
    how_long: RowKeys | None = key("Names the time that is left, `{seconds}`.", default=None)
    count: RowKeys | None = key("Asks the user to count `{seconds}`.", default=None)
    repeat: RowKeys | None = key("Asks the user to repeat a hold `{rounds}` times.", default=None)
    when_done: RowKeys | None = key("Says what to say next.", default=None)
    stopped: RowKeys | None = key(
        "Shown when a word ended the session. `{command}` is what to type to begin again.", default=None
    )
    waiting: RowKeys | None = key("The reply to 'wait'.", default=None)
    keep_going: RowKeys | None = key("Said if nothing has changed in the middle of a step.", default=None)
    again: RowKeys | None = key("Said when the steps begin once more because nothing has changed.", default=None)
    hedges: dict[str, HedgeKeys] = key("The hedges of each report, by its intent.", default={})
    go_to: tuple[str, ...] = key("Ways to ask for a step. `{step}` is what it is called.", default=())
    trouble: TroubleKeys | None = key("Reports of the trouble inside a longer text start a session.", default=None)
    article_first: tuple[RowKeys, ...] = key(
        "Said first in a session with only the words of the article.", default=(), each="article_first, row {}"
    )
    good: RowKeys | None = key("Said if it is better.", default=None)
    close: tuple[RowKeys, ...] = key("Said at the end.", default=(), each="close, row {}")
    close_worse: tuple[RowKeys, ...] = key("Said if it is worse.", default=(), each="close_worse, row {}")
    close_limit: tuple[RowKeys, ...] = key("Said when the time is over.", default=(), each="close_limit, row {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyKeys(Record):
    """A family of signs that get the same reply.

    A sign is one or more parts joined by `+`. In a part, `(a|b)` is a choice, `<name>` a group, `ending*` any ending.
    """

    level: Level = key("The intent that it raises.")
    signs: tuple[Text, ...] = key("The signs.", each="sign {}")
    not_in_questions: bool = key("Whether a question about it is no sign.", default=False)
    not_in_general: bool = key("Whether a question about people in general is no sign.", default=False)
    unless: tuple[Text, ...] = key("What turns the sign into something harmless.", default=())
    own_words: tuple[Text, ...] = key("Words without which nearness alone does not mean it.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyFile(Record):
    """The rules that find signs of danger, before any other meaning."""

    named = "safety.yaml"

    language: str = key(_LANGUAGE, default="")
    groups: dict[str, tuple[str, ...]] = key("Words that signs name as `<name>`.", default={}, each="the group <{}>")
    families: dict[str, FamilyKeys] = key("The families of signs.", default={}, each="the family {}")
    idioms: tuple[Text, ...] = key("Phrases that sound like a sign but are none. They are removed first.", default=())
    negators: tuple[str, ...] = key("Words that deny what follows, such as `no`.", default=())
    negation_ends: tuple[str, ...] = key("Words that end the reach of a denial, such as `but`.", default=())
    negation_passes: tuple[str, ...] = key("Words that may come between a negator and what it denies.", default=())
    denials: tuple[Text, ...] = key("Whole phrases that deny a sign.", default=())
    hedges: tuple[Text, ...] = key("Phrases that make a denial uncertain.", default=())
    past: tuple[Text, ...] = key(
        "Phrases that put the signs beside them in the past or in a story, such as `years ago`.", default=()
    )
    present: tuple[str, ...] = key("Words that bring a past sign back, such as `again`.", default=())
    questions: tuple[str, ...] = key("The first words of questions.", default=())
    question_ends: tuple[str, ...] = key("Words after which a text goes on with something else.", default=())
    persons: tuple[str, ...] = key("Words for a certain person, such as `my`.", default=())
    small_words: tuple[str, ...] = key("Words that may come between the words of a sign.", default=())
    generic: tuple[str, ...] = key("Words for people in general, such as `you`.", default=())
    remembered: dict[str, tuple[str, ...]] = key(
        "The topics in which a sign of each level is remembered.", default={}, names=get_args(Level)
    )
    clause_ends: tuple[str, ...] = key("Words that end a clause.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMetadataKeys(Record):
    """What else is known of a value."""

    say: str = key("How the value is said in an answer, if not as `out`.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueKeys(Record):
    """A value of a list, and what people say for it."""

    in_: str = key("What people say: a template without lists and rules.", hint="what people say")
    out: str = key("The value.", hint="the value")
    metadata: ValueMetadataKeys | None = key("What else is known of it.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKeys(Record):
    """The values that a slot can have."""

    values: tuple[Text | ValueKeys, ...] = key("The values: each a text, if it is said as it is.", each="value {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencesKeys(Record):
    """Some of the sentences of an intent."""

    sentences: tuple[Text, ...] = key("The sentences: templates that may use lists and rules.", each="sentence {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentKeys(Record):
    """What people say for an intent."""

    data: tuple[SentencesKeys, ...] = key("The sentences, in one or several blocks.", each="block {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencesFile(Record):
    """What people say: the sentences of a group of intents, in Home Assistant's template language.

    The name of the file is the name of the group. Lists and rules count in every file of the folder.
    """

    named = "sentences/*.yaml"

    language: str = key(_LANGUAGE, default="")
    lists: dict[str, ListKeys] = key("The lists, which templates name as `{name}`.", default={}, each="the list {{{}}}")
    expansion_rules: dict[str, Text] = key(
        "The rules: parts of templates, which templates name as `<name>`.", default={}, each="the rule <{}>"
    )
    intents: dict[str, IntentKeys] = key("The sentences of each intent.", default={}, each="{}")


FILE_KINDS: Final[tuple[type[Record], ...]] = (
    LanguageFile, SentencesFile, AnswersFile, FollowUpsFile, GuideFile, SafetyFile, FactsFile, ThresholdsFile,
    PronunciationFile, PhrasesFile, PageFile, AssistantFile,
)  # fmt: skip
"""The schema of each file, in the order of the reference page."""
