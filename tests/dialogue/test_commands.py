"""Each session command is one record, which determines how a session moves and what the page and the docs list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import voice_helper
from tests.support.opened import english_content
from voice_helper.dialogue import guided_session as guided
from voice_helper.dialogue.commands import COMMANDS, Command, move_of, pace_of
from voice_helper.skill.web_labels import BUTTONS
from voice_helper.types import COMMAND_GROUP, GUIDE_START, Match

PACKAGE = Path(voice_helper.__file__).parent
WORDS = PACKAGE.parent / "intents" / "README.md"
NAMED = re.compile(r"[\"'`]((?:guide|speak)_\w+)[\"'`]")


def line_of(command: Command) -> str:
    """Return a command as a line of the table in the docs."""
    return f"| `{command.intent}` | {command.help} | {'yes' if command.works_anywhere else ''} |"


def test_every_command_in_the_intents_folder_has_a_record_and_a_meaning() -> None:
    group_of = english_content().sentences.group_of
    commands = {intent for intent, group in group_of.items() if group == COMMAND_GROUP}
    assert commands - COMMANDS.keys() <= {"yes", "no"}
    assert set(COMMANDS) <= set(group_of) | {"help"}


def test_the_docs_list_them_all() -> None:
    lines = WORDS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith(("| `guide_", "| `help`", "| `yes`", "| `no`", "| `speak_"))] == [
        line_of(command) for command in COMMANDS.values()
    ]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_a_command_moves_a_session_or_changes_the_speech(command: Command) -> None:
    guide, match = english_content().guide, Match(command.intent)
    assert guide is not None
    assert (move_of(guide, guided.Session(), match) is None) != (pace_of(match) is None)


def test_the_buttons_of_the_page_are_those_of_the_records() -> None:
    page = english_content().page
    assert page is not None
    assert page.commands.keys() == BUTTONS == {name for name, command in COMMANDS.items() if command.button}


def test_no_other_module_names_a_command() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if "data" not in path.relative_to(PACKAGE).parts]
    page = [*(PACKAGE / "servers" / "web" / "page").glob("*.js"), PACKAGE / "servers" / "web" / "page" / "index.html"]
    named = {
        path.relative_to(PACKAGE).as_posix(): set(NAMED.findall(path.read_text(encoding="utf-8")))
        for path in [*modules, *page]
    }
    found = {path: names & COMMANDS.keys() for path, names in named.items() if names & COMMANDS.keys()}
    assert found.pop("dialogue/commands.py")
    assert found == {"types.py": {GUIDE_START}}


def test_commands_that_need_a_session_share_what_they_say_without_one() -> None:
    answers = english_content().answers
    alike = [intent for intent, entry in answers.entries.items() if entry.rows == answers.entries["guide_next"].rows]
    assert len(alike) >= 3
    assert all(intent in COMMANDS and not COMMANDS[intent].works_anywhere for intent in alike)
    assert len({answers.entries[intent].title for intent in alike}) == len(alike)
