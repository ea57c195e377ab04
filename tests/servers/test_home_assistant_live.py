"""A real Home Assistant and `serve wyoming`: `make test-homeassistant`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.assist import assisting
from tests.support.home_assistant import PYTHON, HomeAssistant
from tests.support.sound import recorded
from voice_helper.cli.entry_point import cli

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="Home Assistant is not installed: make test-homeassistant"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> HomeAssistant:
    """Return a Home Assistant with the exported sentences, which is not running yet."""
    folder = tmp_path_factory.mktemp("home") / "config"
    ran = CliRunner().invoke(cli, ["export", "homeassistant", str(folder), "--number", "112"])
    assert ran.exit_code == 0
    return HomeAssistant(folder)


@pytest.fixture(scope="module")
def both(home: HomeAssistant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run Home Assistant and the server, connected to each other. Yields the server's port."""
    with assisting(tmp_path_factory.mktemp("ours"), "--voice", "pyttsx3") as port, home.running():
        flow = home.post("/api/config/config_entries/flow", {"handler": "wyoming"})
        made = home.post(f"/api/config/config_entries/flow/{flow['flow_id']}", {"host": "127.0.0.1", "port": port})
        assert made["type"] == "create_entry", made
        yield port


@pytest.fixture(scope="module")
def agent(home: HomeAssistant, both: int) -> str:
    """Return the conversation agent of the server in Home Assistant."""
    return home.entity("conversation", "voice_helper")


def test_a_question_and_an_emergency_are_answered(home: HomeAssistant, agent: str) -> None:
    said, talk = home.ask(agent, "why do my calves cramp at night")
    assert said.startswith("The article lists tired muscles after a hard workout.")
    said, _ = home.ask(agent, "my chest hurts", talk)
    assert said.startswith("Call 112 now. I cannot call for you. Call 112 now.")


def test_a_session_takes_several_turns(home: HomeAssistant, agent: str) -> None:
    said, talk = home.ask(agent, "help i have a cramp in my calf")
    assert said.startswith("Sit or lie somewhere safe.")
    assert home.ask(agent, "next", talk)[0].startswith("Do not rub")
    assert home.ask(agent, "next", talk)[0] == "Better, the same, or worse?"
    assert home.ask(agent, "better", talk)[0].startswith("Good.")


@pytest.mark.parametrize("language", ["en", "en-GB"])
def test_a_pipeline_recognizes_answers_and_speaks(home: HomeAssistant, agent: str, language: str) -> None:
    engines = {kind: home.entity(kind, "voice_helper") for kind in ("stt", "tts")}
    pipeline = home.command(
        type="assist_pipeline/pipeline/create", name=f"Cramps {language}", language=language,
        conversation_engine=agent, conversation_language=language, stt_engine=engines["stt"], stt_language=language,
        tts_engine=engines["tts"], tts_language=language, tts_voice=None, wake_word_entity=None, wake_word_id=None,
    )  # fmt: skip
    told = home.hear(pipeline["id"], recorded("put_heat_on_it"))
    assert told["stt-end"]["stt_output"]["text"] == "should i put heat on it"
    said = told["intent-end"]["intent_output"]["response"]["speech"]["plain"]["speech"]
    assert "heat can ease cramps" in said
    sound = home.sound(told["tts-end"]["tts_output"]["url"])
    assert len(sound) > 10_000


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("i want to die", "I'm sorry you feel this way."),
        ("can you ring for an ambulance", "Call 112 now."),
        ("please call an ambulance", "Call 112 now."),
        ("i have chest pain and a cramp", "Call 112 now."),
        (
            "does heat help leg cramps",
            "No heat if you have diabetes, numb skin or poor circulation. The article says heat can ease cramps.",
        ),
    ],
)
def test_home_assistants_own_agent_knows_the_exported_sentences(
    home: HomeAssistant, both: int, text: str, begins: str
) -> None:
    said, _ = home.ask("conversation.home_assistant", text)
    assert said.startswith(begins)


def test_a_session_survives_a_restart_of_the_server_only_if_it_is_kept(
    home: HomeAssistant, agent: str, both: int, tmp_path: Path
) -> None:
    with assisting(tmp_path, "--voice", "none", "--keep-sessions", str(tmp_path / "sessions.json")) as port:
        kept = introduced(home, port)
        _, talk = home.ask(kept, "help i have a cramp in my calf")
    said, _ = home.ask(kept, "next", talk)
    assert "Error communicating with service" in said
    again = ("--voice", "none", "--port", str(port))
    with assisting(tmp_path, *again, "--keep-sessions", str(tmp_path / "sessions.json")):
        assert home.ask(kept, "next", talk)[0].startswith("Do not rub")
    with assisting(tmp_path, *again):
        assert "Better, the same" not in home.ask(kept, "next", talk)[0]
        assert home.ask(kept, "chest pain", talk)[0].startswith("Call 112 now.")


def introduced(home: HomeAssistant, port: int) -> str:
    """Return the agent of another server."""
    before = {state["entity_id"] for state in home.get("/api/states")}
    flow = home.post("/api/config/config_entries/flow", {"handler": "wyoming"})
    home.post(f"/api/config/config_entries/flow/{flow['flow_id']}", {"host": "127.0.0.1", "port": port})
    new: set[str] = {state["entity_id"] for state in home.get("/api/states")} - before
    return next(name for name in new if name.startswith("conversation."))


def test_home_assistant_reconnects_after_its_own_restart(tmp_path: Path) -> None:
    home = HomeAssistant(tmp_path)
    with assisting(tmp_path, "--voice", "none") as port:
        with home.running():
            agent = introduced(home, port)
            _, talk = home.ask(agent, "help i have a cramp in my calf")
        with home.running():
            assert home.ask(agent, "next", talk)[0].startswith("Do not rub")
