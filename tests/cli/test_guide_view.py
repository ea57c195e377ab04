from __future__ import annotations

import io

import pytest
from pyfiglet import Figlet
from rich.console import Console

from voice_helper.cli.guide_view import GuideView
from voice_helper.runtime.assistant import LoopEvent


@pytest.fixture
def view() -> GuideView:
    return GuideView(Console(width=100), "Say next.")


def drawn(view: GuideView, step: tuple[int, int] | None, left: tuple[float, float] | None) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(view.picture(step, left))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def large(text: str) -> str:
    lines = str(Figlet(font="small", width=100).renderText(text)).rstrip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def say(view: GuideView, text: str) -> None:
    view.tell(LoopEvent(0.0, "say", {"text": text, "kind": "first_aid"}))


def test_what_is_said_stands_in_large_letters_with_the_step_and_what_can_be_said(view: GuideView) -> None:
    say(view, "Hold.")
    picture = drawn(view, (2, 6), None)
    assert large("Hold.") in picture
    assert "2 / 6   Say next." in picture


def test_the_time_left_is_a_bar_and_a_large_number(view: GuideView) -> None:
    say(view, "Hold.")
    whole, half = drawn(view, (2, 6), (20.0, 20.0)), drawn(view, (2, 6), (10.0, 20.0))
    assert f"\n{large('20')}" in whole
    assert f"\n{large('10')}" in half
    assert "\u2501" in half


def test_the_instruction_stays_large_in_a_hold_whatever_is_said_in_it(view: GuideView) -> None:
    say(view, "Hold.")
    drawn(view, (2, 6), (20.0, 20.0))
    say(view, "You can end this at any time.")
    in_hold = drawn(view, (2, 6), (12.0, 20.0))
    assert large("Hold.") in in_hold
    assert "You can end this at any time." in in_hold
    say(view, "And rest.")
    assert large("And rest.") in drawn(view, (2, 6), (10.0, 10.0))


def test_above_a_single_word_stands_what_to_hold(view: GuideView) -> None:
    for text in ("Gently pull your toes towards your shin.", "Hold."):
        view.tell(LoopEvent(0.0, "say", {"text": text, "kind": "first_aid", "step": 2}))
    assert f"Gently pull your toes towards your shin.\n{large('Hold.')}" in drawn(view, (2, 6), (20.0, 20.0))
    say(view, "You can end this at any time.")
    assert "Gently pull" in drawn(view, (2, 6), (12.0, 20.0))
    view.tell(LoopEvent(0.0, "say", {"text": "And rest.", "kind": "talk", "step": 3}))
    assert "Gently pull" not in drawn(view, (2, 6), None)


def test_what_was_heard_is_shown(view: GuideView) -> None:
    view.tell(LoopEvent(1.0, "heard", {"text": "slower", "intent": "speak_slower"}))
    assert "slower" in drawn(view, None, None)
