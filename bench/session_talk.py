"""Measure voice control of a session while others talk: `python -m bench.session_talk FOLDER [--trials N --minutes N]`.

FOLDER holds recordings of real people who are not talking to the assistant. They are never committed. As in
`bench.session`, the microphone also picks up the assistant's own voice. The benchmark measures how often "stop" and
"next" take effect while someone else talks in the room, and how often such talk alone moves a session.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bench.lines import machine, write_result
from bench.people import Samples, loudness, recordings, sound_of
from bench.session import COMMANDS, SETTINGS, Stage, spread, trimmed
from bench.speech import kept_voices, spoken
from voice_helper.types import SAMPLE_RATE

_LOUDNESS = 3000.0  # root mean square of the person's speech, the same as that of the assistant's voice
_DELAYS_SECONDS = (0.02, 0.06, 0.12)
_AFTER_SECONDS = 2.0
_SESSION_SECONDS = 90
_MOVES_NOTHING = ("none", "unsure", "out_of_scope")


def mixed(talk: Samples, below: float, start: int, command: bytes, at_samples: int) -> bytes:
    """Mix a command with someone else's continuous talk, which is `below` decibels softer."""
    behind = talk[start : start + at_samples + len(command) // 2 + round(_AFTER_SECONDS * SAMPLE_RATE)]
    room = behind * (_LOUDNESS * 10 ** (-below / 20) / loudness(behind))
    said = np.frombuffer(command, dtype="<i2").astype(np.float32)
    room[at_samples : at_samples + len(said)] += said
    return bytes(np.clip(room, -32768, 32767).astype("<i2").tobytes())


def obeyed_among_others(
    stage: Stage, speakers: Mapping[str, Callable[[str], bytes]], talk: Samples, below: float, leak: float, count: int
) -> dict[str, object]:
    """Say "stop" and "next" in turn while someone else talks. Return how many were obeyed, and how soon."""
    chance, names = random.Random(8), sorted(speakers)
    obeyed, waits, missed = Counter[str](), list[float](), list[str]()
    for number in range(count):
        text, name = ("stop", "next")[number % 2], names[number // 2 % len(names)]
        command = trimmed(spoken(name, speakers[name], text))
        at = chance.uniform(4.0, 12.0)
        start = chance.randrange(len(talk) - round(20.0 * SAMPLE_RATE))
        speech = mixed(talk, below, start, command, round(at * SAMPLE_RATE))
        played = stage.play(speech, SETTINGS[-1], leak, delay_seconds=chance.choice(_DELAYS_SECONDS))
        ends = at + len(command) / 2 / SAMPLE_RATE
        heard = [each for each in played.times("heard", intent=COMMANDS[text]) if at < each]
        obeyed[text] += bool(heard)
        waits += [heard[0] - ends] if heard else []
        missed += [] if heard else [f"{name} {text}: {played.words_after(at)}"]
    return {
        "below_decibels": below,
        "leak_decibels": leak,
        "said": count,
        **{f"{text}_obeyed": round(obeyed[text] / max(1, count // 2), 3) for text in ("stop", "next")},
        **spread("seconds", waits),
        "missed": missed,
    }


def moved_by_others(stage: Stage, talk: Samples, below: float, leak: float, minutes: float) -> dict[str, object]:
    """Run sessions while someone talks, but not to the assistant. Return what moved the sessions."""
    seconds, start, moves = 0.0, 0, list[str]()
    while seconds < minutes * 60:
        behind = talk[start : start + _SESSION_SECONDS * SAMPLE_RATE]
        start = (start + len(behind)) % (len(talk) - _SESSION_SECONDS * SAMPLE_RATE)
        pcm = behind * (_LOUDNESS * 10 ** (-below / 20) / loudness(behind))
        played = stage.play(bytes(np.clip(pcm, -32768, 32767).astype("<i2").tobytes()), SETTINGS[-1], leak)
        seconds += len(behind) / SAMPLE_RATE
        moves += [
            f"{each.fields['intent']}: {each.fields['text']}"
            for each in played.happened
            if each.event == "heard" and each.fields["intent"] not in _MOVES_NOTHING
        ]
    return {
        "below_decibels": below, "leak_decibels": leak, "minutes": round(seconds / 60, 1), "moved": len(moves),
        "moves": moves,
    }  # fmt: skip


def among_others(folder: Path, *, below: float, leak: float, trials: int, minutes: float) -> dict[str, object]:
    """Measure sessions in a room in which others talk."""
    pieces = [sound_of(path) for path in recordings(folder)]
    talk = np.concatenate([piece / loudness(piece) for piece in pieces])
    speakers, stage = kept_voices(["stop", "next"]), Stage()
    result: dict[str, object] = {"machine": machine(), "talk_minutes": round(len(talk) / SAMPLE_RATE / 60, 1)}
    result["obeyed"] = obeyed_among_others(stage, speakers, talk, below, leak, trials)
    print(result["obeyed"], flush=True)
    result["moved"] = moved_by_others(stage, talk, below, leak, minutes)
    print(result["moved"], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="recordings of real people, never committed")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--below", type=float, default=10.0, help="the talk is this much softer, in decibels")
    parser.add_argument("--leak", type=float, default=-6.0, help="how loud our own voice is in the microphone")
    options = parser.parse_args()
    found = among_others(
        options.folder, below=options.below, leak=options.leak, trials=options.trials, minutes=options.minutes
    )
    print("written to", write_result("session-talk", found))


if __name__ == "__main__":
    main()
