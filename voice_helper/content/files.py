"""Read the files of an intents folder once, and return them as bytes, texts or YAML documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.support.paths import data_folder, is_file

NEEDED = ("language.yaml", "answers.yaml")
OPTIONAL = (
    "facts.yaml", "guide.yaml", "safety.yaml", "thresholds.yaml", "pronunciation.yaml", "phrases.yaml", "page.yaml",
    "follow_ups.yaml", "assistant.yaml",
)  # fmt: skip
WORDINGS = "wordings.txt"
USUAL_PAGE = "page.{}.yaml"
"""The name of the file with the default texts of the web page in a language. It is next to the intents folders."""
GENERATED = "generated"
YAML = ".yaml"
_SHORT_YAML = ".yml"
YAML_SUFFIXES = (YAML, _SHORT_YAML)


@dataclass(frozen=True)
class Files:
    """The files of an intents folder, read into memory."""

    folder: Path
    read: Mapping[Path, bytes | OSError]
    """The content of each file, or the error that reading it raised, by path.

    The suffix of each path is normalized to `.yaml`.
    """

    named: Mapping[Path, Path] = field(default_factory=dict)
    """The actual path of each file whose name differs from its key in `read`, such as `guide.yml`."""

    twice: tuple[Path, ...] = ()
    """Files that are ignored because a file of the same name with the suffix `.yaml` exists."""

    @property
    def shown(self) -> str:
        """Return the folder's name for problem messages."""
        return shown_path(self.folder, self.folder)

    def key(self, belongs: Callable[[Path], bool] = lambda path: True) -> str:
        """Return a hash of all files for which `belongs` returns true. The same content has the same key."""
        digest = hashlib.sha256()
        for path, raw in self.read.items():
            if isinstance(raw, bytes) and belongs(path):
                digest.update(path.name.encode() + b"\0" + raw + b"\0")
        return digest.hexdigest()


def is_left_by_a_program(path: Path) -> bool:
    """Return whether a file belongs to an editor or the operating system, such as a lock, a backup or metadata (`.#x`,
    `x~`).
    """
    return path.name.startswith((".", "#")) or path.name.endswith("~")


def read_files(folder: Path) -> Files:
    """Read the files of an intents folder. Files of editors and of the operating system are ignored."""
    found: dict[Path, Path] = {}
    twice: list[Path] = []
    known = {folder / name for name in (*NEEDED, *OPTIONAL)}
    sentences = sorted(path for path in (folder / "sentences").glob("*") if not is_left_by_a_program(path))
    for path in (*sorted(known), *(path.with_suffix(_SHORT_YAML) for path in sorted(known)), *sentences):
        usual = path.with_suffix(YAML) if path.suffix == _SHORT_YAML else path
        if usual.suffix != YAML or (path.parent == folder and not is_file(path)):
            continue
        if usual in found:
            twice.append(path)
        found.setdefault(usual, path)
    order = {folder / name: number for number, name in enumerate((*NEEDED, *OPTIONAL))}
    paths = sorted(found, key=lambda path: (order.get(path, len(order)), path))
    paths += [path for path in (folder / WORDINGS,) if is_file(path)]
    paths += sorted(data_folder("intents").glob(USUAL_PAGE.format("*")))
    read = {path: _raw(found.get(path, path)) for path in paths}
    return Files(folder, read, {usual: path for usual, path in found.items() if usual != path}, tuple(twice))


def generated_file(folder: Path, name: str) -> Path:
    """Return the path of a file that a command generates from an intents folder. The file may not exist."""
    return folder / GENERATED / name


def _raw(path: Path) -> bytes | OSError:
    try:
        return path.read_bytes()
    except OSError as error:
        return error


def usual_page(files: Files, language: str) -> Path | None:
    """Return the file with the default texts of the web page in a language, or `None` if there is none."""
    name = USUAL_PAGE.format(language)
    return next((path for path in files.read if path.name == name and path.parent != files.folder), None)


def document_of(files: Files, path: Path, problems: Problems) -> Item:
    """Return a YAML file of the folder as a document. Mistakes are added to `problems`."""

    from voice_helper.content.yaml_documents import read_document  # loads yaml, so only if there is a file to read

    shown, text = shown_path(files.named.get(path, path), files.folder), text_of(files, path, problems)
    return Item(Place(shown, 1), {}) if text is None else read_document(text, shown, problems)


def shown_path(path: Path, folder: Path) -> str:
    """Return the path of a file as shown in problem messages."""
    is_shipped = folder.parent.name == "intents" and path.is_relative_to(folder.parent)
    return path.relative_to(folder.parent.parent).as_posix() if is_shipped else path.as_posix()


def text_of(files: Files, path: Path, problems: Problems) -> str | None:
    """Return the text of a file, or `None` if it does not exist or is invalid. An invalid file is added to
    `problems`.
    """
    raw = files.read.get(path, b"")
    shown = shown_path(files.named.get(path, path), files.folder)
    if isinstance(raw, OSError):
        problems.add(Place(shown, 1), f"cannot be read: {raw.strerror}")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.add(Place(shown, line), "is not UTF-8 text: save the file as UTF-8")
    return None
