"""The voice loop with its microphone, recognizer, voice and loudspeaker. The caller can replace each of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from voice_helper.audio.devices import (
    LastingMicrophone,
    Loudspeaker,
    Microphone,
    Player,
    SilentPlayer,
    Source,
    loop_timing,
)
from voice_helper.audio.endpoint import ONE_QUESTION
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.recognizers.wake_word import WakeWord
from voice_helper.runtime.assistant import Assistant, LoopEvent, hear_question, hear_utterances, joined
from voice_helper.runtime.speaker import Speaker
from voice_helper.runtime.supervised_engines import supervised_recognizer, supervised_voice
from voice_helper.runtime.supervision import GuardedEcho, GuardedSpotter
from voice_helper.types import AudioChunk, Transcript
from voice_helper.voices import ReadingPace, Voice


class FileHearing:
    """Transcribes one audio source after another. The first call opens the recognizer, and later calls reuse it.
    Thread-safe.
    """

    def __init__(self, open_recognizer: Callable[[], Recognizer]) -> None:
        self._open = open_recognizer
        self._recognizer: Recognizer | None = None
        self._one_at_a_time = threading.Lock()

    def hear(self, source: Source, hear: Callable[[Source, Recognizer], Transcript]) -> Transcript:
        """Call `hear` with the source and the shared recognizer, and return the transcript."""
        with self._one_at_a_time:
            if self._recognizer is None:
                self._recognizer = self._open()
            return hear(source, self._recognizer)


class CheckedRecognizer:
    """Raises `EngineFaultError` if the recognizer of a caller returns anything but transcripts."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self.name = recognizer.name

    def accept(self, chunk: AudioChunk) -> str:
        """Pass a chunk on and return the partial transcript."""
        return self._recognizer.accept(chunk)

    def pause(self) -> Transcript:
        """Return the transcript up to a pause."""
        return self._checked(self._recognizer.pause(), "pause()")

    def finish(self) -> Transcript:
        """Return the final transcript."""
        return self._checked(self._recognizer.finish(), "finish()")

    def _checked(self, heard: object, call: str) -> Transcript:
        if not isinstance(heard, Transcript):
            raise EngineFaultError(
                f"{call} of the recognizer {self.name} must return a Transcript, not {heard!r}",
                hint="return Transcript(text, confidence), or Transcript('', 0.0) if no words are recognized",
            )
        return heard


def hear_one(source: Source, recognizer: Recognizer) -> Transcript:
    """Return the transcript of the first question in a source. It is empty if no words are recognized."""
    return hear_question(source, recognizer, ONE_QUESTION)


def hear_whole(source: Source, recognizer: Recognizer) -> Transcript:
    """Return the transcript of a whole source as one question. It is empty if no words are recognized."""
    return joined(tuple(hear_utterances(source, recognizer, ONE_QUESTION)))


class LiveAssistant:
    """The voice loop, ready to listen. To release its sound devices, close it or use it in a `with` block."""

    def __init__(
        self,
        conversation: Conversation,
        recognizer: Recognizer,
        voice: Voice,
        *,
        microphone: Source | str | None,
        loudspeaker: Player | str | None,
        headset: bool,
        wake: str | None,
        push_to_talk: bool,
        words_per_minute: float,
        announce: Callable[[str], None],
    ) -> None:
        """Open the devices that were not passed. Raises `SoundDeviceError` if one does not work."""
        is_silent = voice.name == "none"
        self._devices = ExitStack()
        self._happened: deque[LoopEvent] = deque()
        with ExitStack() as opening:
            opening.callback(self._devices.close)
            player = self._player(SilentPlayer() if is_silent and loudspeaker is None else loudspeaker, announce)
            self._microphone = self._source(microphone, announce)
            self._assistant = Assistant(
                conversation,
                supervised_recognizer(recognizer),
                Speaker(ReadingPace() if is_silent else supervised_voice(voice), player, words_per_minute),
                state=State(hands_free=True),
                echo=None if headset or is_silent else GuardedEcho(announce),
                headset=headset or is_silent,
                wake=GuardedSpotter(announce, lambda: WakeWord(wake)) if wake is not None else None,
                waits_to_be_addressed=push_to_talk,
                tell=self._happened.append,
                **loop_timing(self._microphone),
            )
            opening.pop_all()
        if isinstance(player, Loudspeaker) and not headset:
            self._assistant.chime()  # the echo canceller uses it to adapt to the room

    def _player(self, given: Player | str | None, announce: Callable[[str], None]) -> Player:
        if given is not None and not isinstance(given, str):
            return given
        return self._devices.enter_context(Loudspeaker(given, announce))

    def _source(self, given: Source | str | None, announce: Callable[[str], None]) -> Source:
        if given is not None and not isinstance(given, str):
            return given
        microphone = LastingMicrophone(Microphone(given), given, announce)
        self._devices.callback(microphone.close)
        return microphone

    def listen(self) -> Iterator[LoopEvent]:
        """Listen, answer and yield events, until the audio ends and all speech has been played.

        A live microphone never ends. Leave the loop when you no longer need it.
        """
        for _ in self._assistant.hear(self._microphone):
            if isinstance(self._microphone, LastingMicrophone):
                self._assistant.announce_microphone(self._microphone.away)
            yield from self._told()
        for _ in self._assistant.stay():
            yield from self._told()
        yield from self._told()

    def _told(self) -> Iterator[LoopEvent]:
        while self._happened:
            yield self._happened.popleft()

    @property
    def step(self) -> tuple[int, int] | None:
        """Return the number of the session's current step and of its last step. Return `None` outside a session."""
        return self._assistant.step

    @property
    def seconds_left(self) -> tuple[float, float] | None:
        """Return the remaining and the total seconds of the session's current hold, rest or wait."""
        return self._assistant.seconds_left

    def begin_guide(self, place: str | None = None) -> None:
        """Start a guided session immediately, as a button would. `place` is one of the places of the intents folder."""
        self._assistant.begin_guide(place)

    def address(self) -> None:
        """Treat speech in the next seconds as meant for the assistant, as a push-to-talk button does."""
        self._assistant.address()

    def hush(self) -> None:
        """Stop the current speech immediately.

        A session then continues with its next instruction. To end the session, the user says "stop".
        """
        if self._assistant.step is None:
            self._assistant.hush()

    def read(self, text: str) -> None:
        """Process typed words as if they had been spoken."""
        self._assistant.read(text)

    def close(self) -> None:
        """Release the sound devices that were opened here."""
        self._devices.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
