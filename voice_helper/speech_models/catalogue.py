"""The registry of speech models that can be downloaded, with their properties and addresses."""

from __future__ import annotations

from dataclasses import dataclass

from voice_helper.errors import ModelInstallError
from voice_helper.support.paths import data_folder


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One file to download for a model in the registry."""

    name: str
    bytes: int
    sha256: str | None
    """The SHA-256 checksum of the file. `None` if it is not known for certain."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model in the registry."""

    name: str
    engine: str
    language: str
    licence: str
    url: str
    """The URL of the folder that its files are downloaded from."""

    files: tuple[KnownFile, ...]
    unpacked_bytes: int

    @property
    def bytes(self) -> int:
        """Return the total download size in bytes."""
        return sum(file.bytes for file in self.files)

    @property
    def archive(self) -> KnownFile | None:
        """Return the zip archive that contains the model, or `None` if its files are downloaded one by one."""
        return self.files[0] if self.files[0].name.endswith(".zip") else None

    @property
    def is_certain(self) -> bool:
        """Return whether the checksum of every downloaded file is known."""
        return all(file.sha256 for file in self.files)


def registry() -> tuple[KnownModel, ...]:
    """Read the known models from `models/registry.yaml`."""
    import yaml

    entries = yaml.safe_load((data_folder("models") / "registry.yaml").read_text(encoding="utf-8"))["models"]
    return tuple(
        KnownModel(**{**entry, "files": tuple(KnownFile(**file) for file in entry["files"])}) for entry in entries
    )


def known(name: str) -> KnownModel:
    """Return the model of this name from the registry. Raises `ModelInstallError` if there is none."""
    models = {model.name: model for model in registry()}
    if name not in models:
        raise ModelInstallError(f'there is no model "{name}"', hint=f"models: {', '.join(models)}")
    return models[name]
