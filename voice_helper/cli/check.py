"""Check an intents folder and learn its sentences: `check` and `learn`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from voice_helper.cli.options import INTENTS, FilePath, note, progress, share_done, warn_of_danger, write_file
from voice_helper.errors import VoiceHelperError, install_hint
from voice_helper.support.paths import intents_folder

_PACKAGE = Path(__file__).resolve().parents[1]

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from voice_helper.skill.folder_reader import Content


@click.command()
@click.argument("folder", required=False, type=FilePath(path_type=Path))
@INTENTS
@click.option(
    "--page", type=FilePath(path_type=Path), help="Write a page of every sentence it can say, for a clinician."
)
@click.option("--phrases", type=FilePath(path_type=Path), help="Write a page of what users can say, by topic.")
@click.option("--words", is_flag=True, help="Show the words that this machine's recognizers cannot recognize.")
@click.option("--model", type=FilePath(path_type=Path), help="With --words: folder of a Vosk model to check.")
def check(
    folder: Path | None, intents: Path | None, page: Path | None, phrases: Path | None, words: bool, model: Path | None
) -> None:
    """Check an intents folder. Report each problem with its line, and any generated files that are out of date.

    Example: voice-helper check intents/en

    Example: voice-helper check --page content.md --phrases what-can-i-say.md

    Example: voice-helper check --words
    """
    from voice_helper.exporters.phrases_page import phrases_page
    from voice_helper.exporters.review_page import review_page
    from voice_helper.skill.folder_reader import check_folder

    where = folder or intents or intents_folder()
    with progress("checking every sentence"):
        content, problems = check_folder(where)
    if problems or content is None:
        for problem in problems:
            click.echo(problem)
        count = len(problems)
        raise VoiceHelperError(
            f"{count} problem{'' if count == 1 else 's'} in {where}", hint="fix the lines named above, then check again"
        )
    sentences = content.sentences
    click.echo(f"{where}: {len(sentences.templates)} templates, {len(sentences.intents)} intents, no problems")
    warn_of_danger(content)
    if page is not None:
        write_file(page, review_page(content))
        click.echo(f"every sentence it can say is in {page}")
    if phrases is not None:
        write_file(phrases, phrases_page(content.phrasebook, content.sentences, content.answers))
        click.echo(f"what users can say is in {phrases}")
    if words:
        _show_unheard(content, model)
    _show_stale(content)


@click.command()
@click.argument("folder", required=False, type=FilePath(path_type=Path))
@INTENTS
@click.option("--force", is_flag=True, help="Learn again even if nothing has changed.")
def learn(folder: Path | None, intents: Path | None, force: bool) -> None:
    """Learn an intents folder, so that other wordings are recognized.

    Takes about two minutes the first time, and less after an edit, because earlier results are cached. Until you run
    it, new sentences are recognized only word for word.

    Example: voice-helper learn intents/en
    """
    from voice_helper.skill import learn_folder
    from voice_helper.skill.folder_reader import load_content
    from voice_helper.skill.generated_files import is_learned

    where = folder or intents or intents_folder()
    if not force and is_learned(load_content(where)):
        click.echo(f"{where}: already current; --force learns it again")
        return
    if where.resolve().is_relative_to(_PACKAGE):
        note(f"this changes the installed package, in {where}; an update of the package replaces it")
    with share_done("learning the sentences") as done:
        path = learn_folder(where, done)
    click.echo(f"learned; saved in {path}")


def _show_stale(content: Content) -> None:
    """Print the generated files that are out of date. Raises `VoiceHelperError` if `learn` can update one of them."""
    from voice_helper.skill.generated_files import stale_files

    stale = stale_files(content)
    for file in stale:
        needs = f" (it needs the extra train; {install_hint('train')})" if file.needs_training else ""
        note(f"{file.path} is out of date: its sources have changed; run {file.command}{needs}")
    count = sum(not file.needs_training for file in stale)
    if count:
        raise VoiceHelperError(
            f"{count} generated file{' is' if count == 1 else 's are'} out of date in {content.folder}",
            hint=f"voice-helper learn {content.folder}",
        )


def _show_unheard(content: Content, model: Path | None) -> None:
    from voice_helper.tester.report import printable
    from voice_helper.tester.vocabulary import unheard_words

    looked_at, skipped = unheard_words(content, model)
    for each in looked_at:
        count = len(content.sentences.words)
        if not each.words:
            click.echo(f"{each.recognizer}: can recognize all {count} words of the templates")
            continue
        click.echo(
            f"{each.recognizer}: cannot recognize {len(each.words)} of {count} words of the templates; {each.mend}"
        )
        for word, template in each.words:
            click.echo(f"{template.place}: {printable(word)}")
    for reason in skipped:
        note(f"not checked: {reason}")
