"""`serve wyoming` in a separate process, and clients that talk to it as Home Assistant does."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.handle import Handled, NotHandled
from wyoming.tts import SynthesizeStart

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, environment
from tests.support.sound import chunks_of
from voice_helper.types import SAMPLE_RATE


@contextmanager
def assisting(folder: Path, *arguments: str, end: signal.Signals = signal.SIGINT) -> Iterator[int]:
    """Serve on a free port, yield the port, and stop with a signal. Fail if the server reported any problem."""
    command = [str(VOICE_HELPER), "serve", "wyoming", "--port", "0", "--number", "112", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("tcp://"), process.communicate(timeout=PATIENCE_SECONDS)
        try:
            yield int(address.rsplit(":", 1)[1])
        finally:
            process.send_signal(end)
            _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "exception" not in err


def wait(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a client coroutine to its end."""
    return asyncio.run(asyncio.wait_for(work, 2 * PATIENCE_SECONDS))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[AsyncTcpClient]:
    """Connect as Home Assistant does."""
    client = AsyncTcpClient("127.0.0.1", port)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


async def send(client: AsyncTcpClient, *events: Eventable) -> None:
    """Send events one after the other."""
    for event in events:
        await client.write_event(event.event())


async def received(client: AsyncTcpClient) -> Event:
    """Return the next event."""
    event = await client.read_event()
    assert event is not None, "the connection was closed"
    return event


async def said(port: int, text: str, **context: str) -> Event:
    """Send one utterance on a new connection and return the answer."""
    async with connected(port) as client:
        await send(client, Transcript(text, context=dict(context), language="en"))
        return await received(client)


async def answered(port: int, text: str, conversation: str) -> str:
    """Return the spoken answer to an utterance, which must be handled."""
    event = await said(port, text, conversation_id=conversation)
    assert Handled.is_type(event.type), event
    return Handled.from_event(event).text or ""


async def left_to_others(port: int, text: str, conversation: str) -> str:
    """Return the spoken answer to an utterance, which must not be handled."""
    event = await said(port, text, conversation_id=conversation)
    assert NotHandled.is_type(event.type), event
    return NotHandled.from_event(event).text or ""


def sound_events(raw: bytes, rate: int = SAMPLE_RATE, width: int = 2, channels: int = 1) -> list[Eventable]:
    """Return an utterance as a client sends it: start, chunks, stop."""
    pieces = [AudioChunk(rate, width, channels, chunk.pcm) for chunk in chunks_of(raw, 1_024)]
    return [AudioStart(rate, width, channels), *pieces, AudioStop()]


async def heard(port: int, events: Iterable[Eventable], language: str = "en") -> str:
    """Return the transcript of an utterance."""
    async with connected(port) as client:
        await send(client, Transcribe(language=language), *events)
        event = await received(client)
        assert Transcript.is_type(event.type), event
        return Transcript.from_event(event).text


async def spoken(port: int, *events: Eventable) -> list[Event]:
    """Return all events until the end of the audio."""
    async with connected(port) as client:
        await send(client, *events)
        told = [await received(client)]
        last = "synthesize-stopped" if isinstance(events[0], SynthesizeStart) else "audio-stop"
        while told[-1].type != last:
            told.append(await received(client))
        return told


async def refused(client: AsyncTcpClient) -> Error:
    """Return the error that ends the connection."""
    event = await received(client)
    assert Error.is_type(event.type), event
    assert await client.read_event() is None
    return Error.from_event(event)
