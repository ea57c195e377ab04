from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.sound import CHECKOUT
from voice_helper.support.atomic_write import write_whole
from voice_helper.support.cache import MAX_KEPT, Arrays, kept_arrays, kept_file, kept_texts
from voice_helper.support.code_key import code_key
from voice_helper.support.paths import cache_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a separate cache folder, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


def numbers() -> Arrays:
    return {"weights": np.arange(2_000, dtype=np.float32), "names": np.array(["calf", "fuß"])}


def must_not_make() -> Arrays:
    pytest.fail("it was made again")


def assert_same(got: Arrays) -> None:
    assert {name: list(array) for name, array in got.items()} == {
        name: list(array) for name, array in numbers().items()
    }


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_a_result_is_cached() -> None:
    assert_same(kept_arrays("numbers", "key", numbers))
    assert_same(kept_arrays("numbers", "key", must_not_make))


def test_another_key_is_another_entry() -> None:
    kept_arrays("numbers", "key", numbers)
    other = kept_arrays("numbers", "other key", lambda: {"one": np.array([1])})
    assert list(other) == ["one"]
    assert_same(kept_arrays("numbers", "key", must_not_make))


def test_another_name_is_another_entry() -> None:
    kept_arrays("numbers", "key", numbers)
    assert list(kept_arrays("other", "key", lambda: {"one": np.array([1])})) == ["one"]


def test_texts_are_cached_exactly() -> None:
    texts = {"questions": "waden\nkrämpfe", "commands": ""}
    assert kept_texts("texts", "key", lambda: texts) == texts
    assert kept_texts("texts", "key", lambda: {"made": "again"}) == texts


def test_the_folder_contains_only_the_complete_file(folder: Path) -> None:
    kept_arrays("numbers", "key", numbers)
    assert [path.name for path in files(folder)] == ["numbers-key.npz"]


def test_a_failed_computation_is_not_cached(folder: Path) -> None:
    def fail() -> Arrays:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        kept_arrays("numbers", "key", fail)
    assert files(folder) == []
    assert_same(kept_arrays("numbers", "key", numbers))


def test_a_full_disk_leaves_no_partial_file(folder: Path) -> None:
    script = """
import resource, numpy
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from voice_helper.support.cache import kept_arrays
made = kept_arrays("numbers", "key", lambda: {"noise": numpy.random.default_rng(1).random(5000)})
print(len(made["noise"]))
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("5000\n", "")
    assert folder.is_dir()
    assert files(folder) == []


def test_a_leftover_partial_file_is_not_mistaken_for_the_complete_one(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".abc.part").write_bytes(b"half")
    assert_same(kept_arrays("numbers", "key", numbers))
    assert_same(kept_arrays("numbers", "key", must_not_make))


def test_many_processes_at_once_all_get_the_right_result(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: kept_arrays("numbers", "key", numbers), range(24)):
            assert_same(got)
    assert [path.name for path in files(folder)] == ["numbers-key.npz"]


# Damage


def damaged(damage: Callable[[bytes], bytes]) -> None:
    kept_arrays("numbers", "key", numbers)
    path = cache_folder() / "numbers-key.npz"
    path.write_bytes(damage(path.read_bytes()))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: whole[:-1], id="one byte short"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="half"),
        pytest.param(lambda whole: b"not a zip file\n" * 20, id="text"),
        pytest.param(lambda whole: bytes(len(whole)), id="zeros"),
        pytest.param(lambda whole: whole[200:], id="without its start"),
    ],
)
def test_a_broken_file_is_regenerated(damage: Callable[[bytes], bytes]) -> None:
    damaged(damage)
    assert_same(kept_arrays("numbers", "key", numbers))
    assert_same(kept_arrays("numbers", "key", must_not_make))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(1, 255))
@example(place=0.2, byte=1)
def test_one_wrong_byte_anywhere_is_detected(place: float, byte: int) -> None:
    def flip(whole: bytes) -> bytes:
        at = int(place * len(whole))
        return whole[:at] + bytes([whole[at] ^ byte]) + whole[at + 1 :]

    damaged(flip)
    got = kept_arrays("numbers", "key", numbers)
    assert_same({name: got[name] for name in numbers()})
    (cache_folder() / "numbers-key.npz").unlink(missing_ok=True)


# A folder that cannot be written


def test_a_folder_that_cannot_be_created_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert_same(kept_arrays("numbers", "key", numbers))
    assert_same(kept_arrays("numbers", "key", numbers))


def test_a_folder_in_place_of_the_file_only_costs_time(folder: Path) -> None:
    (folder / "numbers-key.npz").mkdir(parents=True)
    assert_same(kept_arrays("numbers", "key", numbers))
    assert [path.name for path in files(folder)] == ["numbers-key.npz"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_works_and_is_read(folder: Path) -> None:
    kept_arrays("numbers", "key", numbers)
    folder.chmod(0o500)
    try:
        assert_same(kept_arrays("numbers", "key", must_not_make))
        assert_same(kept_arrays("numbers", "other", numbers))
    finally:
        folder.chmod(0o700)
    assert [path.name for path in files(folder)] == ["numbers-key.npz"]


def test_a_file_is_replaced_atomically_and_keeps_its_permissions(tmp_path: Path) -> None:
    file, link = tmp_path / "report", tmp_path / "link"
    file.write_text("the old one", encoding="utf-8")
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, b"the new one")
    assert (file.read_bytes(), file.stat().st_mode & 0o777, link.is_symlink()) == (b"the new one", 0o640, True)
    assert files(tmp_path) == [link, file]


def test_a_link_that_leads_to_itself_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    write_whole(tmp_path / "link", b"the new one")
    assert (tmp_path / "link").read_bytes() == b"the new one"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_new_file_has_the_usual_permissions_and_other_threads_keep_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_umask = os.umask
    before = set_umask(0o027)
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask of every thread was changed"))
    try:
        write_whole(tmp_path / "report", b"content")
    finally:
        set_umask(before)
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_private_file_is_private_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sessions"
    file.write_bytes(b"readable by all")
    modes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: modes.append(os.fstat(descriptor).st_mode & 0o777))
    write_whole(file, b"content", private=True)
    assert (modes, file.stat().st_mode & 0o777) == ([0o600], 0o600)


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_whole(Path("/dev/null"), b"nothing")
    assert Path("/dev/null").is_char_device()


def content_in(path: Path) -> bytes:
    """Read a file as a graph is read: whatever follows the content is ignored."""
    if not path.is_file():
        raise ValueError("it holds no graph")
    return path.read_bytes()[: len(b"content")]


def test_a_cached_file_is_made_once_and_again_if_it_is_damaged(folder: Path) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"content"

    for _ in range(2):
        assert kept_file("graph", "key", make, content_in) == b"content"
    assert len(made) == 1
    path = folder / "graph-key.whole"
    path.write_bytes(b"damaged" + path.read_bytes()[7:])
    assert kept_file("graph", "key", make, content_in) == b"content"
    assert len(made) == 2


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    def refuse(path: Path) -> None:
        raise ValueError("it holds no graph")

    for _ in range(2):  # first computed, then found in the cache
        with pytest.raises(ValueError, match="holds no graph"):
            kept_file("graph", "key", lambda: b"content", refuse)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_cached_file_that_another_process_removes_is_still_read(is_new: bool) -> None:
    if not is_new:
        kept_file("graph", "key", lambda: b"content", content_in)
    removed: list[Path] = []

    def read_late(path: Path) -> bytes:
        if not removed:
            path.unlink()
            removed.append(path)
        return content_in(path)

    assert kept_file("graph", "key", lambda: b"content", read_late) == b"content"


def test_files_in_use_are_kept_and_the_oldest_are_removed(folder: Path) -> None:
    for number in range(MAX_KEPT + 5):
        assert kept_file("graph", "in use", lambda: b"content", content_in) == b"content"
        assert kept_texts("texts", "in use", dict) == {}
        kept_file("graph", str(number), lambda: b"content", content_in)
        kept_texts("texts", str(number), dict)
        for age, path in enumerate(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)):
            os.utime(path, ns=(0, 10**18 - age * 10**9))  # clearly apart on any file system, and in the past
    assert len(files(folder)) == 2 * MAX_KEPT
    assert {"graph-in use.whole", "texts-in use.json"} <= {path.name for path in files(folder)}


def test_files_that_cannot_be_removed_do_not_discard_the_new_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "in use by another program")

    for number in range(MAX_KEPT):
        kept_file("graph", str(number), lambda: b"content", content_in)
    read: list[Path] = []
    monkeypatch.setattr(Path, "unlink", refuse)
    kept_file("graph", "new", lambda: b"content", read.append)
    assert read == [folder / "graph-new.whole"]


def test_any_change_of_a_folder_of_code_gives_another_key(tmp_path: Path) -> None:
    keys = [code_key(tmp_path / "missing"), code_key(tmp_path)]
    (tmp_path / "one.py").write_text("one = 1", encoding="utf-8")
    keys.append(code_key(tmp_path))
    (tmp_path / "one.py").rename(tmp_path / "two.py")
    keys.append(code_key(tmp_path))
    os.utime(tmp_path / "two.py", ns=(1, 1))
    keys.append(code_key(tmp_path))
    (tmp_path / "two.py").write_text("two = 22", encoding="utf-8")
    keys += [code_key(tmp_path), code_key(tmp_path)]
    assert len(set(keys)) == len(keys) - 2
    assert (keys[0], keys[-1]) == (keys[1], keys[-2])
