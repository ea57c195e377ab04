"""Measure misses and false alarms of the wake word: `python -m bench.wake [MINUTES]`.

Every voice says the wake word, alone and before a question. False alarms are counted over the questions and red flags
that other benchmarks have synthesized and cached. These are harder than a television, because all of the speech is
close to the microphone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from bench.conditions import conditions
from bench.lines import machine, write_result
from bench.speech import spoken_lines, voices
from tests.support.labelled_lines import Line, read_lines
from voice_helper.recognizers.wake_word import WakeWord
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

PHRASE = "hey helper"
THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
_CALLS = (PHRASE, f"{PHRASE} does heat help", f"{PHRASE} i have a cramp", f"{PHRASE} what should i eat")


def heard(wake: WakeWord, sounds: Iterable[bytes]) -> tuple[list[int], float]:
    """Return how often the phrase was detected in each clip, and the total length in hours."""
    counts, samples = list[int](), 0
    for pcm in sounds:
        chunks = (pcm[start : start + CHUNK_SAMPLES * 2] for start in range(0, len(pcm), CHUNK_SAMPLES * 2))
        counts.append(sum(wake.accept(AudioChunk(chunk)) for chunk in chunks))
        samples += len(pcm) // 2
    return counts, samples / SAMPLE_RATE / 3600


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    speakers = voices()
    calls = [Line(text, "") for text in _CALLS]
    made = conditions()
    said = {name: [pcm for _, pcm in spoken_lines(speakers, calls, made[name])] for name in ("clean", "10 dB")}
    others, length = list[bytes](), 0.0
    for _, pcm in spoken_lines(speakers, read_lines("dev")[::2], made["clean"]):
        others.append(pcm)
        length += len(pcm) / 2 / SAMPLE_RATE / 60
        if length > minutes:
            break
    rows = []
    for threshold in THRESHOLDS:
        row: dict[str, object] = {"threshold": threshold}
        for condition, sounds in said.items():
            counts, _ = heard(WakeWord(PHRASE, threshold), sounds)
            row[f"missed_{condition.replace(' ', '_').lower()}"] = round(counts.count(0) / len(counts), 3)
        counts, hours = heard(WakeWord(PHRASE, threshold), others)
        rows.append({**row, "false_alarms_an_hour": round(sum(counts) / hours, 1), "hours": round(hours, 2)})
        print(rows[-1], flush=True)
    write_result("wake", {"machine": machine(), "said": len(said["clean"]), "thresholds": rows})


if __name__ == "__main__":
    main()
