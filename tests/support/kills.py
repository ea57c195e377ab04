"""Kill the program at a random moment, then restart it. `bench.kills` repeats this any number of times.

Three kinds of work write files: a question with an empty or partly filled cache, learning, and the import of a model.
Each is killed with SIGKILL while it runs. The same work, started again, must then finish as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.programs import VOICE_HELPER, environment
from tests.support.sky import write_sky
from voice_helper.skill import open_skill

_IMPORTER: Final = """
import sys
from voice_helper.speech_models import store as model_store
model_store._LOADING = {"vosk": "load = print", "whisper": "load = print"}  # the loading itself writes nothing
from voice_helper.cli import main
main()
"""
_MODEL: Final = {"am/final.mdl": 3_000_000, "conf/model.conf": 40, "graph/HCLG.fst": 6_000_000, "ivector/a": 900_000}


@dataclass(frozen=True)
class Work:
    """A command that writes files."""

    command: Sequence[str]
    begin: Callable[[random.Random], None]
    """Prepares the run: removes the remains of earlier runs, or keeps them."""

    is_right: Callable[[subprocess.CompletedProcess[str]], bool]
    """Returns whether everything is correct after a run that was not killed."""


class Place:
    """A home folder to run work in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache, self._data = folder / "cache", folder / "data"
        self._intents, self._model = write_sky(folder / "intents" / "en"), folder / "model-small-en"
        for name, size in _MODEL.items():
            (self._model / name).parent.mkdir(parents=True, exist_ok=True)
            (self._model / name).write_bytes(random.Random(name).randbytes(size))
        self.environment = environment(XDG_CACHE_HOME=str(self._cache), XDG_DATA_HOME=str(self._data))
        self.work = (self._asking(), self._learning(), self._importing())

    def _asking(self) -> Work:
        def begin(chance: random.Random) -> None:
            kept = [path for path in self._cache.rglob("*") if path.is_file()]
            for path in kept:
                if chance.random() < 0.5:
                    path.unlink(missing_ok=True)

        command = [str(VOICE_HELPER), "ask", "does heat help", "--voice", "none", "--json"]
        return Work(command, begin, lambda ran: not ran.stderr and json.loads(ran.stdout)["intent"] == "remedy_heat")

    def _learning(self) -> Work:
        wordings = self._intents / "wordings.txt"

        def begin(chance: random.Random) -> None:
            wordings.write_text(f"[about_moon]\nhow big is it {chance.random()}\n", encoding="utf-8")

        def is_right(ran: subprocess.CompletedProcess[str]) -> bool:
            told: list[str] = []
            open_skill(folder=self._intents, announce=told.append)
            return not told and not self._parts(self._intents)

        return Work([str(VOICE_HELPER), "learn", "--force", str(self._intents)], begin, is_right)

    def _importing(self) -> Work:
        models = self._data / "voice-helper" / "models"

        def begin(chance: random.Random) -> None:
            shutil.rmtree(models / self._model.name, ignore_errors=True)

        def is_right(ran: subprocess.CompletedProcess[str]) -> bool:
            installed = models / self._model.name
            left = {path.name for path in models.iterdir()} - {installed.name, ".lock"}
            return not left and all((installed / name).stat().st_size == size for name, size in _MODEL.items())

        command = [sys.executable, "-c", _IMPORTER, "models", "import", str(self._model)]
        return Work(command, begin, is_right)

    def _parts(self, folder: Path) -> list[Path]:
        """Return the partial files of the last run, of which there must be none. Killed runs may leave some for a
        while.
        """
        return [path for path in folder.rglob("*.part") if path.stat().st_mtime > time.time() - 0.05]

    def run(self, work: Work) -> subprocess.CompletedProcess[str]:
        """Run the work until it finishes."""
        return subprocess.run(
            work.command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            check=False, timeout=900,
        )  # fmt: skip

    def kill(self, work: Work, seconds: float) -> bool:
        """Run the work for at most `seconds`. Return whether it was killed before its end."""
        process = subprocess.Popen(
            work.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        return False


def kill_often(times: int, seed: int, folder: Path) -> tuple[int, list[str]]:
    """Kill the program `times` times. Return how many runs were killed before their end, and what was wrong
    afterwards.
    """
    place, chance, wrong, killed = Place(folder), random.Random(seed), list[str](), 0
    longest: dict[int, float] = {}
    for number in range(times):
        kind = number % len(place.work)
        work = place.work[kind]
        work.begin(chance)
        if kind not in longest:
            started = time.monotonic()
            place.run(work)
            longest[kind] = time.monotonic() - started
            work.begin(chance)
        killed += place.kill(work, chance.uniform(0.1, 1.0) * longest[kind])
        ran = place.run(work)
        is_there = kind == 2 and "already exists" in ran.stderr  # it was killed after all its work was done
        if (ran.returncode and not is_there) or "Traceback" in ran.stderr or not work.is_right(ran):
            print(f"wrong after start {number + 1}", flush=True)
            wrong.append(f"{work.command}: {ran.returncode} {ran.stdout[-300:]} {ran.stderr[-1_000:]}")
        if number % 20 == 19:
            print(f"{number + 1} starts, {killed} killed, {len(wrong)} wrong", flush=True)
    return killed, wrong
