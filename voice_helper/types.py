"""The values that flow through the line: sound, words, meaning, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""Samples a second of all sound inside (hertz); `audio.devices` converts at the door."""

CHUNK_SAMPLES = 512
"""Samples in one chunk: 32 ms, what the voice activity model takes at a time."""

EMBEDDING_SIZE = 384
"""Numbers in a sentence embedding."""

Kind = Literal["article", "first_aid", "safety", "talk"]
"""Where a spoken sentence comes from: the article, named first aid, a named safety source, or no health claim."""

Decision = Literal["nearest", "unsure", "none"]
"""What nearness alone leads to: an answer, a question back, or neither."""

DecidedBy = Literal["safety", "command", "exact"] | Decision
"""Which part of the understanding settled a meaning."""

DisclaimerRule = Literal["topic", "full", "short", "none"]
"""When an answer carries the disclaimer: `topic` is full with the first such answer, then short."""

Disclaimer = Literal["full", "short", "none"]

NONE_INTENT = "none"
"""The intent of words that were not understood."""

OUT_OF_SCOPE = "out_of_scope"
"""The intent of words about something else than our subject."""

UNSURE_INTENT = "unsure"
"""The intent of words that two meanings fit about equally."""

GUIDE_START = "guide_start"
"""The intent of telling that there is a cramp: among the commands of a session, the one that is said outside of it."""

COMMAND_GROUP = "guide"
"""The group of the intents that are commands of a session."""

TALK_GROUP = "talk"
"""The group of the intents that anybody says to anybody: "hello", "thank you"."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of sound: 16 kHz, 16-bit, mono, little-endian."""

    pcm: bytes

    @property
    def samples(self) -> int:
        """Length in samples."""
        return len(self.pcm) // 2

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recognizer heard in one utterance."""

    text: str
    """Lower-case words; empty when nothing was heard."""

    confidence: float = 1.0
    """From 0.0 to 1.0, as the engine gives it."""

    alternatives: tuple[str, ...] = ()
    """What else it may have been, the likeliest first, from engines that tell."""

    command: str = ""
    """The short command of a session that the whole utterance sounds most like, from engines that tell."""

    command_fit: float = 0.0
    """How well it fits, from 0.0 to 1.0."""


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The meaning that came second."""

    intent: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """What the speaker meant."""

    intent: str
    """Name in the intent files, such as `remedy_heat`; `none` or `unsure` when no single one fits."""

    slots: Mapping[str, str] = field(default_factory=dict)
    """Values found in the sentence: `{"muscle": "calf"}`; several of one slot are joined by a comma."""

    score: float = 1.0
    """1.0 for a word-for-word match, less when words had to be bent."""

    decided_by: DecidedBy = "exact"

    family: str | None = None
    """The red-flag family that fired."""

    template: str | None = None
    """The sentence template it matched or came nearest to."""

    runner_up: RunnerUp | None = None

    candidates: tuple[str, ...] = ()
    """The intents to choose from when it is unsure."""

    denied: bool = False
    """A red flag was named and clearly denied."""


@dataclass(frozen=True, slots=True)
class Row:
    """One spoken sentence and where it comes from."""

    text: str
    kind: Kind
    fact: str | None = None
    """Id of the article's fact, for `article` rows."""

    source: str | None = None
    """Name of the public source, for `first_aid` and `safety` rows."""

    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """The slot values for which it is said; empty means always."""

    def provenance(self) -> dict[str, str]:
        """Return the row as the JSON forms show it: text, kind, and its fact or source."""
        shown = {"text": self.text, "kind": str(self.kind)}
        if self.fact is not None:
            shown["fact"] = self.fact
        if self.source is not None:
            shown["source"] = self.source
        return shown


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one question: its rows in order, and the disclaimer that goes with them."""

    rows: tuple[Row, ...]
    disclaimer: Disclaimer = "none"
    disclaimer_row: Row | None = None
    said_twice: bool = False
    """Emergency and urgent replies are repeated before the disclaimer."""

    def spoken_rows(self) -> tuple[Row, ...]:
        """Every row in the order of speaking, the disclaimer last."""
        rows = self.rows * 2 if self.said_twice else self.rows
        return rows + ((self.disclaimer_row,) if self.disclaimer_row else ())

    def spoken(self) -> str:
        """The whole text as spoken."""
        return " ".join(row.text for row in self.spoken_rows())


# Events: what happened, told to the core.


@dataclass(frozen=True, slots=True)
class PartlyHeard:
    """The words so far of an utterance that is still going on."""

    text: str
    own: str = ""
    """What we are saying meanwhile, which the microphone may hear, too."""

    overheard: bool = False
    """As of `Heard`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance is over."""

    transcript: Transcript
    over_speech: str | None = None
    """All that was heard while we were speaking, our own words among it; `None` when we were silent."""

    own: str = ""
    """What we were saying meanwhile."""

    addressed: bool = True
    """It was said to us, as far as we know: no wake word or key was wished for, or it came first."""

    overheard: bool = False
    """Nobody has called us or talked with us just before: it may be talk that is not for us."""

    so_far: str = ""
    """The words at its end as they came while it was spoken, where a recognizer gave any."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Time went by."""

    samples: int


@dataclass(frozen=True, slots=True)
class DoneSpeaking:
    """All that was said has left the loudspeaker."""


Part = Literal["hearing", "voice", "microphone"]
"""What of ours can give out."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Something of ours gave out, or works again."""

    part: Part
    reason: str
    """What happened, for those who look after it."""

    is_over: bool = False


Event = PartlyHeard | Heard | Quiet | DoneSpeaking | Outage


# Actions: what the core wants done.


@dataclass(frozen=True, slots=True)
class Say:
    """Speak these rows, one after the other."""

    rows: tuple[Row, ...]
    step: int | None = None
    """Number of the step in a guided session, from 1."""

    because: str | None = None
    """What happened to us, where it is that what is said."""


@dataclass(frozen=True, slots=True)
class Hush:
    """Be silent at once, whatever is being said."""

    by: str


@dataclass(frozen=True, slots=True)
class Understood:
    """What was heard was given this meaning; nothing is to be done, doors may show it."""

    transcript: Transcript
    match: Match
    answer: Answer | None = None
    overheard: bool = False
    """It was taken for talk that is not for us, and left at that."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Change how it speaks from here on: factors on the rate and on the loudness."""

    rate: float = 1.0
    loudness: float = 1.0


@dataclass(frozen=True, slots=True)
class End:
    """A guided session, or the conversation, is over."""

    reason: str


Action = Say | Hush | Understood | Pace | End


@dataclass(frozen=True, slots=True)
class Phrases:
    """What people say to us, for recognizers to expect."""

    questions: tuple[str, ...]
    """Sentences drawn from all templates."""

    commands: tuple[str, ...]
    """Sentences that must be heard while we speak: commands of a session, signs of an emergency."""

    session: tuple[str, ...] = ()
    """Short commands of a guided session, each an utterance of its own."""

    sounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pronunciations that dictionaries lack, in the phones of the CMU dictionary."""
