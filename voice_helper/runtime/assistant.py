"""The voice loop: read audio, send events to the core, and execute its actions, all on the audio clock.

This module depends on protocols rather than on engines. The interfaces choose the engines.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, Literal, Protocol

from voice_helper.audio.backlog import Backlog
from voice_helper.audio.devices import Source, chime
from voice_helper.audio.endpoint import IN_SESSION, EndpointSettings, Segment
from voice_helper.audio.near_speaker import NearEndpointer
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.self_hearing import ECHO_SAMPLES, OwnWords, TimedWord, is_heard_in
from voice_helper.runtime.speaker import PAUSE_SAMPLES, Speaker
from voice_helper.runtime.supervision import GuardedActivity, Spotter
from voice_helper.types import (
    CHUNK_SAMPLES,
    SAMPLE_RATE,
    Action,
    AudioChunk,
    DoneSpeaking,
    End,
    Event,
    Heard,
    Hush,
    Outage,
    Pace,
    PartlyHeard,
    Quiet,
    Row,
    Say,
    Transcript,
    Understood,
)
from voice_helper.understanding.understand import HELP_NOW

LoopEventName = Literal["heard", "partly", "say", "hush", "tone", "error", "late", "end"]

ADDRESSED_SECONDS: Final = 8.0
STARTED_SECONDS: Final = 30.0
"""How long, in seconds, speech counts as addressed to the assistant after the wake word, a key press or an answer."""

AHEAD_SECONDS: Final = 2.0
"""The next row is synthesized when less than this much speech, in seconds, is queued.

Between two rows, the loop processes the microphone's audio.
"""

SILENCE_AFTER_SOURCE_SECONDS: Final = 15 * 60
_AHEAD_SAMPLES: Final = round(AHEAD_SECONDS * SAMPLE_RATE)
_KEPT_SAMPLES: Final = SAMPLE_RATE  # an utterance that starts now may include earlier audio


@dataclass(frozen=True, slots=True)
class LoopEvent:
    """One event of the loop, on the audio clock."""

    at_seconds: float
    event: LoopEventName
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Spoken:
    """A row on the playback timeline."""

    starts: int
    ends: int
    words: tuple[TimedWord, ...]
    happening: LoopEvent
    told: bool = False


@dataclass(slots=True)
class _Utterance:
    """The properties of the current utterance other than its audio."""

    begins: int = 0
    """The time on the audio clock, in samples, at which the utterance began."""

    partial: str = ""
    """The last partial transcript that was reported as an event."""

    so_far: str = ""
    """The last partial transcript, if the recognizer returns partial transcripts during speech and not only at a pause.
    """

    own: str = ""
    """What the assistant itself said most recently during the utterance."""

    over_speech: bool = False
    addressed: bool = False
    overheard: bool = True


class Listener:
    """Passes utterances to a recognizer. Decoding starts in the silence after the speech.

    When the user pauses, silence is held back from the recognizer. If no more speech follows, `finish` has nothing left
    to decode.
    """

    def __init__(self, recognizer: Recognizer, endpoint: EndpointSettings) -> None:
        self._recognizer = recognizer
        self.endpointer = NearEndpointer(endpoint)
        self._kept_back: list[AudioChunk] = []
        self._has_paused = False

    def recognize(self, cut: Segment) -> Iterator[str | Transcript]:
        """Yield partial results as they arrive: text during speech, and a transcript at a pause."""
        pauses = self.endpointer.has_paused
        if self._has_paused and (pauses or cut.is_over):
            self._kept_back += cut.chunks
            return
        for part in (*self._kept_back, *cut.chunks):
            yield self._recognizer.accept(part)
        self._kept_back.clear()
        self._has_paused = pauses
        if pauses:
            yield self._recognizer.pause()

    def heard(self, cut: Segment) -> Transcript | None:
        """Pass a segment to the recognizer, ignoring partial results.

        Return the transcript if the utterance is over.
        """
        for _ in self.recognize(cut):
            pass
        return self.finish() if cut.is_over else None

    def finish(self) -> Transcript:
        """End the utterance, return its transcript and get ready for the next one."""
        self._kept_back.clear()
        self._has_paused = False
        return self._recognizer.finish()


class EchoRemover(Protocol):
    """Removes the played audio from the microphone's signal."""

    hears_us_alone: bool
    """Whether the residual of the last chunk contains no voice other than the assistant's."""

    def clean(self, chunk: AudioChunk, played: bytes) -> AudioChunk:
        """Return a chunk of the same length, without the audio played during that time."""


class Assistant:
    """Runs one conversation on one audio source."""

    def __init__(
        self,
        conversation: Conversation,
        recognizer: Recognizer,
        speaker: Speaker,
        *,
        state: State,
        endpoint: EndpointSettings | None = None,
        echo: EchoRemover | None = None,
        headset: bool = False,
        wake: Spotter | None = None,
        waits_to_be_addressed: bool = False,
        clock_seconds: Callable[[], float] | None = None,
        behind_seconds: Callable[[], float] | None = None,
        tell: Callable[[LoopEvent], None] = lambda happening: None,
        understood: Callable[[Understood], None] = lambda understood: None,
    ) -> None:
        """Set the parts of the loop.

        `clock_seconds` is the clock of a live source; without a clock, time is the length of the audio processed.
        `behind_seconds` returns how many seconds of audio are waiting in the source; if it is `None`, no audio is ever
        dropped.
        """
        self.state = state
        self._clock_seconds = clock_seconds
        self._counted_to_seconds = 0.0 if clock_seconds is None else clock_seconds()
        self._behind_seconds, self._backlog = behind_seconds, Backlog()
        self._conversation = conversation
        self._speaker = speaker
        self.endpoint = endpoint or EndpointSettings()
        """The endpoint settings outside a session, which may be changed at any time."""

        self._listener = Listener(recognizer, self.endpoint)
        self._endpointer = self._listener.endpointer
        self._voice_activity = GuardedActivity()
        self._echo = echo
        self._headset = headset
        self._wake = wake
        self._is_open = wake is None and not waits_to_be_addressed
        # a user who has just started the program is talking to it
        self._addressed_until = round(STARTED_SECONDS * SAMPLE_RATE) if self._is_open else 0
        self._never_ours = cache(conversation.is_stop)
        self._tell = tell
        self._understood = understood
        self._clock_samples = 0
        self._time_line: deque[_Spoken] = deque()
        self._to_say: deque[tuple[Row, Say]] = deque()
        self._was_playing = False
        self._spoke_until = -PAUSE_SAMPLES
        self._utterance = _Utterance()
        self._is_voiceless = False
        self._is_deaf = False
        self.answered = False
        """Whether any utterance has received an answer or a clarifying question."""

    @property
    def seconds(self) -> float:
        """Return the time on the audio clock, in seconds."""
        return self._clock_samples / SAMPLE_RATE

    @property
    def seconds_left(self) -> tuple[float, float] | None:
        """Return the remaining and the total seconds of the current hold, rest or wait."""
        return self._conversation.seconds_left(self.state)

    @property
    def step(self) -> tuple[int, int] | None:
        """Return the number of the session's current step and of its last step."""
        return self._conversation.steps(self.state)

    def address(self) -> None:
        """Treat speech in the next seconds as addressed to the assistant. Called after a key press or the wake word."""
        self._stay_addressed()
        self.chime()

    @property
    def is_addressed(self) -> bool:
        """Return whether speech counts as addressed to the assistant at this moment."""
        return self._is_open or self._is_talking_with_somebody

    @property
    def _is_talking_with_somebody(self) -> bool:
        """Return whether a session is running, or the user has just addressed the assistant or received an answer."""
        return self.state.session is not None or self._clock_samples <= self._addressed_until

    def _stay_addressed(self) -> None:
        self._addressed_until = self._clock_samples + round(ADDRESSED_SECONDS * SAMPLE_RATE)

    def begin_guide(self, place: str | None = None) -> None:
        """Start the guided session at once. `place` is a value of the guide's place slot."""
        self._count_lost_time(0)  # the session's time starts now
        self.state, actions = self._conversation.begin_guide(self.state, place)
        speaks = any(spoken.words for spoken in self._time_line)  # a chime has no words and is not interrupted
        self._carry_out(tuple(action for action in actions if speaks or not isinstance(action, Hush)))

    def come_back(self, seconds: float) -> None:
        """Continue after the connection to the user was interrupted. A session repeats its step."""
        self._count_lost_time(0)
        self.state, actions = self._conversation.come_back(self.state, round(seconds * SAMPLE_RATE))
        self._carry_out(tuple(action for action in actions if not isinstance(action, Hush)))

    def read(self, text: str) -> None:
        """Process typed words as if they had been spoken."""
        self._count_lost_time(0)
        self._event(Heard(Transcript(text)))

    def hush(self) -> None:
        """Stop the current speech immediately. Called after a key press outside a session."""
        self._hush(Hush("key"))

    @property
    def is_hearing(self) -> bool:
        """Return whether the user is speaking, or has just paused."""
        return self._endpointer.in_utterance

    def end_utterance(self) -> None:
        """End the current utterance early and process the audio received so far."""
        rest = self._endpointer.finish()
        self._recognize(rest)
        self._utterance_over(rest.is_over)

    def say_first(self, rows: tuple[Row, ...]) -> None:
        """Speak these rows before any input."""
        self._carry_out((Say(rows),))

    def announce_microphone(self, away: str | None) -> None:
        """Announce that the microphone was disconnected, with the reason, or that it is back."""
        if (away is not None) == self._is_deaf:
            return
        self._is_deaf = away is not None
        self._event(Outage("microphone", away or "", is_over=away is None))

    def chime(self) -> None:
        """Play the chime that signals listening. The echo canceller uses it to adapt to the room."""
        self._say_ahead(math.inf)  # the chime plays after all waiting speech
        sound = chime()
        self._speaker.player.play(sound, self._speaker.loudness)
        self._put_on_time_line("tone", len(sound) // 2)
        self._tell_time_line()

    def hear(self, source: Source) -> Iterator[None]:
        """Process a source chunk by chunk. The caller may stop after any chunk."""
        for chunk in source.chunks():
            self.take(chunk)
            yield
        self.end_utterance()

    def stay(self) -> Iterator[None]:
        """Process silence chunk by chunk until everything has been spoken and no session is running."""
        quiet = AudioChunk(bytes(CHUNK_SAMPLES * 2))
        limit = self._clock_samples + SILENCE_AFTER_SOURCE_SECONDS * SAMPLE_RATE
        while self.is_busy and self._clock_samples < limit:
            self.take(quiet)
            yield

    @property
    def is_busy(self) -> bool:
        """Return whether the assistant is speaking, is running a session, or has something to repeat."""
        return bool(
            self._speaker.player.is_playing
            or self._was_playing
            or self.state.session
            or self.state.owed
            or self._time_line
            or self._to_say
        )

    def take(self, chunk: AudioChunk) -> None:
        """Process one chunk of sound: recognize it, and advance the clock by its length."""
        passed = self._count_lost_time(chunk.samples)
        self._clock_samples += chunk.samples
        played = self._speaker.player.advance(chunk.samples)
        for part in self._due(chunk):
            self._listen_to(part, played if part is chunk else bytes(2 * part.samples))
        self._tell_time_line()
        self._event(Quiet(chunk.samples, passed))
        self._say_ahead(_AHEAD_SAMPLES)
        if self._was_playing and not self._speaker.player.is_playing:
            self._was_playing = False
            if self._is_open or self._clock_samples <= self._addressed_until:
                self._stay_addressed()  # a follow-up question needs no new wake word
            self._event(DoneSpeaking())

    def _due(self, chunk: AudioChunk) -> tuple[AudioChunk, ...]:
        """Return the chunks to process now. While the loop is late, chunks may be held back or dropped."""
        if self._behind_seconds is None:
            return (chunk,)
        behind, was_late = self._behind_seconds(), self._backlog.is_late
        is_needed = self._endpointer.in_utterance or self._was_playing or bool(self._own_text())
        due = self._backlog.accept(chunk, behind, is_needed=is_needed, is_rooms=self._endpointer.is_rooms(chunk))
        if self._backlog.is_late and not was_late:
            self._happened("late", seconds=round(behind, 1))
        return due

    def _listen_to(self, chunk: AudioChunk, played: bytes) -> None:
        """Detect and recognize speech in a chunk, given the audio that the assistant played at the same time."""
        us_alone = False
        if self._echo is not None:
            chunk = self._echo.clean(chunk, played)
            us_alone = self._echo.hears_us_alone
        if self._wake is not None and self._wake.accept(chunk):
            self._finished()  # the wake phrase is not part of the question
            self.address()
        self._endpointer.settings = self._endpoint_now
        was_in_utterance = self._endpointer.in_utterance
        cut = self._endpointer.accept(
            chunk,
            self._is_speech(chunk) and (was_in_utterance or not us_alone),
            is_own_voice=bool(self._own_text()),
        )
        if cut.chunks:
            self._mind_the_utterance(cut, is_new=not was_in_utterance)
        self._recognize(cut)
        self._utterance_over(cut.is_over)

    def _count_lost_time(self, samples: int) -> int | None:
        """Advance the conversation by the clock time that passed before the last `samples` arrived. Return the rest, in
        samples, or `None` if there is no clock.

        A session whose time limit passed while the machine was asleep therefore ends before any new speech is
        processed.
        """
        if self._clock_seconds is None:
            return None
        before, self._counted_to_seconds = self._counted_to_seconds, self._clock_seconds()
        passed = round((self._counted_to_seconds - before) * SAMPLE_RATE)
        if passed <= samples:
            return passed
        self._event(Quiet(0, passed - samples))
        return samples

    def _is_speech(self, chunk: AudioChunk) -> bool:
        try:
            return self._voice_activity.is_speech(chunk)
        except EngineFaultError as fault:
            self._event(Outage("hearing", fault.message))
            return False

    def _mind_the_utterance(self, cut: Segment, *, is_new: bool) -> None:
        """Record, as the audio of an utterance arrives, who may be speaking."""
        utterance = self._utterance
        utterance.addressed = utterance.addressed or self.is_addressed
        utterance.overheard = utterance.overheard and not (self._is_talking_with_somebody or self._was_playing)
        if is_new:
            utterance.begins = self._clock_samples - sum(part.samples for part in cut.chunks)
        own = self._own_text()
        utterance.over_speech = utterance.over_speech or bool(own)
        utterance.own = own or utterance.own

    @property
    def _endpoint_now(self) -> EndpointSettings:
        if self.state.session:
            return IN_SESSION
        if self._speaker.player.is_playing:  # even a word as short as "stop" counts while the assistant is speaking
            return replace(self.endpoint, start_seconds=IN_SESSION.start_seconds)
        return self.endpoint

    def _recognize(self, cut: Segment) -> None:
        """Process the partial results of a segment. If the recognizer fails, announce it."""
        try:
            for so_far in self._listener.recognize(cut):
                self._partly_heard(so_far)
        except EngineFaultError as fault:
            self._event(Outage("hearing", fault.message))

    def _partly_heard(self, so_far: str | Transcript) -> None:
        utterance, own = self._utterance, self._own_words()
        is_streamed = isinstance(so_far, str)
        if isinstance(so_far, Transcript):
            masked = own.masked(so_far)
            meant = self._conversation.words_in_session(self.state, masked, over_speech=utterance.over_speech)
            if utterance.over_speech and meant is masked:  # too mixed with the assistant's words to prove anything
                return
            so_far = meant.text
        text = own.leave_out(so_far)
        if text and text != utterance.partial:
            utterance.partial = text
            self._happened("partly", text=text)
            if is_streamed:
                utterance.so_far = text
            self._event(PartlyHeard(text, self._own_text(), utterance.overheard))

    def _utterance_over(self, is_over: bool) -> None:
        if not is_over:
            return
        heard = self._finished()
        masked = self._own_words().masked(heard)
        utterance, self._utterance = self._utterance, _Utterance(self._utterance.begins)
        if masked.text or masked.command:
            whole = heard.text if utterance.over_speech else None
            self._event(Heard(masked, whole, utterance.own, utterance.addressed, utterance.overheard, utterance.so_far))

    def _finished(self) -> Transcript:
        """Return the transcript of the utterance. If the recognizer fails, announce it and return an empty
        transcript.
        """
        try:
            return self._listener.finish()
        except EngineFaultError as fault:
            self._event(Outage("hearing", fault.message))
            return Transcript("", 0.0)

    def _own_words(self) -> OwnWords:
        """Return the assistant's own words that have been played, or were still echoing, since this utterance began, in
        order.
        """
        begins, now = self._utterance.begins, self._clock_samples
        words = (
            timed.word
            for spoken in self._time_line
            for timed in spoken.words
            if is_heard_in(timed, begins - spoken.starts, now - spoken.starts)
            and spoken.starts + timed.starts < spoken.ends  # otherwise it was interrupted before this word
        )
        return OwnWords(() if self._headset else tuple(words), self._never_ours)

    def _own_text(self) -> str:
        """Return the text that the assistant is speaking, or whose echo is still in the room."""
        if self._headset:
            return ""
        now = self._clock_samples
        return " ".join(
            str(spoken.happening.fields.get("text", ""))
            for spoken in self._time_line
            if spoken.starts <= now <= spoken.ends + ECHO_SAMPLES
        )

    def _event(self, event: Event) -> None:
        self.state, actions = self._conversation.step(self.state, event)
        self._carry_out(actions)

    def _carry_out(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, Say):
                self._say(action)
            elif isinstance(action, Hush):
                self._hush(action)
            elif isinstance(action, Understood):
                self._tell_understood(action)
            elif isinstance(action, Pace):
                self._speaker.change_pace(action)
            elif isinstance(action, End):
                self._happened("end", reason=action.reason)

    def _say(self, say: Say) -> None:
        self._to_say += ((row, say) for row in say.rows)
        self._say_ahead(_AHEAD_SAMPLES)

    def _say_ahead(self, samples: float) -> None:
        """Synthesize waiting rows while at most `samples` are left to play, because synthesizing a whole answer at once
        would take too long.

        If the loop is late, less audio is left to play than the timeline says. If nothing is playing, the next row is
        synthesized immediately.
        """
        while self._to_say and (
            self._time_line_ends() - self._clock_samples < samples or not self._speaker.player.is_playing
        ):
            self._say_row(*self._to_say.popleft())

    def _say_row(self, row: Row, say: Say) -> None:
        since_last = self._time_line_ends() - self._spoke_until
        pause = max(0, PAUSE_SAMPLES - since_last)
        length, words = self._speaker.say(row.text, pause)
        name: LoopEventName = "say" if say.because is None else "error"
        more: dict[str, object] = {} if say.step is None else {"step": say.step}
        if say.because is not None:
            more["reason"] = say.because
        self._put_on_time_line(name, length, words, pause, text=row.text, kind=row.kind, **more)
        self._spoke_until = self._time_line_ends()
        self._tell_time_line()
        self._mind_the_voice()

    def _mind_the_voice(self) -> None:
        """Report a failure of the voice. Further failures are not reported until the voice works again."""
        fault, self._speaker.fault = self._speaker.fault, None
        was_voiceless, self._is_voiceless = self._is_voiceless, fault is not None
        if fault is not None and not was_voiceless:
            self._event(Outage("voice", fault.message))

    def _time_line_ends(self) -> int:
        """Return the time at which all queued speech will have been played, but no earlier than now."""
        return max([self._clock_samples, *(spoken.ends for spoken in self._time_line)])

    def _put_on_time_line(
        self,
        event: LoopEventName,
        samples: int,
        words: tuple[TimedWord, ...] = (),
        pause_samples: int = 0,
        **fields: object,
    ) -> None:
        """Append `samples` to the timeline, including the pause at their start."""
        ends = self._time_line_ends() + samples
        starts = min(ends, self._time_line_ends() + pause_samples)
        fields["until"] = round(ends / SAMPLE_RATE, 2)
        self._time_line.append(_Spoken(starts, ends, words, LoopEvent(round(starts / SAMPLE_RATE, 2), event, fields)))
        self._was_playing = True

    def _hush(self, hush: Hush) -> None:
        now = self._clock_samples
        cut_off = self._speaker.player.is_playing
        self._speaker.player.hush()
        self._to_say.clear()
        self._spoke_until = -PAUSE_SAMPLES
        self._time_line = deque(
            _Spoken(spoken.starts, min(spoken.ends, now), spoken.words, spoken.happening, spoken.told)
            for spoken in self._time_line
            if spoken.told
        )
        self._was_playing = False
        if cut_off:
            self._happened("hush", by=hush.by)

    def _tell_time_line(self) -> None:
        """Report each row when its playback begins, and remove it from the timeline when its echo has faded."""
        now = self._clock_samples
        for spoken in self._time_line:
            if not spoken.told and spoken.starts <= now:
                spoken.told = True
                self._tell(spoken.happening)
        begins = self._utterance.begins if self._endpointer.in_utterance else now - _KEPT_SAMPLES
        while self._time_line and self._time_line[0].told and self._time_line[0].ends + ECHO_SAMPLES < begins:
            self._time_line.popleft()

    def _tell_understood(self, understood: Understood) -> None:
        self.answered = self.answered or understood.answer is not None
        self._understood(understood)
        if understood.overheard and understood.match.intent in HELP_NOW:
            self._stay_addressed()  # repeating an utterance shows that the user means it
        self._happened(
            "heard",
            text=understood.transcript.text,
            intent=understood.match.intent,
            confidence=round(understood.transcript.confidence, 2),
            **({"overheard": True} if understood.overheard else {}),
        )

    def _happened(self, event: LoopEventName, **fields: object) -> None:
        self._tell(LoopEvent(round(self.seconds, 2), event, fields))


def hear_question(source: Source, recognizer: Recognizer, endpoint: EndpointSettings) -> Transcript:
    """Return the transcript of the first utterance of a source that contains words, or an empty transcript if no
    utterance does.
    """
    return next(hear_utterances(source, recognizer, endpoint), Transcript("", 0.0))


def hear_utterances(source: Source, recognizer: Recognizer, endpoint: EndpointSettings) -> Iterator[Transcript]:
    """Yield the transcript of each utterance in a source, to its end. Utterances without words are left out.

    Audio goes to the recognizer as it arrives, so that the transcript is ready when an utterance ends.
    """
    listener, voice_activity = Listener(recognizer, endpoint), GuardedActivity()

    def cuts() -> Iterator[Segment]:
        for chunk in source.chunks():
            yield listener.endpointer.accept(chunk, voice_activity.is_speech(chunk))
        yield listener.endpointer.finish()

    for cut in cuts():
        heard = listener.heard(cut)
        if heard is not None and heard.text:
            yield heard


def joined(utterances: Sequence[Transcript]) -> Transcript:
    """Combine transcripts into one, with the joined text and the lowest confidence. Return a single one unchanged."""
    if len(utterances) == 1:
        return utterances[0]
    confidence = min((each.confidence for each in utterances), default=0.0)
    return Transcript(" ".join(each.text for each in utterances if each.text), confidence)
