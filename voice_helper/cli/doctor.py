"""Check this machine and list its voices: `doctor` and `voices`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from voice_helper.cli.options import (
    FilePath,
    Options,
    check_save,
    common,
    note,
    open_chosen_skill,
    plain,
    plain_lines,
    print_line,
    speak,
    terminal,
)
from voice_helper.errors import VoiceHelperError, install_hint
from voice_helper.support.engines import VOICES
from voice_helper.voices import NoVoice, is_installed

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from voice_helper.cli.diagnosis import Finding


_SPEAK_NOW: Final = "now speak as you will: it listens for four seconds"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--speak", is_flag=True, help="Also measure your voice: be quiet first, and speak when it asks you to.")
@common
def doctor(options: Options, as_json: bool, speak: bool) -> None:
    """Show what works on this machine, and how to fix the rest.

    Example: voice-helper doctor

    Example: voice-helper doctor --speak
    """
    from voice_helper.cli.diagnosis import Finding, examine

    faults: list[VoiceHelperError] = click.get_current_context().obj or []
    findings = [Finding("settings", False, each.message, each.hint, needed=True) for each in faults]
    findings += examine(
        options.spoken_language,
        options.model,
        options.number,
        options.microphone_device,
        options.loudspeaker_device,
        folder=options.intents,
        ask_to_speak=(lambda: note(_SPEAK_NOW)) if speak else None,
    )
    if as_json:
        print_line(
            {"ok": all(each.ok or not each.needed for each in findings), "checks": [each.form() for each in findings]}
        )
    else:
        from rich.table import Table

        console = terminal()
        table = Table(box=None, show_header=False, pad_edge=False)
        for _ in range(3):
            table.add_column(overflow="fold")
        for each in findings:
            table.add_row(_mark(each), plain(each.name), plain_lines("\n".join(_lines(each))))
        console.print(table)
    if any(each.needed and not each.ok for each in findings):
        raise VoiceHelperError("a required component does not work", hint="see the lines above")


def _mark(finding: Finding) -> str:
    if finding.ok:
        return "[green]works[/green]"
    if finding.needed:
        return "[red]broken[/red]"
    return "[dim]optional[/dim]" if finding.gives else "[yellow]missing[/yellow]"


def _lines(finding: Finding) -> Iterator[str]:
    yield finding.detail
    if finding.gives and not finding.ok:
        yield f"it would add: {finding.gives}"
    if finding.mend:
        yield f"-> {finding.mend}"


@click.command()
@click.option("--save", type=FilePath(path_type=Path), help="Write the sample to this WAV file.")
@common
def voices(options: Options, save: Path | None) -> None:
    """List the voices and play a sample of the selected one.

    Example: voice-helper voices

    Example: voice-helper voices --voice natural
    """
    from voice_helper.runtime.supervised_engines import supervised_voice
    from voice_helper.voices import open_voice
    from voice_helper.voices.pyttsx3 import Pyttsx3Voice

    check_save(options, save)
    skill = open_chosen_skill(options)
    voice = open_voice(options.voice, options.spoken_language)
    for record in VOICES:
        missing = f"  (not installed: {install_hint(record.extra or '')})" if not is_installed(record) else ""
        click.echo(f"{record.name}{missing or ('  (used)' if record.name == voice.name else '')}")
    click.echo(f"{NoVoice.name}{'  (used)' if NoVoice.name == voice.name else ''}")
    if isinstance(voice, Pyttsx3Voice):
        names = voice.voices()
        click.echo(f"  {len(names)} system voices: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}")
    sample = skill.content.answers.short
    speak(options, (sample,), save, supervised_voice(voice))
