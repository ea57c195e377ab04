"""The process that runs Vosk: `python -m voice_helper.recognizers.vosk_process`, started by `vosk`.

Vosk and kaldi-decoder each bundle a copy of OpenFst, and the two copies use the same names in their registries. If both
load in one process, the second one hangs or crashes (vosk 0.3.45, kaldifst 1.8.3, Linux). A separate process also means
that a model that crashes Vosk affects nothing else.

Requests and replies are pickled over the standard streams. The process exits when its input closes.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from voice_helper.errors import ModelMissingError, VoiceHelperError, needs_package
from voice_helper.support.silence_stderr import quiet_stderr
from voice_helper.types import SAMPLE_RATE, AudioChunk, Phrases, Transcript

_UNKNOWN: Final = "[unk]"
_NO_WORD: Final = "["
"""The first character of tokens that are noises or markers of the model rather than words, such as [noise]."""

_DECOYS: Final = 150
"""The number of other words that compete with the commands, so that speech that is not a command can match something
else.
"""

_DYNAMIC_GRAPH: Final = "graph/HCLr.fst"
"""The file that a model has if its recognizer can be limited to a list of phrases."""


class LoadedRecognizer:
    """Recognizes speech with a loaded model. Every chunk returns a partial transcript.

    Two Vosk recognizers share one model: an open one for questions, and one limited to the short commands of a session.
    """

    def __init__(self, model: Path, phrases: Phrases, loaded: tuple[Any, Any]) -> None:
        """Create both recognizers from the loaded module and model."""
        vosk, self._model = loaded
        words = {word for phrase in phrases.session for word in phrase.split()}
        self.unknown_words = _outside(self._model, words)
        self._open: Any = vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        self._open.SetWords(True)
        unheard = set(self.unknown_words)
        self._phrases = frozenset(phrase for phrase in phrases.session if unheard.isdisjoint(phrase.split()))
        self._closed: Any = None
        if self._phrases and (model / _DYNAMIC_GRAPH).is_file():
            unknown = [_UNKNOWN] if not _outside(self._model, [_UNKNOWN]) else []  # not every model has this word
            grammar = [*sorted(self._phrases), *self._decoys(phrases.questions, words), *unknown]
            self._closed = vosk.KaldiRecognizer(self._model, SAMPLE_RATE, json.dumps(grammar, ensure_ascii=False))
            self._closed.SetWords(True)
        self._done: list[Transcript] = []
        self._commands: list[Transcript] = []

    def _decoys(self, sentences: Sequence[str], taken: set[str]) -> list[str]:
        counts = Counter(word for sentence in sentences for word in sentence.split() if word not in taken)
        unheard = set(_outside(self._model, counts))
        return [word for word, _ in counts.most_common() if word not in unheard][:_DECOYS]

    def accept(self, chunk: AudioChunk) -> str:
        """Accept a chunk and return the partial transcript."""
        # Vosk's own endpoint may come before ours: keep the words recognized up to then
        if self._open.AcceptWaveform(chunk.pcm):
            self._done.append(read_reply(self._open.Result()))
        if self._closed is not None and self._closed.AcceptWaveform(chunk.pcm):
            self._commands.append(read_reply(self._closed.Result()))
        return self.pause().text

    def pause(self) -> Transcript:
        """Return the partial transcript."""
        return Transcript(_joined((*self._done, read_reply(self._open.PartialResult()))), 0.0)

    def finish(self) -> Transcript:
        """Return the final transcript and any short command, and get ready for the next utterance."""
        parts = [part for part in (*self._done, read_reply(self._open.FinalResult())) if part.text]
        self._done = []
        self._open.Reset()
        command, fit = self._command()
        if not parts:
            return Transcript("", 0.0, command=command, command_fit=fit)
        return Transcript(_joined(parts), min(part.confidence for part in parts), command=command, command_fit=fit)

    def _command(self) -> tuple[str, float]:
        """Return the command, or "" if the utterance contains anything else, and the confidence."""
        if self._closed is None:
            return "", 0.0
        parts = [part for part in (*self._commands, read_reply(self._closed.FinalResult())) if part.text]
        self._commands = []
        self._closed.Reset()
        if len(parts) != 1 or parts[0].text not in self._phrases:
            return "", 0.0
        return parts[0].text, parts[0].confidence


def _joined(parts: Iterable[Transcript]) -> str:
    return " ".join(part.text for part in parts if part.text)


def _load(model: Path) -> tuple[Any, Any]:
    """Load vosk and the model in a folder."""
    with needs_package("recognition with Vosk"):
        import vosk
    vosk.SetLogLevel(-1)
    try:
        with quiet_stderr():  # if the configuration is damaged, vosk prints every possible option
            return vosk, vosk.Model(model_path=str(model))
    except Exception as error:  # vosk may raise anything
        raise ModelMissingError(
            f"the Vosk model in {model} does not load: {error}", hint="unpack it again, or use another"
        ) from error


def _outside(loaded: Any, words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in sorted(set(words)) if loaded.vosk_model_find_word(word) < 0)


def read_reply(reply: str) -> Transcript:
    """Parse Vosk's JSON. This function is separate from the engine, so that tests need no model."""
    heard = json.loads(reply)
    text = heard.get("text") or heard.get("partial") or ""
    words = [word for word in text.split() if not word.startswith(_NO_WORD)]
    sure = [entry["conf"] for entry in heard.get("result", ()) if not entry["word"].startswith(_NO_WORD)]
    confidence = sum(sure) / len(sure) if sure else (1.0 if words else 0.0)
    return Transcript(" ".join(words), confidence)


class Worker:
    """Runs requests with one model."""

    def __init__(self, model: Path) -> None:
        """Load the model. Raises `ModelMissingError` if the model does not load, and `EngineMissingError` if vosk does
        not.
        """
        self._folder, self._loaded = model, _load(model)
        self._recognizers: dict[int, LoadedRecognizer] = {}
        self._numbers = itertools.count()

    def open(self, phrases: Phrases) -> tuple[int, tuple[str, ...]]:
        """Open a recognizer. Return its number, and the words of the session commands that the model lacks."""
        recognizer = LoadedRecognizer(self._folder, phrases, self._loaded)
        number = next(self._numbers)
        self._recognizers[number] = recognizer
        return number, recognizer.unknown_words

    def close(self, number: int) -> None:
        """Release a recognizer."""
        del self._recognizers[number]

    def accept(self, number: int, pcm: bytes) -> str:
        """Pass audio to a recognizer and return the partial transcript."""
        return self._recognizers[number].accept(AudioChunk(pcm))

    def pause(self, number: int) -> Transcript:
        """Return a recognizer's partial transcript."""
        return self._recognizers[number].pause()

    def finish(self, number: int) -> Transcript:
        """Return a recognizer's final transcript."""
        return self._recognizers[number].finish()

    def unknown_words(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return the words outside the model's vocabulary."""
        return _outside(self._loaded[1], words)


def main() -> None:
    """Serve the model in the folder given as an argument until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows, Ctrl-C goes to this process as well
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep library output out of the replies
    worker: Worker | None = None
    while True:
        try:
            to_close, method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if worker is None:
                worker = Worker(Path(sys.argv[1]))
            for number in to_close:
                worker.close(number)
            reply: object = getattr(worker, method)(*arguments)
        except VoiceHelperError as error:
            reply = type(error)(error.message, hint=error.hint)
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    main()
