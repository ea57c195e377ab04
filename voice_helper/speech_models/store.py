"""Install, import, verify and remove the user's own speech models. A model is never left half installed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from voice_helper.errors import ModelInstallError, ModelMissingError
from voice_helper.speech_models.catalogue import KnownFile, KnownModel, registry
from voice_helper.speech_models.find import engine_of, find_model, missing_in, most_like, usable_models
from voice_helper.speech_models.unpack import check_room, copy, unpack
from voice_helper.support.engines import MODEL_KINDS
from voice_helper.support.paths import user_models_folder

Progress = Callable[[str, int, int | None], None]
"""The type of a progress function.

It receives the current activity, the number of bytes done so far, and the total if it is known.
"""

_RECEIPT: Final = "voice-helper.json"
_LOCK: Final = ".lock"
_COMING, _REMOVING, _PARTS = ".coming", ".removing", ".parts"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
_UNSURE_TIMES: Final = 2  # a file without a checksum may be this many times larger than registered
_LOAD_SECONDS: Final = 300
_NOT_HERE: Final = 77  # exit code if the engine is not installed
_LOADING: Final = {engine: kind.load for engine, kind in MODEL_KINDS.items()}
_LOADER: Final = "import sys\ntry:\n {}\nexcept (ImportError, OSError):\n sys.exit({})\nload(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a model comes from, and how to get its files."""

    origin: str
    fill: Callable[[Path], object]
    """Puts the files of the model into a new folder."""

    checksum: str | None = None
    """The SHA-256 of the model's archive, if it has one."""

    name: str = ""
    """The name of the model if its own folder does not provide one."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that is on this machine or can be installed."""

    name: str
    engine: str
    bytes: int
    """The size on disk, in bytes, or the size of the download if the model is not installed."""

    known: KnownModel | None = None
    path: Path | None = None
    """The folder of the model. `None` if the model is not on this machine."""

    is_own: bool = False
    """Whether this program installed or imported the model."""

    is_used: bool = False
    fetched_bytes: int = 0
    """The number of bytes in a partial download."""


def installed() -> tuple[Path, ...]:
    """Return the folders of the models that this program installed or imported."""
    receipts = user_models_folder().glob(f"[!.]*/{_RECEIPT}")
    return tuple(sorted(path.parent for path in receipts if not path.parent.is_symlink()))


def find_installed(name: str) -> Path | None:
    """Return the folder of an installed or imported model by name, or `None` if there is no such model."""
    return next((path for path in installed() if path.name == name), None)


def listed(language: str) -> tuple[Listed, ...]:
    """Return the models in the registry and all other models on this machine.

    `is_used` marks the models that are used for the language.
    """
    used = [path for engine in _LOADING if (path := _used(engine, language))]
    own = installed()
    here = {path: engine for engine in _LOADING for path in usable_models(engine)}
    here |= {path: engine_of(path) or "damaged" for path in own}
    names = {path.name: path for path in reversed(own)}
    rows = []
    for model in registry():
        path = names.get(model.name)
        if path is None:
            rows.append(Listed(model.name, model.engine, model.bytes, model, fetched_bytes=_fetched(model.name)))
        else:
            rows.append(Listed(model.name, here.pop(path), _bytes_in(path), model, path, True, path in used))
    rest = (Listed(path.name, here[path], _bytes_in(path), None, path, path in own, path in used) for path in here)
    return (*rows, *rest)


def install(model: KnownModel, *, mirror: str | None, progress: Progress) -> Path:
    """Download a model, install it among the user's own models, and return its folder.

    `mirror` is the URL of another folder with the same files. Raises `ModelInstallError`. The next attempt reuses the
    data downloaded so far, unless that data was the problem.
    """
    from voice_helper.speech_models.download import check_address

    url = (mirror or model.url).rstrip("/")
    check_address(url, is_mirror=mirror is not None)
    with _locked() as models:
        _refuse_a_second(models, model.name)
        parts = _parts_of(model.name)
        parts.mkdir(exist_ok=True)
        try:
            missing_bytes = model.bytes - _fetched(model.name)
            check_room(models, missing_bytes + (model.unpacked_bytes if model.archive else 0))
            for file in model.files:
                _fetch(f"{url}/{file.name}", file, parts / file.name, progress)
            path = _keep_fetched(models, model, parts, url, progress)
        finally:
            with suppress(OSError):  # not empty: it holds data for the next attempt
                parts.rmdir()
        return path


def import_model(source: Path, *, name: str | None, progress: Progress) -> Path:
    """Copy a model from a zip archive or a folder, and return the folder of the copy.

    Without `name`, the model gets its name from the registry, or otherwise from its own folder. If the name is in the
    registry, the model must be identical to the registered one. Raises `ModelInstallError`.
    """
    with _locked() as models:
        if not (source.is_file() or source.is_dir()):
            raise ModelInstallError(
                f"there is no file or folder {source}", hint="name the zip archive or the unpacked folder"
            )
        path = source.resolve()
        given = _copied(path, progress) if path.is_dir() else _packed(path, str(path), progress)
        return _keep(models, name or _published_name(given.checksum), given, progress)


def verify(folder: Path) -> tuple[str, ...]:
    """Return the files of an installed model that are missing or have changed since installation.

    Raises `ModelInstallError`.
    """
    try:
        files = _receipt(folder)
        return tuple(
            name
            for name, checksum in sorted(files.items())
            if not (folder / name).is_file() or _sha256_of(folder / name) != checksum
        )
    except OSError as error:
        raise _unusable(folder, error) from error


def check_removable(name: str) -> None:
    """Raise `ModelInstallError` if no model of this name was installed, imported or partly downloaded."""
    if not _NAME.fullmatch(name) or (find_installed(name) is None and not _parts_of(name).is_dir()):
        raise not_installed(name)


def remove(name: str) -> None:
    """Remove an installed or imported model, and any partial download of it. Raises `ModelInstallError`."""
    with _locked() as models:
        check_removable(name)
        folder = find_installed(name)
        if folder is not None:
            going = models / f".{name}{_REMOVING}"
            folder.rename(going)
            shutil.rmtree(going)
        shutil.rmtree(_parts_of(name), ignore_errors=True)


def not_installed(name: str) -> ModelInstallError:
    """Build the error for a model name that is not installed."""
    names = ", ".join(path.name for path in installed()) or "none"
    return ModelInstallError(f'no model "{name}" was installed here', hint=f"installed: {names}")


def _fetch(url: str, file: KnownFile, part: Path, progress: Progress) -> None:
    from voice_helper.speech_models.download import fetch

    max_bytes = file.bytes if file.sha256 else file.bytes * _UNSURE_TIMES
    fetch(url, part, max_bytes=max_bytes, progress=lambda have, whole: progress(f"fetching {file.name}", have, whole))
    if file.sha256 is None:
        return
    checksum = _sha256_of(part)
    if checksum != file.sha256:
        part.unlink()
        raise ModelInstallError(
            f"{url} did not send {file.name}: its checksum is {checksum}, not {file.sha256}",
            hint="try again, or use another --mirror; nothing was kept",
        )


def _keep_fetched(models: Path, model: KnownModel, parts: Path, url: str, progress: Progress) -> Path:
    """Install a model from its downloaded files. If that fails, remove these files."""
    try:
        archive = parts / model.archive.name if model.archive else None
        source = _packed(archive, url, progress) if archive else _Source(url, parts.rename)
        path = _keep(models, model.name, source, progress)
    except ModelInstallError:
        shutil.rmtree(parts, ignore_errors=True)
        raise
    shutil.rmtree(parts, ignore_errors=True)
    return path


def _packed(archive: Path, origin: str, progress: Progress) -> _Source:
    def fill(folder: Path) -> None:
        unpack(archive, folder, count=lambda done: progress("unpacking", done, None))

    return _Source(origin, fill, _sha256_of(archive), archive.stem)


def _copied(folder: Path, progress: Progress) -> _Source:
    def fill(to: Path) -> None:
        copy(folder, to, count=lambda done: progress("copying", done, None))

    return _Source(str(folder), fill, name=folder.name)


def _published_name(checksum: str | None) -> str | None:
    """Return the name of the model in the registry whose archive has this checksum, or `None`."""
    archives = {model.archive.sha256: model.name for model in registry() if model.archive and model.archive.sha256}
    return archives.get(checksum) if checksum else None


def _keep(models: Path, name: str | None, source: _Source, progress: Progress) -> Path:
    """Put a model next to the others under a temporary name, check it, then rename it to its final name."""
    if name:
        _refuse_a_second(models, name)
    coming = models / f".{name or 'import'}{_COMING}"
    try:
        source.fill(coming)
        root, engine = _model_in(coming, source.origin)
        name = name or (source.name if root == coming else root.name)
        _refuse_a_second(models, name)
        progress("checking", 0, None)
        files = {path.relative_to(root).as_posix(): _sha256_of(path) for path in _files(root)}
        _check_is_the_known(name, source.checksum, files)
        _check_loads(root, engine, source.origin)
        receipt = {"name": name, "engine": engine, "from": source.origin, "sha256": source.checksum, "files": files}
        (root / _RECEIPT).write_text(json.dumps(receipt, indent=1) + "\n", encoding="utf-8")
        _to_disk(root)
        root.rename(models / name)
        _folder_to_disk(models)
    finally:
        shutil.rmtree(coming, ignore_errors=True)
    return models / name


def _refuse_a_second(models: Path, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ModelInstallError(
            f'"{name}" cannot be the name of a model', hint="choose another with --name, using letters, digits and -._+"
        )
    if (models / name).exists():
        raise ModelInstallError(f'"{name}" already exists', hint=f"voice-helper models remove {name}")


def _model_in(folder: Path, origin: str) -> tuple[Path, str]:
    """Return the folder of the model, which is this folder or a direct subfolder, and the model's engine.

    Raises `ModelInstallError` if neither holds a model.
    """
    inner = [child for child in folder.iterdir() if child.is_dir()]
    for candidate in (folder, *inner):
        engine = engine_of(candidate)
        if engine is not None:
            return candidate, engine
    nearest = inner[0] if len(inner) == 1 else folder
    engine = most_like(nearest)
    raise ModelInstallError(
        f"{origin} is not a {MODEL_KINDS[engine].title} model: {missing_in(nearest, engine)}",
        hint="use another archive or folder",
    )


def _check_is_the_known(name: str, checksum: str | None, files: dict[str, str]) -> None:
    """Raise `ModelInstallError` if a model has the name of one in the registry but a different checksum."""
    model = next((model for model in registry() if model.name == name), None)
    if model is None:
        return
    if model.archive:
        is_it = not (checksum and model.archive.sha256) or checksum == model.archive.sha256
    else:
        is_it = all(file.sha256 in {None, files.get(file.name)} for file in model.files)
    if not is_it:
        raise ModelInstallError(
            f"this is not the {name} of the registry: its checksum differs",
            hint="download it from its publisher, or import it under another name with --name",
        )


def _check_loads(folder: Path, engine: str, origin: str) -> None:
    """Load the model in a separate process, since a broken model can crash the process that loads it.

    Raises `ModelInstallError` if it does not load.
    """
    command = [sys.executable, "-P", "-c", _LOADER.format(_LOADING[engine], _NOT_HERE), str(folder)]
    try:
        loaded = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_LOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ModelInstallError(f"the model from {origin} does not load in time", hint="use a smaller one") from None
    if loaded.returncode not in {0, _NOT_HERE}:
        raise ModelInstallError(
            f"the model from {origin} does not load: it is broken, or larger than this machine's memory",
            hint="download it again, or use a smaller one",
        )


@contextmanager
def _locked() -> Iterator[Path]:
    """Lock the folder of the user's models, remove what a crashed process left unfinished, and yield the folder.

    Raises `ModelInstallError` if another process holds the lock, or if the folder cannot be used.
    """
    folder = user_models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK, timeout=0):
            for left in folder.glob(".*"):
                done = left.suffix == _PARTS and (folder / left.stem[1:]).exists()
                if done or left.suffix in {_COMING, _REMOVING}:
                    shutil.rmtree(left, ignore_errors=True)
            yield folder
    except Timeout:
        raise ModelInstallError("another voice-helper is changing the models", hint="wait until it is done") from None
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> ModelInstallError:
    """Return the error for a file or folder that cannot be read or written, with a hint about what to do."""
    path, why = error.filename or folder, error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return ModelInstallError(
            f"there is not enough space in {folder}: {why}", hint="free some disk space; the downloaded part is kept"
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return ModelInstallError(f"{path} cannot be read or written: {why}", hint="check its permissions and its owner")
    return ModelInstallError(f"{path} cannot be read or written: {why}", hint="check the folder and the disk")


def _receipt(folder: Path) -> dict[str, str]:
    """Read the checksums of a model's files that were recorded at installation."""
    try:
        receipt: dict[str, Any] = json.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
        return {str(name): str(checksum) for name, checksum in receipt["files"].items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelInstallError(
            f"{folder / _RECEIPT} cannot be understood",
            hint=f"voice-helper models remove {folder.name}, and install it again",
        ) from error


def _used(engine: str, language: str) -> Path | None:
    try:
        return find_model(engine, language, None)
    except ModelMissingError:
        return None


def _parts_of(name: str) -> Path:
    """Return the folder for the partial download of a model."""
    return user_models_folder() / f".{name}{_PARTS}"


def _fetched(name: str) -> int:
    return _bytes_in(_parts_of(name))


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(root: Path) -> None:
    """Flush a model to disk before it gets its final name."""
    for path in _files(root):
        with path.open("r+b") as file:
            os.fsync(file.fileno())
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        _folder_to_disk(folder)


def _folder_to_disk(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot sync folders and does not need to
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
