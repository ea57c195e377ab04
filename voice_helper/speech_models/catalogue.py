"""The speech models that this project knows: what they are, and where they are fetched from."""

from __future__ import annotations

from dataclasses import dataclass

from voice_helper.errors import ModelInstallError
from voice_helper.support.paths import data_folder


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that a model of the registry is fetched as."""

    name: str
    bytes: int
    sha256: str | None
    """`None` where it is not known for certain."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the registry."""

    name: str
    engine: str
    language: str
    licence: str
    url: str
    """The folder that its files are fetched from."""

    files: tuple[KnownFile, ...]
    unpacked_bytes: int

    @property
    def bytes(self) -> int:
        """How much is fetched."""
        return sum(file.bytes for file in self.files)

    @property
    def archive(self) -> KnownFile | None:
        """The zip archive it comes in; `None` where its files come one by one."""
        return self.files[0] if self.files[0].name.endswith(".zip") else None

    @property
    def is_certain(self) -> bool:
        """Whether the checksums of all that is fetched are known."""
        return all(file.sha256 for file in self.files)


def registry() -> tuple[KnownModel, ...]:
    """Give the models that this project knows, from `models/registry.yaml`."""
    import yaml

    entries = yaml.safe_load((data_folder("models") / "registry.yaml").read_text(encoding="utf-8"))["models"]
    return tuple(
        KnownModel(**{**entry, "files": tuple(KnownFile(**file) for file in entry["files"])}) for entry in entries
    )


def known(name: str) -> KnownModel:
    """Give a model of the registry by its name; raises `ModelInstallError`."""
    models = {model.name: model for model in registry()}
    if name not in models:
        raise ModelInstallError(f'there is no model "{name}"', hint=f"models: {', '.join(models)}")
    return models[name]
