"""Show a guided session on a terminal, readable from two metres: large letters, and a bar for the time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from voice_helper.runtime.assistant import Assistant, LoopEvent

_LETTERS: Final = "small"
_FEW_WORDS: Final = 2
_CHUNKS_A_PICTURE: Final = 8  # about four pictures a second


class GuideView:
    """Shows the last words in large letters, with the time left and what the user can say below."""

    def __init__(self, console: Console, hint: str) -> None:
        """Keep `hint`, a line that lists what the user can say."""
        self._console, self._hint = console, hint
        self._said, self._large, self._heard, self._trouble = "", "", "", ""
        self._said_before, self._large_before = "", ""
        self._step: object = None
        self._counted_seconds: float | None = None
        self._live: Live | None = None
        self._chunks = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Draw while the block runs. The last instruction stays on the screen afterwards."""
        with Live(console=self._console, auto_refresh=False, transient=False) as self._live:
            yield

    def tell(self, happening: LoopEvent) -> None:
        """Accept an event."""
        if happening.event == "say":
            step = happening.fields.get("step")
            self._said_before = self._said if step is not None and step == self._step else ""
            self._said, self._step = str(happening.fields["text"]), step
        elif happening.event == "error":
            self._trouble = str(happening.fields["text"])
        elif happening.event == "heard":
            self._trouble = ""
            self._heard = str(happening.fields["text"])

    def tick(self, assistant: Assistant) -> None:
        """Update the time that has passed. Redraws a few times a second."""
        self._chunks += 1
        if self._live is not None and self._chunks % _CHUNKS_A_PICTURE == 1:
            self._live.update(self.picture(assistant.step, assistant.seconds_left), refresh=True)

    def picture(self, step: tuple[int, int] | None, left: tuple[float, float] | None) -> RenderableType:
        """Return the screen. `step` is the numbers of this step and the last; `left` is the seconds left and in total.

        The instruction that began a hold or a rest stays large while the time runs. Words said meanwhile appear small
        below. If the instruction is only a word or two, such as "Hold.", the previous words appear above it.
        """
        counted = None if left is None else left[1]
        if counted is None or counted != self._counted_seconds:
            self._large, self._counted_seconds = self._said, counted
            self._large_before = self._said_before if len(self._said.split()) <= _FEW_WORDS else ""
        width = max(40, self._console.width)
        lines: list[RenderableType] = [Text(self._large_before, style="bold")] if self._large_before else []
        lines.append(_large(self._large, width))
        if self._said != self._large:
            lines.append(Text(self._said))
        if left is not None:
            seconds, whole = left
            bar = ProgressBar(total=whole, completed=whole - seconds, width=width - 1)
            lines += ["", Align.left(bar)]  # the bar itself does not end its line
            lines.append(_large(f"{seconds:.0f}", width))
        if step is not None:
            lines += ["", Text(f"{step[0]} / {step[1]}   {self._hint}", style="bold")]
        if self._trouble:
            lines.append(Text(self._trouble, style="bold red"))
        if self._heard:
            lines.append(Text(f"\u201c{self._heard}\u201d", style="dim"))
        return Align.left(Group(*lines))


def _large(text: str, width: int) -> Text:
    return Text(_in_large_letters(text, width), style="bold", no_wrap=True)


@lru_cache(maxsize=64)
def _in_large_letters(text: str, width: int) -> str:
    from pyfiglet import Figlet

    return str(Figlet(font=_LETTERS, width=width).renderText(text)).rstrip()
