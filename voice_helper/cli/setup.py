"""First steps: `start` offers a menu; `setup` tests the audio and asks for the emergency number."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from voice_helper.cli.options import (
    Options,
    common,
    disclaimer,
    language_folder,
    note,
    open_chosen_recognizer,
    open_chosen_skill,
    plain,
    progress,
    show_error,
    terminal,
)
from voice_helper.errors import SoundDeviceError, Terminated, VoiceHelperError
from voice_helper.support.paths import is_file, settings_file
from voice_helper.support.silence_stderr import without_sound_library_noise

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from rich.console import Console
    from rich.live import Live

    from voice_helper.audio.devices import DeviceKind, Source
    from voice_helper.audio.levels import LevelMeter, Verdict
    from voice_helper.cli.ask import TypedConversation
    from voice_helper.recognizers import Recognizer
    from voice_helper.skill import Skill
    from voice_helper.types import AudioChunk

_PATIENCE_SECONDS: Final = 12.0
_TRIES: Final = 3
_BAR_WIDTH: Final = 30  # leaves room for the figures on one line of a narrow terminal
_CHUNKS_A_PICTURE: Final = 3  # about ten pictures a second
_NUMBER: Final = re.compile(r"[0-9+*#][0-9 +*#-]{1,18}")
_LEVELS: Final = {
    "silent": "The microphone is silent: it is switched off or muted, or you meant another one.",
    "soft": "That was very soft: come closer, or raise the input level in the system's sound settings.",
    "good": "The level is good.",
    "loud": "That was too loud: lower the input level in the system's sound settings, or move away a little.",
}
_QUIET_PLEASE: Final = "Be quiet for two seconds: it listens to the room."
_AS_SAID: Final = "which it understands."
_MISHEARD: Final = "which is not the sentence above."
_HEAR_BETTER: Final = (
    "Come closer to the microphone, or go somewhere quieter. If it cut you off, let it wait longer: listen --patient,"
    " or patient = true in the file named below. A larger speech model may help: voice-helper models list"
)
_CHOICES: Final = {
    "": "listen: ask aloud, or say that you need help now",
    "a": "ask: type a question",
    "g": "guide: get help now, step by step",
    "t": "test: type sentences and see what they mean",
    "s": "set up the sound and the emergency number",
    "q": "quit",
}
_NAMED: Final = {
    "listen": "", "ask": "a", "guide": "g", "test": "t", "setup": "s", "set up": "s", "quit": "q", "exit": "q",
}  # fmt: skip
"""The words that stand for a choice of the menu. Any other text of at least two characters is a question."""


@click.command()
@click.pass_context
@common
def start(options: Options, context: click.Context) -> None:
    """Choose what to do from a menu.

    On the first run, it also sets up the sound devices. Press Enter alone to listen, or type a question. Ctrl-C ends
    the current activity; a second Ctrl-C exits the program. On a terminal, voice-helper without arguments does the
    same.

    Example: voice-helper start
    """
    _needs_terminal("start")
    from voice_helper.cli.ask import TypedConversation
    from voice_helper.skill.folder_reader import name_of

    console = terminal()
    about = plain(name_of(language_folder(options)))
    console.print(f"[bold]voice_helper[/bold]: ask aloud about {about}, and get step-by-step help.", highlight=False)
    console.print(disclaimer(options), style="dim")
    if not is_file(settings_file()):
        console.print("\nFirst, let's test the sound. Ctrl-C ends this at any time.")
        options = _set_up(options, console)
    conversation = TypedConversation(options)
    while True:
        console.print()
        for key, what in _CHOICES.items():
            console.print(f"  [bold]{key or 'Enter':5}[/bold]  {what}", highlight=False)
        typed = _asked("Enter, or a letter, or your question", lambda text: len(text) > 1 or text.lower() in _CHOICES)
        chosen = _NAMED.get(typed.lower(), typed)
        if chosen.lower() == "q":
            return
        kept = {name: getattr(options, name) for name in ("number", "microphone", "loudspeaker")}
        try:
            if chosen.lower() == "s":
                options = _set_up(options, console)
                conversation = TypedConversation(options)
            elif chosen.lower() in _CHOICES:
                _begin(context, chosen.lower(), {**context.params, **kept}, conversation)
            else:
                conversation.answer(chosen)
        except VoiceHelperError as error:
            show_error(error)
        except (KeyboardInterrupt, click.Abort) as interrupt:
            if isinstance(interrupt, Terminated) or isinstance(interrupt.__context__, Terminated):
                raise
            console.print("\nPress Ctrl-C again, or q, to quit.")


@click.command()
@common
def setup(options: Options) -> None:
    """Test the sound devices and set your emergency number.

    No recording is kept.

    Example: voice-helper setup
    """
    _needs_terminal("setup")
    _set_up(options, terminal())


def _needs_terminal(command: str) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise VoiceHelperError(
            f"{command} asks questions, so it needs a terminal",
            hint='voice-helper doctor checks the machine; to set the number: export VOICE_HELPER_NUMBER="112"',
        )


def _begin(context: click.Context, chosen: str, options: dict[str, object], conversation: TypedConversation) -> None:
    from voice_helper.cli.listen import guide, listen
    from voice_helper.cli.test_intents import test_intents

    if chosen == "a":
        question = click.prompt("Your question", default="", show_default=False).strip()
        if question:
            conversation.answer(question)
        return
    if chosen == "t":
        context.invoke(test_intents, **options)
        return
    patient = bool(context.lookup_default("patient"))  # the value that these commands use when started directly
    context.invoke(guide if chosen == "g" else listen, patient=patient, **options)


def _set_up(options: Options, console: Console) -> Options:
    """Set up the microphone, the loudspeaker and the number. Save the choices and return the updated options."""
    from voice_helper.support.settings import begin_settings, keep_setting

    def keep(name: str, value: str) -> Options:
        keep_setting(settings_file(), name, value)
        changed: Any = {name: value}
        return replace(options, **changed)

    begin_settings(settings_file())
    skill = open_chosen_skill(options)
    tried: dict[DeviceKind, Callable[[Options, Skill, Console], bool]] = {"microphone": _hears, "loudspeaker": _speaks}
    for kind, works in tried.items():
        console.print(f"\n[bold]{kind.capitalize()}[/bold]")
        while not works(options, skill, console):
            another = _another(kind, console)
            if another is None:
                break
            options = keep(kind, another) if another else options
    console.print("\n[bold]Emergency number[/bold]")
    number = _number(options)
    if number:
        options = keep("number", number)
    console.print(f"Your choices are saved in {plain(str(settings_file()))}", style="dim", highlight=False)
    return options


def _hears(options: Options, skill: Skill, console: Console) -> bool:
    """Show the microphone level while the user says a sentence, then the transcript.

    Return whether the microphone works.
    """
    from voice_helper.audio.devices import Microphone
    from voice_helper.runtime.speaker import sentences_of

    try:
        Microphone(options.microphone_device).close()  # without a microphone, there is no need to load the recognizer
    except SoundDeviceError as error:
        show_error(error)
        return options.microphone_device is None  # if there is no microphone at all, there is nothing to choose
    room = _room_decibels(options, console)
    with progress("loading the recognizer"):
        recognizer: Recognizer = open_chosen_recognizer(options, skill)
        sentence = sentences_of(skill.content.answers.samples.text)[-1].rstrip(".")
        wanted = skill.understanding.understand(sentence).intent
    for number in range(_TRIES):
        begun = "Once more: press" if number else "Press"
        console.print(f'{begun} Enter, then say aloud: "{plain(sentence)}"', highlight=False)
        click.prompt("", default="", show_default=False, prompt_suffix="")
        heard, verdict, voice = _heard(options, recognizer, console)
        if verdict in ("good", "loud"):
            _tell_if_too_loud(room, voice, console)
        if not heard:
            console.print("No words were heard." if verdict == "good" else _LEVELS[verdict])
            return False
        is_right = skill.understanding.understand(heard).intent == wanted
        console.print(f'Heard: "{plain(heard)}", {_AS_SAID if is_right else _MISHEARD}', highlight=False)
        console.print(_LEVELS[verdict])
        if is_right:
            return True
    console.print(_HEAR_BETTER)
    return False


@without_sound_library_noise(note)
def _room_decibels(options: Options, console: Console) -> float:
    """Return the level of the room in decibels, measured while the user is quiet."""
    from voice_helper.audio.devices import Microphone
    from voice_helper.audio.room_level import first_seconds, loud_decibels

    console.print(_QUIET_PLEASE)
    with Microphone(options.microphone_device) as microphone:
        return loud_decibels(first_seconds(microphone.chunks()))


def _tell_if_too_loud(room_decibels: float, voice_decibels: float, console: Console) -> None:
    """Print that the user is too soft for this room, and what to do about it. Print nothing if the level is fine."""
    from voice_helper.cli.room_advice import problem_of_room

    problem = problem_of_room(room_decibels, voice_decibels)
    if problem is not None:
        what, mend = problem
        console.print(f"{what[0].upper()}{what[1:]}: {mend}.", highlight=False)


@without_sound_library_noise(note)  # do not wrap a question in this: its text also goes to stderr
def _heard(options: Options, recognizer: Recognizer, console: Console) -> tuple[str, Verdict, float]:
    """Return the transcript of what the user says (empty if the user says nothing), the verdict on the level, and the
    level in decibels.
    """
    from voice_helper.audio.devices import Microphone
    from voice_helper.audio.endpoint import EndpointSettings
    from voice_helper.audio.levels import LevelMeter
    from voice_helper.runtime.assistant import hear_question

    meter = LevelMeter()
    with Microphone(options.microphone_device) as microphone:
        heard = hear_question(_Metered(microphone, meter, console), recognizer, EndpointSettings())
    return heard.text, meter.verdict(), meter.loud_decibels


class _Metered:
    """A source that shows its level while it is read. It ends after twelve seconds."""

    def __init__(self, source: Source, meter: LevelMeter, console: Console) -> None:
        self._source, self._meter, self._console = source, meter, console

    def chunks(self) -> Iterator[AudioChunk]:
        from rich.live import Live

        seconds = 0.0
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            for number, chunk in enumerate(self._source.chunks()):
                level = self._meter.accept(chunk)
                if number % _CHUNKS_A_PICTURE == 0:
                    self._show(live, level, _PATIENCE_SECONDS - seconds)
                seconds += chunk.seconds
                yield chunk
                if seconds > _PATIENCE_SECONDS:
                    return

    def _show(self, live: Live, decibels: float, seconds_left: float) -> None:
        from rich.text import Text

        from voice_helper.audio.levels import QUIETEST_DECIBELS

        filled = round(_BAR_WIDTH * (1 - decibels / QUIETEST_DECIBELS))
        bar = Text("#" * filled, style="green") + Text("-" * (_BAR_WIDTH - filled), style="dim")
        left = f"listening, {max(0, math.ceil(seconds_left))} s left"
        live.update(bar + Text(f" {decibels:4.0f} dB, {left}"), refresh=True)


def _speaks(options: Options, skill: Skill, console: Console) -> bool:
    """Play a sentence. Return whether the user heard it. Also return true if there is no other device to choose."""
    from voice_helper.audio.devices import Loudspeaker
    from voice_helper.cli.options import open_voice_or_none
    from voice_helper.runtime.speaker import Speaker

    if options.voice == "none":
        console.print("Answers are only shown, because --voice none is set.")
        return True
    voice = open_voice_or_none(options, needed=False)
    try:
        loudspeaker = Loudspeaker(options.loudspeaker_device, note)
    except SoundDeviceError as error:
        show_error(error)
        return options.loudspeaker_device is None
    with loudspeaker, without_sound_library_noise(note):
        sentence = skill.content.answers.short.text
        console.print(f'It says: "{plain(sentence)}"', highlight=False)
        Speaker(voice, loudspeaker, options.rate).say_all((sentence,))
        loudspeaker.wait()
    return click.confirm("Did you hear it?", default=True)


def _another(kind: DeviceKind, console: Console) -> str | None:
    """Let the user choose another device. Return its name, "" to retry the same one, or `None` to give up."""
    from voice_helper.audio.devices import device_names, is_systems_choice

    names = device_names(kind)
    for number, name in enumerate(names, 1):
        what = "  [dim](the system's default)[/dim]" if is_systems_choice(name) else ""
        console.print(f"  {number}  {plain(name)}{what}", highlight=False)
    chosen = _asked(
        f"Another {kind}? Type its number (a: try the same one again; Enter: keep it)",
        lambda text: text == "a" or (text.isascii() and text.isdigit() and 1 <= int(text) <= len(names)),
    )
    if chosen == "a":
        return ""
    return names[int(chosen) - 1] if chosen else None


def _number(options: Options) -> str:
    if options.number:
        prompt = f"Your number is {options.number}. Another one? (Enter: keep it)"
    else:
        prompt = "Which number do you call in an emergency? (Enter: not now)"
    return _asked(prompt, lambda text: bool(_NUMBER.fullmatch(text)))


def _asked(prompt: str, fits: Callable[[str], bool]) -> str:
    """Repeat a question until the answer is valid or empty."""
    while True:
        answer: str = click.prompt(prompt, default="", show_default=False).strip()
        if not answer or fits(answer):
            return answer
        click.echo("That is not a valid choice.")
