"""Recognize questions with hama's phoneme network, decoded with our lexicon and language model.

The network gives, 50 times a second, how likely each of 191 phonetic signs is (CTC). The signs are folded into the 39
phones of the CMU dictionary; a beam search then finds the most likely words, given how they sound and what people ask us.

Two passes share the work. While somebody speaks, frames become final 0.25 s behind the speech, and the search goes on from
where it was: these are the words so far. At a pause the network sees all that was said since the last long stretch at
once, which in noise hears a quarter fewer words wrong, and a wider search gives the words that count.
"""

from __future__ import annotations

import copy
import importlib.util
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.errors import EngineMissingError, needs_package
from voice_helper.noise import NoiseSuppressor
from voice_helper.recognizers.conformer import Conformer, ConformerStream, Samples, read_weights
from voice_helper.recognizers.search_graph import Alphabet
from voice_helper.recognizers.word_search import Frames, Graph, Width, import_search
from voice_helper.types import SAMPLE_RATE, AudioChunk, Transcript

BLANK: Final = "<blank>"
BOUNDARY: Final = "<wb>"

SIGNS_OF_PHONE: Final[Mapping[str, str]] = {
    "AA": "ɑ ɒ a", "AE": "æ ã", "AH": "ʌ ə ɐ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b β", "CH": "t͡ʃ t͡ɕ",
    "D": "d ɾ", "DH": "ð", "EH": "ɛ e", "ER": "ɝ ɚ ɜ", "EY": "eɪ", "F": "f ɸ", "G": "g ɡ ɣ ɟ", "HH": "h ɦ x χ",
    "IH": "ɪ ɨ", "IY": "i", "JH": "d͡ʒ", "K": "k", "L": "l ɫ", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ o",
    "OY": "ɔɪ", "P": "p", "R": "ɹ r ɻ ʁ", "S": "s", "SH": "ʃ", "T": "t ɾ", "TH": "θ", "UH": "ʊ", "UW": "u ũ",
    "V": "v", "W": "w", "Y": "j ʝ", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""The signs of hama that stand for each phone of the CMU dictionary; a flap counts for T and D."""

SIGNS_WITHOUT_SOUND: Final = "̪ ‿ ̞ ̯ ̃ ː ̩ ̟ ̥"
"""Marks that hama writes after a sign; they count as nothing being said."""

CONFUSIONS: Final[Mapping[str, str]] = {
    "AA": "AO AH", "AO": "AA OW", "AE": "EH AA", "AH": "IH UH EH AA ER", "EH": "IH AE AH", "IH": "IY AH EH",
    "IY": "IH", "UW": "UH", "UH": "AH UW", "ER": "AH R", "OW": "AO UH", "EY": "EH", "AW": "AA", "AY": "AA",
    "S": "Z TH", "Z": "S", "T": "D K P", "D": "T", "K": "T G P", "G": "K", "P": "B T K", "B": "P", "F": "TH V",
    "V": "F B", "TH": "F T", "DH": "D TH", "M": "N", "N": "M NG", "NG": "N", "SH": "CH S", "CH": "SH T", "JH": "CH D",
}  # fmt: skip
"""Phones that are taken for each other."""

CONFUSION_SHARE: Final = 0.02
FREQUENT_WORDS: Final = 8_000
NEAR_SCORE: Final = 3.0
"""A wording whose cost is no more than this above the best may be what was said."""

MAX_ALTERNATIVES: Final = 8
LANGUAGE_WEIGHT: Final = 1.5
"""How much the language counts beside the sound."""

BLANK_PENALTY: Final = 1.5
"""Taken from the log-probability of nothing being said: in noise the network falls silent too soon."""

SO_FAR_CONTEXT_FRAMES: Final = 10
"""While somebody speaks, so many frames (0.2 s) follow before one is final: with 8 the words so far have half as many
errors again, with 15 no fewer."""

SETTLED_CONTEXT_FRAMES: Final = 15

STEP_SAMPLES: Final = 1_536
"""Sound taken at a time while somebody speaks: 0.096 s. A shorter step costs more and shows words little sooner."""

SETTLED_SAMPLES: Final = 3 * SAMPLE_RATE
"""After a stretch this long its frames are settled at a pause, so that no pause looks at the whole utterance anew."""

MIN_FIT: Final = 0.05
"""A command that fits less is none."""

_FINAL_WIDTH: Final = Width(beam=20.0, max_active=3_000)
_SO_FAR_WIDTH: Final = Width(beam=14.0, max_active=1_000)
_COMMAND_WIDTH: Final = Width(beam=60.0, max_active=2_000)
_WORDINGS_BEAM: Final = 13.0
_MAX_WAYS: Final = 12  # of saying one phrase: each word may have several sounds
_LONGEST_COMMAND_SAMPLES: Final = 4 * SAMPLE_RATE
_MIN_SAMPLES: Final = SAMPLE_RATE // 10  # less than any word, and than the network's first frames need
PHONES: Final = (*SIGNS_OF_PHONE, BOUNDARY, BLANK)
_NUMBER: Final = {phone: index for index, phone in enumerate(PHONES)}
_BOUNDARY, _BLANK = _NUMBER[BOUNDARY], _NUMBER[BLANK]
ALPHABET: Final = Alphabet(_NUMBER, _BLANK, _BOUNDARY)


class PhoneNetwork:
    """How likely each phone is at each moment of a sound; shared by threads."""

    def __init__(self) -> None:
        """Load the weights; raises `EngineMissingError` when hama is not installed."""
        folder = _assets()
        self._conformer = Conformer(read_weights(folder / "asr_waveform.hama"))
        signs = json.loads((folder / "g2p_vocab.json").read_text(encoding="utf-8"))["decoder"]
        self._fold = _folding([*signs, BOUNDARY, BLANK])

    def stream(self, right_context: int) -> PhoneStream:
        """Return a stream for one utterance; so many frames of 20 ms follow before one is final."""
        return PhoneStream(ConformerStream(self._conformer, right_context), self._fold)


class PhoneStream:
    """Sound in, log-probabilities of `PHONES` out, 50 rows a second: noise suppression and the network.

    It may be copied (`copy.copy`), and goes on from there twice.
    """

    def __init__(self, conformer: ConformerStream, fold: npt.NDArray[np.float32]) -> None:
        self._suppressor = NoiseSuppressor()
        self._conformer, self._fold = conformer, fold

    def __copy__(self) -> PhoneStream:
        """Return a stream that has heard the same."""
        twin = PhoneStream(copy.copy(self._conformer), self._fold)
        twin._suppressor = copy.copy(self._suppressor)
        return twin

    def accept(self, samples: Samples) -> Frames:
        """Take sound (16 kHz, -1.0 to 1.0); return the frames that it makes final."""
        return self._folded(self._conformer.accept(self._suppressor.accept(samples)))

    def finish(self) -> Frames:
        """The utterance is over: return the frames that are left."""
        last = self._folded(self._conformer.accept(self._suppressor.finish()))
        return np.concatenate([last, self._folded(self._conformer.finish())])

    def _folded(self, scores: Frames) -> Frames:
        return np.ascontiguousarray(np.log(np.exp(scores) @ self._fold + 1e-8), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the language and their graph; shared by threads."""

    graph: Graph
    names: Sequence[str]
    """Word N + 1 of the graph is name N."""

    def text(self, words: Iterable[int]) -> str:
        """Return the words as text."""
        return " ".join(self.names[number - 1] for number in words)

    def decode(self, frames: Frames) -> Transcript:
        """Return the most likely words of whole frames, how well the sound fits them, and what else it may have been."""
        frames = _with_less_silence(frames)
        search = self.graph.search(_FINAL_WIDTH)
        search.accept(frames)
        best = search.best(is_over=True)
        if best is None or not best.words:
            return Transcript("", 0.0)
        text = self.text(best.words)
        near = (self.text(words) for words in self.graph.wordings(frames, _WORDINGS_BEAM, NEAR_SCORE))
        others = tuple(dict.fromkeys(other for other in near if other and other != text))[:MAX_ALTERNATIVES]
        return Transcript(text, best.fit(frames, best.changes), others)


class CommandSpotter:
    """Which of a closed set of short phrases a whole utterance is, and how well it fits: no other words beside it.

    Each phrase stands in the graph as one word, so that the sound alone decides. Shared by threads.
    """

    def __init__(self, graph: Graph | None, phrases: Sequence[str], lengths: Sequence[int]) -> None:
        """Take the phrases, their graph, and how many phones each has; `None` is no phrase at all."""
        self._graph, self._phrases, self._lengths = graph, phrases, lengths

    def spot(self, frames: Frames) -> tuple[str, float]:
        """Return the phrase, empty when it is none, and how well the utterance fits it, from 0.0 to 1.0."""
        if self._graph is None or not len(frames):
            return "", 0.0
        closed = frames.copy()  # a boundary between words is silence like any other here
        closed[:, _BLANK] = closed[:, _BOUNDARY] = np.logaddexp(frames[:, _BLANK], frames[:, _BOUNDARY])
        search = self._graph.search(_COMMAND_WIDTH)
        search.accept(closed)
        best = search.best(is_over=True)
        if best is None or len(best.words) != 1:
            return "", 0.0
        number = best.words[0] - 1
        fit = best.fit(closed, self._lengths[number])
        return (self._phrases[number], fit) if fit >= MIN_FIT else ("", 0.0)


def sayable(phrases: Sequence[str], sounds: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the phrases whose every word has a sound, and the ways to say each, in phones."""
    kept, ways = list[str](), list[list[str]]()
    for phrase in dict.fromkeys(phrases):
        words = phrase.split()
        if words and all(word in sounds for word in words):
            said = itertools.islice(itertools.product(*(sounds[word] for word in words)), _MAX_WAYS)
            long_enough = [way for way in (" ".join(each) for each in said) if " " in way]  # one phone is like any noise
            if long_enough:
                kept.append(phrase)
                ways.append(long_enough)
    return tuple(kept), ways


class PhoneticRecognizer:
    """The words of an utterance, and which short command it is; there are none before a pause."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: Words, commands: CommandSpotter) -> None:
        self._network, self._words, self._commands = network, words, commands
        self._begin()

    def _begin(self) -> None:
        self._waiting = bytearray()
        self._samples = 0
        self._stream = self._network.stream(SETTLED_CONTEXT_FRAMES)
        self._settled: list[Frames] = []
        self._ready: Transcript | None = None

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; there are no words before a pause."""
        if chunk.pcm:
            self._waiting += chunk.pcm
            self._samples += chunk.samples
            self._ready = None
        return ""

    def pause(self) -> Transcript:
        """Return the words so far; `finish` has them ready unless more sound comes."""
        if self._ready is None:
            self._ready = self._heard() if self._samples >= _MIN_SAMPLES else Transcript("", 0.0)
        return self._ready

    def finish(self) -> Transcript:
        """Return the words of the utterance, ready for the next one."""
        heard = self.pause()
        self._begin()
        return heard

    def _heard(self) -> Transcript:
        stretch = samples_of(self._waiting)
        stream = self._stream
        if len(stretch) >= SETTLED_SAMPLES:
            self._settled.append(stream.accept(stretch))
            self._waiting.clear()
            rest = copy.copy(stream).finish()
        else:
            stream = copy.copy(stream)
            rest = np.concatenate([stream.accept(stretch), stream.finish()])
        frames = np.concatenate([*self._settled, rest])
        is_short = self._samples <= _LONGEST_COMMAND_SAMPLES
        command, fit = self._commands.spot(frames) if is_short else ("", 0.0)
        return replace(self._words.decode(frames), command=command, command_fit=fit)


class StreamedWords:
    """The words so far of what is being said, 0.25 s behind the speech; for one speaker."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: Words) -> None:
        self._network, self._words = network, words
        self._begin()

    def _begin(self) -> None:
        self._waiting = bytearray()
        self._stream = self._network.stream(SO_FAR_CONTEXT_FRAMES)
        self._search = self._words.graph.search(_SO_FAR_WIDTH)
        self._text = ""

    def accept(self, chunk: AudioChunk) -> str:
        """Take a chunk; return the words so far."""
        self._waiting += chunk.pcm
        while len(self._waiting) >= 2 * STEP_SAMPLES:
            samples = samples_of(self._waiting[: 2 * STEP_SAMPLES])
            del self._waiting[: 2 * STEP_SAMPLES]
            self._listen(self._stream.accept(samples))
        return self._text

    def pause(self) -> Transcript:
        """Return the words so far."""
        return Transcript(self._text, 0.0)

    def finish(self) -> Transcript:
        """Return the words so far of an utterance that is over, ready for the next one."""
        heard = self.pause()
        self._begin()
        return heard

    def _listen(self, frames: Frames) -> None:
        if not len(frames):
            return
        self._search.accept(_with_less_silence(frames))
        best = self._search.best(is_over=False)
        self._text = self._words.text(best.words) if best else ""


def samples_of(pcm: bytes | bytearray) -> Samples:
    """Return 16-bit sound as samples from -1.0 to 1.0."""
    return np.frombuffer(bytes(pcm), dtype="<i2").astype(np.float32) / np.float32(32768)


def _with_less_silence(frames: Frames) -> Frames:
    heard = frames.copy()
    heard[:, _BLANK] -= BLANK_PENALTY
    return heard


def is_available() -> bool:
    """Return whether hama's network and kaldi-decoder are installed and load on this machine."""
    try:
        _assets()
        import_search()
    except EngineMissingError:
        return False
    return True


@lru_cache(maxsize=1)
def _assets() -> Path:
    """Return the folder of hama's weights, without loading hama; raises `EngineMissingError` when it is not there."""
    with needs_package("the embedded question recognizer", instead="take another one: --engine pocketsphinx"):
        found = importlib.util.find_spec("hama")
        if found is None or not found.submodule_search_locations:
            raise ImportError("hama is not installed")
    return Path(found.submodule_search_locations[0]) / "assets"


def _folding(tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the matrix that turns the network's signs into our phones."""
    rows = {token: index for index, token in enumerate(tokens)}
    fold = np.zeros((len(tokens), len(PHONES)), dtype=np.float32)

    def add(signs: Iterable[str], phone: str, share: float) -> None:
        for sign in signs:
            if sign in rows:
                fold[rows[sign], _NUMBER[phone]] = max(fold[rows[sign], _NUMBER[phone]], share)

    for phone, signs in SIGNS_OF_PHONE.items():
        add(signs.split(), phone, 1.0)
        for other in CONFUSIONS.get(phone, "").split():
            add(SIGNS_OF_PHONE[other].split(), phone, CONFUSION_SHARE)
    add([BOUNDARY], BOUNDARY, 1.0)
    add([BLANK, *SIGNS_WITHOUT_SOUND.split()], BLANK, 1.0)
    return fold
