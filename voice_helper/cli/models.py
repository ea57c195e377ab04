"""Manage speech models: `models list`, `install`, `import`, `verify` and `remove`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voice_helper.cli.options import FilePath, error_terminal, note, plain, progress, terminal
from voice_helper.errors import VoiceHelperError

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from voice_helper.speech_models.store import Listed, Progress


@click.group()
def models() -> None:
    """List, install, import, verify and remove speech models.

    Only "install" downloads data.

    Example: voice-helper models install vosk-model-small-en-us-0.15
    """


@models.command("list")
@click.option(
    "--language",
    envvar="VOICE_HELPER_LANGUAGE",
    default="en",
    show_default=True,
    help="Mark the models used for this language.",
)
def list_models(language: str) -> None:
    """List the models you have and those you can install.

    The active model is marked.

    Example: voice-helper models list
    """
    from rich.table import Table

    from voice_helper.speech_models.store import listed
    from voice_helper.support.paths import user_models_folder

    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for column in ("engine", "hears", "size", "licence", "state"):
        table.add_column(column, overflow="fold")
    for model in listed(language):
        spoken, licence = (model.known.language, model.known.licence) if model.known else ("", "")
        size = f"{model.bytes / 1e6:.0f} MB"
        table.add_row(plain(model.name), model.engine, spoken, size, licence, plain(_state(model)))
    terminal().print(table)
    note(f"your own models are in {user_models_folder()}")


def _state(model: Listed) -> str:
    if model.path is None:
        return f"{model.fetched_bytes / 1e6:.0f} MB downloaded" if model.fetched_bytes else "available"
    if model.is_own:
        return "used" if model.is_used else "installed"
    return f"in {model.path.parent}" + (", used" if model.is_used else "")


def _known_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from voice_helper.speech_models.catalogue import registry

    return [model.name for model in registry() if model.name.startswith(begun)]


def _own_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from voice_helper.speech_models.store import installed

    return [folder.name for folder in installed() if folder.name.startswith(begun)]


@models.command()
@click.argument("name", shell_complete=_known_names)
@click.option("--mirror", metavar="URL", help="Download the files from this folder on another server.")
def install(name: str, mirror: str | None) -> None:
    """Download a model from the list, verify it, and install it.

    Resumes an interrupted download.

    Example: voice-helper models install vosk-model-small-en-us-0.15

    Example: voice-helper models install vosk-model-small-en-us-0.15 --mirror http://192.168.1.5:8000
    """
    from voice_helper.speech_models.catalogue import known
    from voice_helper.speech_models.store import find_installed
    from voice_helper.speech_models.store import install as install_model

    model = known(name)
    here = find_installed(name)
    if here is not None:
        click.echo(f'already installed in {here}; "voice-helper models verify {name}" checks that it is complete')
        return
    if mirror and mirror.startswith("http:"):
        note("the mirror's connection is not encrypted; its files are checked anyway")
    if not model.is_certain:
        note("its checksum is not certain: the model is checked by loading it, and the checksum is recorded")
    with _bar() as progress_bar:
        path = install_model(model, mirror=mirror, progress=progress_bar)
    click.echo(f"installed in {path}")


@models.command("import")
@click.argument("source", metavar="PATH", type=FilePath(path_type=Path))
@click.option("--name", help="Install it under this name; a Vosk model's name contains its language.")
def import_(source: Path, name: str | None) -> None:
    """Install a model from a zip archive or a folder.

    Example: voice-helper models import /media/stick/vosk-model-small-en-us-0.15.zip
    """
    from voice_helper.speech_models.find import is_named_for_a_language
    from voice_helper.speech_models.store import import_model

    with _bar() as progress_bar:
        path = import_model(source, name=name, progress=progress_bar)
    click.echo(f"imported to {path}")
    if not is_named_for_a_language(path):
        note("its name contains no language, so it is used only with --model; --name renames it")


@models.command()
@click.argument("name", required=False, shell_complete=_own_names)
def verify(name: str | None) -> None:
    """Check that installed models are unchanged.

    Example: voice-helper models verify
    """
    from voice_helper.speech_models.store import installed, not_installed
    from voice_helper.speech_models.store import verify as verify_model

    here = [path for path in installed() if name in {None, path.name}]
    if not here:
        raise (
            not_installed(name) if name else VoiceHelperError("no model is installed", hint="voice-helper models list")
        )
    damaged = []
    for path in here:
        with progress(f"reading {path.name}"):
            changed = verify_model(path)
        if changed:
            damaged.append(path.name)
        click.echo(f"{path.name}: {'changed or missing: ' + ', '.join(changed) if changed else 'unchanged'}")
    if damaged:
        raise VoiceHelperError(
            f"damaged: {', '.join(damaged)}", hint=f"voice-helper models remove {damaged[0]}, and install it again"
        )


@models.command()
@click.argument("name", shell_complete=_own_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove a model, or the rest of an incomplete download.

    Example: voice-helper models remove vosk-model-small-en-us-0.15 --yes
    """
    from voice_helper.speech_models.store import check_removable
    from voice_helper.speech_models.store import remove as remove_model

    check_removable(name)
    if not (yes or _agreed(f"Remove {name}?")):
        click.echo("nothing was removed")
        return
    remove_model(name)
    click.echo(f"{name} was removed")


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise VoiceHelperError("this needs a terminal to confirm", hint="add --yes") from None


@contextmanager
def _bar() -> Iterator[Progress]:
    """Show a progress bar for each stage on a terminal."""
    console = error_terminal()
    if not console.is_terminal:
        yield lambda doing, have, whole: None
        return
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(doing: str, have: int, whole: int | None) -> None:
            if doing not in tasks:
                for done in tasks.values():
                    bar.update(done, visible=False)
                tasks[doing] = bar.add_task(plain(doing), total=None)
            bar.update(tasks[doing], completed=have, total=whole)

        yield show
