"""Archives and folders with entries that no model has are rejected completely, and nothing is written outside."""

from __future__ import annotations

import errno
import os
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voice_helper.errors import ModelInstallError
from voice_helper.speech_models import unpack as archives
from voice_helper.speech_models.unpack import copy, unpack

quick = settings(max_examples=150)
PARTS = st.sampled_from(
    ["a", "A", "b", "..", ".", "", "/", "\\", "C:", "con", "aux.txt", "é", "e\u0301", "x ", "x.", "a\x01", "~", "-"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(bool)


def packed(path: Path, files: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # about duplicate names
        for name, content in files:
            archive.writestr(name, content)
    return path


def of_kind(name: str, kind: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (kind | 0o777) << 16
    return member


def unpacked(archive: Path, folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    unpack(archive, folder / "in", count=lambda done: None)
    return contents(folder / "in")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(archive: Path, folder: Path) -> str:
    with pytest.raises(ModelInstallError) as caught:
        unpacked(archive, folder)
    assert caught.value.hint
    return caught.value.message


def test_files_and_folders_are_unpacked_unchanged(tmp_path: Path) -> None:
    files = {"m/am/final.mdl": os.urandom(600_000), "m/conf/empty": b"", "m/graph/HCLG.fst": bytes(900_000)}
    counted: list[int] = []
    archive = packed(tmp_path / "m.zip", [("m/", b""), *files.items()], zipfile.ZIP_DEFLATED)
    unpack(archive, tmp_path / "in", count=counted.append)
    assert contents(tmp_path / "in") == files
    assert counted == sorted(counted)
    assert counted[-1] == 1_500_000


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("../outside", "a name that no model has"),
        ("a/../../outside", "a name that no model has"),
        ("a/..", "a name that no model has"),
        ("/etc/outside", "a name that no model has"),
        ("//server/outside", "a name that no model has"),
        ("..\\outside", "a name that no model has"),
        ("C:/outside", "a name that no model has"),
        ("C:outside", "a name that no model has"),
        ("nul", "a name that no model has"),
        ("a/Com1.txt", "a name that no model has"),
        ("a\x1b[2Jb", "a name that no model has"),
        ("a/b.", "a name that no model has"),
        (of_kind("link", stat.S_IFLNK), "a link or a device"),
        (of_kind("folder/", stat.S_IFLNK), "a link or a device"),
        (of_kind("pipe", stat.S_IFIFO), "a link or a device"),
        (of_kind("disk", stat.S_IFBLK), "a link or a device"),
        (of_kind("socket", stat.S_IFSOCK), "a link or a device"),
    ],
    ids=str,
)
def test_entries_that_no_model_has_are_rejected_before_anything_is_written(
    tmp_path: Path, member: str | zipfile.ZipInfo, words: str
) -> None:
    archive = packed(tmp_path / "m.zip", [("good", b"x"), (member, b"/etc/passwd")])
    before = set(tmp_path.rglob("*"))
    assert words in refusal(archive, tmp_path)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "names",
    [
        ("a", "a"),
        ("a", "A"),
        ("m/a", "M/A"),
        ("é", "e\u0301"),
        ("a", "./a"),
        ("a/b", "a//b"),
        ("a", "a/b"),
        ("a/b", "A"),
        ("a/", "a"),
        ("ß", "SS"),
    ],
    ids=ascii,
)
def test_names_that_collide_on_some_system_are_rejected(tmp_path: Path, names: tuple[str, str]) -> None:
    assert "twice" in refusal(packed(tmp_path / "m.zip", [(name, b"x") for name in names]), tmp_path)


def test_an_encrypted_archive_is_rejected(tmp_path: Path) -> None:
    archive = packed(tmp_path / "m.zip", [("a", b"secret")])
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    raw[6] |= 1
    archive.write_bytes(raw)
    assert "which is encrypted" in refusal(archive, tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_are_rejected(tmp_path: Path, method: int) -> None:
    assert "packed with an unknown" in refusal(packed(tmp_path / "m.zip", [("a", b"x" * 99)], method), tmp_path)


def test_a_zip_bomb_is_rejected_by_its_listed_sizes(tmp_path: Path) -> None:
    archive = packed(tmp_path / "m.zip", [("zeros", bytes(30_000_000))], zipfile.ZIP_DEFLATED)
    assert "more than a model" in refusal(archive, tmp_path)


def test_a_zip_bomb_with_false_sizes_writes_no_more_than_listed(tmp_path: Path) -> None:
    archive = packed(tmp_path / "m.zip", [("zeros", bytes(30_000_000))], zipfile.ZIP_DEFLATED)
    true, false = struct.pack("<I", 30_000_000), struct.pack("<I", 1_000)
    archive.write_bytes(archive.read_bytes().replace(true, false))
    assert "damaged" in refusal(archive, tmp_path)
    assert sum(path.stat().st_size for path in (tmp_path / "in").rglob("*")) <= 1_000


def test_overlapping_files_are_not_unpacked_endlessly(tmp_path: Path) -> None:
    """An archive that lists the same compressed bytes many times expands to far more than its size."""
    archive = packed(tmp_path / "m.zip", [("a0", bytes(900_000))], zipfile.ZIP_DEFLATED)
    raw = archive.read_bytes()
    start = raw.index(b"PK\x01\x02")
    entry, end = raw[start : raw.index(b"PK\x05\x06")], bytearray(raw[raw.index(b"PK\x05\x06") :])
    entries = b"".join(entry.replace(b"a0", f"a{number}".encode()) for number in range(10))
    end[8:12] = struct.pack("<HH", 10, 10)
    end[12:16] = struct.pack("<I", len(entries))
    archive.write_bytes(raw[:start] + entries + end)
    assert "more than a model" in refusal(archive, tmp_path)


def test_too_many_files_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 5)
    files = [(f"m/{number}", b"x") for number in range(6)]
    assert "more than a model" in refusal(packed(tmp_path / "m.zip", files), tmp_path)
    (tmp_path / "m").mkdir()
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelInstallError, match="more than a model"):
        copy(tmp_path / "m", tmp_path / "to", count=lambda done: None)


def test_a_file_that_is_not_an_archive_is_reported(tmp_path: Path) -> None:
    for content in (b"", b"<html>", b"PK\x03\x04", bytes(5_000)):
        (tmp_path / "m.zip").write_bytes(content)
        assert "m.zip is not a complete zip archive" in refusal(tmp_path / "m.zip", tmp_path)


def test_an_archive_with_negative_offsets_is_damaged(tmp_path: Path) -> None:
    archive = packed(tmp_path / "m.zip", [("a", b"x")])
    raw = bytearray(archive.read_bytes())
    end = raw.index(b"PK\x05\x06")
    struct.pack_into("<I", raw, end + 16, struct.unpack_from("<I", raw, end + 16)[0] + 1_000)
    archive.write_bytes(raw)
    assert "m.zip" in refusal(archive, tmp_path)


def test_too_little_disk_space_is_detected_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    archive = packed(tmp_path / "m.zip", [("a", bytes(2_000_000))])
    with pytest.raises(OSError, match="2 MB are needed, 1 MB are free") as caught:
        unpacked(archive, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert not (tmp_path / "in").exists()


# Whatever comes


@quick
@given(st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=5))
@example([("a", b"1"), ("a/..", b"2")])
def test_any_names_are_unpacked_unchanged_or_the_archive_is_rejected(files: list[tuple[str, bytes]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        archive = packed(folder / "m.zip", files)
        try:
            found = unpacked(archive, folder)
        except ModelInstallError:
            found = {}
            assert not (folder / "in").exists(), "names are looked at before anything is written"
        else:
            assert sorted(found.values()) == sorted(content for name, content in files if not name.endswith("/"))
        outside = {path.name for path in folder.iterdir()} - {"m.zip", "in"}
        assert outside == set()


@quick
@given(st.randoms(use_true_random=False), st.integers(0, 12), st.floats(0, 1))
def test_a_damaged_archive_is_always_rejected_with_a_clear_error(
    chance: random.Random, flips: int, kept: float
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = [("m/a", bytes(range(256)) * 20), ("m/b", b"text " * 200), ("m/c/", b"")]
        raw = bytearray(packed(folder / "m.zip", files, zipfile.ZIP_DEFLATED).read_bytes())
        for _ in range(flips):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        (folder / "m.zip").write_bytes(raw[: max(1, int(len(raw) * max(kept, 0.2 + flips / 12)))])
        try:
            found = unpacked(folder / "m.zip", folder)
        except ModelInstallError:
            return
        assert sum(map(len, found.values())) <= 1_000_000


# Folders


def test_a_folder_is_copied_unchanged(tmp_path: Path) -> None:
    for name in ("m/am/final.mdl", "m/conf/model.conf"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(name.encode())
    copy(tmp_path / "m", tmp_path / "to", count=lambda done: None)
    assert contents(tmp_path / "to") == contents(tmp_path / "m")


@pytest.mark.parametrize("kind", ["file", "folder", "nowhere", "loop", "pipe"])
def test_a_folder_with_a_link_or_a_pipe_is_rejected_before_anything_is_written(tmp_path: Path, kind: str) -> None:
    folder, to = tmp_path / "m" / "deep", tmp_path / "to"
    folder.mkdir(parents=True)
    (folder / "good").write_bytes(b"x")
    targets = {"file": "/etc/passwd", "folder": "/etc", "nowhere": "/nowhere", "loop": str(folder)}
    if kind == "pipe":
        os.mkfifo(folder / "pipe")
    else:
        (folder / "link").symlink_to(targets[kind])
    with pytest.raises(ModelInstallError, match="a link or a device"):
        copy(tmp_path / "m", to, count=lambda done: None)
    assert not to.exists()
