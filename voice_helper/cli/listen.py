"""Listen continuously: `listen` and `guide`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from voice_helper.cli.options import (
    DEBUG_RECORDING,
    FilePath,
    Options,
    check_save,
    common,
    kept_in,
    note,
    note_number,
    open_chosen_recognizer,
    open_chosen_skill,
    open_loudspeaker,
    open_voice_or_none,
    packed,
    plain,
    print_hanging,
    print_line,
    progress,
    situation,
    terminal,
)
from voice_helper.support.silence_stderr import without_sound_library_noise
from voice_helper.types import NONE_INTENT

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from rich.console import Console

    from voice_helper.audio.devices import LastingMicrophone, Player, QuietRoom, Source
    from voice_helper.cli.guide_view import GuideView
    from voice_helper.runtime.assistant import Assistant, LoopEvent
    from voice_helper.skill import Skill
    from voice_helper.voices import Voice

_OVERHEARD: Final = "(ignored as talk with others: say it again {}; just repeat a sign of danger)"
_NOT_UNDERSTOOD: Final = "(not understood: say it again; if it cuts you off, --patient waits longer)"
_CANNOT_HEAR: Final = "Ctrl-C ends"
_LATE: Final = "this machine cannot keep up: it hears you {} s late, and skips what is no speech. Close other programs"
_GUIDE_COMMAND: Final = "voice-helper guide"
_MAX_LINE_BYTES: Final = 4_096  # the maximum length of a line from a terminal


@dataclass(frozen=True, slots=True)
class Listening:
    """The options that `listen` and `guide` share."""

    source: str
    save: Path | None
    events: bool
    recording: Path | None
    headset: bool
    article_only: bool
    patient: bool
    plain: bool
    chime: bool

    @property
    def is_live(self) -> bool:
        """Return whether the source is a microphone rather than an audio file."""
        return self.source == "mic"


@dataclass(frozen=True, slots=True)
class _Manner:
    """The difference between `listen` and `guide`: how the command begins."""

    guide: bool = False
    """Whether to start with a guided session, and to exit when it ends."""

    place: str | None = None
    wake: str | None = None
    push_to_talk: bool = False


@dataclass(slots=True)
class _AnnouncedBy:
    """Prints messages to the error stream or, once the view is open, in the view."""

    tell: Callable[[str], None]

    def show(self, text: str) -> None:
        """Show a message."""
        self.tell(text)


_LISTENING_OPTIONS: Final = (
    click.option(
        "--source",
        type=FilePath(allow_dash=True),
        default="mic",
        show_default=True,
        help="mic, or an audio file, played in simulated time.",
    ),
    click.option("--save", type=FilePath(path_type=Path), help="Write the spoken audio to this WAV file."),
    click.option("--events", is_flag=True, help="Print each event as a JSON object."),
    DEBUG_RECORDING,
    click.option(
        "--headset", is_flag=True, help="You wear a headset, so the microphone does not pick up the loudspeaker."
    ),
    click.option("--article-only", is_flag=True, help="Use only the article's own words, without first aid."),
    click.option("--patient", is_flag=True, help="Allow longer pauses while you speak."),
    click.option("--plain", is_flag=True, help="Print lines instead of large letters, for screen readers."),
    click.option("--chime/--no-chime", default=True, help="Play a soft tone at the start, to adapt to the room."),
)


def _conversing(command: Callable[..., None]) -> Any:
    """Add the listening options to a command. They precede the options that all commands share."""
    return packed(Listening, _LISTENING_OPTIONS, common(command))


@click.command()
@click.option(
    "--wake", metavar="PHRASE", help='Answer only after this phrase, such as "hey helper", or to a sign of danger.'
)
@click.option("--push-to-talk", is_flag=True, help="Answer only after the Enter key, or to a sign of danger.")
@_conversing
def listen(options: Options, listening: Listening, wake: str | None, push_to_talk: bool) -> None:
    """Listen and answer, hands-free, until you press Ctrl-C.

    "Help, I have a cramp" or the Enter key starts the guide.

    Example: voice-helper listen

    Example: voice-helper listen --wake "hey helper"

    Example: voice-helper listen --source evening.wav --events --save spoken.wav
    """
    _converse(options, listening, _Manner(wake=wake, push_to_talk=push_to_talk))


def _known_places(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Return the places that complete the user's partial input, for shell completion."""
    given = {name: value for name, value in context.params.items() if name in Options.__dataclass_fields__}
    return [place for place in open_chosen_skill(Options(**given)).content.places if place.startswith(begun)]


@click.command()
@click.option(
    "--place",
    metavar="PLACE",
    shell_complete=_known_places,
    help="Where the problem is: one of the places in the intents folder.",
)
@_conversing
def guide(options: Options, listening: Listening, place: str | None) -> None:
    """Get step-by-step, hands-free help during a cramp.

    Say "stop" to end.

    Example: voice-helper guide --place foot

    Example: voice-helper guide --article-only --plain
    """
    _converse(options, listening, _Manner(guide=True, place=place))


def _converse(options: Options, listening: Listening, manner: _Manner) -> None:
    announced_by = _AnnouncedBy(note)
    with ExitStack() as opened, ExitStack() as getting_ready:
        if listening.is_live:
            opened.enter_context(without_sound_library_noise(announced_by.show))
        getting_ready.enter_context(progress("getting ready", as_line=listening.plain))
        _open_and_converse(options, listening, manner, announced_by, getting_ready.close)


def _open_and_converse(
    options: Options,
    listening: Listening,
    manner: _Manner,
    announced_by: _AnnouncedBy,
    tell_ready: Callable[[], None],
) -> None:
    from voice_helper.audio.devices import (
        LastingMicrophone,
        QuietRoom,
        SilentPlayer,
        WavSource,
        loop_timing,
        write_wav,
    )
    from voice_helper.audio.endpoint import PATIENT, EndpointSettings
    from voice_helper.dialogue.state import State
    from voice_helper.recognizers.wake_word import WakeWord
    from voice_helper.runtime.assistant import Assistant
    from voice_helper.runtime.speaker import Speaker
    from voice_helper.runtime.supervision import GuardedEcho, GuardedSpotter
    from voice_helper.voices import ReadingPace

    save, recording = listening.save, listening.recording
    source = None if listening.is_live else Path(listening.source)
    check_save(options, save, source)
    file = WavSource(source) if source is not None else None
    wake = manner.wake
    skill = open_chosen_skill(options)
    if manner.place is not None:
        _check_place(skill, manner.place)
    recognizer = open_chosen_recognizer(options, skill)
    voice = _open_voice(options, save)
    console = terminal()
    view = _view(skill, listening, manner, console)
    if view is not None:
        announced_by.tell = view.note
    announce = announced_by.show
    spotter = GuardedSpotter(announce, lambda: WakeWord(wake)) if wake is not None else None
    with ExitStack() as opened:
        silent = SilentPlayer(keep=save is not None and file is not None)
        player, heard = (silent, file) if file is not None else _live(options, save, opened, announce, manner)
        if view is not None and isinstance(heard, QuietRoom):
            view.hint = _CANNOT_HEAR
        lasting = heard if isinstance(heard, LastingMicrophone) else None
        assistant = Assistant(
            skill.conversation.article_only() if listening.article_only else skill.conversation,
            recognizer,
            Speaker(voice, player, options.rate),
            state=State(hands_free=True, situation=situation(recording)),
            endpoint=PATIENT if listening.patient else EndpointSettings(),
            echo=None if listening.headset else GuardedEcho(announce),
            headset=listening.headset or voice.name == ReadingPace.name,
            wake=spotter,
            waits_to_be_addressed=manner.push_to_talk,
            tell=_telling_once_if_late(_teller(skill, listening, console, view), announce),
            **loop_timing(heard),
        )
        heard = kept_in(heard, recording)
        tell_ready()
        try:
            _begin(assistant, skill, options, listening, manner)
            if view is not None:
                opened.enter_context(view.open())
            for _ in _hear(assistant, heard, listening, manner):
                if lasting is not None:
                    assistant.announce_microphone(lasting.away)
                if view is not None:
                    view.tick(assistant)
        finally:
            if save is not None and file is not None:
                write_wav(save, silent.finish())
            if save is not None:
                note(f"the spoken audio is in {save}")
        if listening.events and file is not None:
            print_line({"at": round(assistant.seconds, 2), "event": "end", "reason": "source_ended"})


def _hear(assistant: Assistant, source: Source, listening: Listening, manner: _Manner) -> Iterator[None]:
    """Run the loop until the audio ends and all speech has been played, or until the requested guided session is over.

    Yields after each chunk.
    """
    pressed = _enter_key() if listening.is_live and not manner.guide else _no_key
    act_on_key = assistant.address if manner.push_to_talk else assistant.begin_guide
    for _ in assistant.hear(source):
        yield
        if pressed():
            act_on_key()
        if manner.guide and listening.is_live and not assistant.is_busy:
            return
    if not listening.is_live:
        for _ in assistant.stay():
            pass


def _open_voice(options: Options, save: Path | None) -> Voice:
    """Open the voice. If there is none, return a silent one that gives users time to read the text."""
    from voice_helper.voices import ReadingPace

    voice = open_voice_or_none(options, needed=save is not None)
    return ReadingPace() if voice.name == "none" else voice


def _begin(assistant: Assistant, skill: Skill, options: Options, listening: Listening, manner: _Manner) -> None:
    """Say, play and show everything that comes before listening starts."""
    if listening.is_live:
        note_number(options, skill)
    if listening.is_live and listening.chime and not listening.headset and options.voice != "none":
        assistant.chime()
    if listening.recording is not None:
        assistant.say_first((skill.content.answers.recording_notice,))
    if manner.guide:
        assistant.begin_guide(manner.place)
    elif listening.is_live and not listening.events:
        note(_how_to_begin(skill, manner))


def _how_to_begin(skill: Skill, manner: _Manner) -> str:
    if manner.wake is not None:
        return f'listening for "{manner.wake}"; signs of danger are always recognized. Ctrl-C ends'
    if manner.push_to_talk:
        return "press Enter, then speak; signs of danger are always recognized. Ctrl-C ends"
    asking = f"listening; ask about {skill.content.about}"
    if skill.content.guide is None:
        return f"{asking}. Ctrl-C ends"
    start = skill.content.subject.start if skill.content.subject is not None else ""
    if not start:
        return f"{asking}, or press Enter for the guided session. Ctrl-C ends"
    return f'{asking}, or say "{start}", or press Enter for that. Ctrl-C ends'


def _check_place(skill: Skill, place: str) -> None:
    """Raise `click.BadParameter` if the guided session has no such place."""
    names = skill.content.places
    if place not in names:
        known = f"choose from {', '.join(names)}" if names else "this intents folder has no places: omit --place"
        raise click.BadParameter(f'there is no place "{place}"; {known}', param_hint="--place")


def _view(skill: Skill, listening: Listening, manner: _Manner, console: Console) -> GuideView | None:
    """Return the large-letter view of a session. Return `None` if it is not wanted or nobody would see it."""
    if not (manner.guide and console.is_terminal and listening.is_live) or listening.plain or listening.events:
        return None
    if console.is_dumb_terminal:
        return None
    from voice_helper.cli.guide_view import GuideView, words_of

    return GuideView(console, words_of(skill, _GUIDE_COMMAND), note)


def _teller(
    skill: Skill, listening: Listening, console: Console, view: GuideView | None
) -> Callable[[LoopEvent], None]:
    if listening.events:
        from voice_helper.runtime.json_output import loop_event_form

        return lambda happening: print_line(loop_event_form(happening))
    return view.tell if view is not None else _shower(skill, console)


def _telling_once_if_late(
    tell: Callable[[LoopEvent], None], announce: Callable[[str], None]
) -> Callable[[LoopEvent], None]:
    """Return a function that passes events on, and prints a note the first time that the program falls behind its
    microphone.
    """
    was_late = False

    def told(happening: LoopEvent) -> None:
        nonlocal was_late
        if happening.event == "late" and not was_late:
            was_late = True
            announce(_LATE.format(happening.fields["seconds"]))
        tell(happening)

    return told


def _no_key() -> bool:
    return False


def _enter_key() -> Callable[[], bool]:
    """Return a function that tells whether Enter was pressed since its last call. The function consumes only complete
    lines.
    """
    if not sys.stdin.isatty():
        return _no_key
    if sys.platform == "win32":
        return _pressed_on_windows
    import os
    import select

    keyboard = sys.stdin.fileno()
    is_open = True

    def pressed() -> bool:
        nonlocal is_open
        was = False
        while is_open and select.select([keyboard], [], [], 0)[0]:
            try:
                line = os.read(keyboard, _MAX_LINE_BYTES)
            except OSError:  # the terminal was closed
                line = b""
            is_open = bool(line)
            was = was or line.endswith(b"\n")
        return was

    return pressed


def _pressed_on_windows() -> bool:
    was = False
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            was = msvcrt.getwch() == "\r" or was
    return was


def _live(
    options: Options, save: Path | None, opened: ExitStack, announce: Callable[[str], None], manner: _Manner
) -> tuple[Player, Source]:
    """Open the sound devices, and the file that records what is spoken."""
    from voice_helper.audio.devices import KeptPlayer, SilentPlayer

    player: Player = SilentPlayer()
    if options.voice != "none":
        loudspeaker = open_loudspeaker(options, announce)
        if loudspeaker is not None:
            player = opened.enter_context(loudspeaker)
    source = _live_source(options, opened, announce, manner)
    if save is not None:
        player = kept = KeptPlayer(player, save, announce)
        opened.callback(kept.close)
    return player, source


def _live_source(
    options: Options, opened: ExitStack, announce: Callable[[str], None], manner: _Manner
) -> LastingMicrophone | QuietRoom:
    """Open the microphone. If there is none, a guided session shows its text."""
    from voice_helper.audio.devices import LastingMicrophone, Microphone, QuietRoom
    from voice_helper.errors import SoundDeviceError

    try:
        microphone = LastingMicrophone(Microphone(options.microphone_device), options.microphone_device, announce)
    except SoundDeviceError as error:
        if not manner.guide or options.microphone_device:
            raise
        announce(f"it cannot hear you, so it only shows the steps: {error.message}")
        return QuietRoom()
    opened.callback(microphone.close)
    return microphone


def _shower(skill: Skill, console: Console) -> Callable[[LoopEvent], None]:
    hints, subject = {NONE_INTENT: _NOT_UNDERSTOOD}, skill.content.subject
    overheard = _OVERHEARD.format(f"with the word {subject.names[0]} in it" if subject is not None else "in full")

    def show(happening: LoopEvent) -> None:
        fields = happening.fields
        at, text = f"{happening.at_seconds:8.1f}", plain(str(fields.get("text", "")))
        if happening.event == "heard":
            intent = str(fields["intent"])
            beside = overheard if "overheard" in fields else hints.pop(intent, intent)  # one hint is enough
            print_hanging(console, f"[dim]{at}[/dim]  you   ", text, f"  [dim]{beside}[/dim]")
        elif happening.event == "say":
            print_hanging(console, f"[dim]{at}[/dim]        ", text)
        elif happening.event == "error":
            reason = plain(str(fields["reason"]))
            print_hanging(console, f"[dim]{at}[/dim]  [red]![/red]     ", text, f"  [dim]{reason}[/dim]")
        elif happening.event == "end":
            console.print(f"[dim]{at}  ended: {fields['reason']}[/dim]", highlight=False)

    return show
