"""Take screenshots of the web page in the browser of this machine: the two pictures in these docs, and one per screen
size for inspection.

`make pictures` runs it. The pictures for inspection go to `build/page`, or to the folder given as an argument.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browser import launched
from tests.support.served import serving
from voice_helper.skill import open_skill
from voice_helper.voices import NoVoice

_DOCS: Final = Path(__file__).resolve().parent
_LOOK_AT: Final = _DOCS.parent / "build" / "page"
State = Literal["start", "answer", "session", "alarm"]
_STATES: Final[tuple[State, ...]] = ("start", "answer", "session", "alarm")


@dataclass(frozen=True, slots=True)
class Screen:
    """A window, in CSS pixels."""

    name: str
    width: int
    height: int
    is_dark: bool = True
    scale: float = 1


_SCREENS: Final = (
    Screen("320", 320, 568),
    Screen("390", 390, 844),
    Screen("1280", 1280, 800),
    Screen("390-light", 390, 844, is_dark=False),
    Screen("1280-at-200-percent", 640, 400, scale=2),
)
_OF_THE_DOCS: Final[dict[str, tuple[State, Screen]]] = {
    "web-answer": ("answer", Screen("", 960, 720, is_dark=False)),
    "web-session": ("session", Screen("", 390, 800)),
}


def main() -> None:
    """Take the pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _LOOK_AT
    folder.mkdir(parents=True, exist_ok=True)
    skill = open_skill(settings={"number": "112"})
    with serving(skill, NoVoice()) as address, sync_playwright() as playwright:
        browser = launched(playwright, "--use-fake-device-for-media-stream")
        for name, (state, screen) in _OF_THE_DOCS.items():
            take(browser, address, state, screen, _DOCS / f"{name}.png")
        for screen in _SCREENS:
            for state in _STATES:
                take(browser, address, state, screen, folder / f"{state}-{screen.name}.png")
        browser.close()


def take(browser: Browser, address: str, state: State, screen: Screen, path: Path) -> None:
    """Bring the page into a state on a screen, and save the visible part."""
    context = browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme="dark" if screen.is_dark else "light",
        device_scale_factor=screen.scale,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    if state == "answer":
        ask(page, "should I put a hot water bottle on my calf")
        page.get_by_text("The article says heat can ease cramps.").first.wait_for()
    elif state == "session":
        page.get_by_role("button", name="I have a cramp now").click()
        page.get_by_role("timer").wait_for()
    elif state == "alarm":
        ask(page, "my chest hurts")
        page.get_by_role("link", name="Call 112").first.wait_for()
    page.screenshot(path=path)
    context.close()


def ask(page: Page, text: str) -> None:
    """Type a question and send it."""
    page.get_by_label("Type your question").fill(text)
    page.keyboard.press("Enter")


if __name__ == "__main__":
    main()
