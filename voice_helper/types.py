"""The values passed through the pipeline: audio, transcript, meaning and answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""The sample rate of all internal audio, in hertz. `audio.devices` converts input and output."""

CHUNK_SAMPLES = 512
"""The number of samples in a chunk: 32 ms, the input size of the voice activity model."""

EMBEDDING_SIZE = 384
"""The number of dimensions of a sentence embedding."""

Kind = Literal["article", "first_aid", "safety", "talk"]
"""The origin of a spoken sentence: the article, a named first-aid or safety source, or small talk without health
claims.
"""

Decision = Literal["nearest", "unsure", "none"]
"""The outcome if similarity alone decides: answer the nearest meaning, ask a clarifying question (`unsure`), or give no
answer (`none`).
"""

DecidedBy = Literal["safety", "command", "exact"] | Decision
"""The stage of understanding that determined the meaning."""

Certainty = Literal["certain", "possible"]
"""How certain an alarm is.

After a possible alarm, the assistant names the emergency number but does not end the session.
"""

DisclaimerRule = Literal["topic", "full", "short", "none"]
"""Which disclaimer follows an answer.

With `topic`, the full disclaimer follows the first such answer, and the short one follows later answers.
"""

Disclaimer = Literal["full", "short", "none"]

NONE_INTENT = "none"
"""The intent of an utterance that was not understood."""

OUT_OF_SCOPE = "out_of_scope"
"""The intent of an utterance about another topic."""

UNSURE_INTENT = "unsure"
"""The intent of an utterance that fits two meanings about equally well."""

GUIDE_START = "guide_start"
"""The intent of an utterance that reports a cramp. It starts a guided session."""

COMMAND_GROUP = "guide"
"""The group of intents that are session commands."""

TALK_GROUP = "talk"
"""The group of small-talk intents, such as "hello" and "thank you"."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A chunk of audio: 16 kHz, 16-bit, mono, little-endian."""

    pcm: bytes

    @property
    def samples(self) -> int:
        """Return the length in samples."""
        return len(self.pcm) // 2

    @property
    def seconds(self) -> float:
        """Return the length in seconds."""
        return self.samples / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recognizer's result for one utterance."""

    text: str
    """The recognized words in lower case. Empty if nothing was recognized."""

    confidence: float = 1.0
    """The engine's confidence, from 0.0 to 1.0."""

    alternatives: tuple[str, ...] = ()
    """Other possible transcripts, most likely first. Empty if the engine reports none."""

    command: str = ""
    """The session command that the whole utterance sounds most like. Empty if the engine reports none."""

    command_fit: float = 0.0
    """How well `command` fits the audio, from 0.0 to 1.0."""


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The meaning with the second-highest score."""

    intent: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """The meaning of an utterance."""

    intent: str
    """An intent name such as `remedy_heat`. `none` if no intent fits, `unsure` if several do."""

    slots: Mapping[str, str] = field(default_factory=dict)
    """The slot values in the sentence, such as `{"muscle": "calf"}`. Several values of one slot are separated by
    commas.
    """

    score: float = 1.0
    """The confidence in the meaning: 1.0 for an exact match, lower if only similarity decided."""

    decided_by: DecidedBy = "exact"

    family: str | None = None
    """The red-flag family that was triggered, if any."""

    template: str | None = None
    """The sentence template that matched or came closest."""

    runner_up: RunnerUp | None = None

    candidates: tuple[str, ...] = ()
    """The intents to choose from if the meaning is `unsure`."""

    denied: bool = False
    """Whether the utterance mentions a red flag and clearly denies it."""

    certainty: Certainty | None = None
    """The certainty of the alarm. `None` if the meaning is not an alarm."""

    possible: str | None = None
    """The level of a possible alarm raised by an utterance whose meaning is something else, such as a question."""

    @property
    def is_alarm(self) -> bool:
        """Return whether this is a certain alarm, which overrides everything else."""
        return self.certainty == "certain"


@dataclass(frozen=True, slots=True)
class Row:
    """A spoken sentence and its source."""

    text: str
    kind: Kind
    fact: str | None = None
    """The id of the fact in the article, for `article` rows."""

    source: str | None = None
    """The name of the public source, for `first_aid` and `safety` rows."""

    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """The slot values for which the row is spoken. If empty, the row is always spoken."""

    def provenance(self) -> dict[str, str]:
        """Return the row for JSON output: its text, its kind, and its fact or source."""
        shown = {"text": self.text, "kind": str(self.kind)}
        if self.fact is not None:
            shown["fact"] = self.fact
        if self.source is not None:
            shown["source"] = self.source
        return shown


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one question: its rows in spoken order, and its disclaimer."""

    rows: tuple[Row, ...]
    disclaimer: Disclaimer = "none"
    disclaimer_row: Row | None = None
    said_twice: bool = False
    """Whether the reply is spoken a second time before the disclaimer, as emergency and urgent replies are."""

    def spoken_rows(self) -> tuple[Row, ...]:
        """Return all rows in spoken order. The disclaimer comes last, unless the answer ends with a question: then it
        precedes the question.
        """
        rows = self.rows * 2 if self.said_twice else self.rows
        if self.disclaimer_row is None:
            return rows
        asks = bool(rows) and rows[-1].text.endswith("?")
        return (*rows[:-1], self.disclaimer_row, rows[-1]) if asks else (*rows, self.disclaimer_row)

    def spoken(self) -> str:
        """Return the full spoken text."""
        return " ".join(row.text for row in self.spoken_rows())


# Events: input to the core


@dataclass(frozen=True, slots=True)
class PartlyHeard:
    """The partial transcript of an utterance in progress."""

    text: str
    own: str = ""
    """What the assistant itself is saying at the same time, which the microphone may pick up."""

    overheard: bool = False
    """Whether the speech may be meant for someone else. See `Heard.overheard`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The event that an utterance has ended."""

    transcript: Transcript
    over_speech: str | None = None
    """Everything recognized while the assistant was speaking, including its own speech.

    `None` if the assistant was silent.
    """

    own: str = ""
    """What the assistant itself was saying during the utterance."""

    addressed: bool = True
    """Whether the user addressed the assistant by wake word or key. Always true if neither is required."""

    overheard: bool = False
    """Whether the speech may be meant for someone else, because it did not come during a conversation with the
    assistant.
    """

    so_far: str = ""
    """The last partial transcript of the utterance, or "" if there was none."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """The event that time has passed without speech."""

    samples: int
    """The length of the audio received, in samples."""

    clock_samples: int | None = None
    """The time that has passed on the clock, in samples, if it differs from the length of the audio.

    They differ on a busy machine, which processes audio late or loses some of it.
    """

    @property
    def passed_samples(self) -> int:
        """Return the time that has passed for the user, in samples."""
        return self.samples if self.clock_samples is None else self.clock_samples


@dataclass(frozen=True, slots=True)
class DoneSpeaking:
    """The event that the loudspeaker has finished playing all speech."""


Part = Literal["hearing", "voice", "microphone"]
"""The components that can fail."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The event that a component has failed or recovered."""

    part: Part
    reason: str
    """What happened, in technical words for the person who maintains the device."""

    is_over: bool = False


Event = PartlyHeard | Heard | Quiet | DoneSpeaking | Outage


# Actions: output of the core


@dataclass(frozen=True, slots=True)
class Say:
    """The action to speak these rows in order."""

    rows: tuple[Row, ...]
    step: int | None = None
    """The number of the step in a guided session, counted from 1."""

    because: str | None = None
    """The component whose failure these rows announce, if any."""


@dataclass(frozen=True, slots=True)
class Hush:
    """The action to stop speaking immediately."""

    by: str


@dataclass(frozen=True, slots=True)
class Understood:
    """The action to display the meaning of an utterance in a user interface."""

    transcript: Transcript
    match: Match
    answer: Answer | None = None
    overheard: bool = False
    """Whether the utterance was ignored because it seemed to be meant for someone else."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The action to multiply the rate and loudness of all further speech by these factors."""

    rate: float = 1.0
    loudness: float = 1.0


@dataclass(frozen=True, slots=True)
class End:
    """The action that ends the guided session or the conversation."""

    reason: str


Action = Say | Hush | Understood | Pace | End


@dataclass(frozen=True, slots=True)
class Phrases:
    """Typical phrases of users, which recognizers are tuned to expect."""

    questions: tuple[str, ...]
    """Sentences sampled from all templates."""

    commands: tuple[str, ...]
    """Sentences to recognize even while the assistant is speaking: session commands and emergency signs."""

    session: tuple[str, ...] = ()
    """Short commands of a guided session. Each is a complete utterance."""

    sounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pronunciations that dictionaries lack, as phones of the CMU dictionary."""
