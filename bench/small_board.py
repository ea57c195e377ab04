"""Simulate a small board, which has a quarter of one core, with a real-time source.

Run it with `python -m bench.small_board [--share N]`.

The same program runs on the whole machine and throttled. It is throttled with a control group if possible, and
otherwise by stopping it for three quarters of the time. For both runs, the output shows how far the program falls
behind live speech, and how long after the final silence the answer starts.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from bench.latency import measure
from bench.lines import machine, write_result
from tests.support.listener import filled_chunks_of, listener
from tests.support.sound import heard_from, recording
from voice_helper.audio.devices import silence
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE
from voice_helper.voices import open_voice

_QUESTIONS = ("put_heat_on_it", "bananas", "what_is_a_cramp", "stretching")
_GROUPS = Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS = 20_000  # a program cannot notice pauses this short
_TALK_SECONDS = 60.0
_INSIDE = "--inside"


def inside(times: int, talk_seconds: float) -> dict[str, Any]:
    """Measure in this process once it is throttled. Requests and results are lines of text."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    skill = open_skill()
    recognizer = open_recognizer("embedded", phrases=phrases_of(skill.content)).recognizer
    voice = open_voice("pyttsx3")
    print("ready", flush=True)
    sys.stdin.readline()
    asked = measure(skill, recognizer, voice, [heard_from(recording(name)) for name in _QUESTIONS] * times)
    return {"asked": asked, "talk": talked_to(skill, recognizer, talk_seconds), "core_share": _busy_share()}


def talked_to(skill: Skill, recognizer: Recognizer, seconds: float) -> dict[str, float]:
    """Feed speech without pauses to a loop in real time. Return how far the loop fell behind."""
    assistant = listener(skill.conversation, recognizer, open_voice("none"))
    said = b"".join(heard_from(recording(name)) + silence(1.0) for name in _QUESTIONS)
    pcm = (said * (1 + round(seconds * SAMPLE_RATE * 2) // len(said)))[: round(seconds * SAMPLE_RATE) * 2]
    behind, used, began = 0.0, time.process_time(), time.perf_counter()
    for number, chunk in enumerate(filled_chunks_of(pcm), 1):
        due = began + number * CHUNK_SAMPLES / SAMPLE_RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        assistant.take(chunk)
        late = time.perf_counter() - due
        behind = max(behind, late)
    return {
        "seconds": seconds,
        "most_behind_seconds": round(behind, 3),
        "behind_at_the_end_seconds": round(late, 3),
        "core_share_used": round((time.process_time() - used) / (time.perf_counter() - began), 3),
    }


def _busy_share(seconds: float = 2.0) -> float:
    """Return the share of a core that a busy program gets on this machine."""
    used, began = time.process_time(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        pass
    return round((time.process_time() - used) / (time.perf_counter() - began), 3)


@contextmanager
def held_back(process: int, share: float) -> Iterator[str]:
    """Limit a process to a share of one core. Yields the method used."""
    group = _group_of(process, share)
    if group is not None:
        try:
            yield f"control group {group}"
        finally:
            with suppress(ProcessLookupError):
                (group.parent / "cgroup.procs").write_text(str(process), encoding="ascii")
            group.rmdir()
        return
    over = threading.Event()
    stopper = threading.Thread(target=_stop_again_and_again, args=(process, share, over.wait), daemon=True)
    stopper.start()
    try:
        yield "stopping and continuing it"
    finally:
        over.set()
        stopper.join()


def _group_of(process: int, share: float) -> Path | None:
    """Put a process into a new control group with a limit. Return `None` if that is not permitted."""
    limit, period = str(round(share * _PERIOD_MICROSECONDS)), str(_PERIOD_MICROSECONDS)
    for folder, limits in (
        (_GROUPS, {"cpu.max": f"{limit} {period}"}),
        (_GROUPS / "cpu", {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": limit}),
    ):
        group = folder / f"voice-helper-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            for file, value in {**limits, "cgroup.procs": str(process)}.items():
                with (group / file).open("r+", encoding="ascii") as opened:  # fails if it does not exist
                    opened.write(value)
        except OSError:
            group.rmdir()
            continue
        return group
    return None


def _stop_again_and_again(process: int, share: float, wait: Callable[[float], bool]) -> None:
    period, is_over = _PERIOD_MICROSECONDS / 1e6, False
    with suppress(ProcessLookupError):
        while not is_over:
            os.kill(process, signal.SIGSTOP)
            is_over = wait((1 - share) * period)
            os.kill(process, signal.SIGCONT)
            is_over = wait(share * period) or is_over


def run(share: float, times: int, talk_seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.small_board", _INSIDE, f"--times={times}", f"--seconds={talk_seconds}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdout.readline()
        with held_back(program.pid, share) if share < 1.0 else nullcontext("nothing") as by:
            print("go", file=program.stdin, flush=True)
            return {"held back by": by, **json.loads(program.stdout.readline())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.25, help="of one core")
    parser.add_argument("--times", type=int, default=3, help="that each question is asked")
    parser.add_argument("--seconds", type=float, default=_TALK_SECONDS, help="of talk without a pause")
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(inside(options.times, options.seconds)), flush=True)
        return
    result: dict[str, Any] = {"machine": machine(), "load average": os.getloadavg()[0], "share": options.share}
    for name, share in (("one core", 1.0), ("a share of one core", options.share)):
        result[name] = run(share, options.times, options.seconds)
        print(name, json.dumps(result[name], indent=1), flush=True)
    print("written to", write_result("small-board", result))


if __name__ == "__main__":
    main()
