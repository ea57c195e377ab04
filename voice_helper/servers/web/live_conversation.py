"""A live conversation with a remote microphone and loudspeaker, on its own thread.

The remote devices implement the usual interfaces for audio input and output. The loop in `runtime.assistant` is the
same as elsewhere.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from voice_helper.audio.devices import SilentPlayer, louder
from voice_helper.audio.endpoint import PATIENT, EndpointSettings
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import ADDRESSED_SECONDS, Assistant, LoopEvent
from voice_helper.runtime.json_output import loop_event_form
from voice_helper.runtime.speaker import Speaker
from voice_helper.support.clock import clock_seconds
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk, Row, Understood
from voice_helper.voices import Voice

Message = dict[str, Any] | bytes
"""A message to the page: a JSON object, or a piece of speech as bytes.

The first four bytes are the number of the piece (little-endian), the rest is audio.
"""

Hearing = Literal["held", "once", "open"]
"""What ends listening: the release of the button (`held`), the end of one utterance (`once`), or, in a session, the
page's own order (`open`).
"""

IDLE_SECONDS: Final = 120.0
"""The time without activity, in seconds, after which a conversation ends, so that another user can start one."""

HELD: Final = EndpointSettings(start_seconds=0.1, silence_seconds=15.0)
"""The endpoint settings while the button is held. Releasing the button ends the utterance."""

_CHUNK_SECONDS: Final = CHUNK_SAMPLES / SAMPLE_RATE
_LATE_SECONDS: Final = 0.5  # audio from an open microphone may be this late before silence replaces it
_PLAYS_ON_SAMPLES: Final = 2 * SAMPLE_RATE  # the maximum wait for a page that does not report playback
_SHOWN: Final = {
    "partly": ("event", "text"),
    "say": ("event", "text", "kind", "step"),
    "error": ("event", "text"),
    "end": ("event", "reason"),
}
_MAX_WAITING: Final = 1_000  # audio messages, which last half a minute: a machine this far behind cannot keep up


@dataclass(frozen=True, slots=True)
class Hear:
    """The order to start listening. Audio from the microphone follows."""

    how: Hearing


@dataclass(frozen=True, slots=True)
class Release:
    """The order to stop listening. The utterance ends with the audio received so far."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The order to answer a question that the user typed or chose with a button."""

    text: str


@dataclass(frozen=True, slots=True)
class Begin:
    """The order to start the guided session immediately."""


@dataclass(frozen=True, slots=True)
class BeQuiet:
    """The order to stop speaking immediately. The conversation continues."""


@dataclass(frozen=True, slots=True)
class Played:
    """The message that the page has finished playing one piece of speech."""

    number: int


Order = Hear | Release | Ask | Begin | BeQuiet | Played


class FarPlayer(SilentPlayer):
    """A remote loudspeaker. Speech is sent immediately, and the conversation's clock tracks its playback."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send
        self._sent = self._heard = self._late_samples = 0

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        """Send audio, to be played after the audio that is already playing."""
        if not pcm:
            return
        super().play(pcm, loudness)
        self._sent += 1
        self._late_samples = 0
        self._send(self._sent.to_bytes(4, "little") + louder(pcm, loudness))

    def hush(self) -> None:
        """Stop playback immediately."""
        super().hush()
        self._heard = self._sent
        self._send({"event": "silence"})

    def advance(self, samples: int) -> bytes:
        """Advance the clock by a number of samples.

        Return the audio that a local device would have played in that time.
        """
        if not super().is_playing:
            self._late_samples += samples
        return super().advance(samples)

    def heard(self, number: int) -> None:
        """Record that the page has finished playing a piece of speech. Numbers that were never sent have no effect."""
        self._heard = max(self._heard, min(number, self._sent))

    @property
    def is_playing(self) -> bool:
        """Return whether audio is still to be played, including the delay of the network and the browser."""
        return super().is_playing or (self._heard < self._sent and self._late_samples < _PLAYS_ON_SAMPLES)


class LiveConversation:
    """Accepts orders and audio from any thread and sends events, until it is closed or idle for too long."""

    def __init__(
        self,
        conversation: Conversation,
        open_recognizer: Callable[[], Recognizer],
        voice: Voice,
        words_per_minute: float,
        *,
        state: State,
        send: Callable[[Message], None],
        ended: Callable[[str, Recognizer | None, State | None], None],
        away_seconds: float | None = None,
    ) -> None:
        """Start the conversation, or resume one whose page was disconnected for a time.

        `send` and `ended` are called on the conversation's thread.

        `ended` receives the reason (`closed`, `idle` or `fault`), the recognizer for the next conversation, and the
        final state of this one. After a fault, the last two are `None`.
        """
        self._conversation, self._open_recognizer, self._state = conversation, open_recognizer, state
        self._away_seconds = away_seconds
        self.left: State | None = None
        """The final state of the conversation. `None` while the conversation is running, and after a fault."""

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
        self._thread = threading.Thread(target=self._run, name="conversation", daemon=True)
        self._thread.start()

    def put(self, order: Order | bytes) -> bool:
        """Queue an order or 16 kHz, 16-bit audio. Return false if the queue is full."""
        try:
            self._orders.put_nowait(order)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """End the conversation and discard everything in the queue."""
        self._is_closed = True
        with suppress(queue.Full):  # if the queue is full, the thread is awake anyway
            self._orders.put_nowait(None)

    def wait(self) -> None:
        """Wait until the closed conversation has ended."""
        self._thread.join()

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
                clock_seconds=clock_seconds,
                tell=self._tell,
                understood=self._tell_understood,
            )
            if self._away_seconds is not None:
                self._assistant.come_back(self._away_seconds)
            for chunk in self._chunks():
                self._take(chunk)
            self.left = self._assistant.state
            with suppress(EngineFaultError):  # the recognizer is being restarted for the next conversation
                recognizer.finish()
        except Exception:
            self._why, recognizer, self.left = "fault", None, None  # the recognizer may be in any state
            raise
        finally:
            self.__dict__.pop("_assistant", None)  # its callbacks refer back to this object: break the cycle
            self._ended(self._why, recognizer, self.left)

    def _chunks(self) -> Iterator[AudioChunk]:
        """Yield the microphone's audio as it arrives, or silence in real time. Orders are executed in between."""
        waiting = bytearray()
        due = clock_seconds()
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
                due = clock_seconds()
            if order is None or self._is_closed:
                return
            if not isinstance(order, bytes):
                if isinstance(order, Release) and waiting:
                    yield AudioChunk(bytes(waiting))
                    waiting.clear()
                self._carry_out(order)
                continue
            if self._hearing is None:  # the microphone was closed in the meantime
                continue
            waiting += order
            while len(waiting) >= CHUNK_SAMPLES * 2:
                due = max(due + _CHUNK_SECONDS, clock_seconds())
                yield AudioChunk(bytes(waiting[: CHUNK_SAMPLES * 2]))
                del waiting[: CHUNK_SAMPLES * 2]

    def _patience(self, due: float) -> float:
        late = _LATE_SECONDS if self._hearing is not None else 0.0
        return max(0.0, due + late - clock_seconds())

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
        if how == "open" and self._assistant.state.session is None:  # the session has ended in the meantime
            return
        self._hearing, self._waited_samples, self._has_heard = how, 0, False
        self._assistant.endpoint = HELD if how == "held" else PATIENT
        self._be_quiet()

    def _be_quiet(self) -> None:
        if self._assistant.state.session is None:  # only a session waits for the end of its speech
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
        self._show()  # send the step before the text
        if happening.event in _SHOWN:
            form = loop_event_form(happening)
            self._send({name: form[name] for name in _SHOWN[happening.event] if name in form})

    def _tell_understood(self, understood: Understood) -> None:
        """Send the answer. The matched intent and the reasons are withheld, so that nothing reads as a judgement of the
        user's condition.
        """
        answer, match, answers = understood.answer, understood.match, self._conversation.answers
        self._has_heard = True
        rows = answer.rows if answer else ()
        certainty = match.certainty or ("possible" if match.possible is not None else None)
        if certainty == "possible" and not rows:
            rows = (answers.filled(answers.possible),)
        number = answers.settings.get("number", "")
        self._send(
            {
                "event": "answer",
                "heard": understood.transcript.text,
                "alarm": certainty,
                "calls": certainty is not None and number != "" and any(number in row.text for row in rows),
                "rows": [_row_form(row) for row in rows],
                "disclaimer": answer.disclaimer_row.text if answer and answer.disclaimer_row else "",
            }
        )

    def _show(self) -> None:
        """Send the progress of the guided session, at most once a second during a countdown."""
        step, left = self._assistant.step, self._assistant.seconds_left
        session = self._assistant.state.session
        if session is None and self._hearing == "open":
            self._hearing = None  # the page closes the microphone; the current utterance is still recognized in full
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
