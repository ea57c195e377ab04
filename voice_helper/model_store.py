"""The user's own speech models: installed, imported, verified and removed, each whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from filelock import FileLock, Timeout

from voice_helper.downloads import Progress, check_address, fetch, not_written, sha256_of, unpack
from voice_helper.errors import ModelInstallError
from voice_helper.models import missing_in
from voice_helper.paths import data_folder, user_models_folder

_RECEIPT: Final = "voice-helper.json"
_LOCK: Final = ".lock"
_UNPACKED_SHARE: Final = 4  # an unpacked model is at most so many times its archive
_LOAD_SECONDS: Final = 300
_LOADING: Final = "import sys, vosk; vosk.SetLogLevel(-1); vosk.Model(model_path=sys.argv[1])"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the registry."""

    name: str
    engine: str
    language: str
    url: str
    size_megabytes: int
    sha256: str | None
    """`None` where it is not known for certain."""

    licence: str


def registry() -> tuple[KnownModel, ...]:
    """Give the models that this project knows, from `models/registry.yaml`."""
    entries = yaml.safe_load((data_folder("models") / "registry.yaml").read_text(encoding="utf-8"))["models"]
    return tuple(KnownModel(**entry) for entry in entries)


def known(name: str) -> KnownModel:
    """Give a model of the registry by its name; raises `ModelInstallError`."""
    models = {model.name: model for model in registry()}
    if name not in models:
        raise ModelInstallError(f'there is no model "{name}"', hint=f"models: {', '.join(models)}")
    return models[name]


def installed() -> tuple[Path, ...]:
    """Give the folders of the models that were installed or imported here."""
    folder = user_models_folder()
    return tuple(sorted(path.parent for path in folder.glob(f"*/{_RECEIPT}"))) if folder.is_dir() else ()


def install(model: KnownModel, *, mirror: str | None, progress: Progress) -> Path:
    """Fetch a model and keep it among the user's own; gives its folder.

    Raises `ModelInstallError`; what came until then is used the next time.
    """
    url = f"{mirror.rstrip('/')}/{model.url.rsplit('/', 1)[-1]}" if mirror else model.url
    check_address(url, is_mirror=mirror is not None)
    with _locked() as folder:
        _refuse_a_second(folder, model.name)
        _check_room(folder, model.size_megabytes)
        part = folder / f".{model.name}.zip.part"
        most = model.size_megabytes * 2_000_000
        fetch(url, part, most_bytes=most, progress=progress)
        checksum = sha256_of(part)
        if model.sha256 is not None and checksum != model.sha256:
            part.unlink()
            raise ModelInstallError(
                f"what {url} gives is not the model: its checksum is {checksum}", hint="try again, or another --mirror"
            )
        path = _keep(folder, model.name, part, url, checksum, most * _UNPACKED_SHARE)
        part.unlink()
        return path


def import_model(source: Path) -> Path:
    """Keep a copy of an unpacked model, or of one in a zip archive; gives its folder. Raises `ModelInstallError`."""
    if not source.exists():
        raise ModelInstallError(f"there is no {source}", hint="give the zip archive, or the unpacked folder")
    with _locked() as folder:
        size = source.stat().st_size if source.is_file() else sum(file.stat().st_size for file in _files(source))
        _check_room(folder, size // 1_000_000)
        checksum = sha256_of(source) if source.is_file() else None
        return _keep(folder, source.stem if source.is_file() else source.name, source, str(source), checksum, size * 9)


def verify(folder: Path) -> tuple[str, ...]:
    """Give the files of a model that are missing or are not as they were when it was installed."""
    receipt = _receipt(folder)
    return tuple(
        name
        for name, checksum in sorted(receipt["files"].items())
        if not (folder / name).is_file() or sha256_of(folder / name) != checksum
    )


def remove(name: str) -> None:
    """Remove a model that was installed or imported; raises `ModelInstallError` where there is none of this name."""
    folder = {path.name: path for path in installed()}.get(name)
    if folder is None:
        names = ", ".join(path.name for path in installed()) or "none"
        raise ModelInstallError(f'no model "{name}" was installed here', hint=f"installed: {names}")
    with _locked() as models:
        going = models / f".{name}.removing"
        try:
            folder.rename(going)
            shutil.rmtree(going)
        except OSError as error:
            raise not_written(folder, error) from error


def _keep(models: Path, name: str, source: Path, origin: str, checksum: str | None, most_bytes: int) -> Path:
    """Put a model beside the others under a temporary name, look whether it is one, then give it its own."""
    _refuse_a_second(models, name)
    coming = models / f".{name}.coming"
    try:
        if source.is_dir():
            shutil.copytree(source, coming, symlinks=False)
        else:
            coming.mkdir()
            unpack(source, coming, most_bytes=most_bytes)
        root = _model_in(coming, origin)
        _check_loads(root, origin)
        receipt = {"name": name, "from": origin, "sha256": checksum}
        files = {str(file.relative_to(root)): sha256_of(file) for file in _files(root)}
        (root / _RECEIPT).write_text(json.dumps({**receipt, "files": files}, indent=1) + "\n", encoding="utf-8")
        for file in _files(root):
            _to_disk(file)
        root.rename(models / name)
    except OSError as error:
        raise not_written(models / name, error) from error
    finally:
        shutil.rmtree(coming, ignore_errors=True)
    return models / name


def _refuse_a_second(models: Path, name: str) -> None:
    if (models / name).exists():
        raise ModelInstallError(f'"{name}" is there already', hint=f"voice-helper models remove {name}")


def _model_in(folder: Path, origin: str) -> Path:
    """Give the folder that is the model: this one, or the one folder in it."""
    inner = [child for child in folder.iterdir() if child.is_dir()]
    for candidate in (folder, *inner):
        if missing_in(candidate) is None:
            return candidate
    what = missing_in(inner[0] if len(inner) == 1 else folder)
    raise ModelInstallError(f"{origin} is not a Vosk model: {what}", hint="take another archive")


def _check_loads(folder: Path, origin: str) -> None:
    """Load it in a process of its own: a broken model may end the process that loads it."""
    command = [sys.executable, "-c", _LOADING, str(folder)]
    try:
        loaded = subprocess.run(command, capture_output=True, check=False, timeout=_LOAD_SECONDS)
    except subprocess.TimeoutExpired:
        raise ModelInstallError(f"the model from {origin} does not load in time", hint="take a smaller one") from None
    if loaded.returncode:
        raise ModelInstallError(f"the model from {origin} does not load: it is broken", hint="fetch it again")


def _check_room(folder: Path, megabytes: int) -> None:
    needed = megabytes * 1_000_000 * (1 + _UNPACKED_SHARE) // 2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelInstallError(
            f"there is too little room in {folder}: {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB needed",
            hint="make room on the disk",
        )


@contextmanager
def _locked() -> Iterator[Path]:
    """Give the folder of the user's models to one process at a time; what a dead one left half-done is swept away."""
    folder = user_models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK, timeout=0)
        with lock:
            for left in (*folder.glob(".*.coming"), *folder.glob(".*.removing")):
                shutil.rmtree(left, ignore_errors=True)
            yield folder
    except Timeout:
        raise ModelInstallError("another voice-helper is working on the models", hint="wait until it is done") from None
    except OSError as error:
        raise not_written(folder, error) from error


def _receipt(folder: Path) -> dict[str, Any]:
    try:
        receipt: dict[str, Any] = json.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
        receipt["files"].items()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelInstallError(
            f"{folder / _RECEIPT} cannot be read",
            hint=f"voice-helper models remove {folder.name}, and install it again",
        ) from error
    return receipt


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
