"""Tune the confidence thresholds on labelled sentences: `calibrate`."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voice_helper.cli.options import (
    FilePath,
    Options,
    check_not_overwritten,
    common,
    counted,
    language_folder,
    note,
    open_chosen_skill,
    terminal,
    write_file,
)
from voice_helper.cli.test_intents import read_case_files
from voice_helper.errors import VoiceHelperError

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from collections.abc import Sequence

    from voice_helper.understanding.calibration import Bin, Point, Trial
    from voice_helper.understanding.understand import Thresholds

_FILE = "thresholds.yaml"
_SHOWN_EVERY = 5


@click.command()
@click.argument("files", nargs=-1, required=True, type=FilePath(path_type=Path, allow_dash=True))
@click.option(
    "--most-refused",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Largest share of on-topic sentences that may get no answer.",
)
@click.option("--picture", type=FilePath(path_type=Path), help="Draw the trade-off in this SVG file.")
@click.option("--dry-run", is_flag=True, help="Show the thresholds without writing them.")
@common
def calibrate(
    options: Options,
    files: tuple[Path, ...],
    most_refused: float,
    picture: Path | None,
    dry_run: bool,
) -> None:
    """Tune the confidence thresholds on labelled sentences.

    The files hold JSON lines with text and intent. For sentences that should get no answer, use the intent
    out_of_scope. Use only sentences that were not used for training: on wordings.txt or the templates' own sentences,
    every threshold looks good. Writes the thresholds to thresholds.yaml, with the date and the measured results.

    Example: voice-helper calibrate lines.jsonl --dry-run

    Example: voice-helper calibrate lines.jsonl --picture trade-off.svg
    """
    from voice_helper.tester.run import trial
    from voice_helper.understanding.calibration import best, point, trade_off, with_score, with_sure, with_values

    check_not_overwritten("--picture", picture, files, "the lines in")
    folder = language_folder(options)
    cases = [case for case in read_case_files(files) if case.intent is not None and case.context == "none"]
    skill = open_chosen_skill(options)
    trials = [trial(skill, case) for case in counted(cases, "testing")]
    names = ", ".join(str(path) for path in files)
    _refuse_few(names, trials)
    present = skill.content.thresholds
    points = trade_off(trials, present)
    chosen = best(points, most_refused)
    found = with_score(with_sure(present, chosen.sure, chosen.margin), trials)
    bins = _bins(trials, found)
    _print_points(points, chosen, point(trials, present))
    _print_bins(bins, _bins(trials, present))
    if chosen.refused > most_refused:
        note(f"no threshold refuses at most {most_refused:.0%}; this one refuses the fewest")
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    if picture is not None:
        from voice_helper.tester.report_trade_off import trade_off_picture

        write_file(picture, trade_off_picture(points, chosen, bins, f"{names}, {today}"))
        click.echo(f"the picture is in {picture}")
    if dry_run:
        click.echo("nothing was written")
        return
    path = folder / _FILE
    shares = f"{chosen.right:.1%} right, {chosen.refused:.1%} refused, {chosen.outside_refused:.1%} of others refused"
    values = {
        "sure": f"{chosen.sure:.2f}",
        "margin": f"{chosen.margin:.2f}",
        "unsure": f"{found.unsure:.2f}",
        "score_slope": f"{found.score_slope:.2f}",
        "score_offset": f"{found.score_offset:.2f}",
        "set_on": f'"{today}, {len(trials)} lines"',
        "figures": f'"{shares}"',
    }
    write_file(path, with_values(_present_text(path, present), values))
    click.echo(f"set in {path}")


def _refuse_few(names: str, trials: Sequence[Trial]) -> None:
    from voice_helper.understanding.calibration import MIN_LINES

    ours = sum(not each.is_outside for each in trials)
    for kind, count in (("about our subject", ours), ("labelled out_of_scope", len(trials) - ours)):
        if count < MIN_LINES:
            raise VoiceHelperError(
                f"{names}: {count} lines {kind}, fewer than {MIN_LINES}: the threshold would be down to chance",
                hint='add lines such as {"text": "what people say", "intent": "what they mean"}',
            )


def _present_text(path: Path, present: Thresholds) -> str:
    if path.is_file():
        return path.read_text(encoding="utf-8-sig")
    usual = (f"{name}: {value}\n" for name, value in asdict(present).items() if math.isfinite(value))
    return f"language: {path.parent.name}\n{''.join(usual)}"


def _print_points(points: Sequence[Point], chosen: Point, before: Point) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "sure", "margin", "right", "refused", "others refused"):
        table.add_column(column, justify="left" if not column else "right")
    along = sorted((each for each in points if each.margin == chosen.margin), key=lambda each: each.sure)
    shown = [each for number, each in enumerate(along) if number % _SHOWN_EVERY == 0 or each == chosen]
    for mark, each in (("now", before), *(("chosen" if each == chosen else "", each) for each in shown)):
        shares = (each.right, each.refused, each.outside_refused)
        table.add_row(mark, f"{each.sure:.2f}", f"{each.margin:.2f}", *(f"{share:.1%}" for share in shares))
    terminal().print(table)


def _bins(trials: Sequence[Trial], thresholds: Thresholds) -> tuple[Bin, ...]:
    from voice_helper.understanding.calibration import reliability

    near = (trial for trial in trials if trial.is_near)
    return reliability((thresholds.believed(trial.nearness), trial.best == trial.wanted) for trial in near)


def _print_bins(bins: Sequence[Bin], before: Sequence[Bin]) -> None:
    from rich.table import Table

    from voice_helper.understanding.calibration import calibration_error

    table = Table(box=None, pad_edge=False)
    for column in ("score", "lines", "right", "mean score"):
        table.add_column(column, justify="right")
    for each in bins:
        share = f"{each.right / each.count:.1%}"
        table.add_row(f"{each.low:.1f} to {each.low + 0.1:.1f}", str(each.count), share, f"{each.mean_score:.2f}")
    terminal().print(table)
    click.echo(f"calibration error: {calibration_error(bins):.3f}, now {calibration_error(before):.3f}")
