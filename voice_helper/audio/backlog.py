"""Decide which audio to drop when the machine cannot keep up with its microphone.

Unprocessed audio queues up, so a busy machine falls further and further behind. While it is late, audio that cannot
start an utterance is dropped, oldest first: silence, and background talk that is no louder than before. Audio that
belongs to an utterance is never dropped.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.audio.vad import RoomSound
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

LATE_SECONDS: Final = 3.0
"""The minimum delay, in seconds, that counts as late. After a longer delay, the user has given up waiting for an
answer.
"""

CAUGHT_UP_SECONDS: Final = 0.5
"""The delay, in seconds, below which no more audio is dropped."""

_KEPT_CHUNKS: Final = round(EndpointSettings().kept_seconds * SAMPLE_RATE / CHUNK_SAMPLES)


class Backlog:
    """Decides which audio is dropped while processing is late.

    The last half second before an utterance is always kept.
    """

    def __init__(self) -> None:
        self._room_sound = RoomSound()
        self._held: deque[AudioChunk] = deque(maxlen=_KEPT_CHUNKS)
        self.is_late = False
        """Whether audio is currently being dropped."""

    def accept(
        self, chunk: AudioChunk, behind_seconds: float, *, is_needed: bool, is_rooms: bool
    ) -> tuple[AudioChunk, ...]:
        """Return the chunks to process now: none, or this chunk preceded by the chunks that were held back right before
        it.

        `behind_seconds` is the amount of audio that is waiting after this chunk. A chunk is never held back if
        `is_needed` is true, because it belongs to an utterance or the assistant is speaking. `is_rooms` is true if the
        chunk is no louder than the background talk.
        """
        is_quiet = self._room_sound.is_quiet(chunk)
        self.is_late = behind_seconds > (CAUGHT_UP_SECONDS if self.is_late else LATE_SECONDS)
        if self.is_late and not is_needed and (is_quiet or is_rooms):
            self._held.append(chunk)
            return ()
        ready = (*self._held, chunk)
        self._held.clear()
        return ready
