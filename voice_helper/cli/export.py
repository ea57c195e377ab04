"""Export our sentences and answers in the formats of other assistants: `export`."""

from __future__ import annotations

from pathlib import Path

import click

from voice_helper.cli.options import (
    Options,
    common,
    counted,
    language_folder,
    note,
    note_number,
    open_skill,
    progress,
)


@click.group()
def export() -> None:
    """Write the sentences and answers in the format of another assistant.

    Example: voice-helper export homeassistant config

    Example: voice-helper export openvoiceos skill
    """


@export.command()
@click.argument("folder", type=click.Path(path_type=Path))
@common
def homeassistant(options: Options, folder: Path) -> None:
    """Write custom sentences and intent_script answers for Home Assistant's configuration folder.

    They know whole sentences only, without the guided session and without the rules that find a sign of danger in any
    sentence: "serve wyoming" has all of it. The folder is written whole or not at all, and never over files that are
    not from here.

    Example: voice-helper export homeassistant config --number 112
    """
    from voice_helper.exporters.folder import write_folder
    from voice_helper.exporters.homeassistant import export_files

    skill = open_skill(options)
    files = export_files(skill, lambda templates: counted(templates, "reading the sentences"))
    write_folder(folder, files)
    for name in files:
        click.echo(folder / name)
    note_number(options, skill)
    note("a sign of danger is known there in whole sentences only: the files say more at their top")


@export.command()
@click.argument("folder", type=click.Path(path_type=Path))
@common
def openvoiceos(options: Options, folder: Path) -> None:
    """Write the locale files of the OpenVoiceOS skill: what it is asked, and what it says.

    The folder is written whole or not at all, and never over files that are not from here. The skill itself brings
    these files: this is for looking at them, and for skills of your own.

    Example: voice-helper export openvoiceos skill
    """
    from voice_helper.exporters.folder import write_folder
    from voice_helper.exporters.openvoiceos import locale_files

    with progress("choosing sentences"):
        files = locale_files(language_folder(options))
    write_folder(folder, files)
    count = sum(name.endswith(".intent") for name in files)
    click.echo(f"{count} intents are in {folder / 'locale'}")
