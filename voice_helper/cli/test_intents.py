"""The intent tester, `test-intents`: an interactive prompt, or a batch with a report."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import click

from voice_helper.cli.options import (
    FilePath,
    Options,
    check_not_overwritten,
    common,
    counted,
    language_folder,
    note,
    open_chosen_recognizer,
    open_chosen_skill,
    packed,
    plain,
    print_line,
    slots,
    terminal,
    written_to,
)
from voice_helper.cli.prompt import Asking, run_prompt, show_result
from voice_helper.errors import AudioFileError, EngineFaultError, VoiceHelperError

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from rich.console import Console

    from voice_helper.recognizers import Recognizer
    from voice_helper.skill import Skill
    from voice_helper.tester.report import Report
    from voice_helper.tester.report_comparison import Comparison, Earlier, Key
    from voice_helper.tester.run import Case, Result
    from voice_helper.types import Transcript


@dataclass(frozen=True, slots=True)
class Batch:
    """The options of `test-intents` for a batch."""

    audio: bool
    context: Literal["none", "guide"]
    form: str
    explain: bool
    output: Path | None
    compare: Path | None
    draws: int
    cluster: bool
    fail_under: float | None

    @property
    def is_asked_for(self) -> bool:
        """Return whether the user gave any option that applies only to a batch."""
        is_shown_otherwise = self.form != "table" or bool(self.output or self.compare)
        return self.audio or self.cluster or is_shown_otherwise or self.fail_under is not None


_LABEL: Final = 'write lines such as {"text": "what people say", "intent": "what they mean"}'
_SNIFFED_BYTES: Final = 12
_READ_AHEAD_LINES: Final = 256  # a larger batch makes the networks hardly faster, and delays the first results
_STYLES: Final = {"broken": "red", "mended": "green"}
_BATCH_OPTIONS: Final = (
    click.option("--audio", is_flag=True, help="Read audio files (WAV, FLAC, OGG), or JSON lines that name one each."),
    click.option(
        "--context",
        type=click.Choice(["none", "guide"]),
        default="none",
        show_default=True,
        help="State in which the sentences are tested.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["table", "jsonl", "html", "junit"]),
        default="table",
        show_default=True,
        help="Format of the report.",
    ),
    click.option("--explain", is_flag=True, help="Show the reasons for each sentence."),
    click.option(
        "--output",
        type=FilePath(path_type=Path),
        help="Write the report to this file instead of the screen, in full or not at all.",
    ),
    click.option(
        "--compare",
        type=FilePath(path_type=Path),
        metavar="OLD.jsonl",
        help="Show what broke and what was fixed since --format jsonl wrote this file.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(0, 50),
        default=1,
        show_default=True,
        help="html: sentences to draw per template, to find those understood as another intent.",
    ),
    click.option(
        "--cluster",
        is_flag=True,
        help="Distribute the sentences over the Ray cluster at RAY_ADDRESS, or over this machine.",
    ),
    click.option("--fail-under", type=click.FloatRange(0, 1), help="Exit with 1 if a smaller share is right."),
)


def _tested(command: Callable[..., None]) -> Any:
    """Add the batch options to a command. They precede the options that all commands share."""
    return packed(Batch, _BATCH_OPTIONS, common(command))


@click.command("test-intents")
@click.argument("files", nargs=-1, type=FilePath(path_type=Path, allow_dash=True))
@click.option(
    "--history/--no-history", default=True, help="Keep the lines you type at the prompt, on this machine only."
)
@_tested
def test_intents(options: Options, batch: Batch, files: tuple[Path, ...], history: bool) -> None:
    """Show what sentences mean, at a prompt or from files.

    At the prompt, ":help" lists the commands, and edits to the intents take effect with the next line. Files (- is
    standard input) hold one sentence per line; or JSON with text, intent, slots, context and after (one object per
    line, or an array); or a CSV or TSV table with these columns; or YAML as in tests/sentences. Other JSON keys and
    columns are copied to the results unchanged.

    Example: voice-helper test-intents

    Example: voice-helper test-intents tests/sentences/examples.yaml --fail-under 0.95

    Example: voice-helper test-intents lines.jsonl --format html --output report.html --compare old.jsonl
    """
    if batch.explain and batch.form in {"html", "junit"}:
        raise click.UsageError("--explain works only with --format table or jsonl")
    if not files:
        if batch.is_asked_for:
            raise click.UsageError("these options need files to test: name them, or - for standard input")
        run_prompt(
            language_folder(options),
            options.settings,
            Asking(explain=batch.explain, context=batch.context),
            history=history,
        )
        return
    if batch.cluster and batch.audio:
        raise click.UsageError("--cluster distributes texts, not audio files")
    check_not_overwritten("--output", batch.output, files, "the lines in")
    earlier = _earlier(batch)
    skill = open_chosen_skill(options)
    cases = [
        replace(case, context="guide") if batch.context == "guide" else case
        for case in read_case_files(files, audio=batch.audio)
    ]
    with written_to(batch.output) as out:
        given = _spread(options, skill, cases) if batch.cluster else _in_turn(options, skill, cases, batch)
        report = _tested_lines(skill, cases, given, batch, out)
        comparison = _comparison(batch, earlier, report)
        if batch.form == "table":
            _print_table(terminal(out), report, comparison)
        elif batch.form == "html":
            click.echo(_page(skill, files, batch, report, comparison), file=out, nl=False)
        elif batch.form == "junit":
            click.echo(_junit(report), file=out, nl=False)
    if comparison is not None and batch.form in {"jsonl", "junit"}:
        for line in comparison.lines():
            note(line)
    if report.failed:
        count = len(report.failed)
        raise VoiceHelperError(
            f"{count} line{' was' if count == 1 else 's were'} not tested: {report.failed[0].fault}",
            hint="the report gives the reason for each; test those lines again",
        )
    if batch.fail_under is not None and not report.expected:
        raise VoiceHelperError("nothing was tested: no line has an expected intent", hint=_LABEL)
    if batch.fail_under is not None and report.accuracy < batch.fail_under:
        raise VoiceHelperError(
            f"{report.accuracy:.1%} are right, less than {batch.fail_under:.1%}",
            hint=f"{'the lines marked NO show' if batch.form == 'table' else 'the report shows'} which are not",
        )


def _earlier(batch: Batch) -> dict[Key, Earlier] | None:
    """Read the results of the earlier run.

    This happens first, so that mistakes in the file are reported immediately.
    """
    from voice_helper.tester.report_comparison import read_results

    return read_results(batch.compare) if batch.compare is not None else None


def _comparison(batch: Batch, earlier: dict[Key, Earlier] | None, report: Report) -> Comparison | None:
    from voice_helper.tester.report_comparison import compare

    return compare(batch.compare, earlier, report.results) if batch.compare and earlier is not None else None


def _is_sound(path: Path) -> bool:
    """Return whether an argument is an audio file rather than a list of audio files."""
    from voice_helper.audio.devices import begins_like_sound, comes_from_stdin, is_sound_name

    if comes_from_stdin(path):
        peek = getattr(sys.stdin.buffer, "peek", None)
        return peek is not None and begins_like_sound(peek(_SNIFFED_BYTES))
    return is_sound_name(path)


def read_case_files(files: Sequence[Path], *, audio: bool = False) -> Iterator[Case]:
    """Read the lines of files (- is standard input). Raises `VoiceHelperError` with file and line.

    With `audio`, a file may also be an audio file.
    """
    from voice_helper.audio.devices import begins_like_sound, read_pipe
    from voice_helper.content.documents import Place
    from voice_helper.tester.run import Case, read_cases

    for path in files:
        content = None
        try:
            content = read_pipe(path) if audio else None
            if begins_like_sound(content) if content is not None else audio and _is_sound(path):
                yield Case(str(path), place=Place(str(path), 1), sound=content)
                continue
            if content is not None:
                text = content.decode("utf-8-sig")
            else:
                text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise VoiceHelperError(f"{path} cannot be read: {reason}", hint="check the path") from error
        for case in read_cases(path, text):
            yield replace(case, text=str(path.parent / case.text)) if audio else case


def _tested_lines(skill: Skill, cases: Sequence[Case], given: Iterator[Result], batch: Batch, out: TextIO) -> Report:
    """Collect the results, and show each line's output as soon as it is ready."""
    from voice_helper.tester.report import Report
    from voice_helper.tester.run import explain

    is_shown_meanwhile = batch.form == "jsonl" or (batch.form == "table" and batch.explain)
    results: list[Result] = []
    lines = cases if is_shown_meanwhile and out.isatty() else counted(cases, "testing")
    for _, result in zip(lines, given, strict=True):
        results.append(result)
        if batch.form == "jsonl":
            print_line(result.form() | ({"explanation": explain(skill, result)} if batch.explain else {}), out)
        elif is_shown_meanwhile:
            show_result(terminal(out), skill, result, explain=True)
    return Report(tuple(results))


def _in_turn(options: Options, skill: Skill, cases: Sequence[Case], batch: Batch) -> Iterator[Result]:
    recognizer = open_chosen_recognizer(options, skill) if batch.audio else None
    for start in range(0, len(cases), _READ_AHEAD_LINES):
        part = cases[start : start + _READ_AHEAD_LINES]
        started = time.perf_counter()
        if recognizer is None:
            skill.read_ahead([case.text for case in part])
        share = (time.perf_counter() - started) / len(part)
        for case in part:
            result = _result(skill, case, recognizer)
            yield replace(result, seconds=result.seconds + share)


def _spread(options: Options, skill: Skill, cases: Sequence[Case]) -> Iterator[Result]:
    from voice_helper.servers.ray.cluster import joined_cluster
    from voice_helper.tester.run_on_cluster import run_on_cluster

    with joined_cluster(os.environ.get("RAY_ADDRESS")):
        folder = options.intents.resolve() if options.intents else None
        yield from run_on_cluster(cases, skill, folder, options.settings, note)


def _result(skill: Skill, case: Case, recognizer: Recognizer | None) -> Result:
    from voice_helper.tester.run import failed, run_case

    started = time.perf_counter()
    if recognizer is None:
        result = run_case(skill, case)
    else:
        try:
            heard = _hear_file(recognizer, case)
        except (AudioFileError, EngineFaultError) as error:  # this line is lost, but not the others
            with suppress(EngineFaultError):
                recognizer.finish()  # otherwise the rest of this utterance would become part of the next line
            result = failed(case, error.message, recognizer.name)
        else:
            result = run_case(skill, case, heard=heard, engine=recognizer.name)
    return replace(result, seconds=time.perf_counter() - started)


def _hear_file(recognizer: Recognizer, case: Case) -> tuple[Transcript, ...]:
    """Return every utterance in the audio file of a case."""
    from voice_helper.audio.devices import WavSource
    from voice_helper.audio.endpoint import ONE_QUESTION
    from voice_helper.runtime.assistant import hear_utterances

    return tuple(hear_utterances(WavSource(Path(case.text), case.sound), recognizer, ONE_QUESTION))


def _print_table(console: Console, report: Report, comparison: Comparison | None) -> None:
    from rich.table import Table

    from voice_helper.tester.report import several_utterances

    table = Table(box=None, pad_edge=False)
    for column in ("", "text", "intent", "score", "by", "expected"):
        table.add_column(column, overflow="fold")
    for result in report.results:
        mark = {True: "ok", False: "[red]NO[/red]", None: ""}[result.is_right]
        if result.fault is not None:
            mark = "[red]FAILED[/red]"
        expected = plain(result.case.intent or "") if result.is_right is False else ""
        table.add_row(
            mark,
            plain(result.case.text + several_utterances(result)),
            plain(result.fault) if result.fault is not None else result.match.intent + slots(result.match),
            f"{result.match.score:.2f}",
            result.match.decided_by,
            expected,
        )
    console.print(table)
    if report.expected:
        missed = f"not understood: {report.not_understood}"
        share = f"{report.right} of {report.expected} right ({report.accuracy:.1%})"
        console.print(f"{share}; {missed}", highlight=False)
    if comparison is not None:
        for line in comparison.lines():
            console.print(plain(line), style=_STYLES.get(line.partition(":")[0]), highlight=False)


def _junit(report: Report) -> str:
    from voice_helper.tester.report_junit import junit_report

    return junit_report(report)


def _page(skill: Skill, files: Sequence[Path], batch: Batch, report: Report, comparison: Comparison | None) -> str:
    from voice_helper.tester.report_html import PageParts, html_report
    from voice_helper.tester.report_overlaps import find_overlaps

    templates = counted(skill.content.sentences.templates, "looking for overlaps")
    return html_report(
        PageParts(
            report,
            skill.content.sentences,
            files=[str(path) for path in files],
            made=datetime.now().astimezone(),
            command=shlex.join(["voice-helper", *sys.argv[1:]]),
            folder=str(skill.content.folder),
            comparison=comparison,
            overlaps=find_overlaps(skill, batch.draws, templates) if batch.draws else None,
        )
    )
