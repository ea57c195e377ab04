"""The requests of Home Assistant, sent by Wyoming's own client to the command in a separate process."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.handle import Handled, NotHandled
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

from tests.support.assist import (
    answered,
    assisting,
    connected,
    heard,
    left_to_others,
    received,
    refused,
    said,
    send,
    sound_events,
    spoken,
    wait,
)
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import VOICE_HELPER, Run, environment
from tests.support.safety_lines import read_safety_lines
from tests.support.sound import CHECKOUT, as_array, loudness, recorded, silence
from voice_helper import __version__
from voice_helper.audio.devices import RawSound
from voice_helper.dialogue.turn_taking import Reply, first_state
from voice_helper.errors import SoundFormatError, VoiceHelperError
from voice_helper.servers.chat_sessions import ChatSessions
from voice_helper.servers.session_file import SessionFile
from voice_helper.servers.wyoming import frames
from voice_helper.servers.wyoming.frames import (
    MAX_DATA_BYTES,
    MAX_LINE_BYTES,
    MAX_PAYLOAD_BYTES,
    FrameError,
    read_frame,
)
from voice_helper.servers.wyoming.server import (
    MAX_CLIENTS,
    MAX_SPOKEN_CHARACTERS,
    WyomingServer,
    WyomingService,
    reply_event,
)
from voice_helper.servers.wyoming.text_chunker import MAX_PIECE_CHARACTERS, TextChunker
from voice_helper.skill import Skill
from voice_helper.skill.chat import ChatTurn
from voice_helper.testing import ScriptedRecognizer
from voice_helper.types import OUT_OF_SCOPE, SAMPLE_RATE, Match

names = map("conversation {}".format, itertools.count())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with assisting(tmp_path_factory.mktemp("assist"), "--voice", "pyttsx3") as port:
        yield port


@pytest.fixture(scope="module")
def far_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of a server that other machines can reach, without a voice, with a single slot."""
    arguments = ("--host", "0.0.0.0", "--voice", "none", "--most", "1")
    with assisting(tmp_path_factory.mktemp("far"), *arguments, end=signal.SIGTERM) as port:
        yield port


@pytest.fixture
def name() -> str:
    """Return the id of a new conversation."""
    return next(names)


# Describe


async def described(port: int) -> Info:
    async with connected(port) as client:
        await send(client, Describe())
        return Info.from_event(await received(client))


def test_describe_lists_the_programs_and_their_authors(port: int) -> None:
    info: Info = wait(described(port))
    assert info.intent == []  # Home Assistant would treat it as an agent that controls the house
    assert [program.version for program in (*info.handle, *info.asr, *info.tts)] == [__version__] * 3
    (answers,), (model,), (voice,) = info.handle[0].models, info.asr[0].models, info.tts[0].voices
    assert answers.languages == model.languages == voice.languages
    assert {"en", "en-GB", "en-US"} <= set(voice.languages)  # Home Assistant needs exactly its own language code
    assert (model.name, model.attribution.url) == ("embedded", "https://hamalnp.org")
    assert (voice.name, bool(voice.version)) == ("pyttsx3", True)
    assert info.tts[0].supports_synthesize_streaming
    assert all(program.installed for program in (*info.handle, *info.asr, *info.tts, answers, model, voice))


def test_without_a_voice_no_text_to_speech_is_offered(far_port: int) -> None:
    assert wait(described(far_port)).tts == []


def test_a_ping_without_a_text_is_answered(port: int) -> None:
    async def pinged() -> Event:
        async with connected(port) as client:
            await send(client, Ping())
            return await received(client)

    assert Pong.is_type(wait(pinged()).type)


def test_a_ping_is_answered_and_unknown_events_are_ignored(port: int) -> None:
    async def pinged() -> Event:
        async with connected(port) as client:
            await client.write_event(Event("select-program", {"name": "voice-helper"}))
            await client.write_event(Event("from-the-future", {"a": [1]}, b"payload"))
            await send(client, Ping("here"))
            return await received(client)

    assert Pong.from_event(wait(pinged())).text == "here"


# A conversation


def test_a_question_is_answered_with_the_full_disclaimer_once(port: int, name: str) -> None:
    text = wait(answered(port, "why do my calves cramp at night", name))
    assert text.startswith("The article does not say why they come at night.")
    assert "advice from a medical expert" in text
    assert wait(answered(port, "does heat help", name)).endswith("This is not medical advice.")


def test_a_session_works_with_one_connection_per_utterance_and_stop_ends_it_silently(port: int, name: str) -> None:
    assert wait(answered(port, "help i have a cramp in my calf", name)).startswith("Sit or lie somewhere safe.")
    assert wait(answered(port, "next", name)).startswith("Do not rub")
    assert wait(answered(port, "next", name)) == "Better, the same, or worse?"
    assert wait(answered(port, "better", name)).startswith("Good.")
    wait(answered(port, "my foot is cramping", name))
    assert wait(answered(port, "stop", name)) == ""
    assert "Sit or lie" not in wait(said(port, "next", conversation_id=name)).data["text"]


def test_conversations_are_kept_separate(port: int) -> None:
    one, other = next(names), next(names)
    wait(answered(port, "help i have a cramp in my calf", one))
    assert "Do not rub" not in wait(said(port, "next", conversation_id=other)).data["text"]
    assert wait(answered(port, "next", one)).startswith("Do not rub")


@pytest.mark.parametrize("before", [(), ("help i have a cramp",), ("help i have a cramp", "next", "next"), ("qwxz",)])
def test_an_emergency_comes_first_in_every_state(port: int, name: str, before: tuple[str, ...]) -> None:
    for text in before:
        wait(said(port, text, conversation_id=name))
    text = wait(answered(port, "chest pain", name))
    assert text.startswith("Call 112 now. I cannot call for you. Call 112 now.")


def test_unrelated_utterances_are_left_to_other_agents(port: int, name: str) -> None:
    assert wait(left_to_others(port, "turn on the kitchen light", name)) == "The article covers leg cramps only."
    assert wait(left_to_others(port, "qwxz vrrgl", name)) == "Sorry, say that again?"
    wait(answered(port, "help i have a cramp", name))
    assert wait(left_to_others(port, "turn on the kitchen light", name))
    again = wait(answered(port, "qwxz vrrgl", name))  # in a session, even an unclear utterance is handled
    assert again.startswith("Sorry, say that again?")


def test_without_a_conversation_id_the_device_or_the_connection_is_the_key(port: int) -> None:
    async def without_id() -> str:
        async with connected(port) as client:
            for text in ("help i have a cramp", "next"):
                await send(client, Transcript(text))
                event = await received(client)
            return str(event.data["text"])

    wait(said(port, "help i have a cramp", device_id="bedroom"))
    wait(said(port, "hello", device_id="kitchen"))
    assert wait(said(port, "next", device_id="bedroom")).data["text"].startswith("Do not rub")
    assert wait(without_id()).startswith("Do not rub")
    for _ in range(3):  # the next connection is another user
        assert "advice from a medical expert" in wait(said(port, "does heat help")).data["text"]


def test_a_session_on_a_device_continues_under_a_new_id(port: int) -> None:
    first, second = next(names), next(names)
    wait(said(port, "help i have a cramp", conversation_id=first, satellite_id="bed"))
    assert wait(said(port, "next", conversation_id=second, satellite_id="bed")).data["text"].startswith("Do not rub")


@pytest.mark.parametrize("context", [None, [], {"conversation_id": 7}, {"conversation_id": ["a"]}, "text"], ids=str)
def test_any_context_is_answered(port: int, context: Any) -> None:
    async def asked() -> Event:
        async with connected(port) as client:
            await client.write_event(Event("transcript", {"text": "does heat help", "context": context}))
            return await received(client)

    assert "heat can ease cramps" in wait(asked()).data["text"]


def test_twenty_clients_at_once_are_all_answered(port: int) -> None:
    questions = ("why do my calves cramp at night", "does heat help", "are bananas good for cramps", "chest pain",
                 "my poor legs seize up whenever i have been running")  # fmt: skip

    async def everybody() -> list[str]:
        asked = zip(itertools.cycle(questions), [next(names) for _ in range(20)])
        return await asyncio.gather(*(answered(port, text, name) for text, name in asked))

    texts = wait(everybody())
    assert len(texts) == 20
    assert texts[3] == texts[8]
    assert all(texts)


def test_the_exchange_in_the_docs_is_what_is_sent(port: int) -> None:
    page = (CHECKOUT / "docs" / "home-assistant.md").read_text(encoding="utf-8")
    exchanges = page.split("```\n> ")[1].split("\n```")[0].split("\n\n")
    assert len(exchanges) == 4
    for exchange in exchanges:
        asked, told = ([part[2:] for part in ("> " + exchange).replace("> > ", "> ").splitlines() if part[0] == side]
                       for side in "><")  # fmt: skip
        back = raw(port, "\n".join(asked).encode()).decode().splitlines()
        assert [json.loads(each) | {"version": ""} for each in back] == [
            json.loads(each) | {"version": ""} for each in told
        ]


def test_the_end_of_a_session_by_its_limit_is_handled_whatever_was_said(skill: Skill) -> None:
    seconds = [0.0]
    talks = ChatSessions(skill.conversation.by_turns(), clock=lambda: seconds[0])
    talks.take_turn("a", "help i have a cramp")
    seconds[0] = 700
    assert Handled.is_type(reply_event(talks.take_turn("a", "turn on the kitchen light")).type)
    assert NotHandled.is_type(reply_event(talks.take_turn("a", "turn on the kitchen light")).type)


def possible_emergency(skill: Skill) -> str:
    """Return a line that is only a possible emergency. Which line this is depends on the trained alarm."""
    texts = (line.text for line in read_safety_lines("dev"))
    meant = ((text, skill.understanding.understand(text)) for text in texts)
    return next(text for text, match in meant if (match.intent, match.certainty) == ("emergency", "possible"))


def test_a_possible_alarm_is_handled_and_a_yes_makes_it_certain(skill: Skill) -> None:
    talks = ChatSessions(skill.conversation.by_turns())
    first = reply_event(talks.take_turn("a", possible_emergency(skill)))
    assert Handled.is_type(first.type)
    assert first.data["text"] == "If this is an emergency, call 112 now."
    assert reply_event(talks.take_turn("a", "yes")).data["text"].startswith("Call 112 now. I cannot call for you. Call")


def test_a_possible_alarm_in_an_unrelated_utterance_is_handled() -> None:
    match = Match(OUT_OF_SCOPE, certainty="possible", possible="urgent")
    assert Handled.is_type(reply_event(ChatTurn(Reply((), match), first_state())).type)


# Speech to text


def test_a_spoken_question_is_recognized(port: int) -> None:
    assert wait(heard(port, sound_events(recorded("put_heat_on_it")))) == "should i put heat on it"


def test_two_utterances_in_one_audio_are_both_recognized(port: int) -> None:
    sound = recorded("put_heat_on_it") + silence(1.5) + recorded("bananas")
    text = wait(heard(port, sound_events(sound), "en-GB"))
    assert text.startswith("should i put heat on it ")
    assert "bananas" in text


def test_silence_has_an_empty_transcript(port: int) -> None:
    assert wait(heard(port, sound_events(silence(1.0)))) == ""
    assert wait(heard(port, [AudioStop()])) == ""


def test_a_short_command_of_a_session_is_recognized(port: int, name: str) -> None:
    wait(answered(port, "help i have a cramp", name))
    assert wait(heard(port, sound_events(recorded("stop")))) == "stop"
    assert wait(answered(port, "stop", name)) == ""


def raw_form(pcm: bytes, rate: int, width: int, channels: int) -> bytes:
    """Convert 16 kHz, 16-bit audio to another format."""
    samples = np.asarray(soxr.resample(as_array(pcm) / 32768, SAMPLE_RATE, rate))
    wide = np.repeat(np.round(np.clip(samples, -1, 1) * (2**31 - 1)).astype("<i4"), channels)
    top = wide.view(np.uint8).reshape(-1, 4)[:, 4 - width :]
    return bytes((top ^ 0x80 if width == 1 else top).tobytes())


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(48_000, 2, 2), (44_100, 4, 1), (22_050, 3, 2), (16_000, 1, 1)]
)
def test_audio_of_any_format_is_recognized(port: int, rate: int, width: int, channels: int) -> None:
    raw = raw_form(recorded("put_heat_on_it"), rate, width, channels)
    assert wait(heard(port, sound_events(raw, rate, width, channels))) == "should i put heat on it"


@given(st.sampled_from([8_000, 16_000, 22_050, 48_000]), st.integers(1, 4), st.integers(1, 3),
       st.lists(st.integers(1, 4_000), max_size=20))  # fmt: skip
@settings(max_examples=40)
def test_no_audio_is_lost_however_it_is_split(rate: int, width: int, channels: int, cuts: list[int]) -> None:
    raw = raw_form((np.sin(np.arange(8_000) / 20) * 9_000).astype("<i2").tobytes(), rate, width, channels)
    sound, heard_so_far, place = RawSound(rate, width, channels), b"", 0
    for cut in (*cuts, len(raw)):
        heard_so_far += sound.take(raw[place : place + cut])
        place += cut
    heard_so_far += sound.finish()
    whole = RawSound(rate, width, channels)
    assert heard_so_far == whole.take(raw) + whole.finish()
    assert abs(len(heard_so_far) // 2 - 8_000) <= 2
    assert abs(loudness(heard_so_far) - 9_000 / 2**0.5) < 250


@pytest.mark.parametrize(
    "form", [(0, 2, 1), (16_000, 0, 1), (16_000, 5, 1), (16_000, 2, 0), (10**12, 2, 1), (-1, 2, 1)]
)
def test_an_impossible_audio_format_is_rejected(port: int, form: tuple[int, int, int]) -> None:
    with pytest.raises(SoundFormatError, match="is not supported"):
        RawSound(*form)

    async def tried() -> Error:
        async with connected(port) as client:
            await send(client, AudioStart(*form))
            return await refused(client)

    assert wait(tried()).code == "sound-format"


@pytest.mark.parametrize("asked", [Transcribe(language="ko"), Transcript("chest pain", language="de")], ids=str)
def test_another_language_is_rejected(port: int, asked: Transcribe | Transcript) -> None:
    async def tried() -> Error:
        async with connected(port) as client:
            await send(client, asked)
            return await refused(client)

    error = wait(tried())
    assert error.code == "language"
    assert error.text.startswith("only en is ")


@pytest.mark.parametrize("language", ["en", "en-GB", "en_us", "EN-au", "en-SG", None])
def test_every_region_of_the_language_is_accepted(port: int, name: str, language: str | None) -> None:
    async def asked() -> Event:
        async with connected(port) as client:
            await send(client, Transcript("chest pain", language=language, context={"conversation_id": name}))
            return await received(client)

    assert wait(asked()).data["text"].startswith("Call 112 now.")


def test_six_simultaneous_speakers_are_all_recognized(port: int) -> None:
    async def one() -> str:
        """Speak again if all slots were busy for longer than the maximum wait, as on a busy machine."""
        while True:
            async with connected(port) as client:
                await send(client, *sound_events(recorded("put_heat_on_it")))
                event = await received(client)
            if not Error.is_type(event.type):
                return Transcript.from_event(event).text
            assert Error.from_event(event).code == "busy"

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(one() for _ in range(6)))

    assert wait(all_at_once()) == ["should i put heat on it"] * 6


def test_a_chunk_longer_than_an_utterance_is_rejected(port: int) -> None:
    async def tried() -> Error:
        async with connected(port) as client:
            await send(client, AudioChunk(4_000, 1, 1, bytes(MAX_PAYLOAD_BYTES)))
            return await refused(client)

    assert wait(tried()).code == "too-long"


def test_an_endless_utterance_is_rejected(port: int) -> None:
    async def tried() -> Error:
        async with connected(port) as client:
            await send(client, AudioStart(SAMPLE_RATE, 2, 1))
            for _ in range(61):
                await send(client, AudioChunk(SAMPLE_RATE, 2, 1, silence(1.0)))
            return await refused(client)

    assert wait(tried()).code == "too-long"


def test_one_speaker_too_many_is_rejected_and_a_dropped_client_releases_its_slot(far_port: int) -> None:
    async def tried(port: int) -> tuple[Error, str]:
        async with connected(port) as one, connected(port) as other:
            await send(one, *sound_events(recorded("put_heat_on_it"))[:-10], Ping())
            await received(one)  # it is being recognized
            await send(other, AudioStart(SAMPLE_RATE, 2, 1))
            error = await refused(other)
            text = await answered(port, "chest pain", "a")  # a text needs no slot
            assert text.startswith("Call 112 now.")
        while True:  # the first client disconnected in mid-sentence, which no event reports
            await asyncio.sleep(0.02)
            async with connected(port) as client:
                await send(client, *sound_events(recorded("put_heat_on_it")))
                event = await received(client)
                if Transcript.is_type(event.type):
                    return error, Transcript.from_event(event).text

    error, text = wait(tried(far_port))
    assert (error.code, text) == ("busy", "should i put heat on it")


# Text to speech


def pcm_in(events: list[Event]) -> bytes:
    return b"".join(event.payload or b"" for event in events if AudioChunk.is_type(event.type))


def test_a_text_is_spoken(port: int) -> None:
    told = wait(spoken(port, Synthesize("Heat can help. Use a warm towel.")))
    assert AudioStart.from_event(told[0]) == AudioStart(SAMPLE_RATE, 2, 1)
    assert {event.type for event in told[1:-1]} == {"audio-chunk"}
    assert 2 * SAMPLE_RATE < len(pcm_in(told)) // 2 < 5 * SAMPLE_RATE
    assert loudness(pcm_in(told)) > 500


def test_a_sentence_is_spoken_before_the_next_one_arrives(port: int) -> None:
    async def streamed() -> list[Event]:
        async with connected(port) as client:
            await send(client, SynthesizeStart(), SynthesizeChunk("Heat can "), SynthesizeChunk("help. Use a"))
            told = [await received(client) for _ in range(5)]
            await send(client, SynthesizeChunk(" warm towel."), Synthesize("Heat can help. Use a warm towel."))
            await send(client, SynthesizeStop())
            while told[-1].type != "synthesize-stopped":
                told.append(await received(client))
            return told

    told = wait(streamed())
    assert [event.type for event in told[:2]] == ["audio-start", "audio-chunk"]
    assert [event.type for event in told[-2:]] == ["audio-stop", "synthesize-stopped"]
    whole = wait(spoken(port, Synthesize("Heat can help. Use a warm towel.")))
    assert abs(len(pcm_in(told)) - len(pcm_in(whole))) < SAMPLE_RATE // 5  # the whole text is not spoken again


def test_an_empty_text_yields_audio_events_without_audio(port: int) -> None:
    for text in ("", "...", "  "):
        assert [event.type for event in wait(spoken(port, Synthesize(text)))] == ["audio-start", "audio-stop"]
    told = wait(spoken(port, SynthesizeStart(), SynthesizeStop()))
    assert [event.type for event in told] == ["audio-start", "audio-stop", "synthesize-stopped"]
    assert SynthesizeStopped.is_type(told[-1].type)


def test_several_texts_are_spoken_at_once(port: int) -> None:
    async def everybody() -> list[list[Event]]:
        return await asyncio.gather(*(spoken(port, Synthesize("Heat can help. Drink water.")) for _ in range(6)))

    lengths = [len(pcm_in(told)) for told in wait(everybody())]
    assert min(lengths) > SAMPLE_RATE * 2
    assert max(lengths) - min(lengths) < SAMPLE_RATE // 5


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((SynthesizeChunk("a"),), "bad-event"),
        ((SynthesizeStop(),), "bad-event"),
        ((Synthesize("word " * (MAX_SPOKEN_CHARACTERS // 5 + 1)),), "too-long"),
    ],
)
def test_a_text_that_cannot_be_spoken_is_rejected(port: int, events: tuple[Synthesize], code: str) -> None:
    async def tried() -> Error:
        async with connected(port) as client:
            await send(client, *events)
            return await refused(client)

    assert wait(tried()).code == code


@given(st.lists(st.text(alphabet="ab .?!\n", max_size=700), max_size=6))
def test_no_word_is_lost_however_a_text_is_split(parts: list[str]) -> None:
    reading = TextChunker()
    pieces = [piece for part in parts for piece in reading.add(part)] + reading.rest()
    assert "".join("".join(pieces).split()) == "".join("".join(parts).split())
    assert all(0 < len(piece) <= MAX_PIECE_CHARACTERS for piece in pieces)


# Invalid data and limits


def raw(port: int, content: bytes) -> bytes:
    """Send bytes, and return everything that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        back = b""
        try:
            while part := connection.recv(65_536):
                back += part
        except ConnectionResetError:
            pass
        return back


def line(**header: object) -> bytes:
    return json.dumps(header).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", "bad-frame"),
        (b"\n", "bad-frame"),
        (b"[]\n", "bad-frame"),
        (b"{}\n", "bad-frame"),
        (b"\xff\xfe\n", "bad-frame"),
        (b'{"type":' + b"[" * 30_000 + b"\n", "bad-frame"),
        (b'{"type":"describe"', "bad-frame"),
        (b"x" * (MAX_LINE_BYTES * 3), "bad-frame"),
        (line(type=7), "bad-frame"),
        (line(type="ping", data=[1]), "bad-frame"),
        (line(type="ping", data_length=MAX_DATA_BYTES + 1), "bad-frame"),
        (line(type="ping", data_length=-1), "bad-frame"),
        (line(type="ping", data_length="9"), "bad-frame"),
        (line(type="ping", data_length=4) + b"null", "bad-frame"),
        (line(type="ping", data_length=40) + b"{}", "bad-frame"),
        (line(type="audio-chunk", payload_length=MAX_PAYLOAD_BYTES + 1), "bad-frame"),
        (line(type="audio-chunk", payload_length=10**30), "bad-frame"),
        (line(type="audio-chunk", payload_length=1e9), "bad-frame"),
        (line(type="transcript"), "bad-event"),
        (line(type="transcript", data={"text": 7}), "bad-event"),
        (line(type="synthesize", data={"text": None}), "bad-event"),
        (line(type="audio-start", data={"rate": "16000", "width": 2, "channels": 1}), "bad-event"),
        (line(type="audio-chunk", data={"rate": True, "width": 2, "channels": 1}), "bad-event"),
    ],
)  # fmt: skip
def test_invalid_data_ends_only_its_connection_with_a_reason(port: int, content: bytes, code: str) -> None:
    back = raw(port, content)
    assert json.loads(back.split(b"\n")[0])["type"] == "error"
    assert f'"code": "{code}"'.encode() in back
    assert wait(answered(port, "chest pain", next(names))).startswith("Call 112 now.")


def test_unpaired_surrogates_are_answered_like_any_text(port: int) -> None:
    for kind in ("ping", "transcript", "synthesize"):
        assert b'"error"' not in raw(port, line(type=kind, data={"text": "does heat help \ud800"}))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KINDS = ("describe", "ping", "transcript", "transcribe", "audio-start", "audio-chunk", "audio-stop", "synthesize",
         "synthesize-start", "synthesize-chunk", "synthesize-stop", "info", "error", "detect", "")  # fmt: skip
FIELDS = st.dictionaries(
    st.sampled_from(("text", "context", "language", "rate", "width", "channels", "voice", "conversation_id", "name")),
    VALUES | st.sampled_from((1, 2, 4, 16_000, "en", "next", "chest pain", "help i have a cramp", "stop. now. ")),
    max_size=6,
)


@st.composite
def whole_frames(draw: st.DrawFn) -> bytes:
    """Draw a valid frame with arbitrary content."""
    kind, fields = draw(st.sampled_from(KINDS)), draw(FIELDS)
    data, payload = json.dumps(draw(FIELDS)).encode(), draw(st.binary(max_size=600))
    return line(type=kind, data=fields, data_length=len(data), payload_length=len(payload)) + data + payload


BROKEN_FRAMES = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda header: json.dumps(header).encode() + b"\n", VALUES),
    st.builds(
        lambda kind, sizes, rest: line(type=kind, data_length=sizes[0], payload_length=sizes[1]) + rest,
        st.sampled_from(KINDS), st.tuples(VALUES, VALUES), st.binary(max_size=200),
    ),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(whole_frames(), max_size=8), BROKEN_FRAMES)
def test_the_server_survives_anything_that_is_sent(port: int, whole: list[bytes], broken: bytes) -> None:
    back = raw(port, b"".join(whole) + broken)
    assert b"internal error" not in back
    assert b'"pong"' in raw(port, line(type="ping"))


@given(st.lists(whole_frames() | BROKEN_FRAMES, max_size=5))
@example([line(type="a", data_length=2) + b"{}"])
def test_any_bytes_are_frames_or_rejected(sent: list[bytes]) -> None:
    async def read_all() -> list[Event]:
        reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        reader.feed_data(b"".join(sent))
        reader.feed_eof()
        events = []
        while (event := await read_frame(reader, 1.0)) is not None:
            events.append(event)
        return events

    try:
        events = asyncio.run(read_all())
    except FrameError:
        return
    assert all(isinstance(event.type, str) and isinstance(event.data, dict) for event in events)


def test_a_client_that_never_finishes_a_frame_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_SECONDS", 0.05)

    async def read(content: bytes) -> Event | None:
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        return await read_frame(reader, 0.05)

    for content in (
        b'{"type": "pi',
        line(type="a", data_length=9) + b"{",
        line(type="a", payload_length=9) + b"12345678",
    ):
        with pytest.raises(FrameError, match="must be complete within"):
            asyncio.run(read(content))
    with pytest.raises(TimeoutError):
        asyncio.run(read(b""))


def test_one_client_too_many_is_rejected_and_gets_a_slot_once_one_is_free(port: int) -> None:
    async def tried() -> Error:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CLIENTS)]
        for _, writer in held:
            writer.write(line(type="ping"))
        for reader, _ in held:
            assert b"pong" in await reader.readline()
        async with connected(port) as client:
            error = await refused(client)
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        return error

    error = wait(tried())
    assert (error.code, error.text) == ("busy", f"{MAX_CLIENTS} clients are connected already")
    wait_until(lambda: Handled.is_type(wait(said(port, "chest pain", conversation_id=next(names))).type))


# Interrupted speech


class HalfAVoice:
    """A voice that speaks one sentence, and then hangs or fails."""

    name = "half"

    def __init__(self, *, fails: bool) -> None:
        self._fails, self._sentences = fails, 0
        self.waits, self.goes_on = threading.Event(), threading.Event()

    def speak(self, text: str, words_per_minute: float) -> bytes:
        self._sentences += 1
        if self._sentences == 1:
            return silence(0.2)
        if self._fails:
            raise VoiceHelperError("it has lost its voice", hint="rest")
        self.waits.set()
        self.goes_on.wait(PATIENCE_SECONDS)
        return b""


@pytest.mark.parametrize("fails", [False, True], ids=["the server stops", "the voice fails"])
def test_interrupted_speech_ends_with_an_incomplete_frame_so_that_home_assistant_does_not_cache_it(
    skill: Skill, fails: bool
) -> None:
    voice = HalfAVoice(fails=fails)
    served = WyomingService(skill.conversation, "en", "scripted", ScriptedRecognizer, voice, 150)

    async def cut() -> list[str]:
        listener = socket.create_server(("127.0.0.1", 0))
        server = WyomingServer(served)
        serving = asyncio.create_task(server.serve(listener))
        async with connected(listener.getsockname()[1]) as client:
            await send(client, SynthesizeStart(), SynthesizeChunk("Sit down. Hold it. Rest."), SynthesizeStop())
            kinds = [(await received(client)).type for _ in range(3)]
            if fails:
                kinds.append((await received(client)).type)
            else:
                await asyncio.to_thread(voice.waits.wait, PATIENCE_SECONDS)
                for task in tuple(server._tasks):
                    task.cancel()  # as at the end of the program
            with pytest.raises(asyncio.IncompleteReadError):  # Home Assistant then discards the audio
                await client.read_event()
            voice.goes_on.set()
        with suppress(asyncio.CancelledError):
            serving.cancel()
            await serving
        return kinds

    assert wait(cut()) == ["audio-start", "audio-chunk", "audio-chunk", *(["error"] if fails else [])]


# The command


def test_served_to_other_machines_the_privacy_answer_says_where_words_go(far_port: int, name: str) -> None:
    text = wait(answered(far_port, "are you recording me", name))
    assert "What you say goes to the machine that runs me, and no further." in text


def test_the_privacy_answer_covers_only_the_program_itself(port: int, name: str) -> None:
    text = wait(answered(port, "are you recording me", name))
    assert text.endswith("I pass nothing on. The assistant that hears you has its own rules.")
    assert "Nothing you say leaves this machine." not in text


@pytest.mark.slow
def test_served_to_other_machines_it_warns_and_ctrl_c_ends_it_at_once_during_speech(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [VOICE_HELPER, "serve", "wyoming", "--port", "0", "--voice", "none", "--host", "0.0.0.0"],
        cwd=tmp_path, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port = int(process.stdout.readline().rsplit(":", 1)[1])

    async def speaking() -> str:
        async with connected(port) as client:
            await send(client, *sound_events(recorded("put_heat_on_it"))[:-5], Ping())
            await received(client)
            process.send_signal(signal.SIGINT)
            _, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE_SECONDS)
            return err

    err = wait(speaking())
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "no password" in err


def test_a_port_in_use_is_a_clear_error(run: Run, port: int) -> None:
    ran = run("serve", "wyoming", "--port", port)
    assert ran.code == 1
    assert f"127.0.0.1 port {port} cannot be served" in ran.err


def test_without_its_package_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "wyoming"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "voice_helper.servers.wyoming.server", raising=False)
    monkeypatch.setitem(sys.modules, "wyoming", None)
    ran = run("serve", "wyoming")
    assert ran.code == 1
    assert 'pip install -e ".[wyoming]"' in ran.err


def test_only_what_others_can_reach_is_announced(run: Run) -> None:
    ran = run("serve", "wyoming", "--zeroconf")
    assert ran.code == 2
    assert "add --host" in ran.err


def test_a_server_that_stops_has_written_its_sessions(skill: Skill, tmp_path: Path) -> None:
    kept = SessionFile(tmp_path / "sessions.json", "words")
    served = WyomingService(
        skill.conversation, "en", "scripted", ScriptedRecognizer, HalfAVoice(fails=False), 150, sessions=kept
    )

    async def serve() -> None:
        server = WyomingServer(served)

        async def stop() -> None:
            server.talks.say("a", "help i have a cramp")
            raise asyncio.CancelledError

        await server.serve(socket.create_server(("127.0.0.1", 0)), stop)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(serve())
    assert [each.talk for each in kept.read()] == ["a"]
