"""The command line: every command with an example in its help."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from voice_helper import __version__
from voice_helper.errors import VoiceHelperError
from voice_helper.paths import data_folder, intents_folder
from voice_helper.recognizers import ENGINE_NAMES
from voice_helper.voices import VOICE_NAMES, WORDS_PER_MINUTE

if TYPE_CHECKING:  # the heavy modules are imported by the command that needs them
    from voice_helper.assistant import Assistant, Happening
    from voice_helper.audio import Loudspeaker, Player, SilentPlayer, Source
    from voice_helper.recognizers import Recognizer
    from voice_helper.skill import Skill
    from voice_helper.tester import Case, Result
    from voice_helper.types import Answer, Match, Row, Transcript
    from voice_helper.view import GuideView
    from voice_helper.voices import Voice

_INTERRUPTED: Final = 130
_CONTROLS: Final = re.compile(r"[\x7f-\x9f\u2028\u2029]")  # JSON leaves them as they are, terminals act on some
_PLACES: Final = {"calf": "calf", "foot": "foot", "thigh": "thigh"}


@dataclass(frozen=True, slots=True)
class Options:
    """What every command shares."""

    engine: str = "auto"
    model: Path | None = None
    voice: str = "auto"
    rate: float = WORDS_PER_MINUTE
    device: str | None = None
    number: str | None = None
    language: str = "en"

    @property
    def settings(self) -> dict[str, str]:
        """What replaces the settings of the content."""
        return {"number": self.number} if self.number else {}


def _shared(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """An option that all commands share, also as an environment variable VOICE_HELPER_..."""
    variable = f"VOICE_HELPER_{names[0].removeprefix('--').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


_SHARED_OPTIONS: Final = (
    _shared("--engine", type=click.Choice(ENGINE_NAMES), default="auto", show_default=True, help="The recognizer."),
    _shared("--model", type=click.Path(path_type=Path), help="Folder of a Vosk model."),
    _shared("--voice", type=click.Choice(VOICE_NAMES), default="auto", show_default=True, help="The voice."),
    _shared("--rate", type=click.FloatRange(80, 300), default=WORDS_PER_MINUTE, help="Words a minute."),
    _shared("--device", help="Part of the name of the sound device."),
    _shared("--number", help="The emergency number it names, such as 112."),
    _shared("--language", default="en", show_default=True, help="The intents folder to use."),
)  # fmt: skip


_DEBUG_RECORDING: Final = click.option(
    "--debug-recording",
    "recording",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the sound that is heard in this folder; it says so first. Nothing is kept without this.",
)


def _common(command: Callable[..., None]) -> Any:
    """Give a command the options that all share, as one value."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        shared = {name: given.pop(name) for name in Options.__dataclass_fields__}
        command(Options(**shared), **given)

    wrapped: Any = with_options
    for option in reversed(_SHARED_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


@dataclass(frozen=True, slots=True)
class Listening:
    """What the commands that go on listening share."""

    source: str
    save: Path | None
    events: bool
    recording: Path | None
    headset: bool
    article_only: bool
    patient: bool
    plain: bool
    chime: bool


_LISTENING_OPTIONS: Final = (
    click.option("--source", default="mic", show_default=True, help="mic, or a sound file, in virtual time."),
    click.option("--save", type=click.Path(path_type=Path), help="Write what was spoken to a WAV file."),
    click.option("--events", is_flag=True, help="Print one JSON object for each thing that happens."),
    _DEBUG_RECORDING,
    click.option("--headset", is_flag=True, help="The microphone cannot hear the loudspeaker: no caution is needed."),
    click.option("--article-only", is_flag=True, help="A session with the article's own words, without first aid."),
    click.option("--patient", is_flag=True, help="Wait longer before an utterance counts as over."),
    click.option("--plain", is_flag=True, help="Plain lines, for screen readers: no large letters, no bar."),
    click.option(
        "--chime/--no-chime", default=True, help="A soft tone when it begins to listen; it learns the room from it."
    ),
)


def _conversing(command: Callable[..., None]) -> Any:
    """Give a command that goes on listening its options, as one value."""

    @wraps(command)
    def with_options(options: Options, **given: Any) -> None:
        listening = {name: given.pop(name) for name in Listening.__dataclass_fields__}
        command(options, Listening(**listening), **given)

    wrapped: Any = _common(with_options)
    for option in reversed(_LISTENING_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _disclaimer() -> str:
    return (
        "For education only: the answers do not take the place of advice from a medical expert, "
        "and no clinician has reviewed them."
    )


@click.group(epilog=_disclaimer(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="voice-helper")
def cli() -> None:
    """Ask aloud about leg cramps, offline, and be guided hands-free when one is there.

    Example: voice-helper ask "does heat help"
    """


# ask


@cli.command()
@click.argument("question", nargs=-1)
@click.option("--wav", type=click.Path(path_type=Path), help="A sound file with the question in it.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the spoken answer to this WAV file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@_DEBUG_RECORDING
@_common
def ask(
    options: Options,
    question: tuple[str, ...],
    wav: Path | None,
    save: Path | None,
    as_json: bool,
    recording: Path | None,
) -> None:
    """Ask one question: typed, from a sound file, or from the microphone.

    Example: voice-helper ask "why do my calves cramp at night"

    Example: voice-helper ask --wav question.wav --save answer.wav
    """
    if question and wav:
        raise click.UsageError("give a typed question or --wav, not both")
    if question and recording:
        raise click.UsageError("a typed question has no sound to keep: leave --debug-recording out")
    _refuse_silent_save(options, save)
    _answer_once(options, " ".join(question) if question else None, wav, save, as_json=as_json, recording=recording)


def _answer_once(
    options: Options,
    typed: str | None,
    wav: Path | None,
    save: Path | None,
    *,
    as_json: bool,
    recording: Path | None = None,
) -> None:
    from voice_helper.conversation import State
    from voice_helper.forms import answer_form
    from voice_helper.tester import ask as ask_skill
    from voice_helper.types import Transcript

    if wav is not None:  # a file that is no sound is named before anything is loaded
        from voice_helper.audio import WavSource

        WavSource(wav)
    skill = _open_skill(options)
    engine: str | None = None
    if typed is not None:
        transcript = Transcript(typed)
    else:
        transcript, engine = _hear_one(options, skill, wav, recording)
    asked = ask_skill(skill, transcript, State(situation=_situation(recording)))
    if as_json:
        match = skill.understanding.with_runner_up(asked.transcript.text, asked.match)
        _print_line(answer_form(asked.transcript, engine, match, asked.answer))
    else:
        _show_answer(asked.transcript, engine, asked.match, asked.answer)
    _speak(options, asked.answer.spoken_rows(), save)


def _hear_one(options: Options, skill: Skill, wav: Path | None, recording: Path | None) -> tuple[Transcript, str]:
    from voice_helper.assistant import hear_question
    from voice_helper.audio import Microphone, WavSource
    from voice_helper.endpoint import ONE_QUESTION, EndpointSettings

    recognizer = _open_recognizer(options, skill)
    if recording is not None:
        notice = skill.content.answers.recording_notice
        _note(notice.text)
        _speak(options, (notice,), None)
    if wav is not None:
        heard = hear_question(_kept(WavSource(wav), recording), recognizer, ONE_QUESTION)
        if not heard.text:
            raise VoiceHelperError(f"no words were heard in {wav}", hint="record it closer to the microphone")
        return heard, recognizer.name
    with Microphone(options.device) as microphone:
        _note("listening: ask your question")
        return hear_question(_kept(microphone, recording), recognizer, EndpointSettings()), recognizer.name


def _kept(source: Source, recording: Path | None) -> Source:
    """Give a source whose sound is kept in a folder, where one was named; else the source as it is."""
    from voice_helper.audio import KeptSource

    if recording is None:
        return source
    kept = KeptSource(source, recording, time.strftime("heard-%Y-%m-%d-%H-%M-%S-") + str(os.getpid()))
    _note(f"what is heard is kept in {kept.path}")
    return kept


def _situation(recording: Path | None) -> dict[str, str]:
    return {"recording": "on"} if recording is not None else {}


def _show_answer(transcript: Transcript, engine: str | None, match: Match, answer: Answer) -> None:
    console = _console()
    if engine:
        console.print(f"[dim]heard ({engine}, {transcript.confidence:.2f}):[/dim]", transcript.text, highlight=False)
    console.print(f"[dim]intent:[/dim] {match.intent}{_slots(match)}", highlight=False)
    for row in answer.spoken_rows():
        mark = {"article": "article", "first_aid": "first aid", "safety": "safety"}.get(row.kind, "")
        where = row.fact or row.source
        note = f"  [dim]({mark}: {where})[/dim]" if mark and where else ""
        console.print(f"  {_plain(row.text)}{note}", highlight=False)


def _slots(match: Match) -> str:
    return "".join(f" {name}={_plain(value)}" for name, value in match.slots.items())


def _plain(text: str) -> str:
    """Text as it is: brackets are not markup, control characters do not reach the terminal."""
    from rich.markup import escape

    return escape("".join(character if character.isprintable() else " " for character in text))


def _speak(options: Options, rows: Sequence[Row], save: Path | None) -> None:
    from voice_helper.assistant import Speaker
    from voice_helper.audio import SilentPlayer, write_wav
    from voice_helper.errors import EngineMissingError

    if options.voice == "none" and save is None:
        return
    try:
        voice = _open_voice(options)
    except EngineMissingError as error:
        if save is not None:
            raise
        _note(f"{error.message}; {error.hint}")
        return
    if save is not None:
        player = SilentPlayer(keep=True)
        speaker = Speaker(voice, player, options.rate)
        for row in rows:
            speaker.say(row.text)
        write_wav(save, player.finish())
        _note(f"the spoken answer is in {save}")
    if options.voice == "none":
        return
    loudspeaker = _open_loudspeaker(options)
    if loudspeaker is None:
        return
    with loudspeaker:
        speaker = Speaker(voice, loudspeaker, options.rate)
        for row in rows:
            speaker.say(row.text)
        loudspeaker.wait()


def _open_loudspeaker(options: Options) -> Loudspeaker | None:
    from voice_helper.audio import Loudspeaker
    from voice_helper.errors import SoundDeviceError

    try:
        return Loudspeaker(options.device)
    except SoundDeviceError as error:
        if options.device:
            raise
        _note(f"the answer is shown, not spoken: {error.message}; {error.hint}")
        return None


# listen and guide


@cli.command()
@click.option("--wake", metavar="PHRASE", help='Answer only after this phrase, such as "hey helper"; danger always.')
@click.option("--push-to-talk", is_flag=True, help="Answer only after the Enter key; danger always.")
@_conversing
def listen(options: Options, listening: Listening, wake: str | None, push_to_talk: bool) -> None:
    """Go on listening and answering, hands-free. A cramp starts the guide, so does the Enter key. Ctrl-C ends.

    Example: voice-helper listen

    Example: voice-helper listen --wake "hey helper"

    Example: voice-helper listen --source evening.wav --events --save spoken.wav
    """
    _converse(options, listening, wake=wake, push_to_talk=push_to_talk)


@cli.command()
@click.option("--place", type=click.Choice(sorted(_PLACES)), help="Where the cramp is.")
@_conversing
def guide(options: Options, listening: Listening, place: str | None) -> None:
    """Be guided through a cramp at once, hands-free. Say "stop" to end.

    Example: voice-helper guide --place foot

    Example: voice-helper guide --article-only --plain
    """
    _converse(options, listening, guide=True, place=place)


def _converse(
    options: Options,
    listening: Listening,
    *,
    guide: bool = False,
    place: str | None = None,
    wake: str | None = None,
    push_to_talk: bool = False,
) -> None:
    from voice_helper.assistant import Assistant, Speaker
    from voice_helper.audio import SilentPlayer, WavSource, write_wav
    from voice_helper.conversation import State
    from voice_helper.echo import EchoCanceller
    from voice_helper.endpoint import PATIENT, EndpointSettings
    from voice_helper.recognizers.wake import WakeWord
    from voice_helper.view import GuideView

    save, recording = listening.save, listening.recording
    _refuse_silent_save(options, save)
    file = None if listening.source == "mic" else WavSource(Path(listening.source))
    spotter = WakeWord(wake) if wake is not None else None
    skill = _open_skill(options)
    recognizer = _open_recognizer(options, skill)
    voice = _open_voice_or_none(options, needed=save is not None)
    console = _console()
    hint = skill.content.guide.help.text if skill.content.guide is not None else ""
    view = GuideView(console, hint) if _wants_view(listening, console, guide=guide) else None
    with ExitStack() as opened:
        kept = SilentPlayer(keep=save is not None)
        player, heard = (kept, file) if file is not None else _live(options, kept, opened, needed=not guide)
        assistant = Assistant(
            skill.conversation,
            recognizer,
            Speaker(voice, player, options.rate),
            state=State(hands_free=True, situation=_situation(recording), article_only=listening.article_only),
            endpoint=PATIENT if listening.patient else EndpointSettings(),
            echo=None if listening.headset else EchoCanceller(),
            headset=listening.headset,
            wake=spotter,
            waits_to_be_addressed=push_to_talk,
            tell=_teller(listening, console, view),
        )
        heard = _kept(heard, recording)
        pressed = _enter_key() if file is None and not guide else _no_key
        act_on_key = assistant.address if push_to_talk else assistant.begin_guide
        try:
            _begin(assistant, skill, options, listening, guide=guide, place=place)
            if not guide and file is None and not listening.events:
                _note(_how_to_begin(wake, push_to_talk=push_to_talk))
            if view is not None:
                opened.enter_context(view.open())
            for _ in assistant.hear(heard):
                if view is not None:
                    view.tick(assistant)
                if pressed():
                    act_on_key()
                if guide and file is None and not assistant.is_busy:
                    break
            if file is not None:
                for _ in assistant.stay():
                    pass
        finally:
            if save is not None:
                write_wav(save, kept.finish())
        if listening.events and file is not None:
            _print_line({"at": round(assistant.seconds, 2), "event": "end", "reason": "source_ended"})


def _begin(
    assistant: Assistant, skill: Skill, options: Options, listening: Listening, *, guide: bool, place: str | None
) -> None:
    """Say, play and show what comes before anything is heard."""
    is_live = listening.source == "mic"
    if is_live and not options.number:
        named = skill.content.answers.settings.get("number", "")
        _note(f'in an emergency it names "{named}"; name yours: --number 112, or export VOICE_HELPER_NUMBER=112')
    if is_live and listening.chime and not listening.headset and options.voice != "none":
        assistant.chime()
    if listening.recording is not None:
        assistant.say_first((skill.content.answers.recording_notice,))
    if guide:
        assistant.begin_guide(_PLACES.get(place or ""))


def _how_to_begin(wake: str | None, *, push_to_talk: bool) -> str:
    if wake is not None:
        return f'listening for "{wake}"; signs of danger are always heard. Ctrl-C ends'
    if push_to_talk:
        return "press Enter, then speak; signs of danger are always heard. Ctrl-C ends"
    return 'listening; ask about leg cramps, or say "help, I have a cramp", or press Enter for that. Ctrl-C ends'


def _wants_view(listening: Listening, console: Console, *, guide: bool) -> bool:
    return guide and console.is_terminal and listening.source == "mic" and not (listening.plain or listening.events)


def _teller(listening: Listening, console: Console, view: GuideView | None) -> Callable[[Happening], None]:
    if listening.events:
        from voice_helper.forms import happening_form

        return lambda happening: _print_line(happening_form(happening))
    return view.tell if view is not None else _shower(console)


def _no_key() -> bool:
    return False


def _enter_key() -> Callable[[], bool]:
    """Give what tells whether Enter was pressed since it was last asked."""
    import queue
    import threading

    if not sys.stdin.isatty():
        return _no_key
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)

    threading.Thread(target=read, name="keyboard", daemon=True).start()

    def pressed() -> bool:
        was = False
        while not lines.empty():
            lines.get()
            was = True
        return was

    return pressed


def _live(options: Options, kept: SilentPlayer, opened: ExitStack, *, needed: bool) -> tuple[Player, Source]:
    """Open the sound devices; where the microphone is not `needed`, a session without one shows its text."""
    from voice_helper.audio import Microphone, QuietRoom
    from voice_helper.errors import SoundDeviceError

    player: Player = kept
    if options.voice != "none":
        loudspeaker = _open_loudspeaker(options)
        if loudspeaker is not None:
            player = opened.enter_context(loudspeaker)
    try:
        return player, opened.enter_context(Microphone(options.device))
    except SoundDeviceError as error:
        if needed or options.device:
            raise
        _note(f"nothing can be heard, the steps are shown: {error.message}")
        return player, QuietRoom()


def _shower(console: Console) -> Callable[[Happening], None]:
    def show(happening: Happening) -> None:
        fields = happening.fields
        at, text = f"{happening.at_seconds:8.1f}", _plain(str(fields.get("text", "")))
        if happening.event == "heard":
            console.print(
                f"[dim]{at}[/dim]  you   {text}  [dim]{fields['intent']}[/dim]",
                highlight=False,
            )
        elif happening.event == "say":
            console.print(f"[dim]{at}[/dim]        {text}", highlight=False)
        elif happening.event == "end":
            console.print(f"[dim]{at}  ended: {fields['reason']}[/dim]", highlight=False)

    return show


# the intent tester


@cli.command("test-intents")
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
@_common
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
    skill = _open_skill(options)
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

    recognizer = _open_recognizer(options, skill) if audio else None
    for case in _cases(files, audio=audio):
        asked = replace(case, context="guide") if context == "guide" else case
        heard, engine = (_hear_file(recognizer, Path(case.text)), recognizer.name) if recognizer else (None, None)
        result = run_case(skill, asked, heard=heard, engine=engine)
        if form == "jsonl":
            line = result.form()
            if explain:
                line["explanation"] = explain_result(skill, result)
            _print_line(line)
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
        console = _console()
        table = Table(box=None, pad_edge=False)
        for column in ("", "text", "intent", "score", "by", "expected"):
            table.add_column(column, overflow="fold")
        for result in results:
            mark = {True: "ok", False: "[red]NO[/red]", None: ""}[result.is_right]
            expected = _plain(result.case.intent or "") if result.is_right is False else ""
            table.add_row(
                mark,
                _plain(result.case.text),
                result.match.intent + _slots(result.match),
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
        _note('type a sentence to see its intent; "exit" or Ctrl-D ends')
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

    console = _console()
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
        table.add_row(name, _plain(value))
    console.print(table)
    console.print()


# check, doctor, voices, demo


@cli.command()
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
    with _progress("checking every sentence"):
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


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def learn(folder: Path | None) -> None:
    """Learn the nearest meaning anew from the sentences and wordings of an intents folder.

    Takes about a minute. Until then new sentences are matched word for word only.

    Example: voice-helper learn intents/en
    """
    from voice_helper.skill import learn_folder

    _note("learning the sentences, about a minute ...")
    path = learn_folder(folder or intents_folder())
    click.echo(f"learned; kept in {path}")


def _write_page(page: Path, text: str) -> None:
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise VoiceHelperError(f"{page} cannot be written: {error.strerror}", hint="choose another place") from error
    click.echo(f"every sentence it can say is in {page}")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@_common
def doctor(options: Options, as_json: bool) -> None:
    """Show what works on this machine, what does not, and the command that mends it.

    Example: voice-helper doctor
    """
    from voice_helper.doctor import examine

    findings = examine(options.language, options.model, options.number)
    if as_json:
        _print_line(
            {"ok": all(each.ok or not each.needed for each in findings), "checks": [each.form() for each in findings]}
        )
    else:
        console = _console()
        table = Table(box=None, show_header=False, pad_edge=False)
        for _ in range(3):
            table.add_column(overflow="fold")
        for each in findings:
            mark = (
                "[green]works[/green]"
                if each.ok
                else ("[red]broken[/red]" if each.needed else "[yellow]missing[/yellow]")
            )
            table.add_row(mark, _plain(each.name), _plain(each.detail + (f"\n-> {each.mend}" if each.mend else "")))
        console.print(table)
    if any(each.needed and not each.ok for each in findings):
        raise VoiceHelperError("something that every question needs does not work", hint="see the lines above")


@cli.command()
@click.option("--save", type=click.Path(path_type=Path), help="Write the sample to this WAV file.")
@_common
def voices(options: Options, save: Path | None) -> None:
    """List the voices, and say a sample with the one that is used.

    Example: voice-helper voices
    """
    from voice_helper.voices.pyttsx3 import Pyttsx3Voice

    skill = _open_skill(options)
    voice = _open_voice(options)
    for name in VOICE_NAMES:
        if name != "auto":
            click.echo(f"{name}{'  (used)' if name == voice.name else ''}")
    if isinstance(voice, Pyttsx3Voice):
        names = voice.voices()
        click.echo(f"  {len(names)} voices of the system: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}")
    sample = skill.content.answers.short
    _speak(options, (sample,), save)


@cli.command()
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    default=Path("answer.wav"),
    show_default=True,
    help="Where the spoken answer goes.",
)
@_common
def demo(options: Options, save: Path) -> None:
    """Ask the shipped recording and answer it: nothing is downloaded, no sound hardware is needed.

    Example: voice-helper demo --save answer.wav
    """
    recording = _language_folder(options) / "demo.wav"
    _answer_once(options, None, recording, save, as_json=False)
    _note(_disclaimer())


# what commands share


def _open_skill(options: Options) -> Skill:
    from voice_helper.skill import open_skill

    _language_folder(options)
    return open_skill(options.language, settings=options.settings, announce=_note)


def _refuse_silent_save(options: Options, save: Path | None) -> None:
    if save is not None and options.voice == "none":
        raise click.UsageError("with --voice none nothing is spoken, so there is nothing to --save")


def _language_folder(options: Options) -> Path:
    known = sorted(path.name for path in data_folder("intents").iterdir() if path.is_dir())
    if options.language not in known:
        raise VoiceHelperError(f'there is no language "{options.language}"', hint=f"languages: {', '.join(known)}")
    return intents_folder(options.language)


def _open_recognizer(options: Options, skill: Skill) -> Recognizer:
    from voice_helper.recognizers import open_recognizer
    from voice_helper.skill import phrases_of

    choice = open_recognizer(
        options.engine, phrases=phrases_of(skill.content), language=options.language, model=options.model
    )
    if choice.advice:
        _note(choice.advice)
    return choice.recognizer


def _open_voice(options: Options) -> Voice:
    from voice_helper.voices import open_voice

    return open_voice(options.voice)


def _open_voice_or_none(options: Options, *, needed: bool) -> Voice:
    """Open the voice; where there is none and none is `needed`, the words are only shown."""
    from voice_helper.errors import EngineMissingError
    from voice_helper.voices import NoVoice

    try:
        return _open_voice(options)
    except EngineMissingError as error:
        if needed:
            raise
        _note(f"the answers are shown, not spoken: {error.message}; {error.hint}")
        return NoVoice()


def _console() -> Console:
    return Console(soft_wrap=not sys.stdout.isatty())


def _note(text: str) -> None:
    """Tell the person something beside the answer, on the error stream."""
    Console(stderr=True, soft_wrap=True).print(_plain(text), style="dim", highlight=False)


def _print_line(form: dict[str, Any]) -> None:
    click.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(form, ensure_ascii=False)))


@contextmanager
def _progress(text: str) -> Iterator[None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    if code == _INTERRUPTED:
        os._exit(code)  # at once: a sound library's threads may be in the middle of something
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line; give the exit code: 0 done, 1 the user can fix it, 2 wrong usage, 130 interrupted."""
    if threading_is_main():
        signal.signal(signal.SIGTERM, _on_terminate)
    try:
        cli.main(args=arguments, prog_name="voice-helper", standalone_mode=False)
    except VoiceHelperError as error:
        _show_error(error)
        return 1
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def threading_is_main() -> bool:
    """Tell whether this is the main thread, the only one that may set signal handlers."""
    import threading

    return threading.current_thread() is threading.main_thread()


def _on_terminate(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _show_error(error: VoiceHelperError) -> None:
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"[red]error:[/red] {_plain_lines(error.message)}", highlight=False)
    if error.hint:
        console.print(f"[dim]hint:[/dim] {_plain(error.hint)}", highlight=False)


def _plain_lines(text: str) -> str:
    return "\n".join(_plain(line) for line in text.splitlines())
