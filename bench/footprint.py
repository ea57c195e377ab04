"""Measure the cost of running the program: startup time, memory, processor time while listening, size.

Run this with `python -m bench.footprint`.

Every measurement runs the program as a user would, with a separate cache folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement

from bench.lines import machine, write_result
from bench.programs import PYTHON, VOICE_HELPER, Took, best_of, instructions, run
from tests.support.sound import RECORDINGS, heard_from
from voice_helper.audio.devices import silence, write_wav
from voice_helper.errors import DISTRIBUTION
from voice_helper.types import SAMPLE_RATE

_QUESTION = ("ask", "does heat help", "--voice", "none")
_OTHER_WORDS = ("ask", "my poor legs seize up whenever i have been running", "--voice", "none")
_HEARD = ("ask", "--wav", str(RECORDINGS / "put_heat_on_it.wav"), "--voice", "none")
_COMMANDS = {
    "--help": ("--help",),
    "ask, a template matches": _QUESTION,
    "ask, by nearness": _OTHER_WORDS,
    "ask --wav": _HEARD,
}
_ROOM_LOUDNESS = 20.0  # root mean square of a quiet room; real microphones never deliver zeros
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")
_SHOWN_IMPORTS = 12
_ALL_IN_USE = """
from voice_helper.recognizers import open_recognizer
from voice_helper.skill import open_skill, phrases_of
from voice_helper.types import AudioChunk
from voice_helper.audio.vad import VoiceActivity
skill = open_skill()
recognizer = open_recognizer("embedded", phrases=phrases_of(skill.content)).recognizer
speech = VoiceActivity()
for _ in range(100):
    speech.is_speech(AudioChunk(bytes(range(256)) * 4))
skill.understanding.understand("my poor legs seize up whenever i have been running")
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def starts(environment: Mapping[str, str], cache: Path, times: int) -> dict[str, object]:
    """Return the cost of each command, with and without a cache, and for comparison that of an interpreter that does
    nothing.
    """
    nothing = best_of(times, (PYTHON, "-c", "pass"), environment)
    result: dict[str, object] = {"python -c pass": _shown(nothing, nothing)}
    for name, arguments in _COMMANDS.items():
        command = (VOICE_HELPER, *arguments)
        if arguments != _COMMANDS["--help"]:
            cold = best_of(times, command, environment, lambda: shutil.rmtree(cache, ignore_errors=True))
            result[f"{name}, no cache"] = _shown(cold, nothing)
        result[name] = _shown(best_of(times, command, environment), nothing)
    return result


def _shown(took: Took, nothing: Took) -> dict[str, float]:
    return {
        "wall_milliseconds": round(took.wall_seconds * 1000),
        "cpu_milliseconds": round(took.cpu_seconds * 1000),
        "times_python": round(took.wall_seconds / nothing.wall_seconds, 1),
        "resident_megabytes": round(took.resident_megabytes),
    }


def listening(environment: Mapping[str, str], folder: Path, seconds: float) -> dict[str, object]:
    """Return the share of one core that listening takes, as the difference between long and short audio, without
    startup.
    """
    room = np.random.default_rng(3).normal(0.0, _ROOM_LOUDNESS, round(seconds * SAMPLE_RATE)).astype("<i2").tobytes()
    said = b"".join(
        heard_from(path) + silence(1.0) for path in sorted(RECORDINGS.glob("*.wav")) if "korean" not in path.name
    )
    talk = (said * (1 + len(room) // len(said)))[: len(room)]
    result: dict[str, object] = {}
    for name, pcm in {"a quiet room": room, "talk without a pause": talk}.items():
        short, whole = pcm[: len(pcm) // 4 // 2 * 2], pcm
        took = [_listen(environment, folder, each) for each in (short, whole)]
        share = (took[1].cpu_seconds - took[0].cpu_seconds) / ((len(whole) - len(short)) / 2 / SAMPLE_RATE)
        result[name] = {
            "core_share": round(share, 4),
            "resident_megabytes": round(took[1].resident_megabytes),
            "seconds": round(len(whole) / 2 / SAMPLE_RATE),
        }
    return result


def _listen(environment: Mapping[str, str], folder: Path, pcm: bytes) -> Took:
    path = folder / "heard.wav"
    write_wav(path, pcm)
    return run((VOICE_HELPER, "listen", "--source", str(path), "--voice", "none", "--no-chime"), environment)


def resident(environment: Mapping[str, str]) -> float:
    """Return the resident megabytes after the recognizer, the understanding and the sentence model were all used."""
    ran = subprocess.run((PYTHON, "-c", _ALL_IN_USE), env=dict(environment), capture_output=True, text=True, check=True)
    return round(int(ran.stdout) / 1024)


def imports(environment: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the modules with the longest import times in one question, including their own imports, longest first."""
    command = (PYTHON, "-X", "importtime", VOICE_HELPER, *_QUESTION)
    told = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=True).stderr
    found = [(int(match[2]), match[4]) for match in _IMPORT.finditer(told)]
    return [
        {"module": name, "milliseconds": round(whole / 1000, 1)}
        for whole, name in sorted(found)[-_SHOWN_IMPORTS:][::-1]
    ]


def sizes() -> dict[str, float]:
    """Return the megabytes of the packages that the plain install brings, and of those that each extra adds."""
    base = set(_needed(DISTRIBUTION, frozenset()))
    result = {"voice-helper": _megabytes(base)}
    for extra in sorted(distribution(DISTRIBUTION).metadata.get_all("Provides-Extra") or ()):
        result[f"extra {extra} adds"] = _megabytes(set(_needed(DISTRIBUTION, frozenset({extra}))) - base)
    return result


def _needed(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]] | None = None) -> Iterator[str]:
    seen = set() if seen is None else seen
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    try:
        requires = distribution(name).requires or ()
    except PackageNotFoundError:  # a package for another platform
        return
    yield name
    for requirement in map(Requirement, requires):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield from _needed(requirement.name.lower().replace("_", "-"), frozenset(requirement.extras), seen)


def _megabytes(names: set[str]) -> float:
    files = {Path(str(file.locate())).resolve() for name in names for file in distribution(name).files or ()}
    return round(sum(path.stat().st_size for path in files if path.is_file()) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="runs of each command; the shortest counts")
    parser.add_argument("--seconds", type=float, default=120.0, help="of sound to listen to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles what it installs
        run((VOICE_HELPER, *_HEARD), environment)
        result: dict[str, object] = {"machine": machine(), "load_average": round(os.getloadavg()[0], 1)}
        result["starts"] = starts(environment, folder / "cache", options.times)
        result["instructions"] = {
            name: instructions((PYTHON, VOICE_HELPER, *_COMMANDS[name]), environment)
            for name in ("--help", "ask, a template matches")
        }
        result["listening"] = listening(environment, folder, options.seconds)
        result["resident_megabytes_all_in_use"] = resident(environment)
        result["imports"] = imports(environment)
    result["installed_megabytes"] = sizes()
    print(json.dumps(result, indent=1))
    print("written to", write_result("footprint", result))


if __name__ == "__main__":
    main()
