"""Problems of the environment: streams, paths, locales, signals, disks and other programs. The program continues or
reports them.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.kills import kill_often
from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, Ran, call, checked, environment
from tests.support.sound import CHECKOUT, recording
from tests.support.terminal import Terminal
from voice_helper.support.cache import read_checked
from voice_helper.support.paths import cache_folder

QUESTION = "does heat help"
ANSWER = "The article says heat can ease cramps."
KEPT = {"XDG_CACHE_HOME": str(cache_folder().parent)}

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals, streams and limits of other systems"),
    pytest.mark.slow,
]


def in_shell(line: str, folder: Path, **more: str) -> Ran:
    """Run a shell command in which $HELPER is the program."""
    ran = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(HELPER=str(VOICE_HELPER), **{**KEPT, **more}),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


# Streams


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_the_program_works_with_a_stream_that_was_closed_before_the_start(tmp_path: Path, closed: str) -> None:
    ran = checked(in_shell(f'"$HELPER" ask does heat help --voice none {closed}', tmp_path))
    assert ran.code == 0
    assert (ANSWER in ran.out) == (">&-" not in closed.replace("2>&-", ""))


@pytest.mark.parametrize("command", ["ask does heat help", f'listen --events --source "{recording("stop")}"'])
def test_a_full_disk_as_output_is_a_clear_error(tmp_path: Path, command: str) -> None:
    ran = checked(in_shell(f'"$HELPER" {command} --voice none > /dev/full', tmp_path))
    assert ran.code == 1
    assert "the disk is full" in ran.err


@pytest.mark.parametrize("coding", ["ascii", "latin-1"])
def test_characters_that_the_output_cannot_encode_are_escaped(tmp_path: Path, coding: str) -> None:
    more = {**KEPT, "PYTHONIOENCODING": coding, "PYTHONUTF8": "0"}
    ran = call(["ask", "☃ ☃ \U0001f600", "--voice", "none", "--json"], folder=tmp_path, more=more)
    assert ran.code == 0
    assert json.loads(ran.out)["transcript"] == "☃ ☃ \U0001f600"
    assert call(["ask", "☃ ☃", "--voice", "none"], folder=tmp_path, more=more).code == 0


# Paths


@pytest.mark.parametrize(
    "line",
    [
        'env -u HOME "$HELPER"',
        'env -i PATH="$PATH" "$HELPER"',
        'env HOME=/nowhere/at/all XDG_CACHE_HOME= XDG_DATA_HOME= "$HELPER"',
        'env LC_ALL=C LANG=C "$HELPER"',
        'env LC_ALL=xx_YY.UTF-9 "$HELPER"',
        'env TMPDIR=/nowhere "$HELPER"',
        'env TERM=dumb COLUMNS=1 "$HELPER"',
        'ulimit -n 16; "$HELPER"',
        'mkdir gone; cd gone; rmdir ../gone; "$HELPER"',
    ],
)
def test_the_program_answers_without_a_home_a_locale_or_a_working_folder(tmp_path: Path, line: str) -> None:
    ran = checked(in_shell(f"{line} ask does heat help --voice none", tmp_path))
    assert ran.code == 0, ran.err
    assert ANSWER in ran.out


def test_paths_may_have_spaces_and_any_script(tmp_path: Path) -> None:
    folder = tmp_path / "ein ordner" / "مجلد 文件夹"
    folder.mkdir(parents=True)
    shutil.copy(recording("bananas"), folder / "fräge '1'.wav")
    shutil.copytree(CHECKOUT / "tests" / "data" / "es", folder / "слова es")
    more = {**KEPT, "HOME": str(folder), "LC_ALL": "C"}
    asked = call(["ask", "--wav", "fräge '1'.wav", "--save", "ant wört.wav", "--json"], folder=folder, more=more)
    assert json.loads(asked.out)["intent"] == "remedy_foods"
    assert (folder / "ant wört.wav").stat().st_size > 10_000
    assert call(["check", "слова es"], folder=folder, more=more).code == 0
    call(["ask", QUESTION, "--voice", "none"], folder=folder, more={**more, "XDG_CACHE_HOME": str(folder / "cache ☃")})
    assert list((folder / "cache ☃").rglob("*"))


# Disks


def full_disk(place: Path) -> None:
    """Mount a full disk of one megabyte."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a disk that is full")
    with (place / "all of it").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4_096))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a full disk, which is unmounted after the test."""
    place = tmp_path / "disk"
    full_disk(place)
    yield place
    subprocess.run(["umount", place], check=True)


def test_on_a_full_disk_it_recognizes_and_answers_and_names_what_it_cannot_store(disk: Path, tmp_path: Path) -> None:
    more = {"HOME": str(disk), "TMPDIR": str(disk), "XDG_DATA_HOME": str(disk), **KEPT}
    question = recording("bananas")
    asked = call(["ask", "--wav", question, "--save", tmp_path / "answer.wav", "--json"], folder=tmp_path, more=more)
    assert json.loads(asked.out)["intent"] == "remedy_foods"
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert file.getnframes() > 16_000
    listening: list[str | Path] = [
        "listen",
        "--source",
        question,
        "--events",
        "--voice",
        "none",
        "--debug-recording",
        disk / "kept",
    ]
    listened = call(listening, folder=tmp_path, more=more)
    assert listened.code == 0
    assert "no longer saved: No space left on device" in listened.err
    assert '"intent": "remedy_foods"' in listened.out
    without_cache = {**more, "XDG_CACHE_HOME": str(disk / "cache")}
    refused = call(["ask", QUESTION, "--save", disk / "answer.wav"], folder=tmp_path, more=without_cache)
    assert refused.code == 1
    assert "answer.wav cannot be written" in refused.err
    assert not (disk / "answer.wav").exists()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "final.mdl").write_bytes(bytes(100_000))
    imported = call(["models", "import", tmp_path / "model"], folder=tmp_path, more=more)
    assert imported.code == 1
    assert "not enough space" in imported.err


# Signals and terminals


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_at_once_and_the_spoken_audio_is_saved_completely(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [VOICE_HELPER, "guide", "--events", "--plain", "--save", "spoken.wav", "--no-chime"], cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1", **KEPT), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    first = process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, first + out, err)).code == 130
    with wave.open(str(tmp_path / "spoken.wav")) as file:
        assert file.getframerate() == 16_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spoken.wav"]


def test_the_program_outlives_its_terminal_under_nohup(tmp_path: Path) -> None:
    start = 'trap "" HUP; "$HELPER" guide --events --voice none > told & until [ -s told ]; do sleep 0.1; done'
    ran = in_shell(f"{start}; kill -HUP $!; sleep 0.5; kill -0 $! && echo on; kill $!", tmp_path)
    assert ran.out == "on\n"


def test_a_terminal_that_is_closed_ends_a_session(tmp_path: Path) -> None:
    owning = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    terminal = Terminal(["guide", "--voice", "none"], tmp_path, [sys.executable, "-c", owning], **KEPT)
    terminal.wait_for("Ctrl-C ends")  # shown because there is no microphone
    terminal.close()
    assert terminal.process.wait(PATIENCE_SECONDS) == 130


def test_the_last_instruction_stays_on_the_screen_when_it_ends(tmp_path: Path) -> None:
    terminal = Terminal(["guide", "--voice", "none", "--plain"], tmp_path, **KEPT)
    terminal.wait_for("Hold for twenty seconds")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Hold for twenty seconds" in terminal.shown[-400:]


# Other programs


def test_many_programs_with_an_empty_cache_all_answer_and_leave_one_complete_cache(tmp_path: Path) -> None:
    more = {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    def ask(number: int) -> Ran:
        return call(["ask", QUESTION, "--voice", "none", "--json"], folder=tmp_path, more=more)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert [json.loads(ran.out)["intent"] for ran in answers] == ["remedy_heat"] * 4
    assert list((tmp_path / "cache").rglob("*.values"))
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_cache_in_which_every_file_is_damaged_is_silently_regenerated(tmp_path: Path) -> None:
    more = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = ["ask", QUESTION, "--voice", "none", "--json"]
    first = call(command, folder=tmp_path, more=more)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in kept}
    for number, path in enumerate(kept):
        path.write_bytes(before[path][: len(before[path]) // 2] if number % 2 else b"\0" * 999)
    again = call(command, folder=tmp_path, more=more)
    assert (again.out, again.err, again.code) == (first.out, "", 0)
    assert all(read_checked(path) for path in kept)


def test_an_unwritable_home_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way", encoding="utf-8")
    home = str(tmp_path / "home")
    more = {"HOME": home, **dict.fromkeys(("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), home)}
    ran = call(["ask", QUESTION, "--voice", "none", "--json"], folder=tmp_path, more=more)
    assert (json.loads(ran.out)["intent"], ran.err) == ("remedy_heat", "")


def test_after_being_killed_at_random_moments_the_next_start_works(tmp_path: Path) -> None:
    """`make fuzz` kills the program 200 times."""
    killed, wrong = kill_often(10, 7, tmp_path)
    assert wrong == []
    assert killed >= 3
