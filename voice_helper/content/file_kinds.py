"""The schema of the files in an intents folder: the keys, the type of each value, and its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from voice_helper.content.schema import Record, Text, Texts, key
from voice_helper.types import DisclaimerRule, Kind

Level = Literal["emergency", "urgent", "ask_other_person", "ask_medicine", "ask_diagnosis", "see_doctor"]
"""The intents of the safety group, in order of priority, highest first."""

_LANGUAGE: Final = "The language, such as `en`, for information only. The program uses the one in `language.yaml`."


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
    """The minimum similarity for each decision. `voice-helper calibrate` sets some of these values."""

    named = "thresholds.yaml"

    language: str = key(_LANGUAGE, default="")
    set_on: str = key("The date of the last calibration, and the labelled lines that were used.", default="")
    figures: str = key("The results of the calibration on these lines.", default="")
    sure: float = _share("The minimum similarity for an answer.")
    margin: float = _share(
        "The difference between the two most similar meanings below which the program asks which one was meant."
    )
    unsure: float = _share("The similarity below which an utterance counts as not understood.")
    confident: float = _share("The minimum confidence at which a recognizer's transcript is trusted.")
    heard: float | None = key(
        "The recognizer confidence below which transcripts are ignored, except for signs of danger that a rule finds.",
        default=None,
        low=0.0,
        high=1.0,
    )
    emergency: float = _share("The minimum probability, given danger, at which a text counts as an emergency.")
    alarm_certain: float | None = key(
        "The minimum log odds of danger for a certain alarm if no rule matches.", default=None
    )
    alarm_possible: float | None = key(
        "The minimum log odds of danger for a possible alarm if no rule matches.", default=None
    )
    rule_certain: float | None = key(
        "The minimum log odds of danger for a certain alarm if a rule matches.", default=None
    )
    rule_possible: float | None = key(
        "The minimum log odds of danger for a possible alarm if a rule matches.", default=None
    )
    alarm_short: float | None = key(
        "The amount added to the four limits above for a text of up to five words.", default=None
    )
    alarm_session: float | None = key("The amount added to the four limits above in a guided session.", default=None)
    alarm_clear: float | None = key(
        "The recognizer confidence below which an alarm is possible, never certain.", default=None, low=0.0, high=1.0
    )
    overheard: float = _share(
        "The minimum score for answering overheard speech, which was not addressed to the program."
    )
    overheard_confident: float = _share(
        "The minimum recognizer confidence for answering overheard speech that only similarity understands."
    )
    redirect: float | None = key(
        "The minimum log odds at which a redirect is acted on if no rule finds it.", default=None
    )
    redirect_sure: float | None = key(
        "The minimum log odds at which a redirect is acted on although the text has another likely meaning.",
        default=None,
    )
    rule_redirect: float | None = key(
        "The minimum log odds at which a redirect is acted on if a rule finds it.", default=None
    )
    overheard_clear: float = _share(
        "The minimum recognizer confidence at which overheard danger needs no support by a partial transcript."
    )
    score_slope: float | None = key(
        "The slope of the line that converts similarity to a calibrated score, in log odds.", default=None
    )
    score_offset: float | None = key("The offset of this line, in log odds.", default=None)


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
    """Properties of the language other than its sentences."""

    named = "language.yaml"

    language: str = key("The language of the folder, such as `en`.", default="en")
    groups: tuple[str, ...] = key(
        "The intent groups (names of the sentence files), highest priority first.", default=()
    )
    contractions: dict[str, str] = key("Short forms: texts are compared as `it's`, not as `it is`.", default={})
    letters: str = key("The letters of the language's alphabet, if it has letters other than a to z.", default="")
    spellings: dict[str, str] = key(
        "The standard spelling of words that are often misrecognized or spelled differently.", default={}
    )
    sounds: dict[str, str] = key(
        "Regular expressions for letters, and what replaces them, in order, so that words that sound alike become "
        "equal. Without them, misheard words are not repaired.",
        default={},
    )
    in_session: dict[str, str] = key("Words that have a different intent during a session.", default={})
    fillers: tuple[str, ...] = key("Words and phrases that carry no meaning, such as `um`.", default=())
    asked: tuple[str, ...] = key(
        "Forms of questions about any topic: `does {words} help [a lot] (with|against) it`. If the last of `{words}` "
        "is not among the words of the nearest meaning, the reply is that nothing is known about the topic.",
        default=(),
    )
    blamed: tuple[str, ...] = key(
        "Forms of questions about the cause: `{words} is that (it|why)`. `{words}` stands for the cause.",
        default=(),
    )
    subject: tuple[str, ...] = key(
        "Words that name the subject of the folder. If a question contains one of them and is not understood "
        "otherwise, `questions` determines the answer, or the reply is that nothing is known about the topic.",
        default=(),
    )
    elsewhere: tuple[str, ...] = key(
        "Words that show that a text with one of the `subject` words is about something else, such as `stomach`.",
        default=(),
    )
    questions: dict[str, tuple[str, ...]] = key(
        "For each intent, words that ask for it. They are used if a text names the subject but matches nothing else.",
        default={},
    )
    other_questions: tuple[str, ...] = key("Words that may begin a question about any topic.", default=())
    asked_first: dict[str, tuple[str, ...]] = key(
        "For each slot, the values that determine the topic of a question, even if another meaning is more similar.",
        default={},
    )
    corrections: tuple[str, ...] = key("Words that retract the value after them, such as `not the`.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFile(Record):
    """The facts of the article. Rows of kind `article` refer to them."""

    named = "facts.yaml"

    language: str = key(_LANGUAGE, default="")
    source: dict[str, str] = key("The title, address and date of the article.", default={})
    facts: dict[str, str] = key("The facts, by their ids.", each="the fact {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicKeys(Record):
    """A topic of the page "What can I say?"."""

    title: str = key("The heading.")
    text: str = key("The text below the heading.", default="")
    groups: tuple[str, ...] = key("The groups of intents that belong to the topic.", default=())
    intents: tuple[str, ...] = key("Further intents that belong to the topic.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PhrasesFile(Record):
    """The titles and examples of the page that `voice-helper check --phrases` writes."""

    named = "phrases.yaml"

    language: str = key(_LANGUAGE, default="")
    title: str = key("The title of the page.", default="")
    opening: str = key("The first paragraph of the page.", default="")
    topics: tuple[TopicKeys, ...] = key("The topics of the page, in order.", default=(), each="topic {}")
    written: dict[str, str] = key("Words whose display form differs from the normalized one: `i: I`.", default={})
    examples: dict[str, tuple[str, ...]] = key(
        "Sentences to show for an intent instead of automatically chosen ones. Each must match one of its templates.",
        default={},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantFile(Record):
    """The names of the subject, for assistants that have other skills."""

    named = "assistant.yaml"

    language: str = key(_LANGUAGE, default="")
    name: str = key("The name of the subject, as a title.")
    summary: str = key("What the skill does, in one sentence.")
    locale: str = key("The language code that assistants use: `en-US`.")
    subject: tuple[str, ...] = key("Phrases that always refer to the subject.")
    near: tuple[str, ...] = key("Phrases that may refer to the subject.")
    examples: tuple[str, ...] = key("Example questions that assistants display. Each must match a template.")
    start: str = key("What a user says to start a guided session. It must match a template.", default="")
    regions: tuple[str, ...] = key("The regional variants that Home Assistant may request: `en-GB`.", default=())
    skip_words: tuple[str, ...] = key(
        "Phrases that Home Assistant removes from an utterance before matching.", default=()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonKeys(Record):
    """A button that sends a sentence as if the user had said it."""

    label: str = key("The text on the button.")
    says: str = key("The sentence. It must match a template of the intent word for word.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile(Record):
    """The labels and buttons of the page that `voice-helper serve web` shows.

    `intents/page.en.yaml` holds the defaults for English. A folder needs only the entries that differ from them.
    """

    named = "page.yaml"

    language: str = key(_LANGUAGE, default="")
    labels: dict[str, str] = key("The texts of the page.", default={}, names=LABELS)
    kinds: dict[str, str] = key(
        "The label that marks a sentence, by the kind of its row.", default={}, names=MARKED_KINDS
    )
    commands: dict[str, ButtonKeys] = key("The buttons of a session, by intent.", default={}, each="{}")
    places: tuple[ButtonKeys, ...] = key("The buttons that name a place.", default=(), each="place {}")
    examples: tuple[str, ...] = key("Questions that the page suggests. Each must match a template.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKeys(Record):
    """A sentence to speak, and its source."""

    text: str = key("The sentence. `{name}` stands for the value of a slot or a setting.")
    kind: Kind = key("The kind of sentence, which determines whether the row needs a fact or a source.")
    fact: str | None = key("For kind `article`: an id from `facts.yaml`.", default=None)
    source: str | None = key("For `first_aid` and `safety`: a key of `sources` in `answers.yaml`.", default=None)
    when: dict[str, tuple[str, ...]] = key(
        "The slot values that the row applies to; also `any`, `none` (no value) and `other` (a value not named).",
        default={},
        each="when {}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKeys(Record):
    """A public source that rows refer to."""

    name: str = key("The name of the source as shown to users.")
    read: str = key("The date when the source was read.", default="")
    page: str = key("The web address of the source.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclaimerKeys(Record):
    """The disclaimers that follow an answer."""

    full: str = key("The disclaimer spoken the first time.")
    short: str = key("The disclaimer spoken from then on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstoodKeys(Record):
    """The replies to utterances that were not understood."""

    again: str = key("The row that asks the user to repeat the sentence.", hint="the reply to unclear speech")
    samples: tuple[str, ...] = key("Questions to suggest to the user.", default=())
    waiting: RowKeys | None = key("Spoken after several utterances in a row that were not understood.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageKeys(Record):
    """The messages about an engine or a device that fails or recovers."""

    hearing: str = key("Spoken when the recognizer fails.", default="")
    hearing_again: str = key("Spoken when the recognizer works again.", default="")
    voice: str = key("Spoken when the voice fails.", default="")
    microphone: str = key("Spoken when the microphone is disconnected.", default="")
    microphone_back: str = key("Spoken when the microphone is back.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerKeys(Record):
    """The answer of one intent."""

    disclaimer: DisclaimerRule = key(
        "The disclaimer that follows the answer. `topic` means the full one once, then the short one.", unless="like"
    )
    title: str = key('The name for "Did you mean ..., or ...?". The default is the name of the intent.', default="")
    rows: tuple[RowKeys, ...] = key("The sentences, in spoken order.", each="row {}", unless="like")
    said_twice: bool = key("Whether the answer is spoken twice.", default=False, unless="like")
    one_at_a_time: bool = key("Whether to answer only the first of several slot values.", default=False, unless="like")
    like: Literal["no_session"] | None = key(
        "Set this for a command that needs a session. Outside a session, the reply is `no_session`.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersFile(Record):
    """The program's answer to each intent."""

    named = "answers.yaml"

    language: str = key(_LANGUAGE, default="")
    content_reviewed: str = key("The clinician who reviewed the content, and the date.", default="none")
    sources: dict[str, SourceKeys] = key("The sources that rows refer to.", default={}, each="the source {}")
    disclaimers: DisclaimerKeys = key("The disclaimer.", hint='with "full" and "short"')
    markers: dict[str, str] = key(
        "For each kind of row, the words that introduce it if an answer has rows of several kinds.", default={}
    )
    settings: dict[str, str] = key("Values that users may change, such as the emergency number.", default={})
    not_understood: NotUnderstoodKeys = key(
        "The replies to utterances that were not understood.",
        hint='with "again", the reply to unclear speech',
    )
    unsure: str = key(
        "The question that asks which of two meanings is right. Must contain `{first}` and `{second}`.",
        default="{first}? {second}?",
    )
    unsure_start: str = key(
        "The question that asks whether the user needs a session now, if a session is one of the two meanings.",
        default="",
    )
    denied_flag: str = key("Spoken after the user denied a sign of danger.", default="")
    possible_flag: str = key("The row that names the emergency number if danger is possible.", default="")
    unread: str = key("Spoken after the answer to a text that was too long to be read completely.", default="")
    recording_notice: str = key("Spoken first if the audio is recorded.", default="")
    outages: OutageKeys | None = key("The messages about failures.", default=None)
    last_of_several: str = key(
        "The pattern that joins the last of several values to the others. Must contain `{before}` and `{last}`.",
        default="{before}, {last}",
    )
    no_session: AnswerKeys | None = key("The reply to commands that need a session, if none is running.", default=None)
    answers: dict[str, AnswerKeys] = key("The answer of each intent.", default={}, each="the answer {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingKeys(Record):
    """The replies to follow-ups if the topic has none of its own: for each kind, a row, or the intent to answer
    instead.

    Each kind that has phrases needs a reply.
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
    """The phrases with which users follow up an answer."""

    why: tuple[str, ...] = key("Phrases that ask for the reason.", default=())
    how: tuple[str, ...] = key("Phrases that ask how to do what the answer says.", default=())
    more: tuple[str, ...] = key("Phrases that ask for more.", default=())
    other: tuple[str, ...] = key("Phrases that ask for something else. They need no previous answer.", default=())
    done: tuple[str, ...] = key(
        "Phrases that say that the user has already tried this. They need no previous answer.", default=()
    )
    fails: tuple[str, ...] = key("Phrases that say that nothing helps. They need no previous answer.", default=())
    now: tuple[str, ...] = key("Phrases that ask what to do now. They need no previous answer.", default=())
    sure: tuple[str, ...] = key("Phrases that doubt the answer. They need no previous answer.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicesKeys(Record):
    """The phrases for choosing one of two options."""

    first: tuple[str, ...] = key("Phrases that choose the first option.", default=())
    second: tuple[str, ...] = key("Phrases that choose the second option.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpTopicKeys(Record):
    """The replies to follow-ups about the answer to one intent: another intent, or rows."""

    why: str | tuple[RowKeys, ...] | None = key("The reply to 'why'.", default=None, each="why, row {}")
    how: str | tuple[RowKeys, ...] | None = key("The reply to 'how'.", default=None, each="how, row {}")
    more: str | tuple[tuple[RowKeys, ...], ...] | None = key(
        "The reply to 'tell me more': another intent, or one list of rows for each time it is asked.", default=None
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
    """The phrases for follow-ups, and the replies."""

    named = "follow_ups.yaml"

    language: str = key(_LANGUAGE, default="")
    phrases: FollowUpPhrasesKeys | None = key("The phrases for each kind of follow-up.", default=None)
    choices: ChoicesKeys | None = key("The phrases for choosing one of two options.", default=None)
    openers: tuple[str, ...] = key("Words that introduce a follow-up about something else.", default=())
    joins: tuple[str, ...] = key("Words between two questions in one utterance, such as `and also`.", default=())
    frames: dict[str, Texts] = key(
        "Complete questions for the words after an opener, by group of the last answer. Each needs `{words}` once.",
        default={},
    )
    nothing: NothingKeys = key(
        "The reply to each kind of follow-up if the topic has none.", hint='with "why", "how" and "more"'
    )
    topics: dict[str, FollowUpTopicKeys] = key(
        "The replies to follow-ups on the answer to each intent.", default={}, each="the topic {}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKeys(Record):
    """One step of the session."""

    name: str = key("The name for references in other keys. The default is the number.", default="")
    number: float | None = key("The spoken number. The default is the position.", default=None)
    say: tuple[RowKeys, ...] = key("The instruction.", each="say, row {}", default=())
    say_again: tuple[RowKeys, ...] = key("The instruction in later rounds.", default=(), each="say_again, row {}")
    rounds: float = key("The number of holds.", default=1.0)
    hold_seconds: float = key("The duration of a hold.", default=0.0)
    rest_seconds: float = key("The rest between two rounds.", default=0.0)
    wait_seconds: float = key("The waiting time after the instruction.", default=0.0)
    in_hold: tuple[RowKeys, ...] = key("Sentences to speak during the hold.", default=(), each="in_hold, row {}")
    five_more: RowKeys | None = key("Spoken five seconds before the end of the hold.", default=None)
    rest: RowKeys | None = key("Spoken after a hold.", default=None)
    asks: bool = key("Whether the step asks how the user feels. Silence counts as no change.", default=False)
    repeat_from: str | None = key("The step to go back to, once, if nothing has changed.", default=None)
    skip_when: str | None = key("The condition under which the step is left out.", default=None)
    called: tuple[str, ...] = key("What users call the step when they ask for it.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKeys(Record):
    """How the session depends on the location of the problem."""

    slot: str = key("The slot that names a place.", hint="the slot that names a place in the sentences")
    usual: str | None = key("The default place.", default=None)
    step: str | None = key("The step to go to when the user names a place.", default=None)
    ask: dict[str, RowKeys] = key("The question to ask if a place is not precise enough.", default={})
    other: RowKeys | None = key(
        "Spoken before the step if the user asks for another place without naming it: `the other one`.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeKeys(Record):
    """Words that qualify a report. For example, `nearly gone` is not yet `gone`."""

    words: tuple[str, ...] = key("The words that qualify the report.")
    say: RowKeys = key("The reply to the first such report. If it is a question, `yes` confirms the full report.")
    then: RowKeys | None = key(
        "The reply to later ones. By default, a later one counts as a full report.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleKeys(Record):
    """The words that precede or follow a report of the problem in a longer text."""

    before: tuple[str, ...] = key("Words before the report, such as `and now`.", default=())
    after: tuple[str, ...] = key("Words after the report that begin another clause, such as `i was`.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideFile(Record):
    """The steps of the guided session, its places and its time limit."""

    named = "guide.yaml"

    language: str = key(_LANGUAGE, default="")
    content_reviewed: str = key("The clinician who reviewed the content, and the date.", default="")
    limit_seconds: float = key("The time limit of the session, which never pauses.", default=600.0)
    place_: PlaceKeys | None = key("How the session depends on a place.", default=None)
    conditions: dict[str, tuple[str, ...]] = key(
        "The intents that make a condition true. Steps refer to the condition in `skip_when`.", default={}
    )
    steps: tuple[StepKeys, ...] = key("The steps, in this order.", each="the step {}", default=())
    stand: StepKeys | None = key("An extra step that is given only on request.", default=None)
    help: RowKeys | None = key("Tells the user what to say in a session.", default=None)
    which_step: RowKeys | None = key("Tells the user the number of the step: `{step}` of `{steps}`.", default=None)
    how_long: RowKeys | None = key("Tells the user the remaining time: `{seconds}`.", default=None)
    count: RowKeys | None = key("Asks the user to count `{seconds}`.", default=None)
    repeat: RowKeys | None = key("Asks the user to repeat a hold `{rounds}` times.", default=None)
    when_done: RowKeys | None = key("Tells the user what to say next.", default=None)
    stopped: RowKeys | None = key(
        "Shown after the user has ended the session. `{command}` is the command that restarts it.", default=None
    )
    waiting: RowKeys | None = key("The reply to 'wait'.", default=None)
    keep_going: RowKeys | None = key("Spoken if the user reports no change in the middle of a step.", default=None)
    again: RowKeys | None = key("Spoken when the steps restart because nothing has changed.", default=None)
    hedges: dict[str, HedgeKeys] = key("The hedges of each report, by its intent.", default={})
    go_to: tuple[str, ...] = key("Ways to ask for a step. `{step}` is the name of the step.", default=())
    trouble: TroubleKeys | None = key(
        "How to find a report of the problem in a longer text, which starts a session.", default=None
    )
    article_first: tuple[RowKeys, ...] = key(
        "Spoken first in a session that is limited to the article's text.", default=(), each="article_first, row {}"
    )
    good: RowKeys | None = key("Spoken if the user feels better.", default=None)
    close: tuple[RowKeys, ...] = key("Spoken at the end.", default=(), each="close, row {}")
    close_worse: tuple[RowKeys, ...] = key("Spoken if the user feels worse.", default=(), each="close_worse, row {}")
    close_limit: tuple[RowKeys, ...] = key(
        "Spoken when the time limit is reached.", default=(), each="close_limit, row {}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyKeys(Record):
    """A family of danger signs that get the same reply.

    A sign consists of one or more parts joined by `+`. In a part, `(a|b)` is a choice, `<name>` is a group, and
    `ending*` matches any ending.
    """

    level: Level = key("The intent of these signs.")
    signs: tuple[Text, ...] = key("The signs that belong to the family.", each="sign {}")
    clear_signs: tuple[Text, ...] = key(
        "Signs that are certain by their words alone, whatever the alarm estimates.", default=(), each="clear sign {}"
    )
    not_in_questions: bool = key("Whether to ignore the signs in questions about them.", default=False)
    not_in_general: bool = key("Whether to ignore the signs in questions about people in general.", default=False)
    unless: tuple[Text, ...] = key("Phrases that make a sign harmless.", default=())
    own_words: tuple[Text, ...] = key(
        "Words of which a text must contain at least one for the family to be chosen by similarity alone.", default=()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyFile(Record):
    """The rules that find signs of danger. They are applied before anything else."""

    named = "safety.yaml"

    language: str = key(_LANGUAGE, default="")
    groups: dict[str, tuple[str, ...]] = key(
        "Words that signs refer to as `<name>`.", default={}, each="the group <{}>"
    )
    families: dict[str, FamilyKeys] = key("The families of signs.", default={}, each="the family {}")
    idioms: tuple[Text, ...] = key("Phrases that resemble a sign but are harmless. They are removed first.", default=())
    negators: tuple[str, ...] = key("Words that deny what follows, such as `no`.", default=())
    negation_ends: tuple[str, ...] = key("Words that end the scope of a denial, such as `but`.", default=())
    negation_passes: tuple[str, ...] = key("Words that may come between a negator and what it denies.", default=())
    denials: tuple[Text, ...] = key("Whole phrases that deny a sign.", default=())
    hedges: tuple[Text, ...] = key("Phrases that make a denial uncertain.", default=())
    past: tuple[Text, ...] = key(
        "Phrases that show that a sign lies in the past or is part of a story, such as `years ago`.", default=()
    )
    present: tuple[str, ...] = key(
        "Words that show that a sign in the past is present again, such as `again`.", default=()
    )
    questions: tuple[str, ...] = key("The first words of questions.", default=())
    question_ends: tuple[str, ...] = key("Words that end a question and start a statement.", default=())
    persons: tuple[str, ...] = key("Words for a particular person, such as `my`.", default=())
    small_words: tuple[str, ...] = key("Words that may come between the words of a sign.", default=())
    generic: tuple[str, ...] = key("Words for people in general, such as `you`.", default=())
    remembered: dict[str, tuple[str, ...]] = key(
        "For each level, the intents or groups that are no longer answered after a certain sign of that level.",
        default={},
        names=get_args(Level),
    )
    clause_ends: tuple[str, ...] = key("Words that end a clause.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMetadataKeys(Record):
    """Additional properties of a list value."""

    say: str = key("The spoken form of the value in an answer. The default is `out`.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueKeys(Record):
    """A value of a list, with the phrases that stand for it."""

    in_: str = key("The phrases that stand for the value: a template without lists and rules.", hint="what people say")
    out: str = key("The name of the value inside the program.", hint="the value")
    metadata: ValueMetadataKeys | None = key("Additional properties of the value.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKeys(Record):
    """The values that a slot can have."""

    values: tuple[Text | ValueKeys, ...] = key(
        "The values. A value that is spoken exactly as it is written can be a plain text.", each="value {}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencesKeys(Record):
    """A block of sentences of one intent."""

    sentences: tuple[Text, ...] = key("The sentences: templates that may use lists and rules.", each="sentence {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentKeys(Record):
    """The sentences of one intent."""

    data: tuple[SentencesKeys, ...] = key("The sentences, in one or several blocks.", each="block {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencesFile(Record):
    """The sentences that users say, in Home Assistant's template language, for one group of intents.

    The name of the file is the name of the group. Every file of the folder can use its lists and rules.
    """

    named = "sentences/*.yaml"

    language: str = key(_LANGUAGE, default="")
    lists: dict[str, ListKeys] = key(
        "The lists, which templates refer to as `{name}`.", default={}, each="the list {{{}}}"
    )
    expansion_rules: dict[str, Text] = key(
        "The rules: parts of templates, which other templates refer to as `<name>`.", default={}, each="the rule <{}>"
    )
    intents: dict[str, IntentKeys] = key("The sentences of each intent.", default={}, each="{}")


FILE_KINDS: Final[tuple[type[Record], ...]] = (
    LanguageFile, SentencesFile, AnswersFile, FollowUpsFile, GuideFile, SafetyFile, FactsFile, ThresholdsFile,
    PronunciationFile, PhrasesFile, PageFile, AssistantFile,
)  # fmt: skip
"""The schema of each file, in the order of the reference page."""
