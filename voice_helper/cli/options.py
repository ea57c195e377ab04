"""Shared parts of all commands: options, opening engines and devices, and output."""

from __future__ import annotations

import gc
import io
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click
from click.core import ParameterSource

from voice_helper.errors import VoiceHelperError
from voice_helper.recognizers import ENGINE_NAMES
from voice_helper.support.paths import data_folder, intents_folder, is_folder
from voice_helper.voices import VOICE_NAMES, WORDS_PER_MINUTE

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from rich.console import Console
    from rich.status import Status

    from voice_helper.audio.devices import Loudspeaker, Source
    from voice_helper.recognizers import OpenedRecognizer, Recognizer
    from voice_helper.skill import Skill
    from voice_helper.skill.folder_reader import Content
    from voice_helper.types import Match, Row
    from voice_helper.voices import Voice

Item = TypeVar("Item")
_PYTHONS_OWN: Final = gc.get_threshold()
_STDIN: Final = 0
_HANGING: Final = 2
_MAX_SHOWN_CHARACTERS: Final = 60
_PATIENCE_SECONDS: Final = 1.0  # shorter work needs no progress bar
# JSON leaves these characters unescaped, but terminals interpret some of them, and lone surrogates cannot be printed
_CONTROLS: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Options:
    """The options shared by all commands."""

    engine: str = "auto"
    model: Path | None = None
    voice: str = "auto"
    rate: float = WORDS_PER_MINUTE
    device: str | None = None
    microphone: str | None = None
    loudspeaker: str | None = None
    number: str | None = None
    language: str = "en"
    intents: Path | None = None
    second_opinion: bool = True

    @property
    def spoken_language(self) -> str:
        """Return the language of the intents folder that the user named, or the selected language if no folder was
        named.
        """
        if self.intents is None:
            return self.language
        from voice_helper.skill.folder_reader import language_of

        return language_of(self.intents)

    @property
    def microphone_device(self) -> str | None:
        """Return part of the name of the selected microphone, or `None` for the system default."""
        return self.microphone or self.device

    @property
    def loudspeaker_device(self) -> str | None:
        """Return part of the name of the selected loudspeaker, or `None` for the system default."""
        return self.loudspeaker or self.device

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings that override those in the intents folder, such as the emergency number, by name."""
        return {"number": self.number} if self.number else {}


class FilePath(click.Path):
    """The path of a file or a folder, which need not exist. A path that the system cannot look up is wrong usage, such
    as a name that is too long.
    """

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the path. Raises `click.BadParameter`."""
        try:
            Path(value).stat()
        except (FileNotFoundError, NotADirectoryError):  # reported where the path is used
            pass
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.fail(f'"{_shortened(str(value))}" is not usable as a path: {reason}', parameter, context)
        return super().convert(value, parameter, context)


def _shared(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option for all commands. An environment variable named VOICE_HELPER_... can also set it."""
    name = names[0].partition("/")[0].removeprefix("--")  # a switch also names its opposite: --this/--no-this
    variable = f"VOICE_HELPER_{name.replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def _number(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the emergency number, or `None` for a blank one.

    A number without digits cannot be dialed. If it was typed as an option, raise `click.BadParameter`; otherwise print
    a note.
    """
    from voice_helper.support.settings import callable_number

    number = callable_number(value)
    if number is None and value and value.strip():
        if context.get_parameter_source("number") is ParameterSource.COMMANDLINE:
            raise click.BadParameter(f'"{value}" has no digit, so nobody can call it', context, parameter)
        note(
            f'"{value}" is not an emergency number: it has no digit. Set yours with voice-helper setup, or --number 112'
        )
    return number


def _language(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the language. Raises `click.BadParameter` if it comes from the settings file and has no intents folder.

    A language that was typed is checked later, when its folder is opened.
    """
    is_set = context.get_parameter_source("language") is ParameterSource.DEFAULT_MAP
    if is_set and value not in _languages():
        raise click.BadParameter(_no_language(value), context, parameter)
    return value


def _languages() -> list[str]:
    return sorted(path.name for path in data_folder("intents").iterdir() if path.is_dir())


def _no_language(language: str) -> str:
    return f'there is no language "{language}"'


def _intents(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Return the intents folder. Raises `click.BadParameter` if it was set once and has gone since.

    A folder that was typed is checked later, when it is opened.
    """
    is_typed = context.get_parameter_source("intents") is ParameterSource.COMMANDLINE
    if value is not None and not is_typed and not is_folder(value):
        raise click.BadParameter(_no_intents(value), context, parameter)
    return value


def _no_intents(folder: Path) -> str:
    return f"there is no intents folder {folder}"


INTENTS: Final = _shared(
    "--intents",
    type=FilePath(path_type=Path, file_okay=False),
    callback=_intents,
    help="Another intents folder, such as another subject.",
)

_SHARED_OPTIONS: Final = (
    _shared("--engine", type=click.Choice(ENGINE_NAMES), default="auto", show_default=True, help="Recognizer to use."),
    _shared("--model", type=FilePath(path_type=Path), help="Folder of the speech model to use."),
    _shared("--voice", type=click.Choice(VOICE_NAMES), default="auto", show_default=True, help="Voice to use."),
    _shared("--rate", type=click.FloatRange(80, 300), default=WORDS_PER_MINUTE, help="Speed in words per minute."),
    _shared("--device", help="Sound device, by part of its name."),
    _shared("--microphone", help="Microphone, by part of its name."),
    _shared("--loudspeaker", help="Loudspeaker, by part of its name."),
    _shared("--number", callback=_number, help="Emergency number that the program names, such as 112."),
    _shared(
        "--language", default="en", show_default=True, callback=_language,
        help="Language, which is the name of an intents folder.",
    ),
    INTENTS,
    _shared(
        "--second-opinion/--no-second-opinion", default=True, help="Ask a Vosk or Whisper model about unclear words."
    ),
)  # fmt: skip


DEBUG_RECORDING: Final = click.option(
    "--debug-recording",
    "recording",
    type=FilePath(path_type=Path, file_okay=False),
    help="Save the microphone audio in this folder, after announcing it. No audio is saved otherwise.",
)


def packed(value: type[Any], options: Sequence[Callable[[Any], Any]], command: Callable[..., None]) -> Any:
    """Pack the values of some options into one object, which is passed to the command as its first argument.

    Objects packed by other decorators come after it.
    """

    @wraps(command)
    def with_options(*before: Any, **given: Any) -> None:
        own = {name: given.pop(name) for name in value.__dataclass_fields__}
        command(value(**own), *before, **given)

    wrapped: Any = with_options
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def common(command: Callable[..., None]) -> Any:
    """Add the options that all commands share. They become the command's first argument."""
    return packed(Options, _SHARED_OPTIONS, command)


def disclaimer(options: Options) -> str:
    """Return the intents folder's disclaimer, for the help pages and the demo."""
    from voice_helper.skill.folder_reader import disclaimer_of

    return disclaimer_of(language_folder(options))


def kept_in(source: Source, recording: Path | None) -> Source:
    """Return a source that also saves its audio in the folder `recording`.

    If no folder is given, return the source itself.
    """
    from voice_helper.audio.devices import KeptSource

    if recording is None:
        return source
    kept = KeptSource(source, recording, time.strftime("heard-%Y-%m-%d-%H-%M-%S-") + str(os.getpid()), note)
    note(f"the recording is saved in {kept.path}")
    return kept


def situation(recording: Path | None) -> dict[str, str]:
    """Return the situation of the conversation, as `State.situation` expects it: whether audio is being saved."""
    return {"recording": "on"} if recording is not None else {}


def slots(match: Match) -> str:
    """Return the slots of a match as text, to be printed after the intent."""
    return "".join(f" {name}={plain(value)}" for name, value in match.slots.items())


def plain(text: str) -> str:
    """Return text in a form that the console prints literally: brackets are escaped, and control characters become
    spaces.
    """
    from rich.markup import escape

    return escape(_printable(text))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _shortened(text: str) -> str:
    """Return the start of a text, printable on one line."""
    start = _printable(text[:_MAX_SHOWN_CHARACTERS])
    return start if len(text) <= _MAX_SHOWN_CHARACTERS else f"{start}..."


def print_hanging(console: Console, before: str, text: str, after: str = "") -> None:
    """Print markup with word wrap. Continuation lines are indented two columns further than the start of `text`.

    If the output is not a terminal, the text stays on one line.
    """
    from rich.text import Text

    whole = Text.from_markup(before + text + after)
    indent = len(Text.from_markup(before)) + _HANGING
    if console.soft_wrap or console.width < 2 * indent:
        console.print(whole, highlight=False)
        return
    first, *others = whole.wrap(console, console.width)
    console.print(first, highlight=False)
    if others:
        rest = whole[len(first.plain.rstrip()) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        for line in rest.wrap(console, console.width - indent):
            console.print(Text(" " * indent) + line, highlight=False)


def speak(options: Options, rows: Sequence[Row], save: Path | None, voice: Voice | None = None) -> None:
    """Play the rows on the loudspeaker. If `save` is given, also write them to that WAV file.

    Without a `voice`, the selected one is opened.
    """
    if options.voice == "none" and save is None:
        return
    from voice_helper.audio.devices import SilentPlayer, write_wav
    from voice_helper.errors import EngineMissingError
    from voice_helper.runtime.speaker import Speaker

    try:
        voice = voice or open_chosen_voice(options)
    except EngineMissingError as error:
        if save is not None:
            raise
        note(f"{error.message}; {error.hint}")
        return
    if save is not None:
        player = SilentPlayer(keep=True)
        speaker = Speaker(voice, player, options.rate)
        speaker.say_all(row.text for row in rows)
        if speaker.fault is not None:
            raise speaker.fault
        write_wav(save, player.finish())
        note(f"the spoken answer is in {save}")
    if options.voice == "none":
        return
    loudspeaker = open_loudspeaker(options)
    if loudspeaker is None:
        return
    with loudspeaker:
        speaker = Speaker(voice, loudspeaker, options.rate)
        speaker.say_all(row.text for row in rows)
        loudspeaker.wait()
    if speaker.fault is not None:
        note(f"{speaker.fault.message}; {speaker.fault.hint}")


def open_loudspeaker(options: Options, announce: Callable[[str], None] | None = None) -> Loudspeaker | None:
    """Open the loudspeaker. If the machine has no loudspeaker and the user did not select one, announce that and return
    `None`.

    Without `announce`, a note is printed.
    """
    from voice_helper.audio.devices import Loudspeaker
    from voice_helper.errors import SoundDeviceError

    announce = announce or note
    try:
        return Loudspeaker(options.loudspeaker_device, announce)
    except SoundDeviceError as error:
        if options.loudspeaker_device:
            raise
        announce(f"the answer is shown, not spoken: {error.message}; {error.hint}")
        return None


def open_chosen_skill(options: Options) -> Skill:
    """Open the skill of the selected intents folder. Print a warning if it has no rules for signs of danger."""
    with progress("loading the intents"):
        from voice_helper.skill import open_skill

        skill = open_skill(folder=language_folder(options), settings=options.settings, announce=note)
    warn_of_danger(skill.content)
    return skill


def warn_of_danger(content: Content) -> None:
    """Print a warning if the content has no rules that recognize signs of danger."""
    if not content.knows_danger:
        lack = "has no safety.yaml with families of the level emergency or urgent"
        missing = f"WARNING: signs of danger are not recognized: {content.folder} {lack}"
        print_hanging(error_terminal(), "[bold red]", plain(missing))


def check_save(options: Options, save: Path | None, question: Path | None = None) -> None:
    """Raise `click.UsageError` if there will be no speech to save, or if it cannot be saved in that file."""
    if save is not None and options.voice == "none":
        raise click.UsageError("with --voice none nothing is spoken, so there is nothing to --save")
    if save is not None:
        check_save_name(save, question)


def check_save_name(save: Path, question: Path | None = None) -> None:
    """Raise `click.UsageError` if a spoken answer cannot be saved in this file.

    `question` is the audio file with the question, which is never overwritten.
    """
    from voice_helper.audio.devices import is_sound_name

    if is_sound_name(save) and save.suffix.casefold() != ".wav":
        raise click.UsageError(f"--save writes WAV files only: --save {save.with_suffix('.wav')}")
    if question is not None:
        check_not_overwritten("--save", save, [question], "the question in")


def check_not_overwritten(option: str, written: Path | None, inputs: Sequence[Path], what: str) -> None:
    """Raise `click.UsageError` if writing a file would overwrite one of the inputs.

    A shell may have connected one of them to standard input.
    """
    if written is None:
        return
    for path in inputs:
        is_stdin = str(path) == "-"
        with suppress(OSError):  # one of them does not exist
            about = os.fstat(_STDIN) if is_stdin else path.stat()
            if stat.S_ISREG(about.st_mode) and os.path.samestat(about, written.stat()):
                name = written if is_stdin else path
                raise click.UsageError(f"{option} would overwrite {what} {name}: choose another name")


def language_folder(options: Options) -> Path:
    """Return the intents folder that the user named, or that of the language.

    Raises `VoiceHelperError` if it does not exist.
    """
    if options.intents is not None:
        if not options.intents.is_dir():
            raise VoiceHelperError(_no_intents(options.intents), hint="check the path of --intents")
        return options.intents
    known = _languages()
    if options.language not in known:
        raise VoiceHelperError(_no_language(options.language), hint=f"languages: {', '.join(known)}")
    return intents_folder(options.language)


def open_chosen_recognizer(options: Options, skill: Skill) -> Recognizer:
    """Open the selected recognizer, prepared for the phrases of the skill."""
    return choose_recognizer(options, skill).recognizer


def choose_recognizer(options: Options, skill: Skill, workers: int = 0) -> OpenedRecognizer:
    """Open the selected recognizer.

    The result can open further recognizers for other users who speak at the same time.
    """
    with progress("loading the recognizer"):
        from voice_helper.runtime.supervised_engines import open_supervised_recognizer
        from voice_helper.skill import phrases_of

        choice = open_supervised_recognizer(
            options.engine,
            phrases=phrases_of(skill.content),
            language=skill.content.language.code,
            model=options.model,
            workers=workers,
            second_opinion=options.second_opinion,
            announce=note,
        )
    if choice.advice:
        note(choice.advice)
    return choice


def open_chosen_voice(options: Options) -> Voice:
    """Open the selected voice, with supervision. Raises `EngineMissingError`."""
    with progress("loading the voice"):
        from voice_helper.runtime.supervised_engines import open_supervised_voice

        return open_supervised_voice(options.voice, options.spoken_language)


def keep_what_is_loaded() -> None:
    """Exclude everything loaded so far from garbage collection, then restore Python's default collection threshold.

    Clients that connect and leave create reference cycles, which keep the memory of engines allocated.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_PYTHONS_OWN)


def open_voice_or_none(options: Options, *, needed: bool) -> Voice:
    """Open the voice. If no voice works and `needed` is false, return a silent one, so that the text is only shown."""
    from voice_helper.errors import EngineMissingError
    from voice_helper.voices import NoVoice

    try:
        return open_chosen_voice(options)
    except EngineMissingError as error:
        if needed:
            raise
        note(f"the answers are shown, not spoken: {error.message}; {error.hint}")
        return NoVoice()


def note_number(options: Options, skill: Skill) -> None:
    """If the user has not set an emergency number, print a note with the words that the program will say instead."""
    named = skill.content.answers.settings.get("number", "")
    if named and not options.number:
        note(f'in an emergency it names "{named}"; set yours with voice-helper setup, or --number 112')


def terminal(file: TextIO | None = None) -> Console:
    """Return a console that writes to standard output, or to `file`."""
    from rich.console import Console

    return Console(file=file, soft_wrap=not (file or sys.stdout).isatty())


@cache
def error_terminal() -> Console:
    """Return the console for notes and errors. It is shared, so that notes appear above a running progress bar."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def note(text: str) -> None:
    """Print a note for the user on the error stream."""
    print_hanging(error_terminal(), "[dim]", plain(text))


def print_line(form: dict[str, Any], file: TextIO | None = None) -> None:
    """Print one JSON object on its own line."""
    is_unicode = (getattr(file or sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    line = json.dumps(form, ensure_ascii=not is_unicode)
    click.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line), file=file)


def counted(items: Sequence[Item], text: str) -> Iterator[Item]:
    """Yield items one by one. On a terminal, show a progress bar if that takes longer than one second."""
    from rich.progress import Progress

    console = error_terminal()
    if not console.is_terminal:
        yield from items
        return
    started = time.monotonic()
    with ExitStack() as opened:
        bar: Progress | None = None
        for given, item in enumerate(items):
            if bar is None and time.monotonic() - started > _PATIENCE_SECONDS:
                bar = opened.enter_context(Progress(console=console, transient=True))
                bar.add_task(text, total=len(items))
            if bar is not None:
                bar.update(bar.task_ids[0], completed=given)
            yield item


@contextmanager
def written_to(output: Path | None) -> Iterator[TextIO]:
    """Yield the stream to print a report to: standard output, or a file that is written completely or not at all.

    Raises `VoiceHelperError` if the file cannot be written.
    """
    if output is None:
        yield sys.stdout
        return
    report = io.StringIO()
    yield report
    write_file(output, report.getvalue())
    note(f"the report is in {output}")


def write_file(path: Path, text: str) -> None:
    """Write a text completely or not at all. Raises `VoiceHelperError`."""
    from voice_helper.support.atomic_write import write_whole

    try:
        write_whole(path, text.encode(errors="backslashreplace"))
    except OSError as error:
        raise VoiceHelperError(f"{path} cannot be written: {error.strerror}", hint="choose another location") from error


_in_progress: list[Status | None] = []
"""Holds the status line of the task in progress, if there is one. The entry is `None` if the task was printed as a
plain line.
"""


@contextmanager
def progress(text: str, *, as_line: bool = False) -> Iterator[None]:
    """Show on a terminal that work is in progress. Nested calls change the text for their duration.

    With `as_line`, and on terminals without cursor movement, print one line instead, for screen readers.
    """
    console = error_terminal()
    if not console.is_terminal:
        yield
        return
    if _in_progress:
        status, before = _in_progress[0], _in_progress[0].status if _in_progress[0] is not None else ""
        if status is not None:
            status.update(text)
        yield
        if status is not None:
            status.update(before)
        return
    with ExitStack() as opened:
        if as_line or console.is_dumb_terminal:
            note(f"{text} ...")
            _in_progress.append(None)
        else:
            _in_progress.append(opened.enter_context(console.status(text)))
        opened.callback(_in_progress.clear)
        yield


@contextmanager
def share_done(text: str) -> Iterator[Callable[[float], None]]:
    """Show the progress of a task: as a bar on a terminal, otherwise as a line at the start and after each tenth of the
    work.
    """
    console = error_terminal()
    if not console.is_terminal:
        note(f"{text} ...")
        yield _each_tenth(text)
        return
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task(text, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _each_tenth(text: str) -> Callable[[float], None]:
    """Return a function that receives the completed share of the work, and prints a line whenever another tenth is
    complete.
    """
    shown = 0

    def show(share: float) -> None:
        nonlocal shown
        tenths = int(share * 10 + 1e-9)
        if tenths > shown:
            shown = tenths
            note(f"{text}: {10 * tenths} %")

    return show


def plain_lines(text: str) -> str:
    """Return several lines in a form that prints literally."""
    return "\n".join(plain(line) for line in text.splitlines())


def show_error(error: VoiceHelperError) -> None:
    """Print on the error stream what is wrong and what to do about it."""
    console = error_terminal()
    first, *others = plain_lines(error.message).splitlines() or [""]
    print_hanging(console, "", f"[red]error:[/red] {first}")
    for line in others:
        print_hanging(console, "", line)
    if error.hint:
        print_hanging(console, "", f"[dim]hint:[/dim] {plain(error.hint)}")
