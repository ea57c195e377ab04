"""Whole conversations as people have them, from `tests/dialogues/*.yaml`.

A script has a name and turns. A turn is something said (`say`) or some seconds of silence (`wait`). It lists what must
be heard (`hears`) and what must not (`never`), or that nothing may be heard (`silent`), and the step of the session
after it (`step`, a number or `none`). After words, the next turn follows when the voice has finished, or after `then`
seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.opened import english_skill
from voice_helper.dialogue.state import State
from voice_helper.types import SAMPLE_RATE

from .test_guide import Room

SCRIPTS: list[dict[str, Any]] = [
    script
    for path in sorted((Path(__file__).parents[1] / "dialogues").glob("*.yaml"))
    for script in yaml.safe_load(path.read_text("utf-8"))
]
KEYS = {"say", "wait", "hears", "never", "silent", "step", "then"}
BREATH_SECONDS = 1.0


@pytest.mark.parametrize("script", SCRIPTS, ids=[script["name"] for script in SCRIPTS])
def test_a_conversation_follows_its_script(script: dict[str, Any]) -> None:
    room = Room(english_skill(), State(hands_free=True, can_lead=True), step_samples=SAMPLE_RATE // 2)
    mark = 0
    for number, turn in enumerate(script["turns"], 1):
        assert set(turn) <= KEYS
        where = f"turn {number}, {turn}"
        if "say" in turn:
            mark = len(room.said)
            room.hear(turn["say"])
        else:
            room.wait(turn["wait"])
        heard = " ".join(text for _, text in room.said[mark:])
        mark = len(room.said)
        assert [text for text in turn.get("hears", []) if text not in heard] == [], f"{where}: {heard}"
        assert [text for text in turn.get("never", []) if text in heard] == [], f"{where}: {heard}"
        assert not (turn.get("silent") and heard), f"{where}: {heard}"
        if "step" in turn:
            steps = room.conversation.steps(room.state)
            assert (steps[0] if steps else "none") == turn["step"], f"{where}: {heard}"
        if "say" in turn:
            room.wait(turn.get("then", BREATH_SECONDS + room.speaking / SAMPLE_RATE))


def test_there_are_at_least_sixty_scripts_with_unique_names() -> None:
    assert len({script["name"] for script in SCRIPTS}) == len(SCRIPTS) >= 60
