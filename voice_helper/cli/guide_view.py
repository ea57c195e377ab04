"""Show a guided session on a terminal in letters that are readable from two metres, with a fixed layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from voice_helper.dialogue.answers import filled
from voice_helper.types import Row
from voice_helper.understanding.understand import HELP_NOW

if TYPE_CHECKING:
    from voice_helper.runtime.assistant import Assistant, LoopEvent
    from voice_helper.skill import Skill

_LETTERS: Final = "small"
_LETTER_LINES: Final = 5
_MAX_LARGE_LINES: Final = 2
_FEW_WORDS: Final = 2
_CHUNKS_A_PICTURE: Final = 8  # about four pictures a second
_HIGH_LINES: Final = 40
_LOW_LINES: Final = 20  # a terminal with fewer lines has no room for large digits
_ALARM: Final = "bold red"
_MARK: Final = "! "  # also visible without colours


@dataclass(frozen=True, slots=True)
class ViewWords:
    """The texts of the view. All come from the intents folder."""

    hint: str
    """The hint that tells the user what to say."""

    step: Row
    """The row for the step number. Contains `{step}` and `{steps}`."""

    stopped: tuple[str, ...]
    """Texts shown after the user has stopped the session: how to restart, and the disclaimer."""

    alarms: frozenset[str]
    """The texts of rows that tell the user to get help."""

    possible: str
    """The text of the row for a possible sign of danger."""


def words_of(skill: Skill, command: str) -> ViewWords:
    """Return the texts of the view. `command` is the shell command that restarts the session."""
    answers, guide = skill.content.answers, skill.content.guide
    rows = [row for level in HELP_NOW if level in answers.entries for row in answers.entries[level].rows]
    if guide is not None:
        rows += [*guide.close_worse, *guide.close_limit]
    stopped = filled(guide.stopped, {"command": command}).text if guide is not None else ""
    return ViewWords(
        hint=guide.help.text if guide is not None else "",
        step=guide.which_step if guide is not None else Row("", "talk"),
        stopped=tuple(text for text in (stopped, answers.full.text) if text),
        alarms=frozenset(answers.filled(row).text for row in rows),
        possible=answers.filled(answers.possible).text,
    )


class GuideView:
    """Shows the step at the top, the instruction in the middle, and the remaining time at the bottom.

    Rows that tell the user to get help stay until the end, and are printed again afterwards.
    """

    def __init__(self, console: Console, words: ViewWords, note: Callable[[str], None] = lambda text: None) -> None:
        """Set the texts. `note` is the function that prints a message while the view is closed."""
        self._console, self._words, self._note = console, words, note
        self.hint = words.hint
        """The hint that tells the user what to do. Shown on the second line from the bottom."""

        self._said, self._large, self._heard, self._trouble = "", "", "", ""
        self._said_before, self._large_before = "", ""
        self._last_rows: list[str] = []
        self._alarms: list[str] = []
        self._possible = ""
        self._ended: object = None
        self._step: object = None
        self._counted_seconds: float | None = None
        self._live: Live | None = None
        self._messages: list[str] = []
        self._chunks = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Draw on the alternate screen while the block runs, then print how the session ended."""
        try:
            with Live(console=self._console, auto_refresh=False, screen=True) as self._live:
                self._live.update(self.picture(None, None), refresh=True)
                yield
        finally:
            self._live = None
            for message in self._messages:
                self._note(message)
            self._console.print(self.ending(), highlight=False)

    def note(self, text: str) -> None:
        """Show a message in the view while it is open, and print the message after the end."""
        if self._live is None:
            self._note(text)
            return
        self._trouble = text
        self._messages.append(text)

    def tell(self, happening: LoopEvent) -> None:
        """Process an event."""
        if happening.event == "say":
            self._tell_said(str(happening.fields["text"]), happening.fields.get("step"))
        elif happening.event == "error":
            self._trouble = str(happening.fields["text"])
        elif happening.event == "heard":
            self._trouble = ""
            self._heard = str(happening.fields["text"])
        elif happening.event == "end":
            self._ended = happening.fields["reason"]

    def _tell_said(self, text: str, step: object) -> None:
        if text == self._words.possible:
            self._possible = text
            return
        if text in self._words.alarms and text not in self._alarms:
            self._alarms.append(text)
        is_same_step = step is not None and step == self._step
        self._said_before = self._said if is_same_step else ""
        self._last_rows = [*self._last_rows, text] if step == self._step else [text]
        self._said, self._step = text, step

    def tick(self, assistant: Assistant) -> None:
        """Update the elapsed time, and redraw the view a few times a second."""
        self._chunks += 1
        if self._live is not None and self._chunks % _CHUNKS_A_PICTURE == 1:
            self._live.update(self.picture(assistant.step, assistant.seconds_left), refresh=True)

    def picture(self, step: tuple[int, int] | None, left: tuple[float, float] | None) -> RenderableType:
        """Return the screen as text. `step` holds the numbers of the current and the last step; `left` holds the
        remaining and the total seconds.

        The instruction that began a hold or a rest stays large during the countdown. Sentences spoken in the meantime
        appear in small letters below. If the instruction is only a word or two, such as "Hold.", the previous sentence
        appears above it.
        """
        counted = None if left is None else left[1]
        if counted is None or counted != self._counted_seconds:
            self._large, self._counted_seconds = self._said, counted
            self._large_before = self._said_before if len(self._said.split()) <= _FEW_WORDS else ""
        is_low = self._console.height < _LOW_LINES
        below = self._below(left, is_low=is_low)
        screen = Layout()
        screen.split_column(
            Layout(self._above(step), size=2),
            Layout(Group(*self._middle()), name="middle"),
            Layout(Group(*below), size=4 if is_low else 4 + _LETTER_LINES),
        )
        return screen

    def _above(self, step: tuple[int, int] | None) -> Text:
        if step is None:
            return Text(" ")  # an empty layout would draw a frame
        return Text(filled(self._words.step, {"step": str(step[0]), "steps": str(step[1])}).text, style="bold")

    def _middle(self) -> Iterator[RenderableType]:
        """Yield the rows that tell users to get help, then the instruction, unless such a row has ended the session."""
        for text in (*self._alarms, *filter(None, (self._possible,))):
            yield self._large_if_it_fits(_MARK + text, _ALARM)
        if self._alarms:
            return
        if self._ended == "stopped":
            yield from (Text(text, style="bold") for text in self._words.stopped)
            return
        if self._large_before:
            has_room = self._console.height >= _HIGH_LINES
            yield self._large_if_it_fits(self._large_before, "bold") if has_room else Text(self._large_before, "bold")
        yield self._large_if_it_fits(self._large, "bold")
        if self._said != self._large:
            yield Text(self._said)

    def _below(self, left: tuple[float, float] | None, *, is_low: bool) -> Iterator[RenderableType]:
        seconds = "" if left is None else f"{left[0]:.0f}"
        if is_low:
            yield Text(seconds, style="bold")
        else:
            large = _in_large_letters(seconds, self._console.width).splitlines()
            filled_up = [*large, *[""] * _LETTER_LINES][:_LETTER_LINES]
            yield Text("\n".join(filled_up), style="bold", no_wrap=True)
        if left is None:
            yield ""
        else:
            yield ProgressBar(total=left[1], completed=left[1] - left[0], width=self._console.width - 1)
            yield ""  # the bar does not end its own line
        yield Text(self.hint, style="bold", no_wrap=True, overflow="ellipsis")
        if self._trouble:
            yield Text(self._trouble, style=_ALARM, no_wrap=True, overflow="ellipsis")
        elif self._heard:
            yield Text(f"\u201c{self._heard}\u201d", style="dim", no_wrap=True, overflow="ellipsis")

    def _large_if_it_fits(self, text: str, style: str) -> Text:
        """Return a text in large letters if they fit on two lines, and in normal letters otherwise."""
        width = self._console.width
        large = _in_large_letters(text, width)
        lines = large.splitlines()
        fits = len(lines) <= _MAX_LARGE_LINES * _LETTER_LINES and self._console.height >= _LOW_LINES
        if fits and max(map(len, lines), default=0) <= width and len(self._alarms) <= 1:
            return Text(large, style=style, no_wrap=True)
        return Text(text, style=style)

    def ending(self) -> RenderableType:
        """Return what stays on the normal screen: the rows that told the user to get help, or the end of the
        session.
        """
        if self._alarms:
            return Group(*(Text(_MARK + text, style=_ALARM) for text in self._alarms))
        over = self._ended is not None and self._ended != "stopped"
        return Group(*(Text(text) for text in (self._last_rows if over else self._words.stopped)))


@lru_cache(maxsize=64)
def _in_large_letters(text: str, width: int) -> str:
    """Return a text in large letters, or as it is if not even one of them fits."""
    from pyfiglet import CharNotPrinted, Figlet

    try:
        return str(Figlet(font=_LETTERS, width=width).renderText(text)).rstrip()
    except CharNotPrinted:
        return text
