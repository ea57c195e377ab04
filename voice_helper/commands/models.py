"""Speech models: `models list`, `install`, `import`, `verify` and `remove`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from voice_helper.commands.shared import note, plain, progress, terminal
from voice_helper.errors import VoiceHelperError

if TYPE_CHECKING:
    from voice_helper.downloads import Progress


@click.group()
def models() -> None:
    """Speech models: list, install, import, verify, remove. Nothing is ever fetched but by "install".

    Example: voice-helper models install vosk-model-small-en-us-0.15
    """


@models.command("list")
def list_models() -> None:
    """List the models that can be installed, and those that are here.

    Example: voice-helper models list
    """
    from voice_helper.model_store import installed, registry

    here = {path.name: path for path in installed()}
    table = Table(box=None, pad_edge=False)
    for column in ("model", "engine", "language", "size", "licence", "where"):
        table.add_column(column, overflow="fold")
    for model in registry():
        where = plain(str(here.pop(model.name))) if model.name in here else "-"
        table.add_row(model.name, model.engine, model.language, f"{model.size_megabytes} MB", model.licence, where)
    for name, path in here.items():
        table.add_row(plain(name), "vosk", "", "", "", plain(str(path)))
    terminal().print(table)


@models.command()
@click.argument("name")
@click.option("--mirror", metavar="URL", help="Fetch it from this folder of another server.")
def install(name: str, mirror: str | None) -> None:
    """Fetch a model of the registry, check it, and keep it among your own. Goes on after a cut.

    Example: voice-helper models install vosk-model-small-en-us-0.15

    Example: voice-helper models install vosk-model-small-en-us-0.15 --mirror http://192.168.1.5:8000
    """
    from voice_helper.model_store import install as install_model
    from voice_helper.model_store import known

    model = known(name)
    if model.sha256 is None:
        note("its checksum is not known for certain: it is checked by loading it, and recorded")
    with _bar(name) as progress_bar:
        path = install_model(model, mirror=mirror, progress=progress_bar)
    click.echo(f"installed in {path}; --engine auto uses it")


@models.command("import")
@click.argument("source", type=click.Path(path_type=Path))
def import_(source: Path) -> None:
    """Keep a copy of a model from a zip archive or a folder, such as on a USB stick.

    Example: voice-helper models import /media/stick/vosk-model-small-en-us-0.15.zip
    """
    from voice_helper.model_store import import_model

    with progress("checking and copying the model"):
        path = import_model(source)
    click.echo(f"imported to {path}; --engine auto uses it where its name has the language in it")


@models.command()
@click.argument("name", required=False)
def verify(name: str | None) -> None:
    """Look whether installed models are still as they were.

    Example: voice-helper models verify
    """
    from voice_helper.model_store import installed
    from voice_helper.model_store import verify as verify_model

    here = [path for path in installed() if name in (None, path.name)]
    if not here:
        raise VoiceHelperError(
            f'no model "{name}" was installed here' if name else "no model was installed here",
            hint="voice-helper models list",
        )
    broken = False
    for path in here:
        with progress(f"reading {path.name}"):
            changed = verify_model(path)
        broken = broken or bool(changed)
        click.echo(f"{path.name}: {'changed or missing: ' + ', '.join(changed) if changed else 'as it was installed'}")
    if broken:
        raise VoiceHelperError("a model is damaged", hint="voice-helper models remove NAME, and install it again")


@models.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove a model that was installed or imported.

    Example: voice-helper models remove vosk-model-small-en-us-0.15 --yes
    """
    from voice_helper.model_store import remove as remove_model

    if not yes:
        click.confirm(f"remove {name}?", abort=True)
    remove_model(name)
    click.echo(f"{name} is removed")


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda have, whole: None
        return
    with Bar("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(name, total=None)
        yield lambda have, whole: bar.update(task, completed=have, total=whole)
