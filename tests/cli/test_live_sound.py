"""The microphone and the loudspeaker, with null sinks of PulseAudio, which PortAudio treats like real devices."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import Ran, checked
from tests.support.room import Room, next_event
from tests.support.sound import as_array, loudness, noise, pcm_of, seconds_of, write_pcm
from voice_helper.audio.devices import Microphone
from voice_helper.support.paths import intents_folder
from voice_helper.types import SAMPLE_RATE

pytestmark = [pytest.mark.sound, pytest.mark.slow]


def test_a_question_into_the_microphone_is_answered_from_the_loudspeaker(room: Room, tmp_path: Path) -> None:
    with room.recorder(tmp_path / "speaker.raw"):
        process = room.start("ask", "--json", "--rate", "240")
        room.wait_for_listener(1)
        room.speak("bananas")
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    ran = checked(Ran(process.returncode, out, err))
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["intent"] == "remedy_foods"
    assert answer["slots"] == {"food": "banana"}
    spoken = (tmp_path / "speaker.raw").read_bytes()
    assert loudness(spoken) > 300
    heard_seconds = (abs(as_array(spoken)) > 300).sum() / 16_000
    assert heard_seconds > 0.15 * seconds_of(spoken)
    assert seconds_of(spoken) > len(answer["spoken"].split()) / 350 * 60


def answered_question(room: Room, process: subprocess.Popen[str], others: int) -> dict[str, Any]:
    """Ask a listening program a question, and return the event of its answer."""
    room.wait_for_listener(others)
    room.speak("bananas")
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(checked(Ran(process.returncode, out, err)).out)
    return answer


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (48_000, 4), (96_000, 1)])
def test_devices_of_any_sample_rate_and_channel_count_work(
    room: Room, tmp_path: Path, rate: int, channels: int
) -> None:
    with room.other_devices(rate, channels), room.recorder(tmp_path / "speaker.raw"):
        answer = answered_question(room, room.start("ask", "--json", "--rate", "240"), 1)
        assert answer["intent"] == "remedy_foods"
        assert loudness((tmp_path / "speaker.raw").read_bytes()) > 300


_HARDWARE = """
import sys
import sounddevice
from voice_helper.cli import main
rate, fault, about = int(sys.argv[1]), int(sys.argv[2]), sounddevice.query_devices
class Hardware(sounddevice.RawInputStream):
    def __init__(self, **settings):
        if fault or settings["samplerate"] != rate:
            raise sounddevice.PortAudioError("refused", fault or -9997)  # paInvalidSampleRate
        super().__init__(**settings)
sounddevice.RawInputStream = Hardware
sounddevice.query_devices = lambda *given: {**about(*given), "default_samplerate": float(rate)} if given else about()
main(sys.argv[4:])
"""
"""Runs the program with a microphone that has a single sample rate, like hardware without a sound server, or that has a
fault.
"""


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_a_microphone_with_a_single_sample_rate_works(room: Room, rate: int) -> None:
    hardware = [sys.executable, "-c", _HARDWARE, str(rate), "0"]
    answer = answered_question(room, room.start("ask", "--json", "--voice", "none", under=hardware), 0)
    assert (answer["intent"], answer["slots"]) == ("remedy_foods", {"food": "banana"})


def test_a_microphone_in_use_by_another_program_is_reported_as_busy(room: Room) -> None:
    busy = [sys.executable, "-c", _HARDWARE, "16000", "-9985"]  # paDeviceUnavailable
    process = room.start("ask", "--voice", "none", under=busy)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 1
    assert "the microphone is busy: another program is using it" in err


def test_a_microphone_that_delivers_no_audio_is_reported(room: Room) -> None:
    with room.microphone_held_back():
        process = room.start("ask", "--voice", "none")
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 1
    assert "microphone" in err


def test_listening_answers_hushes_on_stop_and_ends_on_ctrl_c(room: Room, tmp_path: Path) -> None:
    with room.recorder(tmp_path / "speaker.raw"):
        process = room.start("listen", "--events", "--save", str(tmp_path / "spoken.wav"))
        try:
            room.wait_for_listener(1)
            room.speak("put_heat_on_it")
            heard = next_event(process, "heard")
            assert heard["intent"] == "remedy_heat"
            assert heard["text"].startswith("should i put heat on")  # a busy machine may lose the last word
            assert next_event(process, "say")["text"] == "No heat if you have diabetes, numb skin or poor circulation."
            time.sleep(1.0)
            room.speak("stop")
            stopped = next_event(process, "heard")
            assert stopped["intent"] == "guide_stop"
            assert next_event(process, "hush")["by"] == "stop"
            time.sleep(2.5)
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 130
    spoken = (tmp_path / "speaker.raw").read_bytes()
    assert loudness(spoken) > 100
    assert loudness(spoken[-2 * 16_000 :]) < 5
    assert loudness(pcm_of(tmp_path / "spoken.wav")) > 100


def test_a_live_session_holds_for_the_right_time_and_recognizes_commands(room: Room, tmp_path: Path) -> None:
    """Another process speaks the commands. The hold is measured in the audio from the loudspeaker."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    with room.recorder(tmp_path / "speaker.raw"):
        process = room.start("guide", "--events", "--no-chime")
        hold = event_where(process, "say", text="Hold for twenty seconds, then let go.")
        rest = event_where(process, "say", text="Let go, and rest.")
        time.sleep(2.0)
        room.say("next", tmp_path)
        assert next_event(process, "heard")["intent"] == "guide_next"
        assert event_where(process, "say", step=3)["kind"] == "safety"
        room.say("it's better", tmp_path)
        assert event_where(process, "heard", intent="guide_better")
        assert next_event(process, "end")["reason"] == "better"
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 0
    parts = loud_parts(tmp_path / "speaker.raw")
    begins = parts[0][0]  # the session's clock starts with the first instruction
    hold_ends = min((stop for _, stop in parts), key=lambda stop: abs(stop - begins - hold["until"]))
    rest_begins = min((start for start, _ in parts), key=lambda start: abs(start - begins - rest["at"]))
    assert rest_begins - hold_ends == pytest.approx(20.0, abs=0.3)


def test_a_session_continues_without_devices_and_recognizes_speech_again_when_they_are_back(room: Room) -> None:
    process = room.start("guide", "--events", "--no-chime")
    next_event(process, "say")
    room.unplug()
    assert event_where(process, "error")["text"] == "Sorry, I cannot hear you. The microphone is not connected."
    assert event_where(process, "say", text="Hold for twenty seconds, then let go.")["step"] == 2
    room.plug_in()
    while process.poll() is None:  # until the program has opened the microphone
        room.speak("stop")
        time.sleep(2.0)
    assert event_where(process, "end")["reason"] == "stopped"
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 0
    assert "the microphone is back" in err
    assert "the loudspeaker is back" in err


def test_a_loudspeaker_disconnected_during_an_answer_is_reported_and_the_answer_is_shown(room: Room) -> None:
    process = room.start("ask", "does", "heat", "help")
    assert process.stdout
    shown = [process.stdout.readline() for _ in range(4)]  # the whole answer is shown before it is spoken
    wait_until(lambda: bool(room._pactl("list", "short", "sink-inputs").stdout))
    room.unplug()
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        room.plug_in()
    assert checked(Ran(process.returncode, "".join(shown) + out, err)).code == 1
    assert "The article says heat can ease cramps." in "".join(shown)
    assert "the loudspeaker was disconnected" in err


def test_a_session_whose_limit_passed_during_sleep_ends_with_the_advice_to_get_help(room: Room, tmp_path: Path) -> None:
    """The program is suspended like a laptop that sleeps, for longer than the session's limit, which is 120 s here."""
    folder = tmp_path / "en"
    shutil.copytree(intents_folder("en"), folder)
    guide = (folder / "guide.yaml").read_text(encoding="utf-8")
    (folder / "guide.yaml").write_text(guide.replace("limit_seconds: 600", "limit_seconds: 120"), encoding="utf-8")
    start = f"""
import pathlib, signal, sys
from voice_helper.support import clock
clock_seconds, asleep_seconds = clock.clock_seconds, [0.0]
clock.clock_seconds = lambda: clock_seconds() + sum(asleep_seconds)
from voice_helper.cli import options
signal.signal(signal.SIGCONT, lambda *given: asleep_seconds.append(130.0))
options.language_folder = lambda options: pathlib.Path({str(folder)!r})
from voice_helper.cli import main
main(sys.argv[2:])
"""
    process = room.start("guide", "--events", "--no-chime", under=[sys.executable, "-c", start])
    next_event(process, "say")
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.0)
    process.send_signal(signal.SIGCONT)
    assert next_event(process, "end")["reason"] == "time_limit"  # the program is killed before 120 s have really passed
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 130


@pytest.mark.parametrize(
    ("arrivals", "missed"),
    [
        ([0.1 * number for number in range(1, 100)], 0.0),  # as it should be
        ([*(0.1 * number for number in range(1, 10)), *(2.0,) * 11, *(2.0 + 0.1 * n for n in range(1, 50))], 0),
        ([0.1, *(60.0 + 0.1 * number for number in range(60))], 60),  # asleep, and no audio was buffered
        ([0.1, *(60.0 + 0.001 * number for number in range(599)), *(60.6 + 0.1 * n for n in range(60))], 0),  # buffered
        ([0.1, *(36_000.0 + 0.1 * number for number in range(60))], 900),  # no session lasts that long
        ([0.1001 * number for number in range(1, 2_000)], 0),  # two clocks that drift apart
        ([0.0999 * number for number in range(1, 2_000)], 0),
    ],
    ids=["steady", "in bursts", "asleep", "kept meanwhile", "asleep for hours", "slow device", "fast device"],
)  # fmt: skip
def test_a_gap_in_the_input_is_filled_with_silence_once(
    arrivals: list[float], missed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The microphone delivers a tenth of a second at a time."""
    microphone = object.__new__(Microphone)
    microphone._due, microphone._late_since = 0.0, None
    made_up = 0.0
    for now in arrivals:
        monkeypatch.setattr("voice_helper.audio.devices.clock_seconds", lambda now=now: now)
        made_up += microphone._missed_seconds(0.1)
    assert made_up == pytest.approx(missed, abs=0.5)


def event_where(process: subprocess.Popen[str], name: str, **fields: object) -> dict[str, Any]:
    """Read the program's events until one with this name has the given fields."""
    while True:
        event = next_event(process, name)
        if all(event.get(key) == value for key, value in fields.items()):
            return event


def loud_parts(path: Path) -> list[tuple[float, float]]:
    """Return the start and the end of each stretch of sound, in seconds. A gap of a fifth of a second separates two
    stretches.
    """
    loud = np.flatnonzero(np.abs(as_array(path.read_bytes())) > 300) / SAMPLE_RATE
    breaks = np.flatnonzero(np.diff(loud) > 0.2)
    return list(zip(loud[[0, *(breaks + 1)]], loud[[*breaks, -1]], strict=True))


@pytest.mark.sound
def test_doctor_reports_a_microphone_that_delivers_only_silence(room: Room) -> None:
    process = room.start("doctor", "--json")
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert checks["microphone"]["ok"]
    assert "it is silent now" in checks["microphone"]["detail"]


@pytest.mark.sound
def test_doctor_reports_a_room_that_is_as_loud_as_the_user(room: Room, tmp_path: Path) -> None:
    with room.other_sound(write_pcm(tmp_path / "television.wav", noise(3.0))):
        process = room.start("doctor", "--json", "--speak")
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert "now speak" in err
    assert not checks["room"]["ok"]
    assert checks["room"]["voice_decibels"] == pytest.approx(checks["room"]["room_decibels"], abs=2.0)
    assert "cannot be told apart" in checks["room"]["detail"]
    assert "turn down the television" in checks["room"]["mend"]
