"""Run the prompt of the intent tester, which shows the meaning of each sentence and reloads edited intents."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from voice_helper.cli.options import note, plain, progress, show_error, terminal, warn_of_danger
from voice_helper.errors import VoiceHelperError
from voice_helper.support.paths import state_folder
from voice_helper.types import NONE_INTENT

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings
    from rich.console import Console

    from voice_helper.skill import Skill
    from voice_helper.tester.live_reload import WatchedSkill
    from voice_helper.tester.run import Result

_COMMANDS: Final = {
    ":explain [on|off|TEXT]": "explain the last sentence, every sentence, or this text",
    ":context [guide|none]": "treat lines as said in a guided session, or outside one",
    ":after [INTENT]": "treat lines as said after this answer; without an intent, after no answer",
    ":reload": "reload the intents folder; edits are also noticed automatically",
    ":help": "show this list",
    ":quit": "quit; exit and Ctrl-D do the same",
}
_ENDS: Final = frozenset({"exit", "quit", ":q", ":quit"})
_COLOURS: Final = {"safety": "bold red", "unsure": "bold yellow", "none": "bold yellow", "nearest": "bold cyan"}


@dataclass(slots=True)
class Asking:
    """The settings of the prompt, which can be changed with commands such as `:context`."""

    explain: bool = False
    context: Literal["none", "guide"] = "none"
    after: str | None = None

    def shown(self) -> str:
        """Return the settings that differ from the default, for display in the prompt."""
        return " ".join(
            (["guide"] if self.context == "guide" else []) + ([f"after {self.after}"] if self.after else [])
        )


def run_prompt(folder: Path, settings: Mapping[str, str], asking: Asking, *, history: bool) -> None:
    """Read and process lines until the input ends. Raises `IntentsError` if the folder has problems at startup."""
    from voice_helper.tester.live_reload import WatchedSkill

    told: list[str] = []
    with progress("loading the intents"):
        watched = WatchedSkill(folder, settings, told.append)
    warn_of_danger(watched.skill.content)
    prompt = _Prompt(watched, asking, told)
    is_live = sys.stdin.isatty() and sys.stdout.isatty()
    for line in _typed_lines(prompt, keep=history) if is_live else _plain_lines():
        if line in _ENDS:
            return
        if line:
            prompt.take(line)


def _plain_lines() -> Iterator[str]:
    """Yield the lines of a file or a pipe, without a prompt."""
    if sys.stdin.isatty():
        note("type a sentence to see its intent; Ctrl-D ends")
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    for line in sys.stdin:
        yield line.strip()


def _typed_lines(prompt: _Prompt, *, keep: bool) -> Iterator[str]:
    """Yield the lines that a user types at a terminal, with history and completion."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.styles import Style

    history, where = _history(keep=keep)
    session: PromptSession[str] = PromptSession(
        history=history,
        auto_suggest=AutoSuggestFromHistory(),
        completer=_completer(prompt),
        complete_in_thread=True,
        complete_while_typing=False,
        style=Style.from_dict({"mark": "ansicyan bold", "state": "ansiyellow"}),
        key_bindings=_keys(),
    )
    note("type a sentence to see its intent; :help shows more, Tab completes, Ctrl-D ends")
    note(where)
    while True:
        state = prompt.asking.shown()
        try:
            typed = session.prompt([("class:state", state + " " * bool(state)), ("class:mark", "> ")])
        except EOFError:
            return
        for line in typed.splitlines():  # the user may paste several lines at once
            yield line.strip()


def _keys() -> KeyBindings:
    """Return key bindings: Ctrl-C clears a partial line. On an empty line, it exits the program as usual."""
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("c-c", filter=Condition(lambda: bool(get_app().current_buffer.text)))
    def clear(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    return keys


def _history(*, keep: bool) -> tuple[History, str]:
    """Return the store for the history of typed lines, and a message for the user if it cannot be used."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    class KeptHistory(FileHistory):
        def store_string(self, string: str) -> None:
            with suppress(OSError):  # if the disk is full, only this line of the history is lost
                super().store_string(string)

    if not keep:
        return InMemoryHistory(), "your input is not saved"
    path = state_folder() / "test-intents-history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        return InMemoryHistory(), f"what you type is not saved: {path} cannot be written: {error.strerror}"
    return KeptHistory(str(path)), f"what you type is saved in {path}, on this machine only; --no-history saves nothing"


def _completer(prompt: _Prompt) -> Completer:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    class PromptCompleter(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
            before = document.text_before_cursor
            begun = before.split(" ")[-1]
            if not begun and not before.startswith(":"):
                return
            for choice in prompt.choices(before):
                if choice.startswith(begun) and choice != begun:
                    yield Completion(choice, -len(begun))

    return PromptCompleter()


class _Prompt:
    """Processes the lines of the prompt: sentences, and commands that begin with a colon."""

    def __init__(self, watched: WatchedSkill, asking: Asking, told: list[str]) -> None:
        """Set the skill, the settings, and the list that collects the skill's messages to the user."""
        self.asking = asking
        self._watched, self._told = watched, told
        self._last_sentence = ""
        self._pass_on()
        self._commands: Mapping[str, Callable[[str], None]] = {
            ":explain": self._explain,
            ":context": self._context,
            ":after": self._after,
            ":reload": self._reload,
            ":help": self._help,
        }

    def take(self, line: str) -> None:
        """Process a line: run a command, or show the meaning of a sentence. Print mistakes."""
        try:
            if line.startswith(":"):
                name, _, rest = line.partition(" ")
                self._command(name)(rest.strip())
            else:
                self._ask(line, explain=self.asking.explain)
        except VoiceHelperError as error:
            show_error(error)

    def choices(self, before: str) -> Iterable[str]:
        """Yield the possible completions of the last word of a line."""
        sentences = self._watched.skill.content.sentences
        command, is_begun, _ = before.partition(" ")
        if not command.startswith(":"):
            return sentences.words
        if not is_begun:
            return (*self._commands, ":quit")
        if command == ":explain":
            return ("on", "off", *sentences.words)
        return {":context": ("guide", "none"), ":after": sentences.intents}.get(command, ())

    def _command(self, name: str) -> Callable[[str], None]:
        if name in self._commands:
            return self._commands[name]
        near = [known for known in self._commands if name != ":" and known.startswith(name)]
        if len(near) == 1:
            return self._commands[near[0]]
        raise VoiceHelperError(
            f"there is no command {name}", hint=":help shows them; a sentence does not begin with a colon"
        )

    def _ask(self, text: str, *, explain: bool) -> None:
        from voice_helper.tester.run import Case, run_case

        changed = self._watched.changed
        if changed:
            self._read(", ".join(changed))
        elif self._watched.is_behind:
            note("the version before the edit is still in use; :reload shows what to fix")
        self._last_sentence = text
        skill = self._watched.skill
        result = run_case(skill, Case(text, context=self.asking.context, after=self.asking.after))
        show_result(terminal(), skill, result, explain=explain)

    def _read(self, what: str) -> None:
        try:
            with progress("reloading the intents"):
                self._watched.read_anew()
        except VoiceHelperError as error:
            show_error(VoiceHelperError(error.message, hint="until it is fixed, the old version stays in use"))
        else:
            sentences = self._watched.skill.content.sentences
            note(f"reloaded ({what}): {len(sentences.templates)} templates, {len(sentences.intents)} intents")
        self._pass_on()

    def _pass_on(self) -> None:
        while self._told:
            note(self._told.pop(0))

    # Commands

    def _explain(self, rest: str) -> None:
        if rest not in {"on", "off"}:
            if not rest and not self._last_sentence:
                raise VoiceHelperError("there is no sentence to explain yet", hint="type one first")
            self._ask(rest or self._last_sentence, explain=True)
            return
        self.asking.explain = rest == "on"
        note(f"explanations are {'on' if self.asking.explain else 'off'}")

    def _context(self, rest: str) -> None:
        if rest not in {"guide", "none", ""}:
            raise VoiceHelperError(f'there is no context "{rest}"', hint="contexts: guide, none")
        if rest == "guide" and self._watched.skill.content.guide is None:
            raise VoiceHelperError("this intents folder has no guided session", hint="a guide.yaml makes one")
        self.asking.context = "guide" if rest == "guide" else "none"
        note(f"lines are said {'in' if rest == 'guide' else 'outside'} a guided session")

    def _after(self, rest: str) -> None:
        known = self._watched.skill.content.answers.entries
        if rest not in {"", "none", *known}:
            raise VoiceHelperError(f'there is no intent "{rest}"', hint=f"intents: {', '.join(known)}")
        self.asking.after = rest if rest in known else None
        note(f"lines are said after {self.asking.after or 'nothing'}")

    def _reload(self, rest: str) -> None:
        self._read("all")

    def _help(self, rest: str) -> None:
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False)
        for command, what in _COMMANDS.items():
            table.add_row(f"[bold]{plain(command)}[/bold]", plain(what))
        terminal().print("Type a sentence to see what it means, or:", table, sep="\n")


def show_result(console: Console, skill: Skill, result: Result, *, explain: bool) -> None:
    """Show everything about one sentence: its meaning, how that was determined, and the answer."""
    from voice_helper.tester.run import explain as explain_result

    match = result.match
    colour = _COLOURS.get(match.decided_by, "bold green")
    rows = [("text", plain(result.case.text))]
    if result.engine:
        rows.append(("heard", plain(result.transcript.text)))
    if match.candidates:
        rows.append(("between", plain(" or ".join(match.candidates))))
    family = f"  (family {plain(match.family)})" if match.family else ""
    is_refused = match.intent == NONE_INTENT
    second = "none"
    if match.runner_up is not None:
        second = f"{match.runner_up.intent} {match.runner_up.score:.2f}"
        second += ", not taken for the meaning" if is_refused else ""
    rows += [
        ("intent", f"[{colour}]{plain(match.intent)}[/]{family}"),
        ("score", f"{'no meaning fits' if is_refused else f'{match.score:.2f}'}, decided by {match.decided_by}"),
        ("template", plain(match.template or "none")),
        ("nearest" if is_refused else "runner-up", plain(second)),
        ("slots", plain(", ".join(f"{name}={value}" for name, value in match.slots.items()) or "none")),
        ("spoken", plain(result.answer.spoken())),
    ]
    if explain:
        rows += [("because", plain(line)) for line in explain_result(skill, result)]
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, highlight=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    console.print()
