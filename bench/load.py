"""Measure how many people can talk to one machine at once: `python -m bench.load [--people 4,8,12] [--door web]`.

Each person is a client of a server process, over its own protocol and in real time: the person asks a question, waits
for the answer to start, takes a breath, and asks the next one. The delay counts from the silence that ends the question
to the start of the answer. For Home Assistant, which detects the end itself, it counts to the text of the answer. The
server and the clients share this machine with other programs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final, Protocol

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event

from bench.lines import machine, write_result
from bench.programs import VOICE_HELPER
from bench.speech import FLITE_VOICES, spoken
from tests.support.speech import flite
from voice_helper.audio.devices import silence
from voice_helper.audio.endpoint import PATIENT
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE

TARGET_MS: Final = 500.0
QUESTIONS: Final = (
    "does heat help", "what causes leg cramps", "should i drink more water", "how long does a cramp last",
    "are bananas good for cramps", "what is peripheral artery disease", "does stretching help",
    "can low potassium give me cramps", "when should i see a doctor about cramps", "should i rub it",
    "why do my calves cramp at night", "what can i ask you", "is this medical advice", "can diabetes cause leg cramps",
    "how do i get more magnesium", "does poor circulation cause cramps",
)  # fmt: skip
_AUDIBLE: Final = 300  # quieter samples (of 32,768) count as silence
_SILENT_SECONDS: Final = 6.0  # maximum wait for the start of an answer
_BREATH_SECONDS: Final = (0.3, 1.5)
_HOME_ASSISTANT_WAITS_SECONDS: Final = 0.7  # until Home Assistant decides that a question is over
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


async def in_real_time(pcm: bytes, begins: float, seconds: float = CHUNK_SAMPLES / SAMPLE_RATE) -> AsyncIterator[bytes]:
    """Yield audio in parts of the given length, each when a microphone would deliver it."""
    size = 2 * round(SAMPLE_RATE * seconds)
    for number, start in enumerate(range(0, len(pcm), size), 1):
        await asyncio.sleep(max(0.0, begins + number * seconds - time.perf_counter()))
        yield pcm[start : start + size]


class Person(Protocol):
    """A simulated user who is connected to an interface."""

    async def warm_up(self) -> None:
        """Wait until the server has loaded everything that it needs for this user."""

    async def ask(self, pcm: bytes) -> float | None:
        """Ask in real time. Return the seconds from the end of the question to the answer, or `None` if there was
        none.
        """


@dataclass
class WebPerson:
    """A browser page. The button was tapped, and the microphone stays open until speech has ended."""

    socket: ClientConnection
    sounds: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    """The arrival times of the speech messages."""

    is_deaf: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server wants no more audio."""

    async def listen(self) -> None:
        """Process messages, and report playback as the page does."""
        with suppress(ConnectionClosed):
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.sounds.put_nowait(time.perf_counter())
                    await self._send(do="played", number=int.from_bytes(message[:4], "little"))
                elif json.loads(message)["event"] == "listened":
                    self.is_deaf.set()

    async def warm_up(self) -> None:
        await self._send(do="ask", text="thank you")
        await asyncio.wait_for(self.sounds.get(), 120)

    async def ask(self, pcm: bytes) -> float | None:
        while not self.sounds.empty():  # audio left over from the previous answer
            self.sounds.get_nowait()
        await self._send(do="hear", how="once")
        self.is_deaf.clear()
        ends = await self._stream(pcm, time.perf_counter())
        more = asyncio.create_task(self._stream(silence(_SILENT_SECONDS), ends))
        try:
            sounded = await asyncio.wait_for(self.sounds.get(), _SILENT_SECONDS)
            await asyncio.wait_for(self.is_deaf.wait(), _SILENT_SECONDS)
        except TimeoutError:
            return None
        finally:
            more.cancel()
        await self._send(do="quiet")
        return max(0.0, sounded - ends - PATIENT.silence_seconds)

    async def _stream(self, pcm: bytes, begins: float) -> float:
        """Send audio as a microphone delivers it. Return the time at which it ends."""
        async for chunk in in_real_time(pcm, begins):
            if not self.is_deaf.is_set():
                await self.socket.send(chunk)
        return begins + len(pcm) / 2 / SAMPLE_RATE

    async def _send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))


def page_socket(address: str) -> connect:
    """Connect to an address as its page does."""
    return connect(f"ws{address.removeprefix('http')}conversation", origin=Origin(address.rstrip("/")))


@asynccontextmanager
async def at_the_page(address: str) -> AsyncIterator[WebPerson]:
    """Connect as the page does. Raises `ConnectionClosed` if the server refuses the client."""
    async with page_socket(address) as socket:
        await socket.send(json.dumps({"do": "hello"}))
        await socket.recv()
        person = WebPerson(socket)
        listening = asyncio.create_task(person.listen())
        try:
            yield person
        finally:
            listening.cancel()


@dataclass(frozen=True)
class HomeAssistant:
    """Home Assistant for one satellite: speech-to-text, then the answer, with a new connection for each."""

    port: int

    async def warm_up(self) -> None:
        await self.ask(silence(0.5))

    async def ask(self, pcm: bytes) -> float | None:
        pcm += silence(_HOME_ASSISTANT_WAITS_SECONDS)
        async with AsyncTcpClient("127.0.0.1", self.port) as client:
            await client.write_event(AudioStart(SAMPLE_RATE, 2, 1).event())
            begins = time.perf_counter()
            async for chunk in in_real_time(pcm, begins):
                await client.write_event(AudioChunk(SAMPLE_RATE, 2, 1, chunk).event())
            await client.write_event(AudioStop().event())
            heard = await self._told(client)
        if heard is None:
            return None
        async with AsyncTcpClient("127.0.0.1", self.port) as client:
            await client.write_event(Transcript(Transcript.from_event(heard).text, language="en").event())
            answered = await self._told(client)
        return None if answered is None else time.perf_counter() - begins - len(pcm) / 2 / SAMPLE_RATE

    async def _told(self, client: AsyncTcpClient) -> Event | None:
        try:
            return await asyncio.wait_for(client.read_event(), _SILENT_SECONDS)
        except TimeoutError:
            return None


@asynccontextmanager
async def at_home(address: str) -> AsyncIterator[HomeAssistant]:
    """Return a client that opens a new connection for each question, as Home Assistant does."""
    yield HomeAssistant(port_of(address))


def port_of(address: str) -> int:
    """Return the port in the address that a server prints, such as `http://127.0.0.1:10600/`."""
    return int(address.strip("/").rsplit(":", 1)[1])


@dataclass(frozen=True)
class Door:
    """A server command, and how clients connect to it."""

    command: tuple[str, ...]
    come: Callable[[str], AbstractAsyncContextManager[Person]]


_SETTINGS: Final = ("--port", "0", "--most", "64", "--voice", "pyttsx3")
DOORS: Final = {
    "web": Door(("serve", "web", *_SETTINGS), at_the_page),
    "wyoming": Door(("serve", "wyoming", *_SETTINGS), at_home),
}


@dataclass(frozen=True)
class Server:
    """The running server, and its resource use."""

    process: subprocess.Popen[str]
    address: str

    def cpu_seconds(self) -> float:
        return sum(int(fields[11]) + int(fields[12]) for fields in map(_status, self._processes())) / _TICKS

    def resident_megabytes(self) -> float:
        """Return the resident memory of its processes. Shared pages count for each process."""
        return sum(int(fields[21]) for fields in map(_status, self._processes())) * _PAGE_BYTES / 2**20

    def open_files(self) -> int:
        return sum(len(list(Path(f"/proc/{process}/fd").iterdir())) for process in self._processes())

    def threads(self) -> int:
        return sum(int(fields[17]) for fields in map(_status, self._processes()))

    def _processes(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")  # whichever thread started them
        children = " ".join(task.read_text(encoding="ascii") for task in tasks)
        return [self.process.pid, *map(int, children.split())]


def _status(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


@contextmanager
def served(command: Sequence[str], errors: IO[str] | int = subprocess.DEVNULL) -> Iterator[Server]:
    """Run a server command during the block. Its error output goes to `errors`."""
    with subprocess.Popen((VOICE_HELPER, *command), stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process, process.stdout.readline().strip())
        finally:
            process.terminate()
            process.wait(10)


async def talk(
    person: Person,
    sounds: Sequence[bytes],
    until: float,
    chance: random.Random,
    breath_seconds: tuple[float, float] = _BREATH_SECONDS,
) -> AsyncIterator[float | None]:
    """Ask one question after the other, and yield the delays."""
    while time.perf_counter() < until:
        await asyncio.sleep(chance.uniform(*breath_seconds))
        yield await person.ask(chance.choice(sounds))


async def measure(door: Door, people: int, seconds: float, sounds: Sequence[bytes]) -> dict[str, float]:
    """Let a number of users talk to a new server for the given time."""

    async def delays_of(person: Person, number: int) -> list[float | None]:
        return [delay async for delay in talk(person, sounds, began + seconds, random.Random(number))]

    with served(door.command) as server:
        async with AsyncCrowd(door, server.address, people) as crowd:
            quiet_megabytes = server.resident_megabytes()
            load_before = os.getloadavg()[0]
            began, used = time.perf_counter(), server.cpu_seconds()
            asked = (delays_of(person, number) for number, person in enumerate(crowd.people))
            delays = [delay for each in await asyncio.gather(*asked) for delay in each]
            took, used = time.perf_counter() - began, server.cpu_seconds() - used
            busy_megabytes = server.resident_megabytes()
    answered = [1000 * delay for delay in delays if delay is not None]
    return {
        "people": people,
        "questions": len(delays),
        "silence": len(delays) - len(answered),
        "p50_ms": round(float(np.percentile(answered, 50)), 0) if answered else float("inf"),
        "p95_ms": round(float(np.percentile(answered, 95)), 0) if answered else float("inf"),
        "worst_ms": round(max(answered), 0) if answered else float("inf"),
        "ready_seconds": round(crowd.ready_seconds, 1),
        "cores_used": round(used / took, 2),
        "cores_a_person": round(used / took / people, 3),
        "cpu_seconds_a_question": round(used / max(1, len(delays)), 3),
        "megabytes": round(max(quiet_megabytes, busy_megabytes)),
        "load_before": round(load_before, 2),
    }


class AsyncCrowd:
    """A number of connected users, each ready to speak."""

    def __init__(self, door: Door, address: str, people: int) -> None:
        self._door, self._address, self._count = door, address, people
        self.people: list[Person] = []
        self.ready_seconds = 0.0

    async def __aenter__(self) -> AsyncCrowd:
        from contextlib import AsyncExitStack

        began = time.perf_counter()
        self._stack = AsyncExitStack()
        for _ in range(self._count):
            self.people.append(await self._stack.enter_async_context(self._door.come(self._address)))
        await asyncio.gather(*(person.warm_up() for person in self.people))
        self.ready_seconds = time.perf_counter() - began
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._stack.aclose()


def questions() -> list[bytes]:
    """Return the questions in several voices, cut after their last audible sample."""
    return [
        _until_it_is_silent(spoken(voice, lambda text, voice=voice: flite(voice, text), text))  # type: ignore[misc]
        for number, text in enumerate(QUESTIONS)
        for voice in (FLITE_VOICES[number % len(FLITE_VOICES)],)
    ]


def _until_it_is_silent(pcm: bytes) -> bytes:
    audible = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)) > _AUDIBLE)
    return pcm[: 2 * int(audible[-1])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--door", choices=sorted(DOORS), default="web")
    parser.add_argument("--people", default="1,4,8,12,14,16,20")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    sounds = questions()
    rows = []
    door = DOORS[options.door]
    door = replace(door, command=(*door.command, "--workers", str(options.workers)))
    for people in map(int, options.people.split(",")):
        rows.append(asyncio.run(measure(door, people, options.seconds, sounds)))
        print(rows[-1], flush=True)
    in_time = [int(row["people"]) for row in rows if row["p95_ms"] < TARGET_MS and not row["silence"]]
    result = {
        "machine": machine(),
        "door": options.door,
        "workers": options.workers,
        "most_in_time": max(in_time, default=0),
        "rows": rows,
    }
    print("written to", write_result(f"load-{options.door}-{options.workers}-workers", result))


if __name__ == "__main__":
    main()
