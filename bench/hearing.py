"""How well spoken lines are heard and understood: `python -m bench.hearing [dev|test] [every Nth line]`.

Every engine hears the same sound in the same run, clean and with white noise at 10 dB.
"""

from __future__ import annotations

import sys
import time

from rapidfuzz.distance import Levenshtein

from bench.lines import Line, Score, machine, read_lines, write_result
from bench.speech import spoken_lines, voices
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.tester import ask
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk, Transcript

ENGINES = ("embedded", "pocketsphinx")
CONDITIONS = {"clean": None, "10 dB": 10.0}


def hear(recognizer: Recognizer, pcm: bytes) -> Transcript:
    step = CHUNK_SAMPLES * 2
    for start in range(0, len(pcm), step):
        recognizer.accept(AudioChunk(pcm[start : start + step]))
    return recognizer.finish()


def measure(skill: Skill, recognizer: Recognizer, sounds: list[tuple[Line, bytes]]) -> dict[str, float]:
    score, errors, words, heard_seconds, sound_seconds = Score(), 0, 0, 0.0, 0.0
    for line, pcm in sounds:
        started = time.perf_counter()
        heard = hear(recognizer, pcm)
        heard_seconds += time.perf_counter() - started
        sound_seconds += len(pcm) / 2 / SAMPLE_RATE
        wanted = skill.content.language.comparable(line.text).split()
        errors += Levenshtein.distance(wanted, skill.content.language.comparable(heard.text).split())
        words += len(wanted)
        score.add(line, ask(skill, heard).match.intent)
    shares = {name: round(share, 4) for name, share in score.shares().items()}
    return {
        "utterances": len(sounds),
        "word_error_rate": round(errors / max(1, words), 4),
        **shares,
        "real_time_factor": round(heard_seconds / max(0.001, sound_seconds), 3),
    }


def main() -> None:
    split = sys.argv[1] if len(sys.argv) > 1 else "dev"
    nth = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    skill = open_skill()
    lines = read_lines(split)[::nth]
    speakers = voices()
    result: dict[str, object] = {"split": split, "voices": sorted(speakers), "machine": machine()}
    recognizers = {name: open_recognizer(name, phrases=phrases_of(skill.content)).recognizer for name in ENGINES}
    for condition, decibels in CONDITIONS.items():
        sounds = list(spoken_lines(speakers, lines, decibels))
        for engine, recognizer in recognizers.items():
            measured = measure(skill, recognizer, sounds)
            result[f"{engine}, {condition}"] = measured
            print(f"{engine:14} {condition:8} {measured}", flush=True)
    print("written to", write_result(f"hearing-{split}", result))


if __name__ == "__main__":
    main()
