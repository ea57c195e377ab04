"""How the command line wraps what it prints."""

from __future__ import annotations

import io
import re
import sys

import pytest
from rich.console import Console

from voice_helper.cli import options
from voice_helper.cli.options import note, print_hanging, show_error
from voice_helper.errors import VoiceHelperError

ANSWER = "Gently pull your toes towards your shin, and hold it for twenty seconds. Then let go and rest for ten."


def shown(width: int, before: str, text: str, after: str = "", *, soft_wrap: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width, soft_wrap=soft_wrap)
    print_hanging(console, before, text, after)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [20, 33, 40, 80, 200])
@pytest.mark.parametrize("before", ["  ", "[dim]     3.4[/dim]  you   "])
def test_an_answer_wraps_at_words_with_a_hanging_indent(width: int, before: str) -> None:
    lines = shown(width, before, ANSWER, "  [dim](first aid: AAOS OrthoInfo)[/dim]")
    assert " ".join(" ".join(lines).split()).endswith(f"{ANSWER} (first aid: AAOS OrthoInfo)")
    assert all(len(line) <= width for line in lines)
    indent = len(lines[0]) - len(lines[0].lstrip())
    if width >= 40:
        assert all(line.startswith(" " * (indent + 2)) for line in lines[1:])


def test_without_a_terminal_an_answer_is_a_single_line() -> None:
    assert shown(20, "  ", ANSWER, soft_wrap=True) == [f"  {ANSWER}"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_notes_and_errors_wrap_at_words_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, width: int, is_terminal: bool
) -> None:
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(options, "error_terminal", options.error_terminal.__wrapped__)
    note(ANSWER)
    show_error(VoiceHelperError(f"{ANSWER}\n{ANSWER}", hint=ANSWER))
    lines = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()).splitlines()
    if not is_terminal:
        assert lines == [ANSWER, f"error: {ANSWER}", ANSWER, f"hint: {ANSWER}"]
        return
    words = ANSWER.split()
    assert " ".join(" ".join(lines).split()) == " ".join([*words, "error:", *words, *words, "hint:", *words])
    assert all(len(line.rstrip()) <= width for line in lines)
    assert sum(line.startswith(" ") for line in lines) == len(lines) - 4
