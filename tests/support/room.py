"""A simulated room with real sound devices: null sinks of PulseAudio, which PortAudio treats like hardware."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import VOICE_HELPER, environment
from tests.support.sound import recording, write_pcm
from tests.support.speech import flite
from voice_helper.audio.devices import import_sounddevice
from voice_helper.errors import SoundDeviceError
from voice_helper.support.paths import cache_folder

MAX_SECONDS = 90.0
_PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")


def missing() -> str | None:
    """Return what this machine lacks for these tests."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    try:
        import_sounddevice()
    except SoundDeviceError as error:
        return error.message
    return None


class Room:
    """A private sound server with a loudspeaker, and a microphone to speak into."""

    def __init__(self, folder: Path) -> None:
        home = folder / "home"
        home.mkdir()
        run = folder / "run"
        run.mkdir(mode=0o700)
        (home / ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n", encoding="utf-8")
        self._socket = folder / "socket"
        self._started: list[subprocess.Popen[str]] = []
        self.environment = environment(
            HOME=str(home),
            XDG_RUNTIME_DIR=str(run),
            XDG_CONFIG_HOME=str(home),
            XDG_CACHE_HOME=str(cache_folder().parent),
            PULSE_SERVER=f"unix:{self._socket}",
            PYTHONUNBUFFERED="1",
        )
        modules = (
            f"module-native-protocol-unix socket={self._socket} auth-anonymous=1",
            "module-null-sink sink_name=speaker",
            "module-null-sink sink_name=mic",
        )
        self._loads = [part for module in modules for part in ("-L", module)]
        self._server = self._serve()

    def _serve(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", *self._loads],
            env={name: value for name, value in self.environment.items() if name != "PULSE_SERVER"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def open(self) -> None:
        wait_until(lambda: self._socket.exists() and self._pactl("info").returncode == 0)
        self._choose("mic", "speaker")

    def _choose(self, microphone: str, loudspeaker: str) -> None:
        self._microphone, self._loudspeaker = microphone, loudspeaker
        assert self._pactl("set-default-sink", loudspeaker).returncode == 0
        assert self._pactl("set-default-source", f"{microphone}.monitor").returncode == 0

    @contextmanager
    def other_devices(self, rate: int, channels: int) -> Iterator[None]:
        """Temporarily replace the microphone and the loudspeaker with devices of another kind."""
        loaded = [
            self._pactl("load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}", f"channels={channels}")
            for name in ("other-mic", "other-speaker")
        ]
        assert not any(module.returncode for module in loaded)
        try:
            self._choose("other-mic", "other-speaker")
            yield
        finally:
            self._choose("mic", "speaker")
            for module in loaded:
                self._pactl("unload-module", module.stdout.strip())

    @contextmanager
    def microphone_held_back(self) -> Iterator[None]:
        """Temporarily make the sound server deliver nothing from the microphone."""
        assert self._pactl("suspend-sink", self._microphone, "1").returncode == 0
        try:
            yield
        finally:
            self._pactl("suspend-sink", self._microphone, "0")

    def unplug(self) -> None:
        """Remove the microphone and the loudspeaker at once."""
        self._server.kill()
        self._server.wait(PATIENCE_SECONDS)
        self._socket.unlink(missing_ok=True)

    def plug_in(self) -> None:
        """Restore the microphone and the loudspeaker."""
        self._server = self._serve()
        self.open()

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(PATIENCE_SECONDS)

    def _pactl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pactl", *arguments], env=self.environment, capture_output=True, text=True, check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def speak(self, name: str) -> None:
        """Play a recording into the microphone. Returns when it has finished."""
        self._play(recording(name))

    def say(self, text: str, folder: Path) -> None:
        """Speak a text into the microphone with a flite voice. Returns when it has finished."""
        self._play(write_pcm(folder / "said.wav", flite("slt", text)))

    def _play(self, path: Path) -> None:
        command: list[str | Path] = ["paplay", f"--device={self._microphone}", path]
        subprocess.run(command, env=self.environment, check=True, timeout=PATIENCE_SECONDS)

    @contextmanager
    def other_sound(self, path: Path) -> Iterator[None]:
        """Play a sound file into the microphone again and again."""
        playing = True

        def play() -> None:
            while playing:
                self._play(path)

        thread = threading.Thread(target=play)
        thread.start()
        try:
            yield
        finally:
            playing = False
            thread.join(PATIENCE_SECONDS)

    def wait_for_listener(self, others: int) -> None:
        """Wait until the microphone is open. `others` is how many streams were recording before."""
        wait_until(lambda: len(self._pactl("list", "short", "source-outputs").stdout.splitlines()) > others)

    @contextmanager
    def recorder(self, path: Path) -> Iterator[None]:
        """Record the output of the loudspeaker."""
        command = ["parec", f"--device={self._loudspeaker}.monitor", "--rate=16000", "--channels=1", "--format=s16le"]
        with path.open("wb") as file:
            process = subprocess.Popen(command, env=self.environment, stdout=file)
            try:
                self.wait_for_listener(0)
                yield
            finally:
                process.terminate()
                process.wait(PATIENCE_SECONDS)

    def start(self, *arguments: str, under: Sequence[str] = (), **more: str) -> subprocess.Popen[str]:
        """Start the program in the room, with `more` in its environment. `under` is a command that runs it, such as a
        tracer.
        """
        process = subprocess.Popen(
            [*under, VOICE_HELPER, *arguments], env={**self.environment, **more}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        timer = threading.Timer(MAX_SECONDS, process.kill)  # ends a test that would otherwise wait forever
        timer.daemon = True
        timer.start()
        self._started.append(process)
        return process

    def end_programs(self) -> None:
        """End the programs that were started in the room and are still running."""
        while self._started:
            process = self._started.pop()
            if process.poll() is None:
                process.kill()
                process.communicate(timeout=PATIENCE_SECONDS)


def next_event(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """Read the program's events until one with this name arrives."""
    assert process.stdout
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == name:
            return event
    pytest.fail(f"it ended before {name}")
