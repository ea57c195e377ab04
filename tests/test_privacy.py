"""Nothing leaves the machine and no user input stays on it: every system call of complete sessions is inspected.

These are allowed: PulseAudio's own unix socket, the temporary file of a synthesized sentence, and the recognizers'
models built from the templates. The files are in the temporary folder and are removed at once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from wyoming.tts import Synthesize

from tests.support.assist import heard, said, sound_events, spoken, wait
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import VOICE_HELPER, Ran, checked, environment
from tests.support.room import Room, next_event
from tests.support.served import talking
from tests.support.sound import RECORDINGS, heard_from, pcm_of, recording
from tests.support.terminal import Terminal
from voice_helper.audio.devices import KeptSource, WavSource
from voice_helper.support.paths import cache_folder

pytestmark = pytest.mark.slow

_CALLS = "socket,connect,bind,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_WRITES = re.compile(r"\b(?:openat|open|creat)\((?:AT_FDCWD, |\d+, )?\"([^\"]+)\"(?:, ([A-Z_|]+))?.* = \d+")
_MOVES = re.compile(r"\b(?:rename|renameat|renameat2|link|linkat|symlink|symlinkat)\(.*\"([^\"]+)\"[^\"]*\) = 0")
_PASSING = re.compile(r"/voice-helper-[^/]+/(sentence\.wav|phrases\.(arpa|lm|dict))$")
_TEMPFILE_TRIAL = re.compile(rf"^{tempfile.gettempdir()}/[a-z0-9_]{{8}}$")  # tempfile's own check of where it may write
_NOT_OURS = re.compile(r"^/(dev|proc|sys|run/systemd|memfd:)|/pulse\b")
_TYPED = "why does my marmalade calf cramp in october"


@dataclass(frozen=True)
class Trace:
    """The system calls of a traced run."""

    text: str

    def sockets(self) -> set[str]:
        """Return the families of all sockets that were opened."""
        return set(re.findall(r"\bsocket\((\w+)", self.text))

    def reached(self) -> set[str]:
        """Return the internet addresses that the program connected or sent to."""
        return set(re.findall(r'\bconnect\(.*?"([0-9a-f.:]+)"', self.text))

    def bound(self) -> set[str]:
        """Return the internet addresses that the program listened on."""
        return set(re.findall(r'\bbind\(.*?inet\w+\((?:AF_INET6, )?"([0-9a-f.:]+)"', self.text))

    def kept(self) -> set[str]:
        """Return the files that were written, except devices, PulseAudio's own files and temporary ones."""
        return {path for path in self._written() if not _NOT_OURS.search(path) and not _PASSING.search(path)}

    def passing(self) -> set[str]:
        """Return the temporary files, which hold the program's own speech and models."""
        return {path for path in self._written() if _PASSING.search(path)}

    def _written(self) -> Iterator[str]:
        for path, flags in _WRITES.findall(self.text):
            is_written = not flags or {"O_WRONLY", "O_RDWR", "O_CREAT"} & set(flags.split("|"))
            if is_written and not _TEMPFILE_TRIAL.search(path):
                yield path
        yield from _MOVES.findall(self.text)


def tracer(path: Path) -> list[str]:
    """Return the command that traces another one, which still receives signals itself."""
    strace = shutil.which("strace")
    if strace is None:
        if os.environ.get("CI"):
            pytest.fail("CI must trace: strace is not installed")
        pytest.skip("strace is not installed")
    return [strace, "-D", "-f", "-q", "--seccomp-bpf", "-s", "300", "-e", f"trace={_CALLS}", "-o", str(path)]


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory, spanish_folder: Path) -> Iterator[None]:
    """Fill a separate cache, including the trained model, before the traced runs."""
    folder = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        asked: list[str | Path] = ["ask", "--wav", RECORDINGS / "bananas.wav", "--voice", "none"]
        tested: list[str | Path] = ["test-intents", "--intents", spanish_folder, "-"]
        for arguments in (asked, tested):
            command = [VOICE_HELPER, *arguments]
            subprocess.run(
                command, cwd=folder, env=at_home(), input=b"hola", capture_output=True, check=True, timeout=120
            )
        yield


def trace_in(path: Path) -> Trace:
    """Return the trace, once the tracer has recorded the end of the program."""

    def is_whole() -> bool:
        text = path.read_text("utf-8")
        return bool(text) and re.search(rf"^{text.split()[0]} +\+\+\+ ", text, re.MULTILINE) is not None

    wait_until(is_whole)
    return Trace(path.read_text("utf-8"))


def traced(folder: Path, *arguments: str | Path, typed: str = "") -> tuple[Ran, Trace]:
    """Run the program with the shared cache and a separate home folder, and trace it."""
    home = folder / "home"
    home.mkdir()
    more = {"HOME": str(home), "XDG_CACHE_HOME": str(cache_folder().parent), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [*tracer(folder / "trace"), str(VOICE_HELPER), *map(str, arguments)],
        cwd=folder, env=at_home(**more), input=typed, capture_output=True, text=True, check=False,
        timeout=4 * PATIENCE_SECONDS,
    )  # fmt: skip
    return checked(Ran(ran.returncode, ran.stdout, ran.stderr)), trace_in(folder / "trace")


def at_home(**more: str) -> dict[str, str]:
    """Return a user's environment. In that of a test run, libraries that send telemetry stay silent."""
    silencing = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY"}
    return {name: value for name, value in environment(**more).items() if name not in silencing}


def assert_private(trace: Trace, *, may_keep: Sequence[Path] = ()) -> None:
    assert "openat(" in trace.text
    assert trace.sockets() <= {"AF_UNIX"}
    assert trace.kept() - {str(path) for path in may_keep} == set()
    assert [path for path in trace.passing() if Path(path).exists() or Path(path).parent.exists()] == []


def test_the_trace_would_show_an_internet_socket_and_a_file(tmp_path: Path) -> None:
    code = "import socket, pathlib; socket.socket(); pathlib.Path('said.txt').write_text('marmalade')"
    command = [*tracer(tmp_path / "trace"), str(Path(VOICE_HELPER).parent / "python"), "-c", code]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=PATIENCE_SECONDS)
    trace = trace_in(tmp_path / "trace")
    assert "AF_INET" in trace.sockets()
    assert "said.txt" in trace.kept()


def test_a_typed_question_leaves_nothing_behind(tmp_path: Path) -> None:
    ran, trace = traced(tmp_path, "ask", _TYPED)
    assert ran.code == 0
    assert_private(trace)


def test_text_typed_at_the_intent_tester_leaves_nothing_behind(tmp_path: Path) -> None:
    ran, trace = traced(tmp_path, "test-intents", "--explain", typed=f"{_TYPED}\nmy chest hurts\n")
    assert "marmalade" in ran.out
    assert_private(trace)


@pytest.mark.parametrize("keeps", [True, False])
def test_text_typed_at_a_terminal_is_stored_only_in_the_history_or_not_at_all(
    tmp_path: Path, spanish_folder: Path, keeps: bool
) -> None:
    history = tmp_path / "state" / "voice-helper" / "test-intents-history"
    home = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(cache_folder().parent),
    }
    arguments: list[str | Path] = ["test-intents", "--intents", spanish_folder, *([] if keeps else ["--no-history"])]
    terminal = Terminal(arguments, tmp_path, tracer(tmp_path / "trace"), PYTHONDONTWRITEBYTECODE="1", **home)
    terminal.wait_for("is saved in" if keeps else "is not saved")
    terminal.wait_for("\n> ")
    terminal.type("hola mermelada")
    terminal.wait_for("\n> ")
    terminal.type("", keys="\x04")
    assert terminal.end() == 0
    trace = trace_in(tmp_path / "trace")
    assert_private(trace, may_keep=[history] if keeps else [])
    assert history.exists() == keeps
    assert not keeps or "mermelada" in history.read_text(encoding="utf-8")


def test_lines_tested_in_a_batch_leave_nothing_behind(tmp_path: Path) -> None:
    ran, trace = traced(tmp_path, "test-intents", "-", "--format", "jsonl", typed=f"{_TYPED}\n")
    assert len(ran.lines) == 1
    assert_private(trace)


def test_a_spoken_question_leaves_only_the_requested_answer_file(tmp_path: Path) -> None:
    ran, trace = traced(tmp_path, "ask", "--wav", recording("put_heat_on_it"), "--save", "answer.wav")
    assert ran.code == 0
    parts = [Path(path) for path in trace.kept() if path.endswith(".part")]  # it is renamed when it is complete
    assert_private(trace, may_keep=[tmp_path / "answer.wav", *parts])
    assert [path.parent for path in parts if not path.exists()] == [tmp_path]


def test_a_guided_session_from_a_file_leaves_nothing_behind(tmp_path: Path) -> None:
    ran, trace = traced(tmp_path, "guide", "--source", recording("stop"), "--events")
    assert '"end"' in ran.out
    assert_private(trace)


def test_a_conversation_through_microphone_and_loudspeaker_leaves_nothing_behind(room: Room, tmp_path: Path) -> None:
    process = room.start(
        "listen", "--events", under=tracer(tmp_path / "trace"), XDG_CACHE_HOME=str(cache_folder().parent)
    )
    try:
        room.wait_for_listener(0)
        room.speak("put_heat_on_it")
        assert next_event(process, "heard")["intent"] == "remedy_heat"
        time.sleep(2.0)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    trace = trace_in(tmp_path / "trace")
    assert trace.sockets() == {"AF_UNIX"}
    assert {path for path in trace.kept() if "__pycache__" not in path} == set()


@pytest.mark.parametrize(
    "arguments", [("list",), ("verify",), ("import", "."), ("remove", "nothing", "--yes")], ids=" ".join
)
def test_models_are_managed_without_a_network(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran, trace = traced(tmp_path, "models", *arguments)
    assert ran.code in {0, 1}
    assert "openat(" in trace.text
    assert trace.sockets() == set()


# A server


def test_the_trace_would_show_connections_and_listening_addresses(tmp_path: Path) -> None:
    code = (
        "import socket; here = socket.create_server(('127.0.0.1', 0)); socket.create_connection(here.getsockname());"
        "socket.create_server(('0.0.0.0', 0))"
    )
    command = [*tracer(tmp_path / "trace"), str(Path(VOICE_HELPER).parent / "python"), "-c", code]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=PATIENCE_SECONDS)
    trace = trace_in(tmp_path / "trace")
    assert trace.reached() == {"127.0.0.1"}
    assert trace.bound() == {"127.0.0.1", "0.0.0.0"}


def traced_server(folder: Path, server: str) -> subprocess.Popen[str]:
    """Return a traced server with the given home folder."""
    command = [*tracer(folder / "trace"), str(VOICE_HELPER), "serve", server, "--port", "0"]
    home = {"HOME": str(folder), "XDG_CACHE_HOME": str(cache_folder().parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, cwd=folder, env=at_home(**home), stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], folder: Path) -> Trace:
    """Stop a traced server with Ctrl-C, and return the trace."""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    return trace_in(folder / "trace")


def test_a_conversation_in_a_browser_leaves_nothing_behind_and_goes_nowhere_else(tmp_path: Path) -> None:
    process = traced_server(tmp_path, "web")
    assert process.stdout is not None
    with talking(process.stdout.readline().strip().rstrip("/")) as talk:
        talk.send(do="ask", text=_TYPED)
        talk.wait("say")
        talk.say(pcm_of(recording("put_heat_on_it")))
        talk.send(do="release")
        talk.wait("say", lambda told: "heat can ease cramps" in told["text"])
    trace = ended(process, tmp_path)
    assert trace.bound() == {"127.0.0.1"}
    assert trace.reached() == set()
    assert trace.kept() == set()


def test_a_conversation_in_home_assistant_leaves_nothing_behind_and_goes_nowhere_else(tmp_path: Path) -> None:
    process = traced_server(tmp_path, "wyoming")
    assert process.stdout is not None
    port = int(process.stdout.readline().rsplit(":", 1)[1])
    assert wait(said(port, _TYPED, conversation_id="marmalade")).data["text"]
    assert wait(heard(port, sound_events(pcm_of(recording("put_heat_on_it"))))) == "should i put heat on it"
    assert len(wait(spoken(port, Synthesize("Heat can help.")))) > 5
    trace = ended(process, tmp_path)
    assert trace.bound() == {"127.0.0.1"}
    assert trace.reached() == set()
    assert trace.kept() == set()


# Debug recordings


def test_a_debug_recording_stores_the_audio_and_nothing_else(tmp_path: Path) -> None:
    ran, trace = traced(
        tmp_path, "ask", "--wav", recording("bananas"), "--debug-recording", "kept", "--voice", "none", "--json"
    )
    (kept,) = (tmp_path / "kept").iterdir()
    assert pcm_of(kept) == heard_from(recording("bananas"))
    assert_private(trace, may_keep=[kept.relative_to(tmp_path)])
    assert "This is being recorded" in ran.err
    assert str(kept.relative_to(tmp_path)) in ran.err


def test_a_debug_recording_is_announced_first_and_changes_the_privacy_answer(tmp_path: Path) -> None:
    ran, _ = traced(
        tmp_path, "listen", "--source", recording("privacy"), "--debug-recording", "kept", "--events", "--voice", "none"
    )
    said = [json.loads(line)["text"] for line in ran.lines if json.loads(line)["event"] == "say"]
    assert said[0].startswith("This is being recorded")
    assert "I am saving what I hear in a folder, because the owner chose that." in said


def test_without_a_recording_the_privacy_answer_says_that_nothing_is_stored(tmp_path: Path) -> None:
    ran, _ = traced(tmp_path, "ask", "are you recording me", "--voice", "none")
    assert "I do not save what I hear" in ran.out
    assert "Nothing you say leaves this machine" in ran.out


def test_a_typed_question_cannot_be_recorded(tmp_path: Path) -> None:
    ran, _ = traced(tmp_path, "ask", "does heat help", "--debug-recording", "kept")
    assert ran.code == 2
    assert not (tmp_path / "kept").exists()


def test_a_recording_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    ran, _ = traced(tmp_path, "ask", "--wav", recording("bananas"), "--debug-recording", "file/kept", "--voice", "none")
    assert ran.code == 1
    assert "cannot be written" in ran.err


def test_a_recording_that_is_cut_off_can_be_played(tmp_path: Path) -> None:
    chunks = KeptSource(WavSource(recording("have_a_cramp")), tmp_path, "heard", print).chunks()
    for _ in range(40):
        next(chunks)
    seconds = len(pcm_of(tmp_path / "heard.wav")) / 32_000
    assert 0.9 < seconds <= 40 * 512 / 16_000
