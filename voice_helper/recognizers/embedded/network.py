"""Recognizes questions with hama's phoneme network, decoded with our lexicon and language model.

hama gives, 50 times a second, how likely each of 189 phonetic signs is (CTC). The signs are
folded into the 39 phones of the CMU dictionary, then flashlight-text's beam search finds
the most likely words, given how they sound and what people ask us.
"""

from __future__ import annotations

import importlib
import itertools
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from voice_helper.audio.noise import suppressed
from voice_helper.errors import EngineMissingError, needs_package
from voice_helper.recognizers.buffered import Samples, WholeUtterance
from voice_helper.recognizers.embedded.language_model import UNKNOWN
from voice_helper.support.silence_stderr import quiet_stderr
from voice_helper.support.tempdir import temporary_folder
from voice_helper.types import SAMPLE_RATE, Transcript

Frames = npt.NDArray[np.float32]

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
"""A hypothesis whose score is no more than this below the best may be what was said."""

MOST_ALTERNATIVES: Final = 8


@dataclass(frozen=True)
class Search:
    """How wide the beam search looks and how it weighs sound against language."""

    beam: int = 200
    beam_tokens: int = 30
    beam_threshold: float = 45.0
    language_weight: float = 2.0
    word_score: float = 0.0
    boundary_score: float = 0.0
    blank_penalty: float = 1.0
    """Taken from the log-probability of nothing being said: in noise the network falls silent too soon."""


LEAST_FIT: Final = 0.05
"""A command that fits less is none."""

_COMMAND_SEARCH: Final = Search(
    beam=200,
    beam_tokens=len(SIGNS_OF_PHONE) + 2,
    beam_threshold=60.0,
    language_weight=0.0,
    word_score=-3.0,
    blank_penalty=0.0,
)
_MOST_WAYS: Final = 12  # of saying one phrase: each word may have several sounds
_LONGEST_COMMAND_SAMPLES: Final = 4 * SAMPLE_RATE
PHONES: Final = (*SIGNS_OF_PHONE, BOUNDARY, BLANK)
_NUMBER: Final = {phone: index for index, phone in enumerate(PHONES)}
_BOUNDARY, _BLANK = _NUMBER[BOUNDARY], _NUMBER[BLANK]


class PhoneNetwork:
    """How likely each phone is at each moment of a sound; for one thread, the others meanwhile go on."""

    def __init__(self) -> None:
        """Load hama; raises `EngineMissingError` where it is not installed or does not load."""
        self._network = import_engines()[0].ASRModel()
        self._fold = _folding(list(self._network.decoder_tokens))

    def frames(self, samples: Samples) -> Frames:
        """Give the log-probabilities of `PHONES`, 50 rows a second, for 16 kHz sound from -1.0 to 1.0."""
        network = self._network
        log_probabilities, lengths = network.session.run(
            [network._log_probs_output_name, network._out_lengths_output_name],
            {
                network._waveform_input_name: samples[None, :],
                network._waveform_lengths_input_name: np.array([len(samples)], dtype=np.int64),
            },
        )
        rows = log_probabilities[0][: int(np.ravel(lengths)[0])]
        return np.ascontiguousarray(np.log(np.exp(rows) @ self._fold + 1e-8), dtype=np.float32)


class WordDecoder:
    """The most likely words of some frames, given how words sound and what people say; shared by threads."""

    def __init__(self, arpa: str, sounds: Mapping[str, Sequence[str]], search: Search | None = None) -> None:
        """Build it from a language model in ARPA form and the pronunciations of its words.

        Raises `EngineMissingError` where flashlight-text is not installed or does not load.
        """
        search = search or Search()
        _, decoding, kenlm, dictionary = import_engines()
        words = sorted(sounds)
        lexicon = dictionary.Dictionary()
        for word in (*words, UNKNOWN):
            lexicon.add_entry(word)
        lexicon.set_default_index(lexicon.get_index(UNKNOWN))
        with temporary_folder() as folder:
            path = folder / "phrases.arpa"
            path.write_text(arpa, encoding="utf-8")
            with quiet_stderr():  # KenLM prints its progress there, and has no switch
                language = kenlm.KenLM(str(path), lexicon)
        trie = decoding.Trie(len(PHONES), _BOUNDARY)
        start = language.start(False)
        with quiet_stderr():  # it warns of a word that sounds like six others
            for word in words:
                index = lexicon.get_index(word)
                _, score = language.score(start, index)
                for sound in sounds[word]:
                    trie.insert([_NUMBER[phone] for phone in sound.split()], index, score)
        trie.smear(decoding.SmearingMode.MAX)
        self._lexicon = lexicon
        self._one_at_a_time = threading.Lock()  # a search keeps its hypotheses in the decoder
        self._blank_penalty = search.blank_penalty
        self._keep = (language, trie)  # the decoder does not own them
        self._decoder: Any = decoding.LexiconDecoder(
            _options(decoding, search), trie, language, _BOUNDARY, _BLANK, lexicon.get_index(UNKNOWN), [], False
        )

    def decode(self, frames: Frames) -> Transcript:
        """Give the most likely words, with how well the sound fits them."""
        frames = frames.copy()
        frames[:, _BLANK] -= self._blank_penalty
        with self._one_at_a_time:
            results = _search(self._decoder, frames)
        if not results:
            return Transcript("", 0.0)
        best = results[0]
        text = self._text(best)
        near = (self._text(result) for result in results if best.score - result.score <= NEAR_SCORE)
        others = tuple(dict.fromkeys(other for other in near if other and other != text))[:MOST_ALTERNATIVES]
        phones = sum(1 for left, right in zip(best.tokens, best.tokens[1:], strict=False) if left != right)
        return Transcript(text, _fit(frames, best, phones) if text else 0.0, others)

    def _text(self, result: Any) -> str:
        words = (self._lexicon.get_entry(index) for index in result.words if index >= 0)
        return " ".join(word for word in words if word != UNKNOWN)


class CommandSpotter:
    """Which of a closed set of short phrases a whole utterance is, and how well it fits: no other words beside it.

    Each phrase stands in the lexicon as one word, so that the sound alone decides. Shared by threads.
    """

    def __init__(self, phrases: Sequence[str], sounds: Mapping[str, Sequence[str]]) -> None:
        """Take the phrases, and how their words sound; those with a word whose sound is not known are left out."""
        _, decoding, _, _ = import_engines()
        self._phrases = tuple(phrase for phrase in phrases if phrase and all(word in sounds for word in phrase.split()))
        self._phones: dict[int, int] = {}
        trie, language = decoding.Trie(len(PHONES), _BOUNDARY), decoding.ZeroLM()
        with quiet_stderr():
            for number, phrase in enumerate(self._phrases):
                ways = itertools.product(*(sounds[word] for word in phrase.split()))
                for way in itertools.islice(ways, _MOST_WAYS):
                    phones = [_NUMBER[phone] for phone in " ".join(way).split()]
                    if len(phones) > 1:  # one phone is like any noise
                        trie.insert(phones, number, 0.0)
                        self._phones[number] = len(phones)
        trie.smear(decoding.SmearingMode.MAX)
        self._keep = (language, trie)
        self._one_at_a_time = threading.Lock()
        self._decoder: Any = decoding.LexiconDecoder(
            _options(decoding, _COMMAND_SEARCH), trie, language, _BOUNDARY, _BLANK, -1, [], False
        )

    def spot(self, frames: Frames) -> tuple[str, float]:
        """Give the phrase, empty where there is none, and how well the utterance fits it, from 0.0 to 1.0."""
        if not self._phrases or not len(frames):
            return "", 0.0
        closed = frames.copy()  # a boundary between words is silence like any other here
        closed[:, _BLANK] = closed[:, _BOUNDARY] = np.logaddexp(frames[:, _BLANK], frames[:, _BOUNDARY])
        with self._one_at_a_time:
            results = _search(self._decoder, closed)
        for result in results:
            words = [index for index in result.words if index >= 0]
            fit = _fit(closed, result, self._phones[words[0]]) if len(words) == 1 else 0.0
            if fit >= LEAST_FIT:
                return self._phrases[words[0]], fit
        return "", 0.0


class PhoneticRecognizer(WholeUtterance):
    """The words of an utterance, and which short command it is."""

    name = "embedded"

    def __init__(self, network: PhoneNetwork, words: WordDecoder, commands: CommandSpotter) -> None:
        super().__init__()
        self._network, self._words, self._commands = network, words, commands

    def transcribed(self, samples: Samples) -> Transcript:
        """Give the words of an utterance."""
        frames = self._network.frames(suppressed(samples))
        command, fit = self._commands.spot(frames) if len(samples) <= _LONGEST_COMMAND_SAMPLES else ("", 0.0)
        return replace(self._words.decode(frames), command=command, command_fit=fit)


def _options(decoding: Any, search: Search) -> Any:
    return decoding.LexiconDecoderOptions(
        beam_size=search.beam,
        beam_size_token=search.beam_tokens,
        beam_threshold=search.beam_threshold,
        lm_weight=search.language_weight,
        word_score=search.word_score,
        unk_score=-math.inf,
        sil_score=search.boundary_score,
        log_add=False,
        criterion_type=decoding.CriterionType.CTC,
    )


def _search(decoder: Any, frames: Frames) -> list[Any]:
    if not len(frames):
        return []
    return list(decoder.decode(frames.ctypes.data, len(frames), frames.shape[1]))


def _fit(frames: Frames, result: Any, phones: int) -> float:
    """How much less likely the sound is as these words than as any phones at all, per phone."""
    free = float(frames.max(axis=1).sum())
    return math.exp(min(0.0, (result.emittingModelScore - free) / max(1, phones)))


def is_available() -> bool:
    """Tell whether hama and flashlight-text are installed and load on this machine."""
    try:
        import_engines()
    except EngineMissingError:
        return False
    return True


def import_engines() -> tuple[Any, Any, Any, Any]:
    """Import hama and flashlight-text; raises `EngineMissingError` when they do not load."""
    with needs_package("the embedded question recognizer", instead="take another one: --engine pocketsphinx"):
        return (
            importlib.import_module("hama.asr"),
            importlib.import_module("flashlight.lib.text.decoder"),
            importlib.import_module("flashlight.lib.text.decoder.kenlm"),
            importlib.import_module("flashlight.lib.text.dictionary"),
        )


def _folding(tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """Give the matrix that turns the network's signs into our phones."""
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
