"""Run the servers for an hour under load and look for leaks: `python -m bench.soak [--minutes 60]`.

Two users of the page and two Home Assistant satellites ask in real time, listen, think, and ask again. Every 10 to
30 s, a client connects and drops mid-request or sends invalid data. Every five minutes, the output shows memory, open
files and threads of both servers, and the questions and delays of these minutes. The run never fails because of slow
answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from websockets.exceptions import WebSocketException
from wyoming.audio import AudioChunk, AudioStart
from wyoming.event import async_write_event

from bench.lines import machine, write_result
from bench.load import DOORS, Server, in_real_time, page_socket, port_of, questions, served, talk
from voice_helper.types import SAMPLE_RATE

_MAX_MINUTES: Final = 24 * 60
_PEOPLE_A_DOOR: Final = 2
_THINKS_SECONDS: Final = (3.0, 10.0)  # listening to the answer and thinking
_TROUBLE_SECONDS: Final = (10.0, 30.0)  # between two clients that drop or send invalid data
_LOOK_MINUTES: Final = 5.0
_SETTLED_MINUTES: Final = 10.0
"""How long, in minutes, the servers take to load everything that is loaded only once. Only later growth counts as a
leak.
"""

_COMES_AGAIN_SECONDS: Final = 1.0
_RUBBISH_BYTES: Final = 4_000
Trouble = Callable[[Server, bytes, random.Random], Awaitable[None]]


@dataclass
class Tally:
    """The events at one server."""

    questions: int = 0
    delays: list[float] = field(default_factory=list)
    connections_lost: int = 0
    troubles: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Look:
    """The state of one server, and the questions since the previous measurement."""

    door: str
    minute: float
    resident_megabytes: float
    open_files: int
    threads: int
    questions: int
    unanswered: int
    p50_ms: float | None
    p95_ms: float | None
    connections_lost: int
    troubles: int
    load: float
    """The load of the whole machine."""


async def dies_at_the_page(server: Server, pcm: bytes, chance: random.Random) -> None:
    """Start a question on the page, then drop the connection."""
    async with page_socket(server.address) as socket:
        await socket.send(json.dumps({"do": "hello"}))
        await socket.send(json.dumps({"do": "hear", "how": "open"}))
        async for chunk in in_real_time(_begun(pcm, chance), time.perf_counter()):
            await socket.send(chunk)
        socket.transport.abort()


async def rubbish_at_the_page(server: Server, pcm: bytes, chance: random.Random) -> None:
    """Greet the page's server, then send invalid messages."""
    async with page_socket(server.address) as socket:
        await socket.send(json.dumps({"do": "hello"}))
        for _ in range(chance.randint(1, 20)):
            rubbish = chance.randbytes(chance.randrange(1, _RUBBISH_BYTES))
            await socket.send(rubbish if chance.random() < 0.5 else rubbish.decode("latin-1"))


async def dies_at_home(server: Server, pcm: bytes, chance: random.Random) -> None:
    """Start a question as a satellite, then drop the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(server.address))
    await async_write_event(AudioStart(SAMPLE_RATE, 2, 1).event(), writer)
    async for chunk in in_real_time(_begun(pcm, chance), time.perf_counter()):
        await async_write_event(AudioChunk(SAMPLE_RATE, 2, 1, chunk).event(), writer)
    writer.transport.abort()


async def rubbish_at_home(server: Server, pcm: bytes, chance: random.Random) -> None:
    """Send an invalid frame, or the header of a frame that never follows."""
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(server.address))
    opening = chance.choice(
        (b"", b'{"type": "audio-chunk", "payload_length": 9999', b'{"type": "transcript"}\n', b"\n")
    )
    writer.write(opening + chance.randbytes(chance.randrange(1, _RUBBISH_BYTES)))
    await writer.drain()
    await asyncio.sleep(chance.uniform(0.0, 3.0))
    writer.transport.abort()


def _begun(pcm: bytes, chance: random.Random) -> bytes:
    return pcm[: 2 * chance.randrange(1, len(pcm) // 2)]


TROUBLES: Final[dict[str, dict[str, Trouble]]] = {
    "web": {"dies in mid-sentence": dies_at_the_page, "sends rubbish": rubbish_at_the_page},
    "wyoming": {"dies in mid-sentence": dies_at_home, "sends rubbish": rubbish_at_home},
}


async def ask_for_ever(
    door: str, server: Server, sounds: Sequence[bytes], tally: Tally, until: float, number: int
) -> None:
    """Connect to a server and ask questions. Reconnect when the connection is lost."""
    chance = random.Random(f"{door} {number}")
    while time.perf_counter() < until:
        try:
            async with DOORS[door].come(server.address) as person:
                await person.warm_up()
                async for delay in talk(person, sounds, until, chance, _THINKS_SECONDS):
                    tally.questions += 1
                    if delay is not None:
                        tally.delays.append(delay)
        except (OSError, TimeoutError, WebSocketException):
            tally.connections_lost += 1
            await asyncio.sleep(_COMES_AGAIN_SECONDS)


async def make_trouble(door: str, server: Server, sounds: Sequence[bytes], tally: Tally, until: float) -> None:
    """From time to time, connect clients that drop or send invalid data. Their errors are ignored."""
    chance = random.Random(door)
    while time.perf_counter() + _TROUBLE_SECONDS[1] < until:
        await asyncio.sleep(chance.uniform(*_TROUBLE_SECONDS))
        kind = chance.choice(sorted(TROUBLES[door]))
        tally.troubles[kind] += 1
        with suppress(OSError, TimeoutError, WebSocketException):
            await TROUBLES[door][kind](server, chance.choice(sounds), chance)


async def soak(servers: dict[str, Server], sounds: Sequence[bytes], minutes: float, look_minutes: float) -> list[Look]:
    """Let users ask for the given time. Return the measurements of each server."""
    began = time.perf_counter()
    until = began + 60 * minutes
    tallies = {door: Tally() for door in servers}
    tasks = [
        asyncio.create_task(task)
        for door, server in servers.items()
        for task in (
            *(ask_for_ever(door, server, sounds, tallies[door], until, number) for number in range(_PEOPLE_A_DOOR)),
            make_trouble(door, server, sounds, tallies[door], until),
        )
    ]
    looks: list[Look] = []
    looked = dict.fromkeys(servers, Tally())
    while time.perf_counter() < until:
        due = min(until, began + 60 * look_minutes * (len(looks) // len(servers) + 1))
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        for door, server in servers.items():
            tally, before = tallies[door], looked[door]
            looks.append(look_at(door, server, tally, before, (time.perf_counter() - began) / 60))
            looked[door] = Tally(tally.questions, list(tally.delays), tally.connections_lost, Counter(tally.troubles))
            print(looks[-1], flush=True)
    await asyncio.gather(*tasks)  # raises the errors of the tasks
    return looks


def look_at(door: str, server: Server, tally: Tally, before: Tally, minute: float) -> Look:
    """Return the current state of a server, and the events since the previous measurement."""
    delays = [1000 * delay for delay in tally.delays[len(before.delays) :]]
    asked = tally.questions - before.questions
    p50, p95 = np.percentile(delays, (50, 95)).tolist() if delays else (None, None)
    return Look(
        door,
        round(minute, 1),
        round(server.resident_megabytes(), 1),
        server.open_files(),
        server.threads(),
        asked,
        asked - len(delays),
        p50 and round(p50),
        p95 and round(p95),
        tally.connections_lost - before.connections_lost,
        (tally.troubles - before.troubles).total(),
        round(os.getloadavg()[0], 1),
    )


def drift(looks: Sequence[Look]) -> dict[str, float]:
    """Return how much resource use grew at one server after the first ten minutes, and the number of unanswered
    questions.
    """
    settled = next((look for look in looks if look.minute >= _SETTLED_MINUTES), looks[0])
    later = looks[looks.index(settled) :]
    questions = sum(look.questions for look in looks)
    return {
        "from_minute": settled.minute,
        "to_minute": later[-1].minute,
        "resident_megabytes_last": round(later[-1].resident_megabytes - settled.resident_megabytes, 1),
        "resident_megabytes_most": round(
            max(look.resident_megabytes for look in later) - settled.resident_megabytes, 1
        ),
        "open_files": later[-1].open_files - settled.open_files,
        "threads": later[-1].threads - settled.threads,
        "questions": questions,
        "unanswered": sum(look.unanswered for look in looks),
        "connections_lost": sum(look.connections_lost for look in looks),
        "troubles": sum(look.troubles for look in looks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help=f"at most {_MAX_MINUTES}")
    parser.add_argument("--look", type=float, default=_LOOK_MINUTES, help="minutes from one look to the next")
    options = parser.parse_args()
    if not (0 < options.minutes <= _MAX_MINUTES and options.look > 0):
        parser.error(f"--minutes is a number up to {_MAX_MINUTES}, --look one above 0")
    sounds = questions()
    tracebacks: dict[str, int] = {}
    with ExitStack() as opened:
        errors = {door: opened.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for door in TROUBLES}
        with ExitStack() as running:
            servers = {door: running.enter_context(served(DOORS[door].command, errors[door])) for door in TROUBLES}
            looks = asyncio.run(soak(servers, sounds, options.minutes, options.look))
        for door, file in errors.items():
            file.seek(0)
            complaints = file.read()
            tracebacks[door] = complaints.count("Traceback (most recent call last)")
            print(complaints[-4_000:])
    result: dict[str, Any] = {
        "machine": machine(),
        "minutes": options.minutes,
        "drift": {door: drift([look for look in looks if look.door == door]) for door in TROUBLES},
        "tracebacks": tracebacks,
        "looks": [asdict(look) for look in looks],
    }
    print(json.dumps({"drift": result["drift"], "tracebacks": tracebacks}, indent=1))
    print("written to", write_result("soak", result))


if __name__ == "__main__":
    main()
