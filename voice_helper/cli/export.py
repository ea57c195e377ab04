"""Export the sentences and answers in the formats of other assistants: `export`."""

from __future__ import annotations

from pathlib import Path

import click

from voice_helper.cli.options import (
    FilePath,
    Options,
    common,
    counted,
    language_folder,
    note,
    note_number,
    open_chosen_skill,
    progress,
)


@click.group()
def export() -> None:
    """Write sentences and answers in another assistant's format.

    Example: voice-helper export homeassistant config

    Example: voice-helper export openvoiceos skill
    """


@export.command()
@click.argument("folder", type=FilePath(path_type=Path))
@common
def homeassistant(options: Options, folder: Path) -> None:
    """Write custom sentences and answers for Home Assistant.

    The sentences match only as a whole. The export lacks the guided session, and the rules that find a sign of danger
    in any sentence; "serve wyoming" has both. Copy the files to Home Assistant's configuration folder. The command
    writes the whole folder or nothing, and refuses a folder that holds other files.

    Example: voice-helper export homeassistant config --number 112
    """
    from voice_helper.exporters.folder import write_folder
    from voice_helper.exporters.homeassistant import export_files, has_danger

    skill = open_chosen_skill(options)
    files = export_files(skill, lambda templates: counted(templates, "reading the sentences"))
    write_folder(folder, files)
    for name in files:
        click.echo(folder / name)
    note_number(options, skill)
    if has_danger(skill.content):
        note("signs of danger are recognized only in the exported sentences; otherwise, Home Assistant guesses")
    else:
        note("no sentences for signs of danger are exported, because this folder has none")
    note("if someone may need help, use serve wyoming; the top of each file explains why")


@export.command()
@click.argument("folder", type=FilePath(path_type=Path))
@common
def openvoiceos(options: Options, folder: Path) -> None:
    """Write the locale files of the OpenVoiceOS skill.

    The skill already includes these files. Use this command to inspect them, or to use them in your own skill. It
    writes the whole folder or nothing, and refuses a folder that holds other files.

    Example: voice-helper export openvoiceos skill
    """
    from voice_helper.exporters.folder import write_folder
    from voice_helper.exporters.openvoiceos import locale_files

    with progress("choosing sentences"):
        files = locale_files(language_folder(options))
    write_folder(folder, files)
    count = sum(name.endswith(".intent") for name in files)
    click.echo(f"{count} intents are in {folder / 'locale'}")
