"""Instructions that understanding and hearing take, which no other program changes: `python -m bench.instructions`.

Counted by valgrind in a program that does a thing so many times and in one that does it twice as often: the
difference has no start in it. Nobody may change the code meanwhile: a start would fill the cache anew. Shown beside the
figures that are kept in `results/`; `--keep` keeps the new ones.
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
_HEARD_FROM: Final = 10  # the chunk in which somebody begins to speak
_HEARD_CHUNKS: Final = round(0.5 * SAMPLE_RATE / CHUNK_SAMPLES)
_INSIDE: Final = "--inside"


def _understanding(text: str) -> Callable[[], object]:
    from voice_helper.skill import open_skill

    understanding = open_skill().understanding
    return lambda: understanding.understand(text)


def _decoding() -> Callable[[], object]:
    """Half a second of a recording from where it is spoken, heard as it comes, the words looked for at its end."""
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
"""What is done, and how often: a network for meaning takes some seconds under valgrind for a sentence."""


def counted(name: str, environment: dict[str, str]) -> int | None:
    """Count the instructions of doing a thing once; `None` where there is no valgrind."""
    _, times = _ACTS[name]
    command = (PYTHON, "-m", "bench.instructions", _INSIDE, name)
    run((*command, "1"), environment)  # fills the cache
    runs = [instructions((*command, str(number)), environment) for number in (times, 2 * times)]
    if runs[0] is None or runs[1] is None:
        return None
    return round((runs[1] - runs[0]) / times)


def _do(name: str, times: int) -> None:
    act = _ACTS[name][0]()
    act()  # what is loaded or kept at the first time
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
