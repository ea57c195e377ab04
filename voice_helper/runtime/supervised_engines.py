"""Open recognizers and voices under supervision, so that a fault costs one utterance or sentence rather than the
conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from voice_helper.recognizers import OpenedRecognizer, Recognizer, open_recognizer
from voice_helper.recognizers.second_opinion import SecondOpinion, SharedRecognizer, second_engine
from voice_helper.runtime.supervision import GuardedRecognizer, GuardedVoice
from voice_helper.types import Phrases
from voice_helper.voices import Voice, open_voice


def open_supervised_recognizer(
    engine: str,
    *,
    phrases: Phrases,
    language: str = "en",
    model: Path | None = None,
    workers: int = 0,
    second_opinion: bool = True,
    announce: Callable[[str], None] = lambda text: None,
) -> OpenedRecognizer:
    """Open a recognizer under supervision. Raises the same errors as `open_recognizer`.

    After a fault, the recognizer is replaced by one that shares no state with it. With `second_opinion`, the engine
    that `second_engine` returns, if any, also transcribes utterances with low confidence. It loads in the background
    when it is first needed, and `announce` is called if it fails.
    """

    def opened(workers: int = 0) -> OpenedRecognizer:
        return open_recognizer(engine, phrases=phrases, language=language, model=model, workers=workers)

    def supervised(recognizer: Recognizer) -> Recognizer:
        return GuardedRecognizer(recognizer, lambda: opened().recognizer)

    choice = opened(workers)
    other = second_engine(choice.recognizer.name, language) if second_opinion else None
    if other is None:
        return OpenedRecognizer(supervised(choice.recognizer), lambda: supervised(choice.another()), choice.advice)

    def open_other() -> Recognizer:
        opened_other = open_supervised_recognizer(other, phrases=phrases, language=language, second_opinion=False)
        return opened_other.recognizer

    second = SharedRecognizer(open_other, announce)

    def with_second(recognizer: Recognizer) -> Recognizer:
        return SecondOpinion(supervised(recognizer), second)

    return OpenedRecognizer(with_second(choice.recognizer), lambda: with_second(choice.another()), choice.advice)


def open_supervised_voice(name: str, language: str = "en") -> Voice:
    """Open a voice under supervision. Raises the same errors as `open_voice`."""
    return GuardedVoice(open_voice(name, language), lambda: open_voice(name, language))


def supervised_recognizer(recognizer: Recognizer) -> Recognizer:
    """Supervise a recognizer that the caller opened and only the caller can reopen. After a fault, it is used again."""
    is_supervised = isinstance(recognizer, GuardedRecognizer | SecondOpinion)
    return recognizer if is_supervised else GuardedRecognizer(recognizer, lambda: recognizer)


def supervised_voice(voice: Voice) -> Voice:
    """Supervise a voice that the caller opened and only the caller can reopen. After a fault, it is used again."""
    return voice if isinstance(voice, GuardedVoice) else GuardedVoice(voice, lambda: voice)
