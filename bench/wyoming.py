"""Measure the response times of the Wyoming server: `python -m bench.wyoming [--clients N]`.

The server runs in a separate process. A number of clients ask at once, with a new connection for each question, as Home
Assistant does: first without pauses, then every three seconds, like people. Then several clients speak at once, and the
time from the end of the audio to the transcript is measured. Finally, the times to the start and to the end of the
voice's audio are measured.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.tts import Synthesize

from bench.lines import machine, write_result
from bench.load import Server, in_real_time, port_of, served
from tests.support.labelled_lines import read_lines
from tests.support.sound import heard_from, recording
from voice_helper.types import SAMPLE_RATE

_SAID = ("put_heat_on_it", "bananas", "what_is_a_cramp", "stretching")
_ANSWER = "The article says heat can ease cramps. No heat if you have diabetes, numb skin or poor circulation."
_CHUNK_SECONDS = 0.064  # as in Home Assistant


async def asked(port: int, text: str, conversation: str) -> float:
    """Return the seconds from before the connection to the answer."""
    started = time.perf_counter()
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Transcript(text, context={"conversation_id": conversation}, language="en").event())
        event = await client.read_event()
        assert event is not None
        assert event.type in {"handled", "not-handled"}, event
        return time.perf_counter() - started


async def all_asked(port: int, clients: int, questions: Sequence[str], every_seconds: float) -> list[float]:
    """Let every client ask its share of questions in order, starting at a random time. Return the response times."""
    waits = random.Random(2)

    async def ask(number: int) -> list[float]:
        took = list[float]()
        await asyncio.sleep(waits.random() * every_seconds)
        for text in questions[number::clients]:
            took.append(await asked(port, text, f"client {number}"))
            await asyncio.sleep(max(0.0, every_seconds - took[-1]))
        return took

    return list(itertools.chain(*await asyncio.gather(*(ask(number) for number in range(clients)))))


async def heard(port: int, name: str) -> float:
    """Speak in real time. Return the seconds from the end of the audio to the transcript."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(AudioStart(SAMPLE_RATE, 2, 1).event())
        pcm = heard_from(recording(name))
        pcm += bytes(SAMPLE_RATE * 2 * 7 // 10)  # the silence after which Home Assistant considers it finished
        async for chunk in in_real_time(pcm, time.perf_counter(), _CHUNK_SECONDS):
            await client.write_event(AudioChunk(SAMPLE_RATE, 2, 1, chunk).event())
        stopped = time.perf_counter()
        await client.write_event(AudioStop().event())
        event = await client.read_event()
        assert event is not None
        assert event.data["text"], name
        return time.perf_counter() - stopped


async def spoken(port: int) -> tuple[float, float]:
    """Return the seconds to the start and to the end of the audio of an answer."""
    started, first = time.perf_counter(), 0.0
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Synthesize(_ANSWER).event())
        while (event := await client.read_event()) is not None and event.type != "audio-stop":
            first = first or (time.perf_counter() - started if event.type == "audio-chunk" else 0.0)
    return first, time.perf_counter() - started


def shown(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the maximum, in milliseconds."""
    p50, p95 = np.percentile(seconds, (50, 95))
    return {"count": len(seconds), **{name: round(1000 * value, 1) for name, value in
            (("p50_ms", p50), ("p95_ms", p95), ("most_ms", max(seconds)))}}  # fmt: skip


async def measured(server: Server, clients: int, questions: Sequence[str]) -> dict[str, Any]:
    """Run the measurements one after the other."""
    port = port_of(server.address)
    await all_asked(port, 1, questions[:20], 0.0)  # warm up
    before = server.cpu_seconds()
    alone = shown(await all_asked(port, 1, questions, 0.0))
    alone["processor_ms"] = round(1000 * (server.cpu_seconds() - before) / len(questions), 1)
    answers = {
        "1 client": alone,
        f"{clients} clients, without a pause": shown(await all_asked(port, clients, questions, 0.0)),
        f"{clients} people, every 3 s": shown(await all_asked(port, clients, questions, 3.0)),
    }
    words = {
        f"{count} at once": shown(
            list(itertools.chain(*[await asyncio.gather(*(heard(port, name) for name in _SAID[:count]))
                                   for _ in range(3)]))
        )
        for count in (1, len(_SAID))
    }  # fmt: skip
    sounds = [await spoken(port) for _ in range(10)]
    voice = {"first sound": shown([first for first, _ in sounds]), "last sound": shown([last for _, last in sounds])}
    return {"a text answer": answers, "words after the end of the sound": words, "speech": voice}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=20)
    clients = parser.parse_args().clients
    questions = [line.text for line in read_lines("dev")]
    random.Random(1).shuffle(questions)
    load = os.getloadavg()[0]  # the load of other programs, which leave less processor time for this one
    with served(("serve", "wyoming", "--port", "0")) as server:
        results = asyncio.run(measured(server, clients, questions))
    for what, counts in results.items():
        for count, figures in counts.items():
            print(f"{what}, {count}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    print(write_result("wyoming", {"machine": machine(), "load_before": round(load, 1), "clients": clients, **results}))


if __name__ == "__main__":
    main()
