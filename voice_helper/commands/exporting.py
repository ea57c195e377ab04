"""Our sentences and answers in the formats of other assistants: `export`."""

from __future__ import annotations

from pathlib import Path

import click

from voice_helper.commands.shared import Options, common, language_folder, progress


@click.group()
def export() -> None:
    """Write the sentences and answers in the format of another assistant.

    Example: voice-helper export openvoiceos skill
    """


@export.command()
@click.argument("folder", type=click.Path(path_type=Path))
@common
def openvoiceos(options: Options, folder: Path) -> None:
    """Write the locale files of the OpenVoiceOS skill: what it is asked, and what it says.

    The folder is written whole or not at all, and never over files that are not from here. The skill itself brings
    these files: this is for looking at them, and for skills of your own.

    Example: voice-helper export openvoiceos skill
    """
    from voice_helper.exports.folder import write_folder
    from voice_helper.exports.openvoiceos import locale_files

    with progress("choosing sentences"):
        files = locale_files(language_folder(options))
    write_folder(folder, files)
    count = sum(name.endswith(".intent") for name in files)
    click.echo(f"{count} intents are in {folder / 'locale'}")
