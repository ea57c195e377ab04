"""Count the processor instructions for understanding and recognition, which other programs do not affect.

Run it with `python -m bench.instructions`.

valgrind counts them in a program that does a task several times, and in one that does it twice as often. The difference
excludes startup. Do not change the code during a run, because a start would then fill the cache again. The output
includes the figures stored in `results/`; `--keep` stores the new ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from bench.lines import machine, write_result
from bench.programs import PYTHON, instructions, run
from tests.support.listener import filled_chunks_of
from tests.support.sound import heard_from, recording
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE

_KEPT: Final = Path(__file__).parent / "results" / "instructions.json"
_RECORDING: Final = "put_heat_on_it"
_TEMPLATE: Final = "does heat help"
_OTHER_WORDS: Final = "my poor legs seize up whenever i have been running"
_HEARD_FROM: Final = 10  # the chunk in which speech starts
_HEARD_CHUNKS: Final = round(0.5 * SAMPLE_RATE / CHUNK_SAMPLES)
_INSIDE: Final = "--inside"


def _understanding(text: str) -> Callable[[], object]:
    from voice_helper.skill import open_skill

    understanding = open_skill().understanding
    return lambda: understanding.understand(text)


def _decoding() -> Callable[[], object]:
    """Return a function that recognizes half a second of speech from a recording as it arrives, including the final
    transcript.
    """
    from voice_helper.recognizers import open_recognizer
    from voice_helper.skill import open_skill, phrases_of

    recognizer = open_recognizer("embedded", phrases=phrases_of(open_skill().content)).recognizer
    chunks = list(islice(filled_chunks_of(heard_from(recording(_RECORDING))), _HEARD_FROM, _HEARD_FROM + _HEARD_CHUNKS))

    def hear() -> None:
        for chunk in chunks:
            recognizer.accept(chunk)
        recognizer.pause()
        recognizer.finish()

    return hear


_ACTS: Final[dict[str, tuple[Callable[[], Callable[[], object]], int]]] = {
    "understanding, a template matches": (lambda: _understanding(_TEMPLATE), 20),
    "understanding, by nearness": (lambda: _understanding(_OTHER_WORDS), 1),
    "hearing half a second": (_decoding, 2),
}
"""The tasks and their repetitions. Under valgrind, the networks take some seconds per sentence."""


def counted(name: str, environment: dict[str, str]) -> int | None:
    """Count the instructions for doing a task once. Return `None` if valgrind is not installed."""
    _, times = _ACTS[name]
    command = (PYTHON, "-m", "bench.instructions", _INSIDE, name)
    run((*command, "1"), environment)  # fills the cache
    runs = [instructions((*command, str(number)), environment) for number in (times, 2 * times)]
    if runs[0] is None or runs[1] is None:
        return None
    return round((runs[1] - runs[0]) / times)


def _do(name: str, times: int) -> None:
    act = _ACTS[name][0]()
    act()  # warm up: load and cache what is needed
    for _ in range(times):
        act()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the figures, to compare with from now on")
    parser.add_argument(_INSIDE, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _do(options.inside[0], int(options.inside[1]))
        return
    before = json.loads(_KEPT.read_text(encoding="utf-8"))["instructions"] if _KEPT.is_file() else {}
    found: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        for name in _ACTS:
            count = counted(name, environment)
            if count is None:
                sys.exit("valgrind is not installed, or does not run Python here: nothing was counted")
            found[name] = count
            beside = f"{count / before[name]:.3f} of {before[name]:,}" if before.get(name) else "none was kept before"
            print(f"{name}: {count:,} ({beside})", flush=True)
    if options.keep:
        print("written to", write_result("instructions", {"machine": machine(), "instructions": found}))


if __name__ == "__main__":
    main()
