"""Feed hundreds of thousands of damaged and arbitrary inputs to every interface.

Run it with `python -m bench.fuzz [DOOR ...] --seconds 60`.

Valid inputs are damaged at random, in the same way for the same seed. An interface may reject an input with its own
errors. Any other exception counts as a crash, and a run time of ten seconds as a hang. The first input of each kind is
printed.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import logging
import os
import random
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from bench.lines import machine, read_result, write_result
from bench.load import port_of, served
from tests.support.served import serving as served_page
from tests.support.served import talking
from tests.support.sound import CHECKOUT, RECORDINGS
from voice_helper.audio.devices import WavSource
from voice_helper.content.documents import Problems
from voice_helper.content.files import read_files
from voice_helper.content.yaml_documents import read_document
from voice_helper.dialogue.state import State
from voice_helper.errors import VoiceHelperError
from voice_helper.servers.web.app import RefusedError, read_order
from voice_helper.skill import open_skill
from voice_helper.skill.folder_reader import content_of
from voice_helper.speech_models.unpack import unpack
from voice_helper.support.paths import intents_folder
from voice_helper.types import SAMPLE_RATE, Heard, Transcript
from voice_helper.voices import NoVoice

HANG_SECONDS: Final = 10
_MAX_CHANGES: Final = 8
_NUMBERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NASTY: Final = (
    "\x00", "\x1b[2J", "\u202e", "\u2028", "\ufeff", "\U000e0001", "\N{DOUBLE CIRCLED DIGIT ONE}", "'", '"', "{", "}",
    "[", "]", "(", ")", "|", "&a", "*a", "!!python/name:os.system", "\t", "\n", ": ", "- ", "#", ">", "%", "\\",
    "-1e999",
    "9" * 40, "my chest hurts", "no", "if", "can't", "é", "\u0301" * 9, "{number}", "<rule>", "null", "true", "~",
)  # fmt: skip


@dataclass(frozen=True)
class Door:
    """An interface that accepts input."""

    make: Callable[[random.Random], Any]
    feed: Callable[[Any], int]
    """Processes one or more inputs and returns how many were accepted. Raises one of `refusals` if the input is
    rejected.
    """

    refusals: tuple[type[Exception], ...] = (VoiceHelperError,)
    megabytes: Callable[[], float] = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    """Returns the memory in use: the maximum of this process, or the current value of the server."""

    loaded_after: int = 2_000
    """The number of inputs after which everything permanent is loaded."""


@dataclass
class Count:
    """The results for one interface."""

    inputs: int = 0
    refused: int = 0
    crashes: int = 0
    hangs: int = 0
    slowest_ms: float = 0.0
    seconds: float = 0.0
    memory_grew_mb: float = 0.0


class HangError(Exception):
    """An input took too long to process."""


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """Return bytes with some of them changed, duplicated, removed or inserted."""
    made = bytearray(raw)
    for _ in range(chance.randint(0, _MAX_CHANGES)):
        place = chance.randrange(len(made) + 1) if chance.random() < 0.5 else chance.randrange(min(len(made), 64) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            made[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            size = chance.choice((1, 2, 4))
            number = chance.choice(_NUMBERS) & ((1 << 8 * size) - 1)
            made[place : place + size] = number.to_bytes(size, chance.choice(("little", "big")))
        elif kind == 2:
            del made[place : place + chance.randint(1, 40)]
        elif kind == 3:
            made[place:place] = made[place : place + chance.randint(1, 200)]
        elif kind == 4:
            made[place:place] = chance.randbytes(chance.randint(1, 20))
        else:
            del made[place + chance.randrange(200) :]
    return bytes(made)


def damaged_text(text: str, chance: random.Random) -> str:
    """Return a text with some of it changed, duplicated, removed or inserted."""
    made = list(text)
    for _ in range(chance.randint(0, _MAX_CHANGES)):
        place, kind = chance.randrange(len(made) + 1), chance.randrange(5)
        if kind == 0:
            made[place:place] = chance.choice(_NASTY)
        elif kind == 1:
            del made[place : place + chance.randint(1, 30)]
        elif kind == 2:
            made[place:place] = made[place : place + chance.randint(1, 60)] * chance.randint(1, 3)
        elif kind == 3:
            made[place : place + 1] = chr(chance.choice((chance.randrange(0xD800), chance.randrange(0xE000, 0x110000))))
        else:
            other = chance.randrange(len(made) + 1)
            made[place:place] = made[other : other + chance.randint(1, 40)]
    return "".join(made)


def wav_door(folder: Path) -> Door:
    """Return the interface for audio files: a fifth of a second in several codings, damaged."""
    samples, rate = soundfile.read(str(RECORDINGS / "stop.wav"), frames=3_200, dtype="float32")
    seeds = []
    for form, subtype, channels in (
        ("WAV", "PCM_16", 1), ("WAV", "FLOAT", 2), ("WAV", "ULAW", 1), ("WAV", "IMA_ADPCM", 1), ("WAVEX", "PCM_24", 2),
        ("FLAC", "PCM_16", 1), ("OGG", "VORBIS", 1), ("AIFF", "PCM_16", 1),
    ):  # fmt: skip
        made = io.BytesIO()
        soundfile.write(made, np.stack([samples] * channels, axis=1), rate, format=form, subtype=subtype)
        seeds.append(made.getvalue())
    path = folder / "sound.wav"

    def feed(raw: bytes) -> int:
        path.write_bytes(raw)
        seconds = sum(chunk.seconds for chunk in WavSource(path).chunks())
        if seconds > 600:
            raise MemoryError(f"{len(raw)} bytes became {seconds} seconds")
        return 1

    return Door(lambda chance: damaged(chance.choice(seeds), chance), feed)


def yaml_door(folder: Path) -> Door:
    """Return the interface for fragments of intents files."""
    texts = [path.read_text(encoding="utf-8") for path in intents_folder("en").rglob("*.yaml")]

    def make(chance: random.Random) -> str:
        text = chance.choice(texts)
        start = chance.randrange(len(text))
        return damaged_text(text[start : start + chance.randint(1, 600)], chance)

    def feed(text: str) -> int:
        problems = Problems()
        item = read_document(text, "file.yaml", problems)
        sum(1 for _ in item.scalars())
        assert all(line.startswith("file.yaml:") for line in problems.lines())
        return 1

    return Door(make, feed)


def intents_door(folder: Path) -> Door:
    """Return the interface for a small intents folder with one damaged file."""
    files = read_files(CHECKOUT / "tests" / "data" / "es")
    texts = {path: raw.decode() for path, raw in files.read.items() if isinstance(raw, bytes)}

    def make(chance: random.Random) -> dict[Path, bytes | OSError]:
        path = chance.choice(sorted(texts))
        return {**files.read, path: damaged_text(texts[path], chance).encode()}

    def feed(read: dict[Path, bytes | OSError]) -> int:
        content_of(type(files)(files.folder, read), {})
        return 1

    return Door(make, feed)


def zip_door(folder: Path) -> Door:
    """Return the interface for archives of models."""
    seeds = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", method) as archive:
            for name, content in (
                ("m/am/final.mdl", bytes(range(256)) * 4),
                ("m/conf/model.conf", b"x"),
                ("m/c/", b""),
            ):
                archive.writestr(name, content)
        seeds.append(made.getvalue())
    path, to = folder / "model.zip", folder / "in"

    def feed(raw: bytes) -> int:
        path.write_bytes(raw)
        try:
            unpack(path, to, count=lambda done: None)
        finally:
            shutil.rmtree(to, ignore_errors=True)
        outside = {each.name for each in folder.iterdir()} - {path.name}
        assert not outside, outside
        return 1

    return Door(lambda chance: damaged(chance.choice(seeds), chance), feed)


def text_door(folder: Path) -> Door:
    """Return the interface for typed or spoken text, which is understood and answered."""
    skill = open_skill("en")
    lines = (CHECKOUT / "bench" / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    states = [State(hands_free=True), State(), skill.conversation.begin_guide(State(hands_free=True), "calf")[0]]

    def feed(given: tuple[str, int]) -> int:
        text, state = given
        skill.conversation.step(states[state], Heard(Transcript(text)))
        return 1

    return Door(lambda chance: (damaged_text(chance.choice(texts), chance), chance.randrange(len(states))), feed)


_QUIET: Final = ("--port", "0", "--voice", "none")
_ORDERS: Final = (
    {"do": "hear", "how": "open"}, {"do": "hear", "how": "held"}, {"do": "hear", "how": "once"}, {"do": "release"},
    {"do": "ask", "text": "does heat help"}, {"do": "begin"}, {"do": "quiet"}, {"do": "played", "number": 3},
)  # fmt: skip


def _message(chance: random.Random) -> str | bytes:
    """Return a message from the page, which is damaged in most cases."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(0, 2_000))
    order: dict[str, Any] = dict(chance.choice(_ORDERS))
    odd: tuple[object, ...] = (
        None,
        -1,
        1 << 70,
        0.5,
        [],
        {},
        "",
        "x" * (1 << 14),
        True,
        "open",
        chance.choice(_NASTY),
    )
    if chance.random() < 0.4:
        order[chance.choice(("do", "text", "how", "number", "event"))] = chance.choice(odd)
    text = json.dumps(order)
    return damaged_text(text, chance) if chance.random() < 0.3 else text


def order_door(folder: Path) -> Door:
    """Return the interface for messages from the page, at their parser."""

    def feed(message: str | bytes) -> int:
        read_order(message)
        return 1

    return Door(_message, feed, (RefusedError,))


@contextmanager
def live_door() -> Iterator[Door]:
    """Yield the interface for messages from the page over a real connection, one conversation each. The next one must
    be accepted.
    """
    skill, wrong = open_skill("en"), list[str]()
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: wrong.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("uvicorn.error").addHandler(handler)
    threading.excepthook = lambda raised: wrong.append(repr(raised.exc_value))
    with served_page(skill, NoVoice()) as address:

        def feed(messages: Sequence[str | bytes]) -> int:
            from websockets.exceptions import ConnectionClosed

            sent = 0
            with talking(address, max_queue=None) as talk:  # otherwise unread messages delay the close
                if talk.closed_at_once() not in {None, 4002}:  # all slots may be taken for a moment
                    raise AssertionError("nobody is welcome any more")
                with contextlib.suppress(ConnectionClosed):
                    for message in messages:
                        talk.socket.send(message)
                        sent += 1
            if wrong:
                raise AssertionError(wrong.pop())
            return max(1, sent)

        yield Door(lambda chance: [_message(chance) for _ in range(chance.randint(1, 50))], feed)


_SOUND: Final = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
_EVENTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("describe", {}), ("ping", {"text": "here"}), ("transcript", {"text": "does heat help"}),
    ("transcript", {"text": "help i have a cramp", "context": {"conversation_id": "a", "device_id": "b"}}),
    ("transcribe", {"language": "en"}), ("audio-start", _SOUND), ("audio-chunk", _SOUND), ("audio-stop", {}),
    ("synthesize", {"text": "Hold."}), ("synthesize-start", {}), ("synthesize-chunk", {"text": "And rest. "}),
    ("synthesize-stop", {}), ("from-the-future", {"a": [1]}),
)  # fmt: skip
_ODD: Final[tuple[object, ...]] = (
    None, -1, 0, 1, 3, 7, 0.5, 1 << 16, (1 << 16) + 1, 1 << 31, 1 << 70, "", "x" * 3_000, [], {}, True, _NASTY[0],
)  # fmt: skip


def _event(chance: random.Random) -> bytes:
    """Return a frame of the Wyoming protocol, which is damaged in most cases."""
    kind, data = chance.choice(_EVENTS)
    data = dict(data)
    if data and chance.random() < 0.3:
        data[chance.choice(sorted(data))] = chance.choice(_ODD)
    payload = chance.randbytes(2 * chance.randrange(2_000)) if kind == "audio-chunk" else b""
    beside = json.dumps(data).encode() if chance.random() < 0.5 else b""
    header: dict[str, Any] = {"type": kind, "data_length": len(beside), "payload_length": len(payload)}
    if not beside:
        header["data"] = data
    if chance.random() < 0.3:
        header[chance.choice(sorted(header))] = chance.choice(_ODD)
    raw = json.dumps(header).encode() + b"\n" + beside + payload
    return damaged(raw, chance) if chance.random() < 0.3 else raw


def _socket_frame(chance: random.Random) -> bytes:
    """Return a WebSocket frame that contains a message from the page, which is damaged in most cases."""
    message = _message(chance)
    payload, kind = (message.encode(errors="replace"), 1) if isinstance(message, str) else (message, 2)
    if chance.random() < 0.3:
        kind = chance.randrange(16)
    first = chance.choice((0x80, 0x80, 0x80, 0x00, 0xC0, 0xB0, 0x90)) | kind
    length = chance.choice((len(payload),) * 8 + (*_NUMBERS, 1 << 62))
    if length < 126:
        size = bytes([length])
    else:
        size = b"\x7e" + length.to_bytes(2, "big") if length < 1 << 16 else b"\x7f" + length.to_bytes(8, "big")
    mask = chance.randbytes(4)
    hidden = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    raw = bytes([first, size[0] | chance.choice((0x80,) * 9 + (0,))]) + size[1:] + mask + hidden
    return damaged(raw, chance) if chance.random() < 0.3 else raw


def _handshake(address: str, chance: random.Random) -> bytes:
    host = address.removeprefix("http://").rstrip("/")
    asked = (
        f"GET /conversation HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    hello = json.dumps({"do": "hello"}).encode()
    return (
        damaged(asked, chance) if chance.random() < 0.1 else asked + bytes([0x81, 0x80 | len(hello)]) + bytes(4) + hello
    )


@contextmanager
def served_door(
    command: Sequence[str],
    make: Callable[[random.Random], bytes],
    first: Callable[[str, random.Random], bytes] = lambda address, chance: b"",
) -> Iterator[Door]:
    """Yield the interface for bytes on a connection to a server process. The server must close the connection and print
    nothing.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors, served(command, errors) as server:
        port = port_of(server.address)

        def feed(pieces: Sequence[bytes]) -> int:
            with (
                socket.create_connection(("127.0.0.1", port), HANG_SECONDS) as connection,
                contextlib.suppress(ConnectionError),  # rejected before everything was sent
            ):
                for piece in pieces:
                    connection.sendall(piece)
                with contextlib.suppress(OSError):  # the connection is closed already
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass
            errors.seek(0)
            if "Traceback" in (complaints := errors.read()):
                errors.seek(0)
                errors.truncate()
                raise AssertionError(complaints[-2_000:])
            return len(pieces)

        def made(chance: random.Random) -> list[bytes]:
            opening = first(server.address, chance)
            return [*([opening] if opening else []), *(make(chance) for _ in range(chance.randint(1, 30)))]

        yield Door(made, feed, (), server.resident_megabytes, 200_000)  # one recognizer per speaker


_SERVED: Final[dict[str, Callable[[], AbstractContextManager[Door]]]] = {
    "live": live_door,
    "wyoming": lambda: served_door(("serve", "wyoming", *_QUIET), _event),
    "frames": lambda: served_door(("serve", "web", *_QUIET), _socket_frame, _handshake),
}
_DOORS: Final = {
    "wav": wav_door, "yaml": yaml_door, "intents": intents_door, "zip": zip_door, "text": text_door,
    "order": order_door,
}  # fmt: skip


def fuzz(name: str, door: Door, *, seed: int, seconds: float, most: int) -> Count:
    """Feed an interface for a number of seconds or of inputs."""
    chance, count = random.Random(f"{name}{seed}"), Count()
    begun, memory = time.monotonic(), 0.0
    while count.inputs < most and time.monotonic() - begun < seconds:
        given = door.make(chance)
        started = time.perf_counter()
        faulthandler.dump_traceback_later(6 * HANG_SECONDS, exit=True)
        signal.alarm(HANG_SECONDS)
        try:
            count.inputs += door.feed(given)
        except door.refusals:
            count.inputs += 1
            count.refused += 1
        except HangError:
            count.inputs += 1
            count.hangs += 1
            print(f"{name}: a hang: {given!r}"[:4_000])
        except Exception:
            count.inputs += 1
            count.crashes += 1
            if count.crashes < 4:
                print(f"{name}: a crash: {given!r}"[:4_000])
                traceback.print_exc()
        finally:
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()
        count.slowest_ms = max(count.slowest_ms, (time.perf_counter() - started) * 1000)
        if count.inputs >= door.loaded_after and not memory:
            memory = door.megabytes()
    grown = door.megabytes() - memory if memory else 0.0
    count.memory_grew_mb, count.seconds = round(grown, 1), round(time.monotonic() - begun, 1)
    count.slowest_ms = round(count.slowest_ms, 1)
    return count


def _too_long(number: int, frame: object) -> None:
    raise HangError


def main() -> None:
    """Feed the interfaces and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("doors", nargs="*", help=f"of {', '.join((*_DOORS, *_SERVED))}; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each door")
    parser.add_argument("--most", type=int, default=1_000_000, help="inputs for each door")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for name in given.doors or (*_DOORS, *_SERVED):
            place = Path(folder) / name
            place.mkdir()
            with ExitStack() as opened:
                door = opened.enter_context(_SERVED[name]()) if name in _SERVED else _DOORS[name](place)
                counts[name] = fuzz(name, door, seed=given.seed, seconds=given.seconds, most=given.most)
            print(f"{name}: {counts[name]}", flush=True)
    total = sum(count.inputs for count in counts.values())
    bad = sum(count.crashes + count.hangs for count in counts.values())
    print(f"{total} inputs, {bad} crashes and hangs")
    doors = {**read_result("fuzz").get("doors", {}), **{name: asdict(count) for name, count in counts.items()}}
    write_result("fuzz", {"machine": machine(), "doors": doors})
    sys.stdout.flush()
    os._exit(bool(bad))  # conversations may still be running


if __name__ == "__main__":
    main()
