from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.opened import english_content, english_skill
from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import Ran, Run, checked
from tests.support.room import Room, missing
from voice_helper.cli.entry_point import run as run_here
from voice_helper.skill import Skill, open_skill
from voice_helper.skill.folder_reader import Content
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

# Ray reads these when it is imported: no reports, no network, no token file
os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"})
os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64})

# these tests run with OpenVoiceOS: make test-ovos
collect_ignore = [] if importlib.util.find_spec("ovoscope") else ["openvoiceos"]


@pytest.fixture(scope="session")
def content() -> Content:
    """Return all content of the English folder, with the folder's own settings."""
    return english_content()


@pytest.fixture(scope="session")
def skill() -> Skill:
    """Return the English skill, with 112 as the emergency number."""
    return english_skill()


@pytest.fixture(scope="session")
def plain_skill() -> Skill:
    """Return the English skill without an emergency number."""
    return open_skill("en")


@pytest.fixture
def room(sound_server: Room) -> Iterator[Room]:
    """Yield a microphone to speak into and a loudspeaker to listen to, and end what a test leaves running."""
    yield sound_server
    sound_server.end_programs()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[Room]:
    """Yield the devices that all tests share."""
    lacking = missing()
    if lacking:
        if os.environ.get("CI"):
            pytest.fail(f"CI must hear and speak: {lacking}")
        pytest.skip(lacking)
    with tempfile.TemporaryDirectory(prefix="room-") as folder:  # a socket path is limited to 107 characters
        room = Room(Path(folder))
        try:
            room.open()
            yield room
        finally:
            room.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Return a function that runs the command line in this process, in an empty folder, without a voice."""
    for name in [name for name in os.environ if name.startswith("VOICE_HELPER_")] + ["VOSK_MODEL_PATH"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VOICE_HELPER_VOICE", "none")
    monkeypatch.chdir(tmp_path)
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in signals]

    def run(*arguments: str | Path) -> Ran:
        capfd.readouterr()
        code = run_here([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return checked(Ran(code, captured.out, captured.err))

    yield run
    for number, handler in zip(signals, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def spanish_folder() -> Path:
    """Return a small Spanish intents folder with ten intents."""
    return Path(__file__).parent / "data" / "es"


@pytest.fixture(scope="session")
def spanish(spanish_folder: Path) -> Skill:
    """Return the Spanish skill. Its trained model is cached in the developer's own cache folder."""
    return open_skill(folder=spanish_folder)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate for this machine, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    files = ("-keyout", "key", "-out", "certificate")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        [openssl, "req", *kind, *files, *names], cwd=folder, check=True, capture_output=True, timeout=PATIENCE_SECONDS
    )
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text(), encoding="ascii")
    return both


hypothesis.settings.register_profile("usual", deadline=None)  # a busy machine must not fail tests
hypothesis.settings.register_profile("fuzz", max_examples=2_000, deadline=None)
hypothesis.settings.register_profile("walks", max_examples=10_000, deadline=None)
hypothesis.settings.register_profile("mutants", max_examples=15, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("usual")


@pytest.fixture(scope="session")
def voice() -> Pyttsx3Voice:
    """Return the system's voice."""
    return Pyttsx3Voice()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that wait in real time first, so that the other worker is busy meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("sound") is None)
