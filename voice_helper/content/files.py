"""Read the files of an intents folder once, and return them as bytes, texts or YAML documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.support.paths import data_folder

NEEDED = ("language.yaml", "answers.yaml")
OPTIONAL = (
    "facts.yaml", "guide.yaml", "safety.yaml", "thresholds.yaml", "pronunciation.yaml", "phrases.yaml", "page.yaml",
    "follow_ups.yaml", "assistant.yaml",
)  # fmt: skip
WORDINGS = "wordings.txt"
USUAL_PAGE = "page.{}.yaml"
"""The usual words of the web page in a language, beside the intents folders."""
GENERATED = "generated"


@dataclass(frozen=True)
class Files:
    """The files of an intents folder as bytes."""

    folder: Path
    read: Mapping[Path, bytes | OSError]

    @property
    def shown(self) -> str:
        """Return the name of the folder in problems."""
        return shown_path(self.folder, self.folder)

    def key(self, belongs: Callable[[Path], bool] = lambda path: True) -> str:
        """Return a hash of the files that `belongs` accepts. The same words have the same key."""
        digest = hashlib.sha256()
        for path, raw in self.read.items():
            if isinstance(raw, bytes) and belongs(path):
                digest.update(path.name.encode() + b"\0" + raw + b"\0")
        return digest.hexdigest()


def read_files(folder: Path) -> Files:
    """Read the files of an intents folder. Files that cannot be read are left out."""
    paths = [folder / name for name in (*NEEDED, *OPTIONAL) if (folder / name).is_file()]
    paths += sorted((folder / "sentences").glob("*.yaml"))
    paths += [path for path in (folder / WORDINGS,) if path.is_file()]
    paths += sorted(data_folder("intents").glob(USUAL_PAGE.format("*")))
    return Files(folder, {path: _raw(path) for path in paths})


def generated_file(folder: Path, name: str) -> Path:
    """Return the path of a file that a command makes from the words of an intents folder. It may not exist."""
    return folder / GENERATED / name


def _raw(path: Path) -> bytes | OSError:
    try:
        return path.read_bytes()
    except OSError as error:
        return error


def usual_page(files: Files, language: str) -> Path | None:
    """Return the file with the usual words of the web page in a language, or `None` if there is none."""
    name = USUAL_PAGE.format(language)
    return next((path for path in files.read if path.name == name and path.parent != files.folder), None)


def document_of(files: Files, path: Path, problems: Problems) -> Item:
    """Return a YAML file of the folder as a document. Mistakes are added to `problems`."""

    from voice_helper.content.yaml_documents import read_document  # loads yaml, so only if there is a file to read

    shown, text = shown_path(path, files.folder), text_of(files, path, problems)
    return Item(Place(shown, 1), {}) if text is None else read_document(text, shown, problems)


def shown_path(path: Path, folder: Path) -> str:
    """Return the path of a file in the form that problems show."""
    is_shipped = folder.parent.name == "intents" and path.is_relative_to(folder.parent)
    return path.relative_to(folder.parent.parent).as_posix() if is_shipped else path.as_posix()


def text_of(files: Files, path: Path, problems: Problems) -> str | None:
    """Return the text of a file, or `None` if it does not exist or is invalid. Adds a problem if it is invalid."""
    raw = files.read.get(path, b"")
    shown = shown_path(path, files.folder)
    if isinstance(raw, OSError):
        problems.add(Place(shown, 1), f"cannot be read: {raw.strerror}")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.add(Place(shown, line), "is not UTF-8 text: save the file as UTF-8")
    return None
