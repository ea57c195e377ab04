"""A simulated room. The microphone picks up the user's speech and, delayed and attenuated with reverberation, the
loudspeaker's output.

Report its figures as simulated: the room is linear, nobody moves in it, and there is only one clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voice_helper.audio.devices import SilentPlayer
from voice_helper.audio.echo import EchoCanceller
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import Assistant, LoopEvent
from voice_helper.runtime.speaker import Speaker
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk
from voice_helper.voices import Voice

REVERBERATION_SECONDS = 0.3
"""The time in which the reverberation falls by 60 dB, as in a furnished bedroom."""

_TYPED_AFTER_CHUNKS = 2 * SAMPLE_RATE // CHUNK_SAMPLES


class RoomPlayer(SilentPlayer):
    """A loudspeaker that the microphone in the same room can pick up."""

    def __init__(self) -> None:
        super().__init__(keep=True)

    def heard_until(self, sample: int, samples: int) -> npt.NDArray[np.float64]:
        """Return the last `samples` before `sample`, including those that are about to be played."""
        sound = self._played[max(0, sample - samples) * 2 :]
        coming = self._waiting[: max(0, sample * 2 - len(self._played))]
        both = np.frombuffer(bytes(sound + coming), dtype="<i2").astype(np.float64)[:samples]
        return np.pad(both, (samples - len(both), 0) if sample < samples else (0, samples - len(both)))


class SimulatedRoom:
    """An audio source that picks up the player."""

    def __init__(
        self,
        speech: bytes,
        player: RoomPlayer,
        *,
        leak_decibels: float | None,
        delay_seconds: float = 0.06,
        seed: int = 1,
    ) -> None:
        """Set the speech, and the level at which the microphone picks up the player. 0 dB is as loud as it plays."""
        self._speech, self._player = speech, player
        self._answer = None if leak_decibels is None else _room(delay_seconds, leak_decibels, seed)

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the audio at the microphone."""
        for start in range(0, len(self._speech) // 2, CHUNK_SAMPLES):
            near = np.frombuffer(self._speech[start * 2 : (start + CHUNK_SAMPLES) * 2], dtype="<i2").astype(np.float64)
            if self._answer is not None:
                needed = CHUNK_SAMPLES + len(self._answer) - 1
                far = self._player.heard_until(start + CHUNK_SAMPLES, needed)
                near = near + np.convolve(far, self._answer, mode="valid")[: len(near)]
            yield AudioChunk(bytes(np.clip(near, -32768, 32767).astype("<i2").tobytes()))


@dataclass(frozen=True)
class Played:
    """What happened in one session."""

    happened: Sequence[LoopEvent]
    assistant: Assistant

    def words_after(self, seconds: float) -> str:
        """Return what was heard after a time."""
        heard = (each for each in self.happened if each.event == "heard" and each.at_seconds > seconds)
        return "; ".join(f"{each.fields['text']} ({each.fields['intent']})" for each in heard)

    def times(self, event: str, **fields: object) -> list[float]:
        """Return when an event happened, in seconds."""
        return [
            each.at_seconds
            for each in self.happened
            if each.event == event and all(each.fields.get(name) == value for name, value in fields.items())
        ]


def play_session(
    conversation: Conversation,
    recognizer: Recognizer,
    voice: Voice,
    speech: bytes,
    *,
    leak_decibels: float | None,
    guided: bool,
    headset: bool = False,
    cancels: bool = True,
    delay_seconds: float = 0.06,
    typed: str | None = None,
) -> Played:
    """Play the speech to its end in a room where the assistant is listening or runs a session from the start.

    Typed text is entered after two seconds.
    """
    player, happened = RoomPlayer(), list[LoopEvent]()
    assistant = Assistant(
        conversation,
        recognizer,
        Speaker(voice, player),
        state=State(hands_free=True),
        echo=EchoCanceller() if cancels else None,
        headset=headset,
        tell=happened.append,
    )
    if cancels:
        assistant.chime()
    if guided:
        assistant.begin_guide("calf")
    room = SimulatedRoom(speech, player, leak_decibels=leak_decibels, delay_seconds=delay_seconds)
    for number, _ in enumerate(assistant.hear(room)):
        if typed is not None and number == _TYPED_AFTER_CHUNKS:
            assistant.read(typed)
    return Played(happened, assistant)


def _room(delay_seconds: float, decibels: float, seed: int) -> npt.NDArray[np.float64]:
    """Return the impulse response of the room: the path from loudspeaker to microphone, then the walls."""
    length = round(REVERBERATION_SECONDS * SAMPLE_RATE)
    fall = 10 ** (-3 * np.arange(length) / length)
    answer = np.random.default_rng(seed).normal(0.0, 0.02, length) * fall
    answer[0] = 1.0
    answer *= 10 ** (decibels / 20) / np.sqrt((answer**2).sum())
    return np.concatenate([np.zeros(round(delay_seconds * SAMPLE_RATE)), answer])
