"""Measure voice control of the guided session while the assistant is speaking: `python -m bench.session [--trials N]`.

In a simulated room, the microphone picks up the assistant's voice at 0, -6 or -12 dB next to the user. The benchmark
measures how soon and how often "stop" takes effect, whether the assistant's own voice ever moves the session or cuts
off an answer, and how soon help begins.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.lines import machine, write_result
from bench.speech import kept_voices, spoken
from tests.support.labelled_lines import read_lines
from tests.support.simulated_room import Played, play_session
from tests.support.speech import with_noise
from voice_helper.audio.devices import silence
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.types import SAMPLE_RATE
from voice_helper.voices import Voice, open_voice

LEAKS = (0.0, -6.0, -12.0)
COMMANDS = {
    "stop": "guide_stop", "next": "guide_next", "go back": "guide_back", "say that again": "guide_repeat",
    "wait": "guide_pause", "it's better": "guide_better", "it's worse": "guide_worse", "it's my foot": "guide_place",
}  # fmt: skip
STARTS = ("help i have a cramp", "ow my calf", "i've got cramp in my foot", "help me", "my leg has seized up", "cramp")
_EVERY_ORDINARY = 3  # use every third question of `dev`
_LOUDNESS = 3000.0  # root mean square of the assistant's voice
_DELAYS_SECONDS = (0.02, 0.06, 0.12)


@dataclass(frozen=True)
class Setting:
    """The audio settings of a session."""

    name: str
    headset: bool = False
    cancels: bool = True


SETTINGS = (
    Setting("nothing against the own voice", headset=True, cancels=False),
    Setting("own words masked", cancels=False),
    Setting("echo cancelled", headset=True),
    Setting("echo cancelled, own words masked"),
)


class Stage:
    """Plays sessions. The engines are loaded once."""

    def __init__(self) -> None:
        self.skill: Skill = open_skill("en", settings={"number": "112"})
        self._recognizer: Recognizer = open_recognizer("embedded", phrases=phrases_of(self.skill.content)).recognizer
        self._voice: Voice = open_voice("pyttsx3")

    def play(
        self,
        speech: bytes,
        setting: Setting,
        leak: float | None,
        *,
        guided: bool = True,
        delay_seconds: float = 0.06,
        typed: str | None = None,
    ) -> Played:
        """Play a session in a room in which the user speaks."""
        return play_session(
            self.skill.conversation,
            self._recognizer,
            self._voice,
            speech,
            leak_decibels=leak,
            guided=guided,
            headset=setting.headset,
            cancels=setting.cancels,
            delay_seconds=delay_seconds,
            typed=typed,
        )


def trimmed(pcm: bytes) -> bytes:
    """Return speech without the silence around it, normalized in loudness."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.004 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    samples *= _LOUDNESS / np.sqrt(np.mean(samples**2))
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


def trials(
    speakers: Mapping[str, Callable[[str], bytes]], count: int, seed: int
) -> Iterator[tuple[str, float, bytes, float]]:
    """Yield commands with a moment in the first half minute of a session at which the assistant is speaking, and a
    delay of the room.
    """
    chance = random.Random(seed)
    for number in range(count):
        name = chance.choice(sorted(speakers))
        text = "stop" if number % 2 else chance.choice([each for each in COMMANDS if each != "stop"])
        at_seconds = chance.choice([1.7, 3.3, 4.7, 5.9, 11.2, 13.2])  # a prompt is playing at these times
        pcm = trimmed(spoken(name, speakers[name], text))
        yield text, at_seconds + chance.uniform(0.0, 0.5), pcm, chance.choice(_DELAYS_SECONDS)


def commanded(
    stage: Stage,
    speakers: Mapping[str, Callable[[str], bytes]],
    setting: Setting,
    leak: float | None,
    noise: float | None,
    count: int,
) -> dict[str, object]:
    """Say commands during speech. Return how many took effect, and how long after the word the voice stopped."""
    right = {True: 0, False: 0}
    asked = {True: 0, False: 0}
    silent_after: list[float] = []
    for number, (text, at_seconds, command, delay) in enumerate(trials(speakers, count, seed=5)):
        speech = silence(at_seconds) + command + silence(2.0)
        if noise is not None:
            speech = with_noise(speech, noise, number)
        played = stage.play(speech, setting, leak, delay_seconds=delay)
        ended = at_seconds + len(command) / 2 / SAMPLE_RATE
        is_stop = text == "stop"
        asked[is_stop] += 1
        obeyed = [at for at in played.times("heard", intent=COMMANDS[text]) if at > at_seconds]
        right[is_stop] += bool(obeyed)
        hushed = [at for at in played.times("hush") if at > at_seconds]
        if obeyed and hushed:
            silent_after.append(hushed[0] - ended)
    return {
        "setting": setting.name,
        "leak_decibels": leak,
        "noise_decibels": noise,
        "stop_obeyed": round(right[True] / asked[True], 3),
        "others_obeyed": round(right[False] / max(1, asked[False]), 3),
        "stops": asked[True],
        "others": asked[False],
        **spread("silent_after_seconds", silent_after),
    }


def alone(stage: Stage, setting: Setting, leak: float, minutes: float) -> dict[str, object]:
    """Run sessions without a user. Return how often the assistant's own voice moved or stopped them."""
    seconds, moved, sessions = 0.0, 0, 0
    while seconds < minutes * 60:
        played = stage.play(silence(330.0), setting, leak, delay_seconds=_DELAYS_SECONDS[sessions % 3])
        seconds += played.assistant.seconds
        moved += len(played.times("hush")) + len(
            [
                each
                for each in played.happened
                if each.event == "heard" and each.fields["intent"] not in ("none", "unsure", "out_of_scope")
            ]
        )
        sessions += 1
    return {
        "setting": setting.name,
        "leak_decibels": leak,
        "minutes": round(seconds / 60, 1),
        "sessions": sessions,
        "moved_by_itself": moved,
    }


def answers(stage: Stage, setting: Setting, leak: float, questions: Sequence[str]) -> dict[str, object]:
    """Type questions with no user in the room, after only the chime has been played. Return how many answers cut
    themselves off.
    """
    cut_off = sum(
        bool(stage.play(silence(30.0), setting, leak, guided=False, typed=question).times("hush"))
        for question in questions
    )
    return {"setting": setting.name, "leak_decibels": leak, "answers": len(questions), "cut_off_by_itself": cut_off}


def starts(stage: Stage, speakers: Mapping[str, Callable[[str], bytes]]) -> dict[str, object]:
    """Report a cramp. Return the time from the last word to the first instruction."""
    waits: list[float] = []
    missed = 0
    for name, speak in speakers.items():
        for text in STARTS:
            speech = trimmed(spoken(name, speak, text))
            played = stage.play(silence(1.0) + speech + silence(4.0), SETTINGS[-1], None, guided=False)
            first = played.times("say", step=1)
            missed += not first
            waits += [first[0] - 1.0 - len(speech) / 2 / SAMPLE_RATE] if first else []
    return {"said": len(waits) + missed, "not_started": missed, **spread("seconds", waits)}


def spread(name: str, seconds: Sequence[float]) -> dict[str, float | None]:
    """Return the median, the 95th percentile and the maximum of some times."""
    late = sorted(seconds)
    at = {"p50": len(late) // 2, "p95": int(len(late) * 0.95), "most": -1}
    return {f"{name}_{which}": round(late[index], 2) if late else None for which, index in at.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--quick", action="store_true", help="only what is kept, at -6 dB")
    options = parser.parse_args()
    speakers, stage = kept_voices([*COMMANDS, *STARTS]), Stage()
    kept = SETTINGS[-1]
    result: dict[str, object] = {"machine": machine(), "starts": starts(stage, speakers)}
    print(result["starts"])
    commands, own = list[dict[str, object]](), list[dict[str, object]]()
    if options.quick:
        plan: list[tuple[Setting, float | None, float | None]] = [(kept, -6.0, None)]
    else:
        plan = [(kept, None, None), (kept, None, 10.0), (kept, -6.0, 10.0)]
        plan += [(kept, leak, None) for leak in LEAKS] + [(setting, -6.0, None) for setting in SETTINGS[:-1]]
    for setting, leak, noise in plan:
        commands.append(commanded(stage, speakers, setting, leak, noise, options.trials))
        print(commands[-1], flush=True)
    for setting in (kept,) if options.quick else SETTINGS:
        own.append(alone(stage, setting, 0.0, options.minutes if setting is kept else options.minutes / 6))
        print(own[-1], flush=True)
    questions = [line.text for line in read_lines("dev") if line.is_ordinary and not line.intent.startswith("guide_")][
        ::_EVERY_ORDINARY
    ]
    cut_off = [answers(stage, kept, leak, questions) for leak in ((-6.0,) if options.quick else LEAKS)]
    print(cut_off)
    if not options.quick:
        write_result("session", {**result, "commands": commands, "alone": own, "answers": cut_off})


if __name__ == "__main__":
    main()
