"""The page served on this machine, and a client that talks to it as the page does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.patience import PATIENCE_SECONDS
from tests.support.sound import chunks_of, phrases
from voice_helper.cli.serve import listening_socket, server_settings
from voice_helper.recognizers.embedded.shared_models import EmbeddedModels
from voice_helper.servers.web.app import WebService, create_app
from voice_helper.servers.web.page_files import page_files
from voice_helper.skill import Skill
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE
from voice_helper.voices import Voice

_pages: dict[tuple[str, bool], dict[str, bytes]] = {}


def page(skill: Skill, *, needs_token: bool) -> dict[str, bytes]:
    """Return the files of the page, built once."""
    key = (skill.content.content_key, needs_token)
    if key not in _pages:
        assert skill.content.page is not None
        _pages[key] = page_files(skill.content, skill.content.page, needs_token=needs_token)
    return _pages[key]


@contextmanager
def serving(skill: Skill, voice: Voice, **settings: Any) -> Iterator[str]:
    """Serve the page as the command does. Yield its address, such as `http://127.0.0.1:40123`."""
    host, port = settings.get("host", "127.0.0.1"), settings.pop("port", 0)
    conversation = skill.conversation
    if alarm := settings.pop("alarm", None):
        conversation = replace(conversation, understanding=replace(conversation.understanding, alarm=alarm))
    files = page(skill, needs_token="token" in settings)
    open_recognizer = settings.pop("open_recognizer", lambda: EmbeddedModels(phrases(skill)).recognizer())
    served = WebService(conversation, files, open_recognizer, voice, 150, **settings)
    with listening_socket(host, port) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(served), **server_settings(None, None)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


@dataclass
class Talk:
    """A connection like the page's. It stores every message, and reports speech as played immediately."""

    socket: ClientConnection
    told: list[dict[str, Any]] = field(default_factory=list)
    spoken_samples: int = 0
    plays: bool = True

    def send(self, **message: object) -> None:
        """Send an object."""
        self.socket.send(json.dumps(message))

    def say(self, pcm: bytes, *, how: str = "held", pace: float = 0.0) -> None:
        """Open the microphone and speak. `pace` is 1.0 for real time and 0.0 for no waiting."""
        self.send(do="hear", how=how)
        with suppress(ConnectionClosed):
            for chunk in chunks_of(pcm):
                self.socket.send(chunk.pcm)
                time.sleep(pace * CHUNK_SAMPLES / SAMPLE_RATE)

    def next(self) -> dict[str, Any]:
        """Return the next object received."""
        while True:
            message = self.socket.recv(PATIENCE_SECONDS)
            if isinstance(message, str):
                self.told.append(json.loads(message))
                return self.told[-1]
            self.spoken_samples += len(message) // 2 - 2
            if self.plays:
                self.send(do="played", number=int.from_bytes(message[:4], "little"))

    def wait(self, event: str, fits: Callable[[dict[str, Any]], bool] = lambda told: True) -> dict[str, Any]:
        """Return the next object of a kind for which `fits` is true."""
        while True:
            told = self.next()
            if told["event"] == event and fits(told):
                return told

    def closed(self) -> int | None:
        """Wait until the server closes the connection. Return its close code."""
        try:
            while True:
                self.next()
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else None

    def closed_at_once(self) -> int | None:
        """Return the code of a connection closed before the welcome, or `None` if the client is welcomed."""
        try:
            self.wait("welcome")
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 0
        return None


@contextmanager
def talking(
    address: str, *, hello: bool = True, token: object = "", resume: object = "", **settings: Any
) -> Iterator[Talk]:
    """Connect to an address as its page does."""
    settings.setdefault("origin", address)
    with connect(f"ws{address.removeprefix('http')}/conversation", **settings) as socket:
        talk = Talk(socket)
        if hello:
            talk.send(do="hello", token=token, resume=resume)
        yield talk
