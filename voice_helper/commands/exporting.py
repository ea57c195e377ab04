"""The same sentences and answers in other assistants' formats: `export homeassistant`."""

from __future__ import annotations

from pathlib import Path

import click

from voice_helper.commands.shared import Options, common, counted, note, note_number, open_skill


@click.group()
def export() -> None:
    """Write the sentences and answers in the format of another assistant.

    Example: voice-helper export homeassistant config
    """


@export.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@common
def homeassistant(options: Options, folder: Path) -> None:
    """Write custom sentences and intent_script answers into a configuration folder of Home Assistant.

    They know whole sentences only, without the guided session and without the rules that find a sign of danger in any
    sentence: "serve wyoming" has all of it.

    Example: voice-helper export homeassistant config --number 112
    """
    from voice_helper.exports import write_files
    from voice_helper.exports.homeassistant import MARK, export_files

    skill = open_skill(options)
    files = export_files(skill, lambda templates: counted(templates, "reading the sentences"))
    write_files(folder, files, MARK)
    for name in files:
        click.echo(folder / name)
    note_number(options, skill)
    note("a sign of danger is known there in whole sentences only: the files say more at their top")
