"""The microphone and the loudspeaker: PulseAudio null sinks are real devices for PortAudio."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.programs import Ran, checked
from tests.room import Room, next_event
from tests.sound import as_array, loudness, seconds_of

pytestmark = pytest.mark.sound


def test_a_question_into_the_microphone_is_answered_from_the_loudspeaker(room: Room, tmp_path: Path) -> None:
    with room.recorder(tmp_path / "speaker.raw"):
        process = room.start("ask", "--json", "--rate", "240")
        room.wait_for_listener(1)
        room.speak("bananas")
        out, err = process.communicate(timeout=60)
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


def test_listening_answers_hushes_on_stop_and_ends_on_ctrl_c(room: Room, tmp_path: Path) -> None:
    with room.recorder(tmp_path / "speaker.raw"):
        process = room.start("listen", "--events")
        try:
            room.wait_for_listener(1)
            room.speak("put_heat_on_it")
            heard = next_event(process, "heard")
            assert (heard["text"], heard["intent"]) == ("should i put heat on it", "remedy_heat")
            assert next_event(process, "say")["text"] == "Yes. The article says heat can ease cramps."
            time.sleep(1.0)
            room.speak("stop")
            stopped = next_event(process, "heard")
            assert stopped["intent"] == "guide_stop"
            assert next_event(process, "hush")["by"] == "stop"
            time.sleep(2.5)
        finally:
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            out, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 2.0
    assert checked(Ran(process.returncode, out, err)).code == 130
    spoken = (tmp_path / "speaker.raw").read_bytes()
    assert loudness(spoken) > 100
    assert loudness(spoken[-2 * 16_000 :]) < 5
