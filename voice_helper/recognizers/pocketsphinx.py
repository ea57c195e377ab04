"""Recognize speech with PocketSphinx, which streams, needs little processing power, and suits a small set of phrases
best.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from typing import Any, Final

from voice_helper.errors import needs_package
from voice_helper.recognizers import EngineRequest, OpenedRecognizer
from voice_helper.support.tempdir import temporary_folder
from voice_helper.types import SAMPLE_RATE, AudioChunk, Phrases, Transcript

_COMMAND_GENERAL_WORDS: Final = 600
_QUESTION_GENERAL_WORDS: Final = 4_000


class PocketSphinxRecognizer:
    """Recognizes the expected phrases with PocketSphinx.

    General English words are mixed in, so that speech that is none of the phrases can match something else.
    """

    name = "pocketsphinx"

    def __init__(self, phrases: Phrases, *, commands_only: bool = False) -> None:
        """Build the decoder. `commands_only` uses the small set of phrases that must be recognized immediately.

        Raises `EngineMissingError` if pocketsphinx does not load.
        """
        engine = import_pocketsphinx()
        from voice_helper.recognizers.embedded import language_model

        if commands_only:
            sentences, count = phrases.commands, _COMMAND_GENERAL_WORDS
        else:
            sentences, count = phrases.questions, _QUESTION_GENERAL_WORDS
        built = language_model.build(sentences, phrases.sounds, count)
        with temporary_folder() as folder:
            arpa = folder / "phrases.lm"
            arpa.write_text(built.arpa, encoding="utf-8")
            dictionary = folder / "phrases.dict"
            dictionary.write_text("".join(_dictionary_lines(built.sounds.items())), encoding="utf-8")
            self._decoder: Any = engine.Decoder(
                samprate=SAMPLE_RATE,
                loglevel="FATAL",
                mmap=False,  # otherwise updating the package while it runs would crash the process
                lm=str(arpa),
                dict=str(dictionary),
                fwdflat=not commands_only,  # extra passes after the end of the utterance
                bestpath=not commands_only,
            )
        self._open = False

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return the partial transcript."""
        if not self._open:
            self._decoder.start_utt()
            self._open = True
        if chunk.pcm:  # the decoder rejects an empty chunk
            self._decoder.process_raw(chunk.pcm, False, False)
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def pause(self) -> Transcript:
        """Return the partial transcript."""
        hypothesis = self._decoder.hyp() if self._open else None
        return Transcript(hypothesis.hypstr if hypothesis else "", 0.0)

    def finish(self) -> Transcript:
        """Return the final transcript and get ready for the next utterance."""
        if not self._open:
            return Transcript("", 0.0)
        self._decoder.end_utt()
        self._open = False
        hypothesis = self._decoder.hyp()
        if hypothesis is None or not hypothesis.hypstr.strip():
            return Transcript("", 0.0)
        return Transcript(hypothesis.hypstr, self._confidence(hypothesis))

    def _confidence(self, hypothesis: Any) -> float:
        """Return the posterior probability of the whole utterance, normalized to one word."""
        words = max(1, len(hypothesis.hypstr.split()))
        posterior = max(
            1e-9, min(1.0, self._decoder.get_logmath().exp(int(hypothesis.prob)) if hypothesis.prob else 1.0)
        )
        return math.exp(math.log(posterior) / words)


def open_engine(request: EngineRequest) -> OpenedRecognizer:
    """Build a decoder. Every speaker gets a separate one."""

    def another() -> PocketSphinxRecognizer:
        return PocketSphinxRecognizer(request.phrases)

    return OpenedRecognizer(another(), another)


def import_pocketsphinx() -> Any:
    """Import pocketsphinx. Raises `EngineMissingError` if it does not load."""
    with needs_package("recognition with PocketSphinx", "pocketsphinx"):
        return importlib.import_module("pocketsphinx")


def _dictionary_lines(sounds: Iterable[tuple[str, tuple[str, ...]]]) -> Iterable[str]:
    for word, variants in sounds:
        for number, phones in enumerate(variants, 1):
            yield f"{word}{f'({number})' if number > 1 else ''} {phones}\n"
