"""The commands of a guided session. Each record says what the command does, whether it works outside a session, and
which button it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from voice_helper.dialogue import guided_session as guided
from voice_helper.dialogue.guide import Guide
from voice_helper.dialogue.guided_session import Move, Session
from voice_helper.types import GUIDE_START, Match, Pace

STOP: Final = "guide_stop"
REPEAT: Final = "guide_repeat"
PLACE: Final = "guide_place"

ButtonPart = Literal["feelings", "moves", "pause", "resume", "stop"]
"""The parts of the web page that contain buttons."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the user can say in a guided session."""

    intent: str
    help: str
    """What the command does, as explained to authors of an intents folder."""

    does: Callable[[Guide, Session, Match], Move] | None = None
    """The function that executes the command in a session.

    `None` if the command only changes how the assistant speaks.
    """

    works_anywhere: bool = False
    """Whether the phrase also has a meaning outside a session."""

    button: ButtonPart | None = None
    """The part of the web page that shows the command's button. `None` if it has no button."""

    pace: Pace | None = None
    """How the command changes the rate and loudness of speech, both in a session and outside."""


def _go_on(guide: Guide, session: Session, match: Match) -> Move:
    return guided.resume(guide, session)


def _yes(guide: Guide, session: Session, match: Match) -> Move:
    report = COMMANDS.get(session.asking or "")
    if report is None or report.does is None:
        return guided.resume(guide, session)
    return report.does(guide, session, match)


def _no(guide: Guide, session: Session, match: Match) -> Move:
    if session.asking is not None:
        return guided.not_yet(guide, replace(session, asking=None))
    asks = guided.current_step(guide, session).asks
    return guided.same(guide, session) if asks else Move(session)  # no question was asked


def _places_in(guide: Guide, match: Match) -> str | None:
    return match.slots.get(guide.places.slot)


_ALL: Final = (
    Command(
        GUIDE_START, "starts a session; during a session, goes to the step for the place",
        lambda guide, session, match: guided.start_again(guide, session, _places_in(guide, match)),
        works_anywhere=True,
    ),
    Command(
        PLACE, "names a place",
        lambda guide, session, match: guided.go_to_place(guide, session, _places_in(guide, match)),
    ),
    Command("guide_back", "goes to the previous step",
            lambda guide, session, match: guided.go_back(guide, session), button="moves"),
    Command(REPEAT, "repeats the step; outside a session, repeats the last answer",
            lambda guide, session, match: guided.repeat(guide, session), works_anywhere=True, button="moves"),
    Command("guide_next", "goes to the next step, or continues after a pause", _go_on, button="moves"),
    Command("guide_restart", "restarts at the first step",
            lambda guide, session, match: guided.restart(guide, session)),
    Command("guide_pause", "pauses; the time limit keeps running",
            lambda guide, session, match: guided.pause(guide, session), button="pause"),
    Command("guide_resume", "continues after a pause, or goes to the next step", _go_on, button="resume"),
    Command("guide_better", "ends the session: it is better",
            lambda guide, session, match: guided.better(guide), button="feelings"),
    Command("guide_same", "no change: continues the step; after the step that asks, repeats the steps once",
            lambda guide, session, match: guided.not_yet(guide, session), button="feelings"),
    Command("guide_worse", "ends the session immediately, with the advice to get help",
            lambda guide, session, match: guided.worse(guide), button="feelings"),
    Command(STOP, "silently ends the session and all speech",
            lambda guide, session, match: guided.stop(), button="stop"),
    Command("guide_stand", "goes to the extra step in `stand:`",
            lambda guide, session, match: guided.stand(guide, session)),
    Command("guide_where", "says which step it is", lambda guide, session, match: guided.which_step(guide, session)),
    Command("guide_time", "says how many seconds are left",
            lambda guide, session, match: guided.how_long(guide, session)),
    Command("help", "says what the user can say in a session",
            lambda guide, session, match: guided.say_between(guide, session, (guide.help,)), works_anywhere=True),
    Command("yes", "confirms what the assistant asked; otherwise works like `guide_next`", _yes),
    Command("no", "as an answer to a question, works like `guide_same`", _no),
    Command("speak_slower", "speaks slower", works_anywhere=True, pace=Pace(rate=1 / 1.2)),
    Command("speak_faster", "speaks faster", works_anywhere=True, pace=Pace(rate=1.2)),
    Command("speak_louder", "speaks louder", works_anywhere=True, pace=Pace(loudness=1.5)),
    Command("speak_softer", "speaks softer", works_anywhere=True, pace=Pace(loudness=1 / 1.5)),
)  # fmt: skip

COMMANDS: Final[Mapping[str, Command]] = {command.intent: command for command in _ALL}
"""All session commands by intent. The web page shows their buttons in this order."""


def pace_of(match: Match) -> Pace | None:
    """Return how a match changes the speech, or `None` if it does not."""
    command = COMMANDS.get(match.intent)
    return command.pace if command is not None else None


def move_of(guide: Guide, session: Session, match: Match) -> Move | None:
    """Return the move of a match in a session, or `None` if the match is not a session command."""
    command = COMMANDS.get(match.intent)
    return command.does(guide, session, match) if command is not None and command.does is not None else None
