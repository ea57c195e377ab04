"""The values passed through the pipeline: audio, transcript, meaning and answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""Sample rate of all internal audio, in hertz. `audio.devices` converts input and output."""

CHUNK_SAMPLES = 512
"""Samples per chunk: 32 ms, the input size of the voice activity model."""

EMBEDDING_SIZE = 384
"""Number of dimensions of a sentence embedding."""

Kind = Literal["article", "first_aid", "safety", "talk"]
"""The origin of a spoken sentence: the article, a named first-aid or safety source, or small talk without health
claims.
"""

Decision = Literal["nearest", "unsure", "none"]
"""The outcome when only similarity decides: an answer, a clarifying question, or neither."""

DecidedBy = Literal["safety", "command", "exact"] | Decision
"""The stage of understanding that determined the meaning."""

Certainty = Literal["certain", "possible"]
"""The certainty of an alarm. A possible alarm names the emergency number but does not end the session."""

DisclaimerRule = Literal["topic", "full", "short", "none"]
"""Which disclaimer an answer carries. With `topic`, the first such answer carries the full one and later ones the short
one.
"""

Disclaimer = Literal["full", "short", "none"]

NONE_INTENT = "none"
"""The intent of an utterance that was not understood."""

OUT_OF_SCOPE = "out_of_scope"
"""The intent of an utterance about another topic."""

UNSURE_INTENT = "unsure"
"""The intent of an utterance that fits two meanings about equally well."""

GUIDE_START = "guide_start"
"""The intent of reporting a cramp, the only session command that is also accepted outside a session."""

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
    """The recognized words in lower case. Empty if there are none."""

    confidence: float = 1.0
    """The engine's confidence, from 0.0 to 1.0."""

    alternatives: tuple[str, ...] = ()
    """Alternative transcripts, most likely first. Empty if the engine reports none."""

    command: str = ""
    """The short session command closest to the whole utterance. Empty if the engine reports none."""

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
    """1.0 for an exact match, lower if the match is approximate."""

    decided_by: DecidedBy = "exact"

    family: str | None = None
    """The red-flag family that was triggered, if any."""

    template: str | None = None
    """The sentence template that matched or came closest."""

    runner_up: RunnerUp | None = None

    candidates: tuple[str, ...] = ()
    """The intents to choose from if the meaning is unsure."""

    denied: bool = False
    """Whether a red flag was mentioned and clearly denied."""

    certainty: Certainty | None = None
    """The certainty of the alarm. `None` if there is no alarm."""

    possible: str | None = None
    """The level of a possible alarm that accompanies an understood question."""

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
    """The slot values that this row applies to. Empty means all of them."""

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
    """The reply to one question: its rows in order, and its disclaimer."""

    rows: tuple[Row, ...]
    disclaimer: Disclaimer = "none"
    disclaimer_row: Row | None = None
    said_twice: bool = False
    """Whether the reply is repeated before the disclaimer. Emergency and urgent replies are."""

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
    """The assistant's own speech at the same time, which the microphone may pick up."""

    overheard: bool = False
    """See `Heard.overheard`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance has ended."""

    transcript: Transcript
    over_speech: str | None = None
    """Everything recognized while the assistant was speaking, its own speech included. `None` if it was silent."""

    own: str = ""
    """The assistant's own speech at the same time."""

    addressed: bool = True
    """Whether the assistant was addressed by wake word or key. Always true if neither is required."""

    overheard: bool = False
    """Whether the speech may be meant for someone else, because nobody addressed or talked to the assistant just
    before.
    """

    so_far: str = ""
    """The last partial transcript of the utterance, if there was one."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Time has passed without speech."""

    samples: int
    """The length of the audio received, in samples."""

    clock_samples: int | None = None
    """The elapsed clock time in samples, if it differs: a busy machine processes audio late or loses some."""

    @property
    def passed_samples(self) -> int:
        """Return the elapsed time from the user's point of view, in samples."""
        return self.samples if self.clock_samples is None else self.clock_samples


@dataclass(frozen=True, slots=True)
class DoneSpeaking:
    """The loudspeaker has finished playing all speech."""


Part = Literal["hearing", "voice", "microphone"]
"""The components that can fail."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A component failed or recovered."""

    part: Part
    reason: str
    """What happened, in words for whoever maintains the device."""

    is_over: bool = False


Event = PartlyHeard | Heard | Quiet | DoneSpeaking | Outage


# Actions: output of the core


@dataclass(frozen=True, slots=True)
class Say:
    """Speak these rows in order."""

    rows: tuple[Row, ...]
    step: int | None = None
    """The step number in a guided session, from 1."""

    because: str | None = None
    """The failure that these rows announce, if any."""


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop speaking immediately."""

    by: str


@dataclass(frozen=True, slots=True)
class Understood:
    """The meaning of an utterance, for user interfaces to display."""

    transcript: Transcript
    match: Match
    answer: Answer | None = None
    overheard: bool = False
    """Whether the utterance was ignored because it seemed to be meant for someone else."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Change the rate and loudness of speech from now on, by these factors."""

    rate: float = 1.0
    loudness: float = 1.0


@dataclass(frozen=True, slots=True)
class End:
    """The guided session or the conversation is over."""

    reason: str


Action = Say | Hush | Understood | Pace | End


@dataclass(frozen=True, slots=True)
class Phrases:
    """Typical user phrases, which bias the recognizers."""

    questions: tuple[str, ...]
    """Sentences sampled from all templates."""

    commands: tuple[str, ...]
    """Sentences to recognize even while the assistant is speaking: session commands and emergency signs."""

    session: tuple[str, ...] = ()
    """Short commands of a guided session. Each is a complete utterance."""

    sounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pronunciations that dictionaries lack, as phones of the CMU dictionary."""
