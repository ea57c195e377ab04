"""Simulate a day in a room, in virtual time, with the real loop. `bench.day` runs whole days.

Each hour is a quiet room with four questions, signs of danger or guided sessions, and half a minute of other people
talking. After each hour, the run records memory, open files, threads, and the loop's clock relative to the audio it
received.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from tests.support.listener import filled_chunks_of, listener
from voice_helper.recognizers import open_recognizer
from voice_helper.runtime.assistant import LoopEvent
from voice_helper.skill import open_skill, phrases_of
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk
from voice_helper.voices import open_voice

SAID_AN_HOUR = 4
_ROOM_LOUDNESS = 20.0  # root mean square
_ROOM_CHUNKS = 300
_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Hour:
    """The measurements after a number of hours."""

    hours: int
    resident_megabytes: float
    open_files: int
    threads: int
    heard: int
    said: int
    clock_off_seconds: float
    """The loop's clock minus the duration of the audio it received."""

    took_seconds: float


def room() -> Iterator[AudioChunk]:
    """Yield the audio of a quiet room without end."""
    noise = np.random.default_rng(3).normal(0.0, _ROOM_LOUDNESS, _ROOM_CHUNKS * CHUNK_SAMPLES).astype("<i2").tobytes()
    return cycle(list(filled_chunks_of(noise)))


def hour_of(said: Sequence[bytes], quiet: Iterator[AudioChunk], seconds: float) -> Iterator[AudioChunk]:
    """Yield `seconds` of a room, with the utterances spaced evenly."""
    chunks = round(seconds * SAMPLE_RATE / CHUNK_SAMPLES)
    between = max(0, chunks - sum(-(-len(pcm) // (CHUNK_SAMPLES * 2)) for pcm in said)) // max(1, len(said))
    given = 0
    for pcm in said:
        for chunk in (*filled_chunks_of(pcm), *islice(quiet, between)):
            given += 1
            yield chunk
    yield from islice(quiet, max(0, chunks - given))


def live_through(
    hours: int, questions: Sequence[bytes], talks: Sequence[bytes], hour_seconds: float = _HOUR_SECONDS
) -> Iterator[Hour]:
    """Run a number of hours through one loop. Yield the measurements after each hour."""
    skill = open_skill()
    recognizer = open_recognizer("embedded", phrases=phrases_of(skill.content)).recognizer
    counts: dict[str, int] = {"heard": 0, "say": 0}

    def tell(happening: LoopEvent) -> None:
        counts[happening.event] = counts.get(happening.event, 0) + 1

    assistant = listener(skill.conversation, recognizer, open_voice("pyttsx3"), tell)
    quiet, asked, talk, samples = room(), cycle(questions), cycle(talks), 0
    for number in range(1, hours + 1):
        started = time.perf_counter()
        for chunk in hour_of((*islice(asked, SAID_AN_HOUR), *islice(talk, 1)), quiet, hour_seconds):
            assistant.take(chunk)
            samples += chunk.samples
        yield Hour(
            number,
            resident_megabytes(),
            len(list(Path("/proc/self/fd").iterdir())),
            threading.active_count(),
            counts["heard"],
            counts["say"],
            assistant.seconds - samples / SAMPLE_RATE,
            round(time.perf_counter() - started, 1),
        )


def resident_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)


def drift(hours: Sequence[Hour]) -> dict[str, float]:
    """Return how much memory, files, threads and clock offset grew after the first hour."""
    first, later = hours[0], hours[1:]
    return {
        "resident_megabytes_last": round(later[-1].resident_megabytes - first.resident_megabytes, 1),
        "resident_megabytes_most": round(max(each.resident_megabytes for each in later) - first.resident_megabytes, 1),
        "open_files": later[-1].open_files - first.open_files,
        "threads": later[-1].threads - first.threads,
        "clock_off_seconds": max(abs(each.clock_off_seconds) for each in hours),
    }
