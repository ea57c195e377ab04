"""Measure how well the user is recognized while others talk: `python -m bench.people FOLDER` (`make bench-people`).

FOLDER holds recordings of real people who are not talking to the assistant (WAV, FLAC or OGG, also in subfolders). They
are never committed. bench/RESULTS.md lists public recordings. Files whose names contain "noise" or "kitchen" count as
noise.

There are three measurements: questions with someone else talking before, during and after them, recognized as `listen`
does; a guided session in which only others talk; and the number of utterances per hour of other talk that are answered
outside a session.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from bench.hearing import utterances
from bench.lines import machine, write_result
from bench.speech import kept_voices, spoken
from tests.support.labelled_lines import HELP_NOW, Line, read_lines
from tests.support.listener import filled_chunks_of, listener
from voice_helper.audio.endpoint import EndpointSettings
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.runtime.assistant import LoopEvent
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.tester.run import ask_skill
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk
from voice_helper.voices import open_voice

Samples = npt.NDArray[np.float32]
LEVELS = (None, 20.0, 15.0, 10.0)
"""The level of the other talk relative to the user, in decibels below. `None` means no other talk."""

LEAD_SECONDS = 4.0
TAIL_SECONDS = 3.0
_PERSON_LEVEL = 0.1  # root mean square of the loud parts
_TALK_LEVEL = 0.05
_MOVES = ("none", "unsure", "out_of_scope")


@dataclass(frozen=True)
class Scene:
    """A question with someone else talking in the background."""

    line: Line
    pcm: bytes
    begins_seconds: float
    ends_seconds: float


def recordings(folder: Path, *, noise: bool = False) -> list[Path]:
    """Return the audio files below a folder. With `noise`, return the noise files, and otherwise the recordings of
    talk.
    """
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in {".wav", ".flac", ".ogg"})
    return [path for path in found if ("noise" in str(path) or "kitchen" in path.name) == noise]


def sound_of(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return np.asarray(soxr.resample(mono, rate, SAMPLE_RATE) if rate != SAMPLE_RATE else mono, dtype=np.float32)


def loudness(samples: Samples) -> float:
    loud = samples[np.abs(samples) > 0.004 * np.abs(samples).max()]
    return float(np.sqrt(np.mean(np.square(loud)))) if len(loud) else 1.0


def to_bytes(samples: Samples) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def scene(line: Line, pcm: bytes, talk: Samples, below: float | None, number: int) -> Scene:
    """Mix a spoken question with someone else's continuous talk."""
    said = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
    loud = np.flatnonzero(np.abs(said) > 0.01 * np.abs(said).max())
    said = said[loud[0] : loud[-1] + 1]
    said *= _PERSON_LEVEL / loudness(said)
    begins = round(LEAD_SECONDS * SAMPLE_RATE)
    total = begins + len(said) + round(TAIL_SECONDS * SAMPLE_RATE)
    room = np.random.default_rng(number).normal(0, 1e-4, total).astype(np.float32)
    if below is not None:
        start = number * 123_457 % (len(talk) - total)
        behind = talk[start : start + total]
        room += behind * (_PERSON_LEVEL * 10 ** (-below / 20) / loudness(behind))
    room[begins : begins + len(said)] += said
    return Scene(line, to_bytes(room), LEAD_SECONDS, LEAD_SECONDS + len(said) / SAMPLE_RATE)


def asked(skill: Skill, recognizer: Recognizer, scenes: Sequence[Scene]) -> dict[str, object]:
    """Return how many questions are understood, and how often ordinary ones raise a certain alarm."""
    right = ordinary = raised = signs = caught = 0
    for each in scenes:
        found = utterances(recognizer, each.pcm, EndpointSettings())
        matches = [ask_skill(skill, utterance.heard).match for utterance in found]
        if each.line.intent in HELP_NOW:
            signs += 1
            caught += any(match.is_alarm or match.certainty == "possible" for match in matches)
            continue
        ordinary += 1
        right += any(match.intent == each.line.intent for match in matches)
        raised += any(match.intent in HELP_NOW and match.certainty == "certain" for match in matches)
    return {
        "ordinary": ordinary,
        "right": round(right / max(1, ordinary), 3),
        "raised_as_certain": round(raised / max(1, ordinary), 3),
        "signs": signs,
        "signs_caught": round(caught / max(1, signs), 3),
    }


@dataclass(frozen=True)
class Recorded:
    """A source that plays a recording."""

    pcm: bytes

    def chunks(self) -> Iterator[AudioChunk]:
        return filled_chunks_of(self.pcm)


def overheard(skill: Skill, recognizer: Recognizer, paths: Sequence[Path], *, guided: bool) -> dict[str, object]:
    """Play the talk of others, with or without a session. Return what was mistaken for the user's speech."""
    happened = list[LoopEvent]()
    tell: Callable[[LoopEvent], None] = happened.append
    assistant = listener(skill.conversation, recognizer, open_voice("none"), tell)
    samples = 0
    for path in paths:
        if guided and assistant.step is None:
            assistant.begin_guide()
        sound = sound_of(path)
        pcm = to_bytes(sound * (_TALK_LEVEL / loudness(sound))) + bytes(CHUNK_SAMPLES * 64)
        samples += len(pcm) // 2
        for _ in assistant.hear(Recorded(pcm)):
            pass
    heard = [event.fields for event in happened if event.event == "heard"]
    ends = Counter(str(event.fields.get("reason")) for event in happened if event.event == "end")
    moves = Counter(str(each["intent"]) for each in heard if each["intent"] not in _MOVES)
    hours = samples / SAMPLE_RATE / 3600
    alarms = sum(count for reason, count in ends.items() if reason in HELP_NOW)
    return {
        "hours": round(hours, 2),
        "moves": dict(moves),
        "moves_an_hour": round(sum(moves.values()) / hours, 1),
        "certain_alarms_an_hour": round(alarms / hours, 1),
        "ends": dict(ends),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="recordings of real people, never committed")
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    parser.add_argument("--every", type=int, default=6, help="every Nth line")
    parser.add_argument("--talk-every", type=int, default=2, help="every Nth recording")
    options = parser.parse_args()
    paths = recordings(options.folder)
    if not paths:
        parser.error(f"{options.folder} holds no sound files")
    skill = open_skill("en", settings={"number": "112"})
    recognizer = open_recognizer("embedded", phrases=phrases_of(skill.content)).recognizer
    lines = read_lines(options.split)[:: options.every]
    voices = list(kept_voices([line.text for line in lines]).items())
    talk = np.concatenate([sound_of(path) for path in paths[::3]])
    result: dict[str, object] = {"machine": machine(), "split": options.split, "recordings": len(paths)}
    said = [spoken(*voices[number % len(voices)], line.text) for number, line in enumerate(lines)]
    for below in LEVELS:
        scenes = [scene(line, pcm, talk, below, n) for n, (line, pcm) in enumerate(zip(lines, said, strict=True))]
        name = "nobody else" if below is None else f"a talker {below:.0f} dB below"
        result[name] = asked(skill, recognizer, scenes)
        print(name, result[name], flush=True)
    for guided in (True, False):
        name = "others in a session" if guided else "others, no session"
        result[name] = overheard(skill, recognizer, paths[:: options.talk_every], guided=guided)
        print(name, result[name], flush=True)
    print("written to", write_result("people", result))


if __name__ == "__main__":
    main()
