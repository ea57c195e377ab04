from __future__ import annotations

import io
from typing import Any

import pytest
from pyfiglet import Figlet
from rich.console import Console

from voice_helper.cli.guide_view import GuideView, ViewWords, words_of
from voice_helper.runtime.assistant import LoopEvent
from voice_helper.skill import Skill
from voice_helper.types import Row

WORDS = ViewWords(
    hint="Say next.",
    step=Row("Step {step} of {steps}.", "talk"),
    stopped=("It has ended. To begin again: type this", "For education only."),
    alarms=frozenset({"Call 112 now.", "Do not rub it.", "Get advice today."}),
    possible="If this is an emergency, call 112 now.",
)
STEP = "Gently pull your toes towards your shin."
SIZES = [(80, 24), (200, 50)]


@pytest.fixture
def view() -> GuideView:
    return GuideView(Console(width=100, height=30), WORDS)


def drawn(
    view: GuideView,
    step: tuple[int, int] | None,
    left: tuple[float, float] | None,
    size: tuple[int, int] = (100, 30),
    **settings: Any,
) -> str:
    console = Console(file=io.StringIO(), width=size[0], height=size[1], **settings)
    view._console = console
    console.print(view.picture(step, left))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def large(text: str) -> str:
    lines = str(Figlet(font="small", width=100).renderText(text)).rstrip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def say(view: GuideView, text: str) -> None:
    view.tell(LoopEvent(0.0, "say", {"text": text, "kind": "first_aid"}))


def test_the_instruction_is_in_large_letters_with_the_step_and_the_possible_replies(view: GuideView) -> None:
    say(view, "Hold.")
    picture = drawn(view, (2, 6), None)
    assert large("Hold.") in picture
    assert picture.startswith("Step 2 of 6.")
    assert picture.rstrip().endswith("Say next.")


def test_before_the_first_step_the_screen_is_empty(view: GuideView) -> None:
    assert drawn(view, None, None).split() == ["Say", "next."]


def test_the_remaining_time_is_a_bar_and_a_large_number(view: GuideView) -> None:
    say(view, "Hold.")
    whole, half = drawn(view, (2, 6), (20.0, 20.0)), drawn(view, (2, 6), (10.0, 20.0))
    assert large("20") in whole
    assert large("10") in half
    assert "\u2501" in half


def test_the_instruction_stays_large_during_a_hold_whatever_is_said(view: GuideView) -> None:
    say(view, "Hold.")
    drawn(view, (2, 6), (20.0, 20.0))
    say(view, "You can end this at any time.")
    in_hold = drawn(view, (2, 6), (12.0, 20.0))
    assert large("Hold.") in in_hold
    assert "You can end this at any time." in in_hold
    say(view, "And rest.")
    assert large("And rest.") in drawn(view, (2, 6), (10.0, 10.0))


def test_a_single_word_has_the_previous_sentence_above_it(view: GuideView) -> None:
    for text in ("Gently pull your toes towards your shin.", "Hold."):
        view.tell(LoopEvent(0.0, "say", {"text": text, "kind": "first_aid", "step": 2}))
    assert f"Gently pull your toes towards your shin.\n{large('Hold.')}" in drawn(view, (2, 6), (20.0, 20.0))
    say(view, "You can end this at any time.")
    assert "Gently pull" in drawn(view, (2, 6), (12.0, 20.0))
    view.tell(LoopEvent(0.0, "say", {"text": "And rest.", "kind": "talk", "step": 3}))
    assert "Gently pull" not in drawn(view, (2, 6), None)


def test_the_transcript_is_shown(view: GuideView) -> None:
    view.tell(LoopEvent(1.0, "heard", {"text": "slower", "intent": "speak_slower"}))
    assert "slower" in drawn(view, None, None)


def end(view: GuideView, reason: str) -> None:
    view.tell(LoopEvent(2.0, "end", {"reason": reason}))


def printed(view: GuideView) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    console.print(view.ending())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_the_step_the_bar_and_the_hint_keep_their_places_whatever_is_said(
    view: GuideView, size: tuple[int, int]
) -> None:
    places = set()
    for text in ("Hold.", STEP, "A long sentence that goes on and on and fits into no two lines of letters at all."):
        say(view, text)
        lines = drawn(view, (2, 6), (10.0, 20.0), size).split("\n")
        bar = next(number for number, line in enumerate(lines) if "\u2501" in line)
        places.add((lines.index("Step 2 of 6."), bar, lines.index("Say next."), len(lines)))
        view._counted_seconds = None
    assert len(places) == 1
    assert places.pop()[-1] == size[1]


def test_letters_are_large_only_if_they_fit_on_two_lines(view: GuideView) -> None:
    say(view, STEP)
    assert STEP in drawn(view, (2, 6), None, (60, 24))
    assert STEP not in drawn(view, (2, 6), None, (200, 50))
    assert STEP in drawn(view, (2, 6), None, (200, 12))


@pytest.mark.parametrize("height", [1, 3, 24])
@pytest.mark.parametrize("width", [1, 2, 5, 9, 20])
def test_the_smallest_screen_shows_what_fits(view: GuideView, width: int, height: int) -> None:
    for text in ("Hold.", STEP, "Call 112 now."):
        say(view, text)
        for left in (None, (10.0, 20.0)):
            assert drawn(view, (2, 6), left, (width, height)).strip()


def test_rows_that_tell_users_to_get_help_stay_in_red_to_the_end_and_afterwards(view: GuideView) -> None:
    say(view, "Do not rub it.")
    say(view, "Get advice today.")
    end(view, "urgent")
    say(view, "For education only.")
    picture = drawn(view, None, None, force_terminal=True, color_system="standard")
    assert "\x1b[1;31m" in picture
    shown = drawn(view, None, None)
    assert "! Do not rub it." in shown
    assert "! Get advice today." in shown
    assert "For education only." not in shown
    assert "\x1b[1;31m! Do not rub it." in printed(view)


def test_a_possible_sign_shows_its_row_and_the_session_continues(view: GuideView) -> None:
    say(view, STEP)
    say(view, WORDS.possible)
    shown = drawn(view, (2, 6), (10.0, 20.0), (60, 30))
    assert f"! {WORDS.possible}" in shown
    assert STEP in shown
    assert "Step 2 of 6." in shown
    end(view, "same")
    assert WORDS.possible not in printed(view)


def test_after_stop_the_view_says_so_and_how_to_restart(view: GuideView) -> None:
    say(view, "Hold.")
    end(view, "stopped")
    for text in WORDS.stopped:
        assert text in drawn(view, None, None)
        assert text in printed(view)


def test_after_the_last_step_the_closing_sentences_stay(view: GuideView) -> None:
    for text in ("See a doctor.", "Either one is reason enough."):
        say(view, text)
    end(view, "better")
    assert "Either one is reason enough." in printed(view)


def test_without_colours_a_row_that_tells_users_to_get_help_is_still_marked(view: GuideView) -> None:
    say(view, "Do not rub it.")
    say(view, "Get advice today.")
    shown = drawn(view, None, None, force_terminal=True, no_color=True)
    assert "\x1b[1;31m" not in shown
    assert "! Do not rub it." in shown


def test_every_word_comes_from_the_intents_folder(skill: Skill) -> None:
    words = words_of(skill, "voice-helper guide")
    assert "voice-helper guide" in words.stopped[0]
    assert "Call 112 now. I cannot call for you." in words.alarms
    assert words.possible == "If this is an emergency, call 112 now."
    assert skill.content.guide
    assert skill.content.guide.close_worse[0].text in words.alarms


def test_a_message_is_shown_in_the_view_and_printed_afterwards() -> None:
    noted: list[str] = []
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    view = GuideView(console, WORDS, noted.append)
    view.note("before")
    with view.open():
        view.note("the loudspeaker was disconnected")
        assert "the loudspeaker was disconnected" in drawn(view, (1, 6), None, (80, 24))
        assert noted == ["before"]
        view._console = console
    assert noted == ["before", "the loudspeaker was disconnected"]
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert shown.index("\x1b[?1049h") < shown.index("\x1b[?1049l") < shown.rindex(WORDS.stopped[0])
