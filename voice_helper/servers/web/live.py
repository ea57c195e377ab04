"""One live conversation with a far microphone and loudspeaker, on a thread of its own.

What is far is one more source of sound and one more player: the loop of `runtime.assistant` is the same as everywhere.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from voice_helper.audio.devices import SilentPlayer, louder
from voice_helper.audio.endpoint import PATIENT, EndpointSettings
from voice_helper.dialogue.conversation import Conversation, State
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import ADDRESSED_SECONDS, Assistant, LoopEvent
from voice_helper.runtime.json_output import loop_event_form
from voice_helper.runtime.speaker import Speaker
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk, Row, Understood
from voice_helper.understanding.understand import HELP_NOW
from voice_helper.voices import Voice

Message = dict[str, Any] | bytes
"""What goes to the page: an object, or a piece of speech: its number (four bytes, the lowest first), then its sound."""

Hearing = Literal["held", "once", "open"]
"""Until the button is let go; until somebody has spoken; until the page says so, as in a session."""

IDLE_SECONDS: Final = 120.0
"""A conversation in which nothing goes on for so long gives its place to another."""

HELD: Final = EndpointSettings(start_seconds=0.1, silence_seconds=15.0)
"""While a button is held it is the button that says when an utterance is over."""

_CHUNK_SECONDS: Final = CHUNK_SAMPLES / SAMPLE_RATE
_LATE_SECONDS: Final = 0.5  # sound from an open microphone may come so late before silence takes its place
_PLAYS_ON_SAMPLES: Final = 2 * SAMPLE_RATE  # a page that does not tell when it has played is not waited for any longer
_SHOWN: Final = {
    "partly": ("event", "text"),
    "say": ("event", "text", "kind", "step"),
    "error": ("event", "text"),
    "end": ("event", "reason"),
}
_MAX_WAITING: Final = 1_000  # pieces of sound, half a minute: a machine that slow cannot follow


@dataclass(frozen=True, slots=True)
class Hear:
    """Sound of the microphone follows."""

    how: Hearing


@dataclass(frozen=True, slots=True)
class Release:
    """The microphone is closed: what was heard counts as it is."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Words were typed, or a button says them."""

    text: str


@dataclass(frozen=True, slots=True)
class Begin:
    """The guided session is to begin at once."""


@dataclass(frozen=True, slots=True)
class BeQuiet:
    """What is being said is to end at once; the conversation goes on."""


@dataclass(frozen=True, slots=True)
class Played:
    """A piece of speech was heard to its end."""

    number: int


Order = Hear | Release | Ask | Begin | BeQuiet | Played


class FarPlayer(SilentPlayer):
    """A loudspeaker elsewhere: speech is sent at once and goes by on the clock of the conversation."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send
        self._sent = self._heard = self._late_samples = 0

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        """Send sound to be put behind what is being played."""
        if not pcm:
            return
        super().play(pcm, loudness)
        self._sent += 1
        self._late_samples = 0
        self._send(self._sent.to_bytes(4, "little") + louder(pcm, loudness))

    def hush(self) -> None:
        """Be silent at once."""
        super().hush()
        self._heard = self._sent
        self._send({"event": "silence"})

    def advance(self, samples: int) -> bytes:
        """So much time went by; gives the sound that was played in it, were it played here."""
        if not super().is_playing:
            self._late_samples += samples
        return super().advance(samples)

    def heard(self, number: int) -> None:
        """A piece was played to its end; numbers that were never sent count for nothing."""
        self._heard = max(self._heard, min(number, self._sent))

    @property
    def is_playing(self) -> bool:
        """Something is still to be heard: the network and the browser take their time, too."""
        return super().is_playing or (self._heard < self._sent and self._late_samples < _PLAYS_ON_SAMPLES)


class LiveConversation:
    """Takes orders and sound from any thread and sends what happens, until it is closed or nothing goes on any more."""

    def __init__(
        self,
        conversation: Conversation,
        open_recognizer: Callable[[], Recognizer],
        voice: Voice,
        words_per_minute: float,
        *,
        state: State,
        send: Callable[[Message], None],
        ended: Callable[[str, Recognizer | None], None],
    ) -> None:
        """Start; `send` and `ended` are called from the conversation's own thread.

        `ended` gets why, `closed`, `idle` or `fault`, and the recognizer for the next conversation.
        """
        self._conversation, self._open_recognizer, self._state = conversation, open_recognizer, state
        self._send, self._ended = send, ended
        self._player = FarPlayer(send)
        self._speaker = Speaker(voice, self._player, words_per_minute)
        self._orders: queue.Queue[Order | bytes | None] = queue.Queue(_MAX_WAITING)
        self._hearing: Hearing | None = None
        self._waited_samples = 0
        self._has_heard = False
        self._shown: dict[str, Any] | None = None
        self._why = "closed"
        self._is_closed = False
        threading.Thread(target=self._run, name="conversation", daemon=True).start()

    def put(self, order: Order | bytes) -> bool:
        """Take an order, or 16 kHz, 16-bit sound; false where so much is waiting that it cannot be followed."""
        try:
            self._orders.put_nowait(order)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """End it; what is waiting is dropped."""
        self._is_closed = True
        with suppress(queue.Full):  # then there is something that wakes it
            self._orders.put_nowait(None)

    def _run(self) -> None:
        recognizer: Recognizer | None = None
        try:
            recognizer = self._open_recognizer()
            self._assistant = Assistant(
                self._conversation,
                recognizer,
                self._speaker,
                state=replace(self._state, can_lead=True),
                endpoint=PATIENT,
                tell=self._tell,
                understood=self._tell_understood,
            )
            for chunk in self._chunks():
                self._take(chunk)
            with suppress(EngineFaultError):  # it is being started anew for the next one
                recognizer.finish()
        except Exception:
            self._why, recognizer = "fault", None  # it may be in any state
            raise
        finally:
            self.__dict__.pop("_assistant", None)  # it tells us what happens: in a ring it would stay for long
            self._ended(self._why, recognizer)

    def _chunks(self) -> Iterator[AudioChunk]:
        """Give the microphone's sound as it comes, silence in real time without it; orders are carried out between."""
        waiting = bytearray()
        due = time.monotonic()
        while True:
            self._show()
            is_idle = self._hearing is None and not self._assistant.is_busy
            try:
                order = self._orders.get(timeout=IDLE_SECONDS if is_idle else self._patience(due))
            except queue.Empty:
                if is_idle:
                    self._why = "idle"
                    return
                due += _CHUNK_SECONDS
                yield AudioChunk(bytes(CHUNK_SAMPLES * 2))
                continue
            if is_idle:
                due = time.monotonic()
            if order is None or self._is_closed:
                return
            if not isinstance(order, bytes):
                if isinstance(order, Release) and waiting:
                    yield AudioChunk(bytes(waiting))
                    waiting.clear()
                self._carry_out(order)
                continue
            if self._hearing is None:  # the microphone was closed meanwhile
                continue
            waiting += order
            while len(waiting) >= CHUNK_SAMPLES * 2:
                due = max(due + _CHUNK_SECONDS, time.monotonic())
                yield AudioChunk(bytes(waiting[: CHUNK_SAMPLES * 2]))
                del waiting[: CHUNK_SAMPLES * 2]

    def _patience(self, due: float) -> float:
        late = _LATE_SECONDS if self._hearing is not None else 0.0
        return max(0.0, due + late - time.monotonic())

    def _carry_out(self, order: Order) -> None:
        if isinstance(order, Hear):
            self._hear(order.how)
        elif isinstance(order, Release):
            if self._hearing is not None:
                self._assistant.end_utterance()
                self._listened()
        elif isinstance(order, Ask):
            self._assistant.read(order.text)
        elif isinstance(order, Begin):
            self._assistant.begin_guide()
        elif isinstance(order, BeQuiet):
            self._be_quiet()
        else:
            self._player.heard(order.number)

    def _hear(self, how: Hearing) -> None:
        if how == "open" and self._assistant.state.session is None:  # it has ended meanwhile
            return
        self._hearing, self._waited_samples, self._has_heard = how, 0, False
        self._assistant.endpoint = HELD if how == "held" else PATIENT
        self._be_quiet()

    def _be_quiet(self) -> None:
        if self._assistant.state.session is None:  # a session goes on when its words were heard
            self._assistant.hush()

    def _take(self, chunk: AudioChunk) -> None:
        was_hearing = self._assistant.is_hearing
        self._assistant.take(chunk)
        if self._hearing != "once" or self._assistant.is_hearing:
            return
        self._waited_samples += chunk.samples
        if was_hearing or self._waited_samples > ADDRESSED_SECONDS * SAMPLE_RATE:
            self._listened()

    def _listened(self) -> None:
        self._hearing = None
        self._send({"event": "listened", "heard": self._has_heard})

    def _tell(self, happening: LoopEvent) -> None:
        self._show()  # first where it is said, then what
        if happening.event in _SHOWN:
            form = loop_event_form(happening)
            self._send({name: form[name] for name in _SHOWN[happening.event] if name in form})

    def _tell_understood(self, understood: Understood) -> None:
        """Send the answer; what was understood, and why, is not shown: nothing may be read as a judgement."""
        answer = understood.answer
        self._has_heard = True
        self._send(
            {
                "event": "answer",
                "heard": understood.transcript.text,
                "alarm": understood.match.intent in HELP_NOW,
                "rows": [_row_form(row) for row in answer.rows] if answer else [],
                "disclaimer": answer.disclaimer_row.text if answer and answer.disclaimer_row else "",
            }
        )

    def _show(self) -> None:
        """Send where a session stands, once a second at most while time is counted."""
        step, left = self._assistant.step, self._assistant.seconds_left
        session = self._assistant.state.session
        if session is None and self._hearing == "open":
            self._hearing = None  # the page closes the microphone; what is being said now is heard to its end
        shown: dict[str, Any] = {"event": "session", "step": step, "left": None}
        if session is not None:
            shown["paused"] = session.stage == "paused"
        if left is not None:
            shown["left"], shown["whole"] = math.ceil(left[0]), left[1]
        if shown != self._shown and (step or self._shown):
            self._shown = shown
            self._send(shown if left is None else {**shown, "left": round(left[0], 2)})


def _row_form(row: Row) -> dict[str, str]:
    form = {"text": row.text, "kind": str(row.kind)}
    if row.source is not None:
        form["source"] = row.source
    return form
