"""The values passed through the pipeline: sound, words, meaning, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""Sample rate of all internal sound (hertz); `audio.devices` converts input and output."""

CHUNK_SAMPLES = 512
"""Samples in one chunk: 32 ms, the input size of the voice activity model."""

EMBEDDING_SIZE = 384
"""Dimensions of a sentence embedding."""

Kind = Literal["article", "first_aid", "safety", "talk"]
"""The source of a spoken sentence: the article, a named first aid or safety source, or no health claim."""

Decision = Literal["nearest", "unsure", "none"]
"""What similarity alone leads to: an answer, a question back, or neither."""

DecidedBy = Literal["safety", "command", "exact"] | Decision
"""The stage of understanding that decided a meaning."""

Certainty = Literal["certain", "possible"]
"""How certain an alarm is. A possible one names the emergency number and ends nothing."""

DisclaimerRule = Literal["topic", "full", "short", "none"]
"""When an answer carries the disclaimer: `topic` is full with the first such answer, then short."""

Disclaimer = Literal["full", "short", "none"]

NONE_INTENT = "none"
"""The intent of words that were not understood."""

OUT_OF_SCOPE = "out_of_scope"
"""The intent of words about another topic."""

UNSURE_INTENT = "unsure"
"""The intent of words that fit two meanings about equally well."""

GUIDE_START = "guide_start"
"""The intent of reporting a cramp: the only session command that is also used outside a session."""

COMMAND_GROUP = "guide"
"""The group of intents that are commands of a session."""

TALK_GROUP = "talk"
"""The group of small-talk intents: "hello", "thank you"."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of sound: 16 kHz, 16-bit, mono, little-endian."""

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
    """What a recognizer heard in one utterance."""

    text: str
    """Lower-case words; empty if no words were recognized."""

    confidence: float = 1.0
    """From 0.0 to 1.0, as reported by the engine."""

    alternatives: tuple[str, ...] = ()
    """Alternative transcripts, most likely first, from engines that report them."""

    command: str = ""
    """The short session command that the whole utterance sounds most like, from engines that report one."""

    command_fit: float = 0.0
    """How well the command fits, from 0.0 to 1.0."""


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The meaning with the second-best score."""

    intent: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """What the speaker meant."""

    intent: str
    """Name in the intent files, such as `remedy_heat`; `none` or `unsure` if no single one fits."""

    slots: Mapping[str, str] = field(default_factory=dict)
    """Values found in the sentence: `{"muscle": "calf"}`; several values of one slot are joined by a comma."""

    score: float = 1.0
    """1.0 for a word-for-word match, less if words had to be adapted."""

    decided_by: DecidedBy = "exact"

    family: str | None = None
    """The red-flag family that was triggered."""

    template: str | None = None
    """The sentence template that matched or came closest."""

    runner_up: RunnerUp | None = None

    candidates: tuple[str, ...] = ()
    """The intents to choose from if the meaning is unsure."""

    denied: bool = False
    """Whether a red flag was mentioned and clearly denied."""

    certainty: Certainty | None = None
    """How certain an alarm is; `None` if there is none."""

    possible: str | None = None
    """The level of a possible alarm beside a meaning that was understood."""

    @property
    def is_alarm(self) -> bool:
        """Return whether it is a certain alarm, which ends everything else."""
        return self.certainty == "certain"


@dataclass(frozen=True, slots=True)
class Row:
    """One spoken sentence and its source."""

    text: str
    kind: Kind
    fact: str | None = None
    """Id of the article's fact, for `article` rows."""

    source: str | None = None
    """Name of the public source, for `first_aid` and `safety` rows."""

    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """The slot values for which the row is spoken; empty means always."""

    def provenance(self) -> dict[str, str]:
        """Return the row as it appears in JSON output: text, kind, and its fact or source."""
        shown = {"text": self.text, "kind": str(self.kind)}
        if self.fact is not None:
            shown["fact"] = self.fact
        if self.source is not None:
            shown["source"] = self.source
        return shown


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one question: its rows in order, and the disclaimer that belongs to them."""

    rows: tuple[Row, ...]
    disclaimer: Disclaimer = "none"
    disclaimer_row: Row | None = None
    said_twice: bool = False
    """Whether the reply is repeated before the disclaimer, as emergency and urgent replies are."""

    def spoken_rows(self) -> tuple[Row, ...]:
        """Return all rows in spoken order: the disclaimer last, or before a question that ends the answer."""
        rows = self.rows * 2 if self.said_twice else self.rows
        if self.disclaimer_row is None:
            return rows
        asks = bool(rows) and rows[-1].text.endswith("?")
        return (*rows[:-1], self.disclaimer_row, rows[-1]) if asks else (*rows, self.disclaimer_row)

    def spoken(self) -> str:
        """Return the whole text as spoken."""
        return " ".join(row.text for row in self.spoken_rows())


# Events: what happened, reported to the core.


@dataclass(frozen=True, slots=True)
class PartlyHeard:
    """The partial transcript of an utterance that is still going on."""

    text: str
    own: str = ""
    """What we are saying at the same time; the microphone may pick it up."""

    overheard: bool = False
    """Same as in `Heard`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance has ended."""

    transcript: Transcript
    over_speech: str | None = None
    """Everything recognized while we were speaking, including our own words; `None` if we were silent."""

    own: str = ""
    """What we were saying at the same time."""

    addressed: bool = True
    """Whether it was addressed to us: it followed the wake word or the key, or neither is required."""

    overheard: bool = False
    """Nobody addressed us or talked with us just before: the speech may not be meant for us."""

    so_far: str = ""
    """The last partial words during the utterance, if the recognizer returned any."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Time has passed."""

    samples: int
    """The length of the sound that was heard."""

    clock_samples: int | None = None
    """The time by the clock, if it differs: a busy machine hears late, or loses sound."""

    @property
    def passed_samples(self) -> int:
        """Return how long it was for the user."""
        return self.samples if self.clock_samples is None else self.clock_samples


@dataclass(frozen=True, slots=True)
class DoneSpeaking:
    """All speech has left the loudspeaker."""


Part = Literal["hearing", "voice", "microphone"]
"""The parts that can fail."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A part of the program failed, or works again."""

    part: Part
    reason: str
    """What happened, for the person who maintains the device."""

    is_over: bool = False


Event = PartlyHeard | Heard | Quiet | DoneSpeaking | Outage


# Actions: what the core asks for.


@dataclass(frozen=True, slots=True)
class Say:
    """Speak these rows, one after the other."""

    rows: tuple[Row, ...]
    step: int | None = None
    """Number of the step in a guided session, from 1."""

    because: str | None = None
    """The failure that these rows announce, if they announce one."""


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop speaking at once."""

    by: str


@dataclass(frozen=True, slots=True)
class Understood:
    """Report the meaning of an utterance, which interfaces may show."""

    transcript: Transcript
    match: Match
    answer: Answer | None = None
    overheard: bool = False
    """Whether it was taken for talk not meant for us, and ignored."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Change the speech from here on: factors for rate and loudness."""

    rate: float = 1.0
    loudness: float = 1.0


@dataclass(frozen=True, slots=True)
class End:
    """A guided session, or the conversation, is over."""

    reason: str


Action = Say | Hush | Understood | Pace | End


@dataclass(frozen=True, slots=True)
class Phrases:
    """What users say, as hints for the recognizers."""

    questions: tuple[str, ...]
    """Sentences sampled from all templates."""

    commands: tuple[str, ...]
    """Sentences that must be recognized while we speak: session commands, signs of an emergency."""

    session: tuple[str, ...] = ()
    """Short commands of a guided session, each an utterance of its own."""

    sounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pronunciations missing from dictionaries, in the phones of the CMU dictionary."""
