"""Ask one question: `ask` and `demo`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voice_helper.cli.options import (
    DEBUG_RECORDING,
    FilePath,
    Options,
    check_save,
    check_save_name,
    common,
    disclaimer,
    kept_in,
    language_folder,
    note,
    open_chosen_recognizer,
    open_chosen_skill,
    plain,
    print_hanging,
    print_line,
    situation,
    slots,
    speak,
    terminal,
)
from voice_helper.errors import VoiceHelperError
from voice_helper.support.silence_stderr import without_sound_library_noise
from voice_helper.types import NONE_INTENT

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from voice_helper.audio.devices import WavSource
    from voice_helper.dialogue.state import State
    from voice_helper.skill import Skill
    from voice_helper.types import Answer, Match, Transcript


@click.command()
@click.argument("question", nargs=-1)
@click.option(
    "--wav",
    type=FilePath(path_type=Path, allow_dash=True),
    help="Audio file with the question (WAV, FLAC or OGG; - is standard input).",
)
@click.option("--save", type=FilePath(path_type=Path), help="Write the spoken answer to this WAV file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--explain", is_flag=True, help="Also show the second-best meaning, which takes longer.")
@DEBUG_RECORDING
@common
def ask(
    options: Options,
    question: tuple[str, ...],
    wav: Path | None,
    save: Path | None,
    as_json: bool,
    explain: bool,
    recording: Path | None,
) -> None:
    """Ask one question: typed, from an audio file, or aloud.

    Every utterance in an audio file is answered in order, as one conversation.

    Example: voice-helper ask "why do my calves cramp at night"

    Example: voice-helper ask --wav question.wav --save answer.wav
    """
    if question and wav:
        raise click.UsageError("use a typed question or --wav, not both")
    if question and recording:
        raise click.UsageError("a typed question has no audio to record: omit --debug-recording")
    check_save(options, save, wav)
    _answer_once(
        options,
        (" ".join(question) or " ") if question else None,  # an empty question is answered like a blank one
        wav,
        save,
        as_json=as_json,
        explain=explain,
        recording=recording,
    )


class TypedConversation:
    """Answers typed questions one after another, as one conversation, so that "why" refers to the last answer."""

    def __init__(self, options: Options) -> None:
        """Set the options. The skill is opened with the first question."""
        self._options = options
        self._skill: Skill | None = None
        self._state: State | None = None

    @without_sound_library_noise(note)
    def answer(self, question: str) -> None:
        """Show and speak the answer to a question."""
        from voice_helper.tester.run import ask_skill
        from voice_helper.types import Transcript

        if self._skill is None:
            self._skill = open_chosen_skill(self._options)
        asked = ask_skill(self._skill, Transcript(question), self._state)
        self._state = asked.state
        _show_answer(asked.transcript, None, asked.match, asked.answer, explain=False)
        speak(self._options, asked.answer.spoken_rows(), None)


@without_sound_library_noise(note)
def _answer_once(
    options: Options,
    typed: str | None,
    wav: Path | None,
    save: Path | None,
    *,
    as_json: bool,
    explain: bool = False,
    recording: Path | None = None,
) -> None:
    from voice_helper.dialogue.state import State
    from voice_helper.runtime.json_output import answer_form
    from voice_helper.tester.run import ask_skill
    from voice_helper.types import Row, Transcript

    file: WavSource | None = None
    if wav is not None:  # report a file that is not audio before loading anything
        from voice_helper.audio.devices import WavSource

        file = WavSource(wav)
    skill = open_chosen_skill(options)
    heard: Iterable[tuple[Transcript, str | None]] = (
        [(Transcript(typed), None)] if typed is not None else _hear(options, skill, file, recording)
    )
    state, rows = State(situation=situation(recording)), list[Row]()
    for transcript, engine in heard:
        asked = ask_skill(skill, transcript, state)
        state, match = asked.state, asked.match
        rows += asked.answer.spoken_rows()
        if explain:
            match = skill.understanding.with_runner_up(asked.transcript.text, match)
        if as_json:
            print_line(answer_form(asked.transcript, engine, match, asked.answer))
        else:
            _show_answer(asked.transcript, engine, match, asked.answer, explain=explain)
    speak(options, rows, save)


def _hear(
    options: Options, skill: Skill, file: WavSource | None, recording: Path | None
) -> Iterator[tuple[Transcript, str]]:
    """Yield the utterances of a file, or one question from the microphone, with the name of the engine that recognized
    them.
    """
    from voice_helper.audio.devices import Microphone
    from voice_helper.audio.endpoint import ONE_QUESTION, EndpointSettings
    from voice_helper.runtime.assistant import hear_question, hear_utterances

    recognizer = open_chosen_recognizer(options, skill)
    if recording is not None:
        notice = skill.content.answers.recording_notice
        note(notice.text)
        speak(options, (notice,), None)
    if file is not None:
        is_silent = True
        for utterance in hear_utterances(kept_in(file, recording), recognizer, ONE_QUESTION):
            is_silent = False
            yield utterance, recognizer.name
        if is_silent:
            raise VoiceHelperError(
                f"no words were recognized in {file.name}", hint="record it closer to the microphone"
            )
        return
    with Microphone(options.microphone_device) as microphone:
        note("listening: ask your question")
        yield hear_question(kept_in(microphone, recording), recognizer, EndpointSettings()), recognizer.name


def _show_answer(transcript: Transcript, engine: str | None, match: Match, answer: Answer, *, explain: bool) -> None:
    console = terminal()
    if engine:
        console.print(f"[dim]heard ({engine}, {transcript.confidence:.2f}):[/dim]", transcript.text, highlight=False)
    console.print(f"[dim]intent:[/dim] {match.intent}{slots(match)}", highlight=False)
    if explain and match.runner_up is not None:
        name, after = ("nearest", ", not taken for the meaning") if match.intent == NONE_INTENT else ("runner-up", "")
        second = f"{match.runner_up.intent} {match.runner_up.score:.2f}{after}"
        console.print(f"[dim]{name}:[/dim] {second}", highlight=False)
    for row in answer.spoken_rows():
        mark = {"article": "article", "first_aid": "first aid", "safety": "safety"}.get(row.kind, "")
        where = row.fact or row.source
        note = f"  [dim]({mark}: {where})[/dim]" if mark and where else ""
        print_hanging(console, "  ", plain(row.text), note)


@click.command()
@click.option(
    "--save",
    type=FilePath(path_type=Path),
    default=Path("answer.wav"),
    show_default=True,
    help="Write the spoken answer to this WAV file.",
)
@common
def demo(options: Options, save: Path) -> None:
    """Answer a recorded question that ships with the program.

    Downloads nothing and needs no sound hardware.

    Example: voice-helper demo --save answer.wav
    """
    recording = language_folder(options) / "demo.wav"
    if not recording.is_file():
        raise VoiceHelperError(f"there is no recording {recording}", hint="record a question and save it there")
    check_save_name(save, recording)
    _answer_once(options, None, recording, save, as_json=False)
    note(disclaimer(options))
