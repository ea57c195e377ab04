"""Check this machine: find out what works, what does not, and which command fixes it."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from voice_helper.audio.devices import (
    DeviceKind,
    Microphone,
    device_named,
    device_names,
    import_sounddevice,
    is_systems_choice,
    no_device,
)
from voice_helper.audio.levels import LevelMeter
from voice_helper.audio.room_level import first_seconds, loud_decibels
from voice_helper.cli.room_advice import problem_of_room
from voice_helper.errors import VoiceHelperError, install_hint
from voice_helper.skill.folder_reader import load_content
from voice_helper.speech_models.find import find_model
from voice_helper.support.engines import RECOGNIZERS, VOICES, RecognizerRecord
from voice_helper.support.paths import intents_folder
from voice_helper.types import AudioChunk
from voice_helper.voices import open_voice

_SPOKEN_SECONDS: Final = 4.0
EXTRAS: Final = (
    ("web page", "starlette", "web", "voice-helper serve web: in a browser"),
    ("home assistant", "wyoming", "wyoming", "voice-helper serve wyoming: in Home Assistant"),
    *((each.name, each.imports, each.extra, each.adds) for each in RECOGNIZERS if each.extra),
    ("openvoiceos", "ovos_workshop", "ovos", "a skill for OpenVoiceOS"),
    ("cluster", "ray", "cluster", "voice-helper serve cluster: on several machines"),
)
"""Optional parts of the program: the name shown by `doctor`, the Python package, the extra that installs it, and what
it adds.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check by `doctor`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None
    needed: bool = False
    """Whether the program needs this part to answer any question at all."""

    gives: str | None = None
    """What an optional part would add if it were installed. `None` for a part that every machine should have."""

    measured: Mapping[str, float | None] = field(default_factory=dict)
    """Measured values by name. Each name ends with its unit."""

    def form(self) -> dict[str, Any]:
        """Return the result as a JSON object for `doctor --json`."""
        names = ("name", "ok", "needed", "detail", "mend", "gives")
        return {name: getattr(self, name) for name in names} | dict(self.measured)


def examine(
    language: str,
    model: Path | None,
    number: str | None,
    microphone: str | None = None,
    loudspeaker: str | None = None,
    *,
    folder: Path | None = None,
    ask_to_speak: Callable[[], None] | None = None,
) -> list[Finding]:
    """Check everything that the skill uses, without changing anything.

    `folder` replaces the intents folder of the language. `ask_to_speak` is called when the user should speak. If it is
    `None`, only the room is measured.
    """
    folder = folder or intents_folder(language)
    return [
        Finding("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        _look("sentences and answers", lambda: _content(folder), needed=True),
        *(_recognizer(each, language, model) for each in RECOGNIZERS if each.extra is None),
        *(_look(each.title, partial(_voice, each.name), gives=each.adds) for each in VOICES),
        *(_extra(*extra) for extra in EXTRAS),
        _look("sound library", lambda: str(import_sounddevice().get_portaudio_version()[1])),
        *_microphone(microphone, ask_to_speak),
        _look("loudspeaker", lambda: _device("loudspeaker", loudspeaker)),
        _number(folder, number),
    ]


def _look(name: str, look: Callable[[], str], *, needed: bool = False, gives: str | None = None) -> Finding:
    try:
        return Finding(name, True, look(), None, needed, gives)
    except VoiceHelperError as error:
        return Finding(name, False, error.message, error.hint, needed, gives)


def _content(folder: Path) -> str:
    content = load_content(folder)
    templates, answers = len(content.sentences.templates), len(content.answers.entries)
    return f"{templates} templates, {answers} answers; not reviewed by a clinician"


def _recognizer(record: RecognizerRecord, language: str, model: Path | None) -> Finding:
    """Check a recognizer of the base install: its model if it needs one, otherwise its packages."""
    if record.model is None:
        return _look(f"{record.name} recognizer", importlib.import_module(record.module).check)
    is_asked_for = language != "en" or model is not None
    return _look(
        f"{record.name} model",
        lambda: str(find_model(record.name, language, model)),
        gives=None if is_asked_for else record.adds,
    )


def _voice(name: str) -> str:
    return open_voice(name).name


def _extra(name: str, package: str, extra: str, gives: str) -> Finding:
    if find_spec(package) is None:
        return Finding(name, False, "not installed", install_hint(extra), gives=gives)
    return Finding(name, True, gives, gives=gives)


def _microphone(chosen: str | None, ask_to_speak: Callable[[], None] | None) -> list[Finding]:
    """Check the microphone. If it delivers sound, also check how loud the room is."""
    try:
        named = _device("microphone", chosen)
        room, voice = _listened(chosen, ask_to_speak)
    except VoiceHelperError as error:
        return [Finding("microphone", False, error.message, error.hint)]
    meter = LevelMeter()
    for chunk in (*room, *voice):
        meter.accept(chunk)
    if meter.verdict() == "silent":
        return [Finding("microphone", True, f"{named}; it is silent now, perhaps muted: voice-helper setup tests it")]
    return [Finding("microphone", True, named), _room(room, voice)]


def _listened(chosen: str | None, ask_to_speak: Callable[[], None] | None) -> tuple[list[AudioChunk], list[AudioChunk]]:
    """Record the room and, if the user is asked to speak, the user. Return both recordings."""
    with Microphone(chosen) as microphone:
        chunks = microphone.chunks()
        room = first_seconds(chunks)
        if ask_to_speak is None:
            return room, []
        ask_to_speak()
        return room, first_seconds(chunks, _SPOKEN_SECONDS)


def _room(room: list[AudioChunk], voice: list[AudioChunk]) -> Finding:
    """Return the finding about the room: how loud it is, and whether the user is loud enough."""
    of_room, of_voice = round(loud_decibels(room), 1), round(loud_decibels(voice), 1) if voice else None
    measured = {"room_decibels": of_room, "voice_decibels": of_voice}
    if of_voice is None:
        detail = f"{of_room:.0f} dB while nobody spoke; voice-helper doctor --speak compares it with your voice"
        return Finding("room", True, detail, measured=measured)
    detail = f"{of_room:.0f} dB while nobody spoke, {of_voice:.0f} dB while you spoke"
    problem = problem_of_room(of_room, of_voice)
    if problem is None:
        return Finding("room", True, detail, measured=measured)
    what, mend = problem
    return Finding("room", False, f"{detail}: {what}", mend, measured=measured)


def _device(kind: DeviceKind, chosen: str | None) -> str:
    sounddevice = import_sounddevice()
    if chosen:
        return f"{device_named(chosen, kind)}, as chosen"
    try:
        device = sounddevice.query_devices(kind="input" if kind == "microphone" else "output")
    except (sounddevice.PortAudioError, ValueError) as error:
        raise no_device(kind) from error
    others = [name for name in device_names(kind) if name != device["name"]]
    choice = " (the system's default)" if is_systems_choice(device["name"]) else ""
    named = f"{device['name']}{choice}, {device['default_samplerate']:.0f} hertz"
    return f"{named}; others, for --{kind}: {', '.join(others)}" if others else named


def _number(folder: Path, number: str | None) -> Finding:
    if number:
        return Finding("emergency number", True, number)
    mend = 'run voice-helper setup, or: export VOICE_HELPER_NUMBER="112"'
    try:
        named = load_content(folder).answers.settings.get("number", "")
    except VoiceHelperError:
        return Finding("emergency number", False, "not set", mend)
    return Finding("emergency number", False, f'not set: it says "{named}"' if named else "not set", mend)
