"""Decide what is left out of the sound when a machine cannot keep up with its microphone.

Sound waits until it is heard, so a busy machine hears ever later. What can begin no utterance is then skipped, oldest
first: a quiet room, and talk that is no louder than that of the room before. An utterance is never cut.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.audio.vad import RoomSound
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

LATE_SECONDS: Final = 3.0
"""Sound that waits longer than this is late: an answer would come after the user has given up."""

CAUGHT_UP_SECONDS: Final = 0.5
"""When no more than this waits, everything is heard again."""

_KEPT_CHUNKS: Final = round(EndpointSettings().kept_seconds * SAMPLE_RATE / CHUNK_SAMPLES)


class Backlog:
    """Holds back what can begin no utterance while the sound is late. All but the last half second of it is dropped."""

    def __init__(self) -> None:
        self._room_sound = RoomSound()
        self._held: deque[AudioChunk] = deque(maxlen=_KEPT_CHUNKS)
        self.is_late = False
        """Whether sound is being left out."""

    def accept(
        self, chunk: AudioChunk, behind_seconds: float, *, is_needed: bool, is_rooms: bool
    ) -> tuple[AudioChunk, ...]:
        """Return what is to be heard now: nothing, or the chunk and what was held back right before it.

        `behind_seconds` is how much sound waits behind it. A chunk that `is_needed`, because it belongs to an utterance
        or we speak, is never held back. `is_rooms` tells that it is no louder than the room's talk.
        """
        is_quiet = self._room_sound.is_quiet(chunk)
        self.is_late = behind_seconds > (CAUGHT_UP_SECONDS if self.is_late else LATE_SECONDS)
        if self.is_late and not is_needed and (is_quiet or is_rooms):
            self._held.append(chunk)
            return ()
        ready = (*self._held, chunk)
        self._held.clear()
        return ready
