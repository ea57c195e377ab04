"""The first start and `setup`, on a terminal, with a microphone and a loudspeaker."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.room import Room
from tests.support.terminal import Terminal
from voice_helper.support.settings import read_settings

pytestmark = [pytest.mark.sound, pytest.mark.slow]
SOUND = ("HOME", "XDG_RUNTIME_DIR", "PULSE_SERVER", "XDG_CACHE_HOME")


@contextmanager
def sitting(room: Room, folder: Path, *arguments: str) -> Iterator[Terminal]:
    """Yield a terminal in the room, for a user whose settings are in `folder`."""
    sound = {name: room.environment[name] for name in SOUND}
    terminal = Terminal(arguments, folder, **sound, XDG_CONFIG_HOME=str(folder))
    try:
        yield terminal
    finally:
        terminal.process.kill()


def test_the_first_start_tests_the_sound_stores_the_number_and_offers_a_menu(room: Room, tmp_path: Path) -> None:
    with sitting(room, tmp_path) as terminal:
        terminal.wait_for("for education only.")
        terminal.wait_for('Press Enter, then say aloud: "Does heat help"')
        assert "s left" not in terminal.shown
        terminal.type("")
        terminal.wait_for("s left")
        room.wait_for_listener(0)
        room.speak("put_heat_on_it")
        terminal.wait_for('Heard: "should i put heat on it", which it understands.')
        terminal.wait_for("The level is good.")
        terminal.wait_for("Did you hear it?")
        terminal.type("y")
        terminal.wait_for("in an emergency?")
        terminal.type("none")
        terminal.wait_for("not a valid choice")
        terminal.wait_for("in an emergency?")
        terminal.type("112")
        terminal.wait_for("or a letter")
        terminal.type("a")
        terminal.wait_for("Your question")
        terminal.type("chest pain")
        terminal.wait_for("Call 112 now.")
        terminal.wait_for("or a letter")
        terminal.type("q")
        assert terminal.end() == 0
    assert read_settings(tmp_path / "voice-helper" / "settings.toml") == {"number": "112"}


def test_a_misrecognized_sentence_is_shown_and_can_be_repeated(room: Room, tmp_path: Path) -> None:
    with sitting(room, tmp_path, "setup", "--voice", "none") as terminal:
        terminal.wait_for("Press Enter")
        for again in ("Once more: press Enter", "Once more: press Enter", "--patient, or"):
            terminal.type("")
            terminal.wait_for("s left")
            room.wait_for_listener(0)
            room.speak("what_is_a_cramp")
            terminal.wait_for('Heard: "what is a cramp", which is not the sentence above.')
            terminal.wait_for(again)
        terminal.wait_for("(the system's default)")
        terminal.wait_for("a: try the same one again")
        terminal.type("a")
        terminal.wait_for("Press Enter")
        terminal.type("")
        terminal.wait_for("s left")
        room.wait_for_listener(0)
        room.speak("put_heat_on_it")
        terminal.wait_for("which it understands.")
        terminal.wait_for("in an emergency?")
        terminal.type("")
        terminal.wait_for("saved in")
        assert terminal.end() == 0
    assert not read_settings(tmp_path / "voice-helper" / "settings.toml")


def _interrupted(terminal: Terminal) -> int:
    """Press Ctrl-C until the program ends. If it arrives while the menu is being written, it still ends the previous
    activity.
    """
    for _ in range(5):
        terminal.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return terminal.end(10.0)
    return terminal.end()


def test_enter_listens_and_then_guides_and_ctrl_c_ends_listening_and_then_the_program(
    room: Room, tmp_path: Path
) -> None:
    file = tmp_path / "voice-helper" / "settings.toml"
    file.parent.mkdir()
    file.write_text('number = "112"\nvoice = "none"\n', encoding="utf-8")
    with sitting(room, tmp_path) as terminal:
        terminal.wait_for("or a letter")
        assert "Microphone" not in terminal.shown
        terminal.type("")
        terminal.wait_for("listening")
        room.wait_for_listener(0)
        room.speak("bananas")
        terminal.wait_for("remedy_foods")
        terminal.type("")
        terminal.wait_for("Sit or lie somewhere safe.")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for("or a letter")
        terminal.type("a")
        terminal.wait_for("Your question")
        terminal.type("does heat help")
        terminal.wait_for("heat can ease cramps")
        terminal.wait_for("or a letter")
        assert _interrupted(terminal) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_signal_ends_the_whole_program(room: Room, tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "voice-helper" / "settings.toml"
    file.parent.mkdir()
    file.write_text('number = "112"\nvoice = "none"\n', encoding="utf-8")
    with sitting(room, tmp_path) as terminal:
        terminal.wait_for("or a letter")
        terminal.type("")
        terminal.wait_for("listening")
        terminal.process.send_signal(number)
        assert terminal.end() == 130


def test_a_silent_microphone_is_reported_and_another_can_be_chosen(room: Room, tmp_path: Path) -> None:
    with sitting(room, tmp_path, "setup", "--voice", "none") as terminal:
        terminal.wait_for("Press Enter")
        terminal.type("")
        terminal.wait_for("microphone is silent")
        terminal.wait_for("1  ")
        terminal.wait_for("Type its number")
        terminal.type("1")
        terminal.wait_for("Press Enter")
        terminal.type("")
        terminal.wait_for("s left")
        room.wait_for_listener(0)
        room.speak("put_heat_on_it")
        terminal.wait_for("The level is good.")
        terminal.wait_for("in an emergency?")
        terminal.type("")
        terminal.wait_for("saved in")
        assert terminal.end() == 0
    assert list(read_settings(tmp_path / "voice-helper" / "settings.toml")) == ["microphone"]
