"""Serve the conversation, the recognizer and the voice to Home Assistant over the Wyoming protocol.

Home Assistant opens one connection per request. It sends a `transcript` with the conversation id and reads `handled` or
`not-handled`; or it sends audio and reads a `transcript`; or it sends text and reads audio.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any, Final

from wyoming.asr import Transcript as TranscriptMessage
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.handle import Handled, NotHandled
from wyoming.info import AsrModel, AsrProgram, Attribution, HandleModel, HandleProgram, Info, TtsProgram, TtsVoice
from wyoming.ping import Pong
from wyoming.tts import SynthesizeStopped

from voice_helper import __version__
from voice_helper.audio.devices import silence
from voice_helper.dialogue.conversation import Conversation
from voice_helper.errors import EngineFaultError, SoundFormatError, VoiceHelperError
from voice_helper.recognizers import Recognizer
from voice_helper.servers.chat_sessions import ChatSessions
from voice_helper.servers.connection_limits import HELLO_SECONDS, MAX_WAIT_SECONDS, RecognizerPool, situation_at
from voice_helper.servers.hearing import Hearing
from voice_helper.servers.session_file import SessionFile
from voice_helper.servers.wyoming.frames import MAX_LINE_BYTES, FrameError, read_frame
from voice_helper.servers.wyoming.text_chunker import TextChunker
from voice_helper.skill.chat import ChatTurn
from voice_helper.support.engines import package_of
from voice_helper.types import NONE_INTENT, OUT_OF_SCOPE, SAMPLE_RATE, Transcript
from voice_helper.voices import SENTENCE_PAUSE_SECONDS, Voice

MAX_CLIENTS: Final = 64
IDLE_SECONDS: Final = 60.0
"""The time, in seconds, after which a connection that carries no data is closed."""

SEND_SECONDS: Final = 15.0
"""The time limit, in seconds, for a client to read the data sent to it."""

MAX_SOUND_SECONDS: Final = 60
"""The maximum length of an utterance, in seconds."""

MAX_HEARING_SECONDS: Final = 2 * MAX_SOUND_SECONDS
"""The time limit, in seconds, for the audio of an utterance to arrive."""

MAX_SPOKEN_CHARACTERS: Final = 5_000
"""The maximum length of a text to speak, in characters: about five minutes of speech."""

_NAME: Final = "voice-helper"
_CHUNK_BYTES: Final = 4_096
_MAX_ID_CHARACTERS: Final = 200
_MAX_LANGUAGE_CHARACTERS: Final = 20
_LINGER_SECONDS: Final = 1.0  # time for a client to read the error before unread data resets the connection
_TURNS_AT_ONCE: Final = 4  # the neural networks release the GIL


@dataclass(frozen=True)
class WyomingService:
    """The configuration of the Wyoming server."""

    conversation: Conversation
    language: str
    recognizer: str
    """The name of the recognizer."""

    open_recognizer: Callable[[], Recognizer]
    voice: Voice
    words_per_minute: float
    host: str = "127.0.0.1"
    most: int = 4
    """The maximum number of users who can speak at a time."""

    regions: tuple[str, ...] = ()
    """The regional variants of the language that the server advertises to clients, such as `en-GB`.

    Other variants are accepted.
    """

    sessions: SessionFile | None = None
    """The file that keeps guided sessions across a restart. With `None`, sessions are kept in memory only."""

    about: str = _NAME
    """The subject of the conversation, written as a title."""


class RefusedRequestError(Exception):
    """Ends a connection with an error that tells the client why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def programs(served: WyomingService) -> Info:
    """Build the answer to `describe`: the available programs, their versions and their authors."""
    # Home Assistant refuses a pipeline unless its exact language code is advertised
    language, ours, about = [served.language, *served.regions], Attribution(_NAME, ""), served.about
    handle = HandleModel(_NAME, ours, True, about, __version__, language)
    model = AsrModel(served.recognizer, *_made_by(served.recognizer), language)
    info = Info(
        asr=[AsrProgram(_NAME, ours, True, f"{about}: speech to text", __version__, [model])],
        handle=[HandleProgram(_NAME, ours, True, about, __version__, [handle])],
    )
    if served.voice.name != "none":
        voice = TtsVoice(served.voice.name, *_made_by(served.voice.name), language)
        spoken = TtsProgram(_NAME, ours, True, f"{about}: a calm voice", __version__, [voice])
        spoken.supports_synthesize_streaming = True
        info.tts.append(spoken)
    return info


def _made_by(engine: str) -> tuple[Attribution, bool, str, str]:
    """Return the Wyoming fields for an engine's package: attribution, installed flag, description and version."""
    package = package_of(engine)
    try:
        about = metadata(package)
    except PackageNotFoundError:
        return Attribution(package, ""), True, engine, ""
    pages = dict(page.split(", ", 1) for page in about.get_all("Project-URL") or () if ", " in page)
    maker, mail, page = ("".join(about.get_all(name) or ()) for name in ("Author", "Author-email", "Home-page"))
    made_by = Attribution(maker or mail.split(" <")[0] or package, page or pages.get("Homepage", ""))
    return made_by, True, f"{engine} ({package})", about["Version"]


def reply_event(turn: ChatTurn) -> Event:
    """Return the reply to a turn as an event.

    Home Assistant speaks the text of `handled` and `not-handled` alike. A turn is `not-handled` if it is off topic, or
    if it was not understood outside a session. An assistant with several agents then asks the next one.
    """
    return (Handled if _is_handled(turn) else NotHandled)(turn.reply.text).event()


def _is_handled(turn: ChatTurn) -> bool:
    match = turn.reply.match
    if turn.reply.ended is not None or (match is not None and match.certainty is not None):
        return True
    intent = match.intent if match is not None else NONE_INTENT
    return intent != OUT_OF_SCOPE and (intent != NONE_INTENT or turn.state.session is not None)


class WyomingServer:
    """A Wyoming server, which runs until it is cancelled."""

    def __init__(self, served: WyomingService) -> None:
        self.served = served
        self.info = programs(served).event()
        self.places = RecognizerPool(served.most, served.open_recognizer)
        situation = {"assistant": "on", **situation_at(served.host)}
        self.talks = ChatSessions(served.conversation.by_turns(), situation=situation, file=served.sessions)
        self.turns = ThreadPoolExecutor(_TURNS_AT_ONCE, "turn")
        self.hearings = ThreadPoolExecutor(served.most, "hearing")
        self.speech = ThreadPoolExecutor(1, "speech")  # one voice, called by one thread at a time
        self._clients = self._refused = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Serve on a listening socket. `ready` is awaited once the server accepts connections."""
        try:
            server = await asyncio.start_server(self._accept, sock=listener, limit=MAX_LINE_BYTES)
            async with server:
                if ready is not None:
                    await ready()
                await server.serve_forever()
        finally:
            self.talks.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client in a task created here, because asyncio's own task would print a traceback when the server
        stops.
        """
        task = asyncio.create_task(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._clients < MAX_CLIENTS:
                self._clients += 1
                try:
                    await _Connection(self, reader, writer).serve()
                finally:
                    self._clients -= 1
            elif self._refused < MAX_CLIENTS:
                self._refused += 1
                try:
                    await _refuse(reader, writer, "busy", f"{MAX_CLIENTS} clients are connected already")
                finally:
                    self._refused -= 1
        finally:
            await _close(writer)


class _Connection:
    """The connection of one client."""

    def __init__(self, server: WyomingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._loop = asyncio.get_running_loop()
        self._number = next(_numbers)
        self._hearing: Hearing | None = None
        self._hears_since = 0.0
        self._reading: TextChunker | None = None
        self._has_spoken = self._is_half_spoken = False
        self._answers: dict[str, Callable[[Event], Awaitable[None]]] = {
            "describe": self._describe,
            "ping": self._ping,
            "transcript": self._take_turn,
            "transcribe": self._check_language,
            "audio-start": self._hear,
            "audio-chunk": self._hear,
            "audio-stop": self._heard,
            "synthesize": self._speak,
            "synthesize-start": self._begin_reading,
            "synthesize-chunk": self._read_on,
            "synthesize-stop": self._read_to_end,
        }

    async def serve(self) -> None:
        """Answer events in order until either side ends the connection. On failure, the client receives an error with
        the cause.
        """
        try:
            await self._answer_all()
        except RefusedRequestError as refused:
            await self._refuse(refused.code, str(refused))
        except FrameError as error:
            await self._refuse("bad-frame", str(error))
        except EngineFaultError as fault:
            await self._refuse("fault", fault.message)
        except (TimeoutError, ConnectionError):
            pass
        except asyncio.CancelledError:  # the server is stopping
            self._break_off_sound()
            raise
        except Exception:
            await self._refuse("fault", "internal error")
            raise
        finally:
            await self._give_back_place()

    async def _refuse(self, code: str, text: str) -> None:
        await _refuse(self._reader, self._writer, code, text, self._break_off_sound)

    def _break_off_sound(self) -> None:
        """If the audio of a text was interrupted, send an incomplete frame.

        Home Assistant treats the end of a connection as the end of the audio, even after an error event, and caches the
        audio. It discards the audio only if the last frame is cut off.
        """
        if self._is_half_spoken:
            self._writer.write(_BROKEN_FRAME)

    async def _answer_all(self) -> None:
        has_greeted = False
        while True:
            is_waited_for = not has_greeted or self._hearing is not None
            event = await read_frame(self._reader, HELLO_SECONDS if is_waited_for else IDLE_SECONDS)
            if event is None:
                return
            answer = self._answers.get(event.type)
            if answer is not None:  # the protocol may grow, so unknown events are ignored
                await answer(event)
            has_greeted = True

    async def _describe(self, event: Event) -> None:
        await self._send(self._server.info)

    async def _ping(self, event: Event) -> None:
        await self._send(Pong(None if event.data.get("text") is None else _text(event)).event())

    # Conversation turns

    async def _take_turn(self, event: Event) -> None:
        self._refuse_other_language(event.data.get("language"), "understood")
        text, (talk, place) = _text(event), self._talk_and_place(event.data.get("context"))
        take_turn = self._server.talks.take_turn
        turn = await self._loop.run_in_executor(self._server.turns, take_turn, talk, text, place)
        await self._send(reply_event(turn))

    def _talk_and_place(self, context: object) -> tuple[str, str | None]:
        """Return the key of the conversation, and the device that the user speaks to.

        If the client sends no conversation id, the key is the device or the connection.
        """
        given = context if isinstance(context, dict) else {}
        place = _id(given, "satellite_id") or _id(given, "device_id")
        name = _id(given, "conversation_id")
        if name is not None:
            return f"conversation {name}", place
        return f"place {place}" if place is not None else f"connection {self._number}", place

    # Speech to text

    async def _check_language(self, event: Event) -> None:
        self._refuse_other_language(event.data.get("language"), "recognized")

    def _refuse_other_language(self, asked: object, done: str) -> None:
        """Raise `RefusedRequestError` if the request is for a language other than the skill's.

        Every regional variant is accepted (`en-GB`).
        """
        ours = self._server.served.language
        if isinstance(asked, str) and asked and asked.replace("_", "-").split("-")[0].lower() != ours:
            raise RefusedRequestError("language", f"only {ours} is {done}, not {asked[:_MAX_LANGUAGE_CHARACTERS]}")

    async def _hear(self, event: Event) -> None:
        rate, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
        if type(rate) is not int or type(width) is not int or type(channels) is not int:
            raise RefusedRequestError("bad-event", f"{event.type} needs rate, width and channels, which are numbers")
        hearing, sound = await self._begun_hearing(), event.payload or b""
        seconds = hearing.samples / SAMPLE_RATE + len(sound) / max(1, rate * width * channels)
        if seconds > MAX_SOUND_SECONDS or self._loop.time() - self._hears_since > MAX_HEARING_SECONDS:
            raise RefusedRequestError("too-long", f"an utterance may last at most {MAX_SOUND_SECONDS} seconds")
        try:
            await self._in_turn(hearing.take, sound, rate, width, channels)
        except SoundFormatError as error:
            raise RefusedRequestError("sound-format", f"{error.message}; {error.hint}") from None

    async def _heard(self, event: Event) -> None:
        if self._hearing is None:
            await self._send(TranscriptMessage("").event())
            return
        heard = await self._in_turn(self._words_of, self._hearing)
        await self._give_back_place()
        await self._send(TranscriptMessage(heard.text, language=self._server.served.language).event())

    def _words_of(self, hearing: Hearing) -> Transcript:
        heard = hearing.finish()
        session = self._server.talks.in_session()
        if session is None:
            return heard
        # Home Assistant does not say which user is speaking; it is most likely the one in the session
        return self._server.served.conversation.words_in_session(session, heard, over_speech=False)

    async def _begun_hearing(self) -> Hearing:
        if self._hearing is None:
            if not await self._server.places.take_soon(MAX_WAIT_SECONDS):
                raise RefusedRequestError("busy", f"{self._server.served.most} people are already speaking")
            self._hears_since = self._loop.time()
            try:
                self._hearing = await self._in_turn(lambda: Hearing(self._server.places.recognizer()))
            except BaseException:
                self._server.places.give_back(None)
                raise
        return self._hearing

    async def _in_turn(self, work: Callable[..., Any], *arguments: object) -> Any:
        return await self._loop.run_in_executor(self._server.hearings, work, *arguments)

    async def _give_back_place(self) -> None:
        """Release the slot for another client. This also happens if the client disconnects in mid-sentence."""
        hearing, self._hearing = self._hearing, None
        if hearing is None:
            return
        recognizer: Recognizer | None = None
        try:
            with suppress(EngineFaultError):  # the engine is being restarted
                await self._in_turn(hearing.abandon)
            recognizer = hearing.recognizer
        finally:
            self._server.places.give_back(recognizer)

    # Text to speech

    async def _speak(self, event: Event) -> None:
        if self._reading is not None:  # the whole text again, for servers that do not stream
            return
        await self._begin_reading(event)
        await self._read_on(event)
        await self._end_reading()

    async def _begin_reading(self, event: Event) -> None:
        self._reading, self._has_spoken = TextChunker(), False

    async def _read_on(self, event: Event) -> None:
        if self._reading is None:
            raise RefusedRequestError("bad-event", "synthesize-chunk comes after synthesize-start")
        ready = self._reading.add(_text(event))
        if self._reading.characters > MAX_SPOKEN_CHARACTERS:
            raise RefusedRequestError("too-long", f"a text may have at most {MAX_SPOKEN_CHARACTERS} characters")
        await self._speak_all(ready)

    async def _read_to_end(self, event: Event) -> None:
        if self._reading is None:
            raise RefusedRequestError("bad-event", "synthesize-stop comes after synthesize-start")
        await self._end_reading()
        await self._send(SynthesizeStopped().event())

    async def _end_reading(self) -> None:
        reading, self._reading = self._reading, None
        await self._speak_all(reading.rest() if reading is not None else [])
        if not self._has_spoken:
            await self._send(_FORM.event())
        await self._send(AudioStop().event())
        self._is_half_spoken = False

    async def _speak_all(self, pieces: list[str]) -> None:
        served = self._server.served
        for piece in pieces:
            try:
                sound = await self._loop.run_in_executor(
                    self._server.speech, served.voice.speak, piece, served.words_per_minute
                )
            except VoiceHelperError as error:
                raise RefusedRequestError("voice", error.message) from error
            if not sound:
                continue
            if self._has_spoken:
                sound = silence(SENTENCE_PAUSE_SECONDS) + sound
            else:
                await self._send(_FORM.event())
            self._has_spoken = self._is_half_spoken = True
            for start in range(0, len(sound), _CHUNK_BYTES):
                part = sound[start : start + _CHUNK_BYTES]
                await self._send(AudioChunk(SAMPLE_RATE, 2, 1, part).event())

    async def _send(self, event: Event) -> None:
        await _send(self._writer, event)


_numbers = itertools.count()
_FORM: Final = AudioStart(SAMPLE_RATE, 2, 1)
_BROKEN_FRAME: Final = b'{"type": "audio-chunk", "payload_length": 2}\n'  # the payload that it announces never follows


async def _send(writer: asyncio.StreamWriter, event: Event) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await async_write_event(event, writer)


async def _refuse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    code: str,
    text: str,
    last: Callable[[], None] = lambda: None,
) -> None:
    """Send an error that explains why the connection ends, and wait briefly for the client to read it.

    `last` is an optional function that sends more data after the error.
    """
    with suppress(TimeoutError, ConnectionError):
        await _send(writer, Error(text, code).event())
        last()
        writer.write_eof()
        async with asyncio.timeout(_LINGER_SECONDS):
            while await reader.read(MAX_LINE_BYTES):
                pass


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, even if the client has stopped reading."""
    writer.close()
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            await writer.wait_closed()
    except (TimeoutError, ConnectionError):
        writer.transport.abort()


def _text(event: Event) -> str:
    text = event.data.get("text")
    if not isinstance(text, str):
        raise RefusedRequestError("bad-event", f'{event.type} needs a "text"')
    return text.encode(errors="replace").decode()  # an unpaired surrogate can be neither sent nor spoken


def _id(context: dict[str, object], name: str) -> str | None:
    given = context.get(name)
    return given if isinstance(given, str) and 0 < len(given) <= _MAX_ID_CHARACTERS else None
