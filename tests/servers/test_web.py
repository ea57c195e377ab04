"""The messages between the page and the server, over real connections on this machine, with the real recognizer and
voice.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import queue
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import VOICE_HELPER, Run, environment
from tests.support.served import serving, talking
from tests.support.sound import chunks_of, embedded, recorded, silence
from voice_helper.audio.devices import louder
from voice_helper.cli.serve import _at, _reached_at, _shown, listening_socket
from voice_helper.dialogue.state import State
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import Assistant
from voice_helper.servers.connection_limits import RecognizerPool, is_loopback
from voice_helper.servers.web import live_conversation, resumption
from voice_helper.servers.web.app import (
    BUSY,
    IDLE,
    RIGHT_TOKEN,
    RUBBISH,
    TOO_FAST,
    WRONG_TOKEN,
    RefusedError,
    read_order,
)
from voice_helper.servers.web.live_conversation import Ask, Begin, FarPlayer, Hear, LiveConversation, Message, Played
from voice_helper.servers.web.resumption import Resumption
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import check_folder
from voice_helper.testing import ScriptedRecognizer
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk
from voice_helper.voices import NoVoice
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

FILES = ("", "app.js", "connection.js", "sound.js", "capture.js", "style.css", "service-worker.js",
         "manifest.webmanifest", "icon.svg", "icon-192.png")  # fmt: skip
TOLD = {
    "welcome": {"event", "resume", "resumed"},
    "partly": {"event", "text"},
    "answer": {"event", "heard", "alarm", "calls", "rows", "disclaimer"},
    "say": {"event", "text", "kind", "step"},
    "silence": {"event"},
    "listened": {"event", "heard"},
    "session": {"event", "step", "left", "whole", "paused"},
    "end": {"event", "reason"},
}


@pytest.fixture(scope="module")
def address(skill: Skill, voice: Pyttsx3Voice) -> Iterator[str]:
    with serving(skill, voice) as address:
        yield address


@pytest.fixture(scope="module")
def quiet_address(skill: Skill) -> Iterator[str]:
    """Yield the address of a server without a voice, for tests that need no speech."""
    with serving(skill, NoVoice()) as address:
        yield address


@pytest.fixture(scope="module")
def far_address(skill: Skill) -> Iterator[str]:
    """Yield the address of a server that other machines can reach."""
    with serving(skill, NoVoice(), host="0.0.0.0", token="good-word") as address:
        yield address


# Connecting and disconnecting


def test_a_conversation_that_is_over_leaves_nothing_behind(skill: Skill) -> None:
    """Conversations must be freed without the garbage collector, because each holds much memory until it runs."""
    ended, had = threading.Event(), list[weakref.ref[Assistant]]()

    class Remembered(LiveConversation):
        def _take(self, chunk: AudioChunk) -> None:
            had[:] = [weakref.ref(self._assistant)]
            super()._take(chunk)

    gc.disable()
    try:
        talk = Remembered(
            skill.conversation, lambda: embedded(skill), NoVoice(), 150, state=State(),
            send=lambda message: None, ended=lambda why, recognizer, state: ended.set(),
        )  # fmt: skip
        talk.put(Hear("once"))
        for chunk in chunks_of(silence(0.5)):
            talk.put(chunk.pcm)
        wait_until(lambda: bool(had))
        talk.close()
        assert ended.wait(PATIENCE_SECONDS)
        assert had[0]() is None
    finally:
        gc.enable()


# Talking


def test_a_typed_question_is_answered_with_its_source_and_spoken(address: str) -> None:
    with talking(address) as talk:
        talk.send(do="ask", text="does heat help")
        answer = talk.wait("answer")
        assert answer["heard"] == "does heat help"
        assert [row["kind"] for row in answer["rows"]] == ["safety", "article"]
        assert "NHS" in answer["rows"][0]["source"]
        assert "medical expert" in answer["disclaimer"]
        assert not answer["alarm"]
        assert talk.wait("say")["text"] == answer["rows"][0]["text"]
    assert talk.spoken_samples > 3 * SAMPLE_RATE


def test_a_spoken_question_is_recognized_while_it_is_spoken(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.say(recorded("put_heat_on_it"), pace=1.0)
        talk.send(do="release")
        answer = talk.wait("answer")
        assert answer["heard"] == "should i put heat on it"
        assert answer["rows"][0]["text"].startswith("No heat if you have diabetes")
    names = [told["event"] for told in talk.told]
    assert "partly" in names[: names.index("answer")]


def test_a_question_after_one_press_ends_with_the_silence_after_it(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.say(recorded("put_heat_on_it") + silence(1.5), how="once")
        assert talk.wait("listened")["heard"]
    assert "answer" in [told["event"] for told in talk.told]


def test_silence_while_the_button_is_held_says_that_no_words_were_heard(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.say(silence(0.5))
        talk.send(do="release")
        assert not talk.wait("listened")["heard"]


def test_the_user_is_asked_to_repeat_words_without_a_meaning(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.send(do="ask", text="qwxz vrrgl")
        assert talk.wait("answer")["rows"][0]["text"] == "Sorry, say that again?"


def test_a_sentence_starts_a_session_and_buttons_control_it(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.send(do="ask", text="help i have a cramp in my foot")
        assert talk.wait("session")["step"] == [1, 6]
        counted = talk.wait("session", lambda told: told["left"] is not None)
        assert (counted["step"], counted["whole"]) == ([2, 6], 20)
        assert 19 < counted["left"] <= 20
        talk.wait("session", lambda told: told["left"] < 19)
        talk.send(do="ask", text="next")
        assert talk.wait("session")["step"] == [3, 6]
        talk.send(do="ask", text="wait")
        assert talk.wait("session", lambda told: told["paused"])
        talk.send(do="ask", text="stop")
        assert talk.wait("session", lambda told: told["step"] is None)
        assert talk.wait("end")["reason"] == "stopped"


def test_a_countdown_goes_by_the_clock(skill: Skill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock in this test moves only while the conversation waits."""
    now, counted, ended = 0.0, list[tuple[float, float]](), threading.Event()

    class Orders(queue.Queue[Any]):
        def __init__(self, most: int) -> None:
            super().__init__(most)
            self.put(Begin())

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            nonlocal now
            try:
                return super().get(block=False)
            except queue.Empty:
                now += timeout or 0.0
                raise

    def tell(message: Message) -> None:
        if isinstance(message, dict) and message.get("left"):
            counted.append((now, message["left"]))
            if len(counted) == 10:
                talk.close()

    monkeypatch.setattr(live_conversation, "queue", SimpleNamespace(**{**vars(queue), "Queue": Orders}))
    monkeypatch.setattr(live_conversation, "clock_seconds", lambda: now)
    talk = LiveConversation(
        skill.conversation, lambda: embedded(skill), NoVoice(), 150, state=State(), send=tell,
        ended=lambda why, recognizer, state: ended.set(),
    )  # fmt: skip
    assert ended.wait(PATIENCE_SECONDS)
    assert [left for _, left in counted] == pytest.approx(range(20, 10, -1), abs=0.05)
    assert [now - counted[0][0] for now, _ in counted] == pytest.approx(range(10), abs=0.05)


def test_a_spoken_stop_ends_a_session_while_it_speaks(address: str) -> None:
    with talking(address) as talk:
        talk.send(do="begin")
        talk.wait("say")
        talk.say(silence(0.4) + recorded("stop") + silence(0.6), how="open", pace=1.0)
        assert talk.wait("end")["reason"] == "stopped"
    assert [told["text"] for told in talk.told if told["event"] == "say"] == ["Sit or lie somewhere safe."]
    assert "silence" in [told["event"] for told in talk.told]


def test_an_emergency_is_answered_first_and_ends_a_session(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.send(do="begin")
        talk.wait("session")
        talk.send(do="ask", text="my chest hurts and i can't breathe")
        answer = talk.wait("answer")
        assert answer["alarm"]
        assert "Call 112 now." in answer["rows"][0]["text"]
        assert talk.wait("end")["reason"] == "emergency"


def test_messages_contain_nothing_that_could_be_read_as_a_judgement(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        for text in ("my chest hurts", "that was wrong", "does heat help", "qwxz", "help i have a cramp", "stop"):
            talk.send(do="ask", text=text)
            talk.wait("answer")
        talk.wait("end")
    for told in talk.told:
        assert set(told) <= TOLD[told["event"]]
        for row in told.get("rows", ()):
            assert set(row) <= {"text", "kind", "source"}


def test_be_quiet_ends_the_speech_but_not_the_conversation(address: str) -> None:
    with talking(address) as talk:
        talk.plays = False
        talk.send(do="ask", text="does heat help")
        talk.wait("say")
        talk.send(do="quiet")
        talk.wait("silence")
        talk.send(do="ask", text="are bananas good for cramps")
        assert talk.wait("answer")["rows"]


# Who may talk


@pytest.mark.parametrize("origin", [None, "https://elsewhere.example", "http://127.0.0.1:1", "null", "http://["])
def test_another_sites_page_is_rejected(quiet_address: str, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused, talking(quiet_address, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_a_foreign_host_name_for_this_address_is_rejected(quiet_address: str) -> None:
    host = "rebound.example:80"
    for name in (host, "127.0.0.1.example", "[::1", "127.0.0.1@rebound.example"):
        assert requests.get(quiet_address, headers={"Host": name}, timeout=PATIENCE_SECONDS).status_code in {400, 421}
    with (
        pytest.raises(InvalidStatus) as refused,
        talking(quiet_address, origin=f"http://{host}", additional_headers={"Host": host}),
    ):
        pass
    assert refused.value.response.status_code in {400, 403}


@pytest.mark.parametrize("wrong", ["", "bad-word", "good-wor", "good-word2", "\ud800", 3, None, ["good-word"]])
def test_a_wrong_token_is_refused(far_address: str, wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice_helper.servers.web.app.WRONG_TOKEN_SECONDS", 0.0)
    with talking(far_address, token=wrong) as talk:
        assert talk.closed() == WRONG_TOKEN


def test_nothing_is_processed_before_the_token(far_address: str) -> None:
    with talking(far_address, hello=False) as talk:
        talk.send(do="ask", text="does heat help")
        assert talk.closed() == RUBBISH


def test_served_to_other_machines_the_privacy_answer_says_where_words_go(far_address: str) -> None:
    with talking(far_address, token=" Good-Word ") as talk:  # as users may type it
        talk.send(do="ask", text="are you recording me")
        spoken = " ".join(row["text"] for row in talk.wait("answer")["rows"])
    assert "What you say goes to the machine that runs me" in spoken


def test_a_token_is_checked_without_taking_a_slot(skill: Skill) -> None:
    with (
        serving(skill, NoVoice(), host="0.0.0.0", token="good-word", most=1) as address,
        talking(address, hello=False) as asking,
        talking(address, token="good-word") as talk,
    ):
        talk.wait("welcome")
        asking.send(do="check", token="good-word")
        assert asking.closed() == RIGHT_TOKEN


# After an interruption


def test_a_session_continues_at_its_step_after_an_interruption(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        welcome = talk.wait("welcome")
        assert welcome["resumed"] is False
        talk.send(do="begin")
        talk.wait("session", lambda told: told["step"] == [2, 6])  # reached by itself; this step is long
        talk.socket.socket.shutdown(socket.SHUT_RDWR)
    with talking(quiet_address, resume=welcome["resume"]) as talk:
        assert talk.wait("welcome")["resumed"] is True
        assert talk.wait("session")["step"] == [2, 6]
        assert talk.wait("say")["text"] == "Straighten your leg."


def test_an_interruption_that_only_the_page_has_noticed_is_resumed(quiet_address: str) -> None:
    with talking(quiet_address) as old:
        name = old.wait("welcome")["resume"]
        old.send(do="begin")
        old.wait("session")
        with talking(quiet_address, resume=name) as talk:
            assert talk.wait("welcome")["resumed"] is True
            assert talk.wait("session")["step"] is not None


def test_a_sign_of_danger_is_remembered_after_an_interruption(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        name = talk.wait("welcome")["resume"]
        talk.send(do="ask", text="my calf is red and swollen")
        talk.wait("answer")
    with talking(quiet_address, resume=name) as talk:
        talk.send(do="ask", text="should i massage it")
        assert any("urgent medical advice" in row["text"] for row in talk.wait("answer")["rows"])


@pytest.mark.parametrize("name", ["guessed", "", 3, None])
def test_an_unknown_name_resumes_nothing(quiet_address: str, name: object) -> None:
    with talking(quiet_address, resume=name) as talk:
        assert talk.wait("welcome")["resumed"] is False


def test_an_interrupted_conversation_is_kept_for_ten_minutes_and_resumed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(resumption, "clock_seconds", lambda: now)
    kept = Resumption()
    kept.keep("early", State())
    now = resumption.KEPT_SECONDS
    assert kept.take("early") is not None
    assert kept.take("early") is None
    kept.keep("late", State())
    now *= 3
    assert kept.take("late") is None


# A proxy in front of it


FORWARDED = {"X-Forwarded-Host": "helper.example", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("origin", ["https://helper.example", "https://helper.example:443"])
def test_behind_a_proxy_the_page_is_that_of_the_forwarded_host(skill: Skill, origin: str) -> None:
    with serving(skill, NoVoice(), behind_proxy=True, token="good-word") as address:
        with talking(address, token="good-word", origin=origin, additional_headers=FORWARDED) as talk:
            assert talk.wait("welcome")
        with pytest.raises(InvalidStatus), talking(address, token="good-word", additional_headers=FORWARDED):
            pass


def test_a_forwarded_host_counts_for_nothing_without_the_option(quiet_address: str) -> None:
    with (
        pytest.raises(InvalidStatus),
        talking(quiet_address, origin="https://helper.example", additional_headers=FORWARDED),
    ):
        pass


def test_failed_logins_are_limited_and_delay_nobody_else(far_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delay of one second per failed login ends here when the test says so."""
    waits, over = list[float](), threading.Semaphore(0)

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.to_thread(over.acquire, timeout=PATIENCE_SECONDS)

    monkeypatch.setattr("voice_helper.servers.web.app.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": wait}))
    with ExitStack() as connected:
        guesses = [connected.enter_context(talking(far_address, token="guess")) for _ in range(3)]
        for number in (1, 2, 3):
            wait_until(lambda number=number: len(waits) == number)  # type: ignore[misc]
            with talking(far_address, token="good-word") as talk:
                talk.wait("welcome")
            assert waits == [1.0] * number
            over.release()
        assert [guess.closed() for guess in guesses] == [WRONG_TOKEN] * 3


def test_an_idle_user_whose_session_is_over_releases_the_slot(skill: Skill, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(skill, NoVoice()) as address, talking(address) as talk:
        talk.send(do="begin")
        talk.wait("session")
        talk.say(silence(0.2), how="open")
        talk.send(do="ask", text="stop")
        talk.wait("end")
        monkeypatch.setattr(live_conversation, "IDLE_SECONDS", 0.3)
        talk.say(silence(0.2), how="open")  # sent before the page knew that listening had ended
        assert talk.closed() == IDLE


def test_be_quiet_does_not_stop_a_session(address: str) -> None:
    with talking(address) as talk:
        talk.send(do="begin")
        talk.wait("say")
        talk.send(do="quiet")
        assert talk.wait("session", lambda told: told["step"] == [2, 6])


def test_unpaired_surrogates_are_answered_like_any_text(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.send(do="ask", text="does heat help \ud800")
        assert talk.wait("answer")["rows"]


def test_one_client_too_many_is_told_so_and_gets_a_slot_once_one_is_free(
    skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice_helper.servers.web.app.MAX_WAIT_SECONDS", 0.0)
    with serving(skill, NoVoice(), most=1) as address:
        with talking(address) as first:
            first.wait("welcome")
            with talking(address) as second:
                assert second.closed() == BUSY

        def is_welcome() -> bool:
            with talking(address) as third:
                return third.closed_at_once() is None

        wait_until(is_welcome)  # the thread of the first conversation ends a moment later


def test_a_reloaded_page_waits_for_its_previous_slot(skill: Skill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The previous conversation ends a moment later: in this test, once the next one is already waiting."""
    tries, ending = threading.Semaphore(0), threading.Event()

    class Ending(RecognizerPool):
        def take(self) -> bool:
            tries.release()
            return super().take()

        def give_back(self, recognizer: Recognizer | None) -> None:
            assert ending.wait(PATIENCE_SECONDS)
            super().give_back(recognizer)

    monkeypatch.setattr("voice_helper.servers.web.app.MAX_WAIT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("voice_helper.servers.web.app.RecognizerPool", Ending)
    with serving(skill, NoVoice(), most=1, open_recognizer=ScriptedRecognizer) as address:
        with talking(address) as before:
            before.wait("welcome")
        assert tries.acquire(timeout=PATIENCE_SECONDS)
        with talking(address) as talk:
            for _ in range(2):
                assert tries.acquire(timeout=PATIENCE_SECONDS)
            ending.set()
            assert talk.wait("welcome")


def test_an_idle_user_releases_the_slot(skill: Skill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_conversation, "IDLE_SECONDS", 0.3)
    with serving(skill, NoVoice()) as address, talking(address) as talk:
        assert talk.closed() == IDLE


# Invalid data


@pytest.mark.parametrize(
    "message",
    [
        "", "x", "[]", "3", "null", "{}", '{"do": "dance"}', '{"do": "ask"}', '{"do": "ask", "text": 3}',
        '{"do": "hear"}', '{"do": "hear", "how": "loud"}', '{"do": "hear", "how": []}', '{"do": "played"}', "[" * 5_000,
        '{"do": "played", "number": true}', '{"do": "played", "number": 1e9}', b"\0",
    ],
    ids=lambda message: repr(message)[:40],
)  # fmt: skip
def test_invalid_data_ends_only_its_connection(quiet_address: str, message: str | bytes) -> None:
    with talking(quiet_address) as talk:
        talk.wait("welcome")
        talk.socket.send(message)
        assert talk.closed() == RUBBISH


@given(st.one_of(st.binary(max_size=64), st.text(max_size=64), st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["ask", "hear", "held"])),
    lambda inner: st.dictionaries(st.sampled_from(["do", "text", "how", "number"]), inner, max_size=4), max_leaves=6,
).map(json.dumps)))  # fmt: skip
def test_any_message_is_an_order_or_rejected(message: str | bytes) -> None:
    try:
        order = read_order(message)
    except RefusedError:
        return
    if isinstance(message, bytes):
        assert order == message
    if isinstance(order, Ask):
        assert json.loads(message) == {**json.loads(message), "do": "ask", "text": order.text}


def test_orders_are_parsed() -> None:
    assert read_order('{"do": "hear", "how": "once"}') == Hear("once")
    assert read_order('{"do": "played", "number": 7}') == Played(7)


def test_a_message_that_is_too_large_ends_the_connection(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.wait("welcome")
        talk.socket.send(bytes(100_000))
        assert talk.closed() == 1009


def test_more_audio_than_real_time_ends_the_connection(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.wait("welcome")
        talk.say(silence(30))
        assert talk.closed() == TOO_FAST


def test_too_many_questions_end_the_connection(quiet_address: str) -> None:
    with talking(quiet_address) as talk:
        talk.wait("welcome")
        with suppress(ConnectionClosed):  # it may end before all are sent
            for _ in range(100):
                talk.send(do="quiet")
        assert talk.closed() == TOO_FAST


def test_a_client_that_never_sends_its_first_message_is_disconnected(
    quiet_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice_helper.servers.web.app.HELLO_SECONDS", 0.2)
    with talking(quiet_address, hello=False) as talk:
        assert talk.closed() == RUBBISH


# The files


@pytest.mark.parametrize("name", FILES)
def test_the_page_loads_nothing_from_elsewhere(quiet_address: str, name: str) -> None:
    got = requests.get(f"{quiet_address}/{name}", timeout=PATIENCE_SECONDS)
    assert got.status_code == 200
    policy = got.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert got.headers["x-content-type-options"] == "nosniff"
    if not name.endswith(".png"):
        addresses = set(re.findall(r"\b(?:https?|wss?)://[^\s\"'`]+", got.text))
        assert addresses <= {"http://www.w3.org/2000/svg"}
        assert "{{" not in got.text


def test_the_page_has_no_inline_script_or_style(quiet_address: str) -> None:
    page = requests.get(quiet_address, timeout=PATIENCE_SECONDS).text
    assert not re.search(r"\son\w+=|\sstyle=|<style", page)
    assert set(re.findall(r"<script ([^>]*)>", page)) == {
        'id="words" type="application/json"', 'type="module" src="app.js"'
    }  # fmt: skip


@pytest.mark.parametrize("path", ["nothing", "../web.py", "%2e%2e/web.py", "page/index.html", "conversation"])
def test_nothing_else_is_served(quiet_address: str, path: str) -> None:
    assert requests.get(f"{quiet_address}/{path}", timeout=PATIENCE_SECONDS).status_code == 404
    assert requests.post(quiet_address, timeout=PATIENCE_SECONDS).status_code == 405


def test_the_service_worker_stores_all_files_of_the_page(quiet_address: str) -> None:
    folder = Path(live_conversation.__file__).parent / "page"
    assert {path.name for path in folder.iterdir()} == {name or "index.html" for name in FILES} - {
        "manifest.webmanifest"
    }
    kept = re.search(r"FILES = \[(.*)\]", (folder / "service-worker.js").read_text(encoding="utf-8"))
    assert kept is not None
    assert set(re.findall('"(.*?)"', kept[1])) == {name or "./" for name in FILES} - {
        "service-worker.js",
        "icon-192.png",
    }


@pytest.mark.slow
def test_a_button_whose_sentence_means_something_else_is_a_problem(skill: Skill, tmp_path: Path) -> None:
    folder = tmp_path / "intents" / "en"
    folder.mkdir(parents=True)
    for path in skill.content.folder.iterdir():
        (folder / path.name).symlink_to(path)
    page = folder / "page.yaml"
    text = page.read_text(encoding="utf-8")
    page.unlink()
    text = text.replace("places:", "commands:\n  guide_next: {label: Next, says: next}\nplaces:")
    changed = text.replace("says: next", "says: does heat help").replace("  begin:", "  beginn:")
    page.write_text(changed.replace("what causes cramps", "tell me a joke about qwxz"), encoding="utf-8")
    problems = "\n".join(check_folder(folder)[1])
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "guide_next" in each)
    assert f'intents/en/page.yaml:{line}: guide_next: "does heat help" matches no sentence of it' in problems
    assert 'labels: unknown key "beginn", did you mean "begin"?' in problems
    assert 'examples: "tell me a joke about qwxz" matches no sentence' in problems


# Components


def playing(player: FarPlayer) -> bool:
    return player.is_playing


def test_remote_speech_is_over_when_the_page_has_played_it_or_time_is_up() -> None:
    sent: list[Message] = []
    player = FarPlayer(sent.append)
    player.play(bytes(2 * CHUNK_SAMPLES), 0.5)
    assert sent == [(1).to_bytes(4, "little") + louder(bytes(2 * CHUNK_SAMPLES), 0.5)]
    player.advance(CHUNK_SAMPLES)
    assert playing(player)
    player.heard(99)
    assert not playing(player)
    player.play(bytes(2 * CHUNK_SAMPLES))
    for _ in range(3 * SAMPLE_RATE // CHUNK_SAMPLES):
        player.advance(CHUNK_SAMPLES)
    assert not playing(player)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "LOCALHOST."]
)
def test_a_loopback_address_is_recognized(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "localhost.example", "", "127.0.0.1.example"])
def test_an_address_that_others_can_reach_is_recognized(host: str) -> None:
    assert not is_loopback(host)


# The command


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("192.168.1.5", "192.168.1.5"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("helper.local", "helper.local"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
    ],
)  # fmt: skip
def test_a_host_is_written_in_a_url_as_browsers_expect(host: str, shown: str) -> None:
    assert _shown(_reached_at(host)) == shown


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]"])
def test_the_address_shown_for_others_is_never_a_wildcard(host: str) -> None:
    assert _reached_at(host) not in {"0.0.0.0", "::", "[::]"}


@pytest.mark.parametrize("host", ["0", "0.0.0.0", "::", "[::]", "::0", "0:0:0:0:0:0:0:0"])
def test_every_way_to_mean_every_address_is_served_and_shown_as_one_to_open(host: str) -> None:
    with listening_socket(host, 0) as listener:
        address = urlsplit(f"http://{_at(listener, host)}/")
        assert address.hostname not in {"0", "0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"}
        with socket.create_connection(("127.0.0.1", address.port or 0), PATIENCE_SECONDS):  # "::" serves IPv4, too
            pass


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("[::1]", "[::1]"), ("::ffff:127.0.0.1", "127.0.0.1"), ("127.1", "127.1")]
)
def test_an_address_is_served_in_every_form(host: str, shown: str) -> None:
    with listening_socket(host, 0) as listener:
        assert _at(listener, host).rpartition(":")[0] == shown


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="only Linux lists its addresses there")
def test_an_address_of_one_network_is_served_with_its_zone() -> None:
    lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").split("\n")
    fields = next((line.split() for line in lines if line.startswith("fe80")), None)
    if fields is None:
        pytest.skip("no network has such an address")
    host = f"{ipaddress.IPv6Address(bytes.fromhex(fields[0]))}%{fields[-1]}"
    with listening_socket(host, 0) as listener:
        assert _at(listener, host).startswith(f"[{host.replace('%', '%25')}]:")


def test_a_port_in_use_is_a_clear_error(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run("serve", "web", "--port", str(taken.getsockname()[1]))
    assert ran.code == 1
    assert "Address already in use" in ran.err
    assert "--port" in ran.err


def test_without_its_packages_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ran = run("serve", "web")
    assert ran.code == 1
    assert 'pip install -e ".[web]"' in ran.err


def test_a_certificate_needs_its_key_and_both_must_be_valid(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rubbish.pem").write_text("rubbish", encoding="utf-8")
    assert run("serve", "web", "--cert", "rubbish.pem").code == 2
    ran = run("serve", "web", "--cert", "rubbish.pem", "--key", "nothing.pem")
    assert (ran.code, "there is no file nothing.pem" in ran.err) == (1, True)
    ran = run("serve", "web", "--cert", "rubbish.pem", "--key", "rubbish.pem")
    assert (ran.code, "not a certificate and its key" in ran.err) == (1, True)


def test_an_address_of_another_machine_is_a_clear_error(run: Run) -> None:
    ran = run("serve", "web", "--host", "203.0.113.7")
    assert ran.code == 1
    assert "203.0.113.7 port 10600 cannot be served" in ran.err


@pytest.mark.slow
def test_ctrl_c_stops_the_server_at_once_during_a_conversation(tmp_path: Path, certificate: Path) -> None:
    secure = ["--cert", str(certificate), "--key", str(certificate)]
    arguments = ["serve", "web", "--host", "0.0.0.0", "--port", "0", "--voice", "none", *secure]
    process = subprocess.Popen(
        [VOICE_HELPER, *arguments], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    address, token = process.stdout.readline().strip(), process.stdout.readline().strip()
    opened = re.fullmatch(r"https://([^/]+):(\d+)/#token=([a-z2-9-]+)", address)
    assert opened is not None
    assert opened[1] != "0.0.0.0"
    assert token == f"token: {opened[3]}"
    found = re.fullmatch(r"token: ((?:[a-z2-9]{4}-){3}[a-z2-9]{4})", token)
    assert found is not None
    trusting = ssl.create_default_context(cafile=certificate)
    with talking(f"https://127.0.0.1:{opened[2]}", token=found[1], ssl=trusting) as talk:
        talk.send(do="begin")
        talk.wait("session")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "token" in err


@pytest.mark.slow
def test_invalid_requests_do_not_fill_the_log(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [VOICE_HELPER, "serve", "web", "--port", "0", "--voice", "none"], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    address = process.stdout.readline().strip().rstrip("/")
    port = int(address.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(b"\x16\x03\x01 is no request\r\n\r\n")
        assert b"400" in connection.recv(1_000)
    with talking(address) as talk:
        talk.wait("welcome")
        talk.socket.socket.sendall(b"\x81\x82\0\0\0\0\xc3\x28")  # a text that is not UTF-8
        assert talk.closed() == 1007
    for _ in range(5):
        with talking(address) as talk:  # the client is gone before it is rejected
            talk.socket.send("no order")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert not re.search("Traceback|Invalid|WARNING|ERROR", err), err
