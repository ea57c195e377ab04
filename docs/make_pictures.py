"""Draw the terminal pictures of these pages with the program itself: `make pictures`.

Time is counted in samples, so every run draws the same pictures.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from voice_helper.audio.devices import SilentPlayer
from voice_helper.cli.guide_view import GuideView, words_of
from voice_helper.dialogue.state import State
from voice_helper.recognizers.embedded.shared_models import EmbeddedModels
from voice_helper.runtime.assistant import Assistant, LoopEvent
from voice_helper.runtime.speaker import Speaker
from voice_helper.skill import open_skill, phrases_of
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

_DOCS: Final = Path(__file__).resolve().parent
_WIDTH: Final = 84
_HOLD_SECONDS_LEFT: Final = 12
_SENTENCES: Final = ("should i put a hot water bottle on my calf", "my calf is red and swollen")
_THEME: Final = TerminalTheme(
    (16, 22, 30), (232, 238, 243),
    [(16, 22, 30), (255, 138, 128), (140, 220, 150), (255, 209, 102), (130, 190, 255), (220, 160, 255), (110, 220, 230),
     (232, 238, 243)],
)  # fmt: skip
# rich's default style loads a font from another server
_SVG: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{width}" height="{height}" rx="10" fill="#10161e"/>
<text x="{terminal_x}" y="24" fill="#9fb0c0" font-family="system-ui, sans-serif" font-size="16">TITLE</text>
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Write the pictures into this folder, or into the folder given as an argument."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _DOCS
    small, large = blank(80, 24), blank(200, 50)
    guide(small, large)
    for name, title, console in (
        ("guide", "The guided session on a terminal", small),
        ("guide-wide", "The guided session on a wide terminal", large),
        ("tester", "The prompt of the intent tester", tester()),
    ):
        (folder / f"{name}.svg").write_text(svg(console, title, name), encoding="utf-8")


def svg(console: Console, title: str, name: str) -> str:
    """Return the printed output as a picture."""
    drawn = console.export_svg(theme=_THEME, code_format=_SVG.replace("TITLE", title), unique_id=name)
    return "\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n"


def guide(*consoles: Console) -> None:
    """Print the middle of the first hold of a session on screens of different sizes."""
    skill = open_skill(settings={"number": "112"})
    views = [GuideView(console, words_of(skill, "voice-helper guide")) for console in consoles]

    def tell(happening: LoopEvent) -> None:
        for view in views:
            view.tell(happening)

    recognizer = EmbeddedModels(phrases_of(skill.content)).recognizer()
    speaker = Speaker(Pyttsx3Voice(), SilentPlayer())
    assistant = Assistant(skill.conversation, recognizer, speaker, state=State(hands_free=True), tell=tell)
    assistant.begin_guide("calf")
    for _ in assistant.stay():
        left = assistant.seconds_left
        pictures = [view.picture(assistant.step, left) for view in views]
        if left is not None and left[0] <= _HOLD_SECONDS_LEFT:
            break
    for console, picture in zip(consoles, pictures, strict=True):
        console.print(picture)


def tester() -> Console:
    """Print the intent tester's output for two sentences."""
    command = [str(Path(sys.executable).parent / "voice-helper"), "test-intents", "--no-history", "--number", "112"]
    as_terminal = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(_WIDTH), "TERM": "xterm-256color"}
    console = blank()
    console.print(Text("$ voice-helper test-intents", style="dim"))
    for sentence in _SENTENCES:
        shown = subprocess.run(command, input=sentence, env=as_terminal, capture_output=True, text=True, check=True)
        console.print(Text("> ", style="bold cyan") + Text(sentence))
        console.print(Text.from_ansi(shown.stdout.rstrip()), "", sep="\n")
    return console


def blank(width: int = _WIDTH, height: int = 25) -> Console:
    """Return an empty screen that records its output."""
    nowhere = io.StringIO()
    return Console(record=True, width=width, height=height, file=nowhere, force_terminal=True, color_system="truecolor")


if __name__ == "__main__":
    main()
