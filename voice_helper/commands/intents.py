"""Work on the intents: `test-intents`, `check` and `learn`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from voice_helper.commands.shared import (
    Options,
    common,
    note,
    open_recognizer,
    open_skill,
    plain,
    print_line,
    progress,
    slots,
    terminal,
)
from voice_helper.errors import VoiceHelperError
from voice_helper.paths import intents_folder

if TYPE_CHECKING:  # the heavy modules are imported by the command that needs them
    from voice_helper.recognizers import Recognizer
    from voice_helper.skill import Skill
    from voice_helper.tester import Case, Result
    from voice_helper.types import Transcript


@click.command("test-intents")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--audio", is_flag=True, help="The files are sound files, or JSON lines with a wav each.")
@click.option(
    "--context",
    type=click.Choice(["none", "guide"]),
    default="none",
    show_default=True,
    help="The state the lines are said in.",
)
@click.option(
    "--format", "form", type=click.Choice(["table", "jsonl"]), default="table", show_default=True, help="The report."
)
@click.option("--explain", is_flag=True, help="Say why, for each line.")
@click.option("--fail-under", type=click.FloatRange(0, 1), help="Exit with 1 when a smaller share is right.")
@common
def test_intents(
    options: Options,
    files: tuple[Path, ...],
    audio: bool,
    context: str,
    form: str,
    explain: bool,
    fail_under: float | None,
) -> None:
    """Test what texts mean: a prompt to type at, or a batch from files (- is standard input).

    Files hold a text a line, JSON lines with text, intent, slots and context, or the YAML of tests/sentences.

    Example: voice-helper test-intents

    Example: voice-helper test-intents tests/sentences/remedies.yaml --fail-under 0.95
    """
    skill = open_skill(options)
    if not files:
        _prompt(skill, context, explain=explain)
        return
    results = list(_run_files(options, skill, files, context, audio=audio, form=form, explain=explain))
    _summarise(results, form, fail_under)


def _run_files(
    options: Options, skill: Skill, files: Sequence[Path], context: str, *, audio: bool, form: str, explain: bool
) -> Iterator[Result]:

    from voice_helper.tester import explain as explain_result
    from voice_helper.tester import run_case

    recognizer = open_recognizer(options, skill) if audio else None
    for case in _cases(files, audio=audio):
        asked = replace(case, context="guide") if context == "guide" else case
        heard, engine = (_hear_file(recognizer, Path(case.text)), recognizer.name) if recognizer else (None, None)
        result = run_case(skill, asked, heard=heard, engine=engine)
        if form == "jsonl":
            line = result.form()
            if explain:
                line["explanation"] = explain_result(skill, result)
            print_line(line)
        elif explain:
            _show_result(skill, result, explain=True)
        yield result


def _cases(files: Sequence[Path], *, audio: bool) -> Iterator[Case]:

    from voice_helper.tester import Case, read_cases

    for path in files:
        if audio and path.suffix.casefold() == ".wav":
            yield Case(str(path), place=str(path))
            continue
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise VoiceHelperError(f"{path} cannot be read: {reason}", hint="check the path") from error
        for case in read_cases(path, text):
            yield replace(case, text=str(path.parent / case.text)) if audio else case


def _hear_file(recognizer: Recognizer, path: Path) -> Transcript:
    from voice_helper.assistant import hear_question
    from voice_helper.audio import WavSource
    from voice_helper.endpoint import ONE_QUESTION

    return hear_question(WavSource(path), recognizer, ONE_QUESTION)


def _summarise(results: Sequence[Result], form: str, fail_under: float | None) -> None:
    from voice_helper.tester import Report

    report = Report(tuple(results))
    if form == "table":
        console = terminal()
        table = Table(box=None, pad_edge=False)
        for column in ("", "text", "intent", "score", "by", "expected"):
            table.add_column(column, overflow="fold")
        for result in results:
            mark = {True: "ok", False: "[red]NO[/red]", None: ""}[result.is_right]
            expected = plain(result.case.intent or "") if result.is_right is False else ""
            table.add_row(
                mark,
                plain(result.case.text),
                result.match.intent + slots(result.match),
                f"{result.match.score:.2f}",
                result.match.decided_by,
                expected,
            )
        console.print(table)
        if report.expected:
            missed = f"not understood: {report.not_understood}"
            share = f"{report.right} of {report.expected} right ({report.accuracy:.1%})"
            console.print(f"{share}; {missed}", highlight=False)
    if fail_under is not None and report.accuracy < fail_under:
        raise VoiceHelperError(
            f"{report.accuracy:.1%} are right, less than {fail_under:.1%}",
            hint="the lines marked NO show which are not",
        )


def _prompt(skill: Skill, context: str, *, explain: bool) -> None:
    from voice_helper.tester import Case, run_case

    interactive = sys.stdin.isatty()
    if interactive:
        note('type a sentence to see its intent; "exit" or Ctrl-D ends')
    while True:
        if interactive:
            click.echo("> ", nl=False)
        line = sys.stdin.readline()
        if not line or line.strip() in {"exit", "quit", ":q"}:
            return
        text = line.strip()
        if text:
            result = run_case(skill, Case(text, context="guide" if context == "guide" else "none"))
            _show_result(skill, result, explain=explain)


def _show_result(skill: Skill, result: Result, *, explain: bool) -> None:
    from voice_helper.tester import explain as explain_result

    console = terminal()
    match = result.match
    rows = [("text", result.case.text)]
    if result.engine:
        rows.append(("heard", result.transcript.text))
    rows += [
        ("intent", match.intent + (f"  (family {match.family})" if match.family else "")),
        ("score", f"{match.score:.2f}, decided by {match.decided_by}"),
        ("template", match.template or "none"),
        ("runner-up", f"{match.runner_up.intent} {match.runner_up.score:.2f}" if match.runner_up else "none"),
        ("slots", ", ".join(f"{name}={value}" for name, value in match.slots.items()) or "none"),
        ("spoken", result.answer.spoken()),
    ]
    if match.candidates:
        rows.insert(2, ("between", " or ".join(match.candidates)))
    if explain:
        rows += [("because", line) for line in explain_result(skill, result)]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, plain(value))
    console.print(table)
    console.print()


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--page", type=click.Path(path_type=Path), help="Write every sentence it can say, for a clinician to read."
)
def check(folder: Path | None, page: Path | None) -> None:
    """Check an intents folder: every problem at once, with file and line.

    Example: voice-helper check intents/en

    Example: voice-helper check --page content.md
    """
    from voice_helper.content import check_folder
    from voice_helper.spoken import review_page

    where = folder or intents_folder()
    with progress("checking every sentence"):
        content, problems = check_folder(where)
    if problems or content is None:
        for problem in problems:
            click.echo(problem)
        count = len(problems)
        raise VoiceHelperError(
            f"{count} problem{'' if count == 1 else 's'} in {where}", hint="mend the lines named above and check again"
        )
    sentences = content.sentences
    click.echo(f"{where}: {len(sentences.templates)} templates, {len(sentences.intents)} intents, no problems")
    if page is not None:
        _write_page(page, review_page(content))


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def learn(folder: Path | None) -> None:
    """Learn the nearest meaning anew from the sentences and wordings of an intents folder.

    Takes about a minute. Until then new sentences are matched word for word only.

    Example: voice-helper learn intents/en
    """
    from voice_helper.skill import learn_folder

    note("learning the sentences, about a minute ...")
    path = learn_folder(folder or intents_folder())
    click.echo(f"learned; kept in {path}")


def _write_page(page: Path, text: str) -> None:
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise VoiceHelperError(f"{page} cannot be written: {error.strerror}", hint="choose another place") from error
    click.echo(f"every sentence it can say is in {page}")
