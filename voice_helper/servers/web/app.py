"""Serve the web page and its WebSocket. The page loads nothing from other hosts.

The page's files are read once at startup. The server decides whether a client may connect before it creates the
conversation.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.recognizers import Recognizer
from voice_helper.servers.connection_limits import (
    HELLO_SECONDS,
    MAX_WAIT_SECONDS,
    RecognizerPool,
    is_loopback,
    situation_at,
)
from voice_helper.servers.web.live_conversation import (
    Ask,
    Begin,
    BeQuiet,
    Hear,
    LiveConversation,
    Message,
    Order,
    Played,
    Release,
)
from voice_helper.servers.web.resumption import Left, Resumption, new_name
from voice_helper.support.clock import clock_seconds
from voice_helper.types import SAMPLE_RATE
from voice_helper.voices import Voice

MAX_MESSAGE_BYTES: Final = 16 * 1024
"""The maximum size of a message from the page. As a comparison, 0.1 s of audio takes 3,200 bytes."""

WRONG_TOKEN, BUSY, RUBBISH, TOO_FAST, IDLE, FAULT, RIGHT_TOKEN = 4001, 4002, 4003, 4004, 4005, 4006, 4007
"""The close codes of this application. They tell the page why its WebSocket was closed."""

_CLOSES: Final = {"closed": 1000, "idle": IDLE, "fault": FAULT}
_SOUND_BYTES_A_SECOND: Final = SAMPLE_RATE * 2
_SOUND_AHEAD_SECONDS: Final = 10.0  # after a network interruption, the delayed audio arrives at once
_MIN_SOUND_BYTES: Final = 256  # smaller messages count as this size
_MESSAGES_A_SECOND, _MESSAGES_AT_ONCE = 20.0, 60.0
_MAX_UNSENT: Final = 500  # queued messages to a page that does not read them
WRONG_TOKEN_SECONDS: Final = 1.0  # one failed login per second for all clients together
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_HEARINGS: Final = ("held", "once", "open")
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "webmanifest": "application/manifest+json; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class WebService:
    """The configuration of the web server."""

    conversation: Conversation
    files: Mapping[str, bytes]
    """The page's files, by name."""

    open_recognizer: Callable[[], Recognizer]
    voice: Voice
    words_per_minute: float
    host: str = "127.0.0.1"
    token: str | None = None
    """The token that a user types once to connect from another machine. `None` if only this machine can connect."""

    most: int = 4
    """The maximum number of concurrent conversations."""

    behind_proxy: bool = False
    """Whether a reverse proxy terminates TLS and sends the page's host and scheme in headers."""

    @property
    def situation(self) -> dict[str, str]:
        """Return the `State.situation` for this server, which says whether other machines can connect to it."""
        return {"serving": "on"} if self.behind_proxy else situation_at(self.host)


def create_app(served: WebService) -> Starlette:
    """Build the ASGI application with the page and its WebSocket."""
    places = RecognizerPool(served.most, served.open_recognizer)
    wrong_tokens = asyncio.Lock()
    resumption = Resumption()

    async def file(request: Request) -> Response:
        name = request.path_params.get("name") or "index.html"
        if not _is_for_us(request, served):
            return PlainTextResponse("Misdirected request", 421, headers=_HEADERS)
        if name not in served.files:
            return PlainTextResponse("Not found", 404, headers=_HEADERS)
        return Response(served.files[name], headers=_HEADERS, media_type=_TYPES[name.rsplit(".", 1)[-1]])

    async def conversation(socket: WebSocket) -> None:
        if not (_is_for_us(socket, served) and _is_our_page(socket, served)):
            await socket.close()  # closing before accepting sends a 403
            return
        await socket.accept()
        await _Connection(socket, served, places, resumption, wrong_tokens).serve()

    return Starlette(
        routes=[
            WebSocketRoute("/conversation", conversation),
            Route("/", file, methods=["GET"]),
            Route("/{name}", file, methods=["GET"]),
        ]
    )


def _is_for_us(connection: HTTPConnection, served: WebService) -> bool:
    """Return whether the Host header is valid. On loopback, any other name indicates DNS rebinding.

    Behind a proxy, the token provides the protection, because the proxy may send its own host name.
    """
    if served.behind_proxy or not is_loopback(served.host):
        return True
    return is_loopback(_split(f"//{connection.headers.get('host', '')}").hostname or "")


def _is_our_page(socket: WebSocket, served: WebService) -> bool:
    """Return whether the connection comes from a page of this server, judged by the host in the browser's request."""
    origin = _split(socket.headers.get("origin", ""))
    scheme = "https" if socket.url.scheme == "wss" else "http"
    host = socket.headers.get("host", "")
    if served.behind_proxy:
        scheme = _first(socket, "x-forwarded-proto") or scheme
        host = _first(socket, "x-forwarded-host") or host
    return origin.scheme == scheme and bool(host) and _place(origin) == _place(_split(f"{scheme}://{host}"))


def _first(connection: HTTPConnection, header: str) -> str:
    """Return the first entry of a comma-separated header. The proxy closest to the browser added it."""
    return connection.headers.get(header, "").partition(",")[0].strip()


def _place(address: SplitResult) -> tuple[str | None, int | None]:
    """Return a host and port in a normalized form. Browsers omit the default port of a scheme."""
    try:
        port = address.port
    except ValueError:
        return None, None
    return address.hostname, port or _USUAL_PORTS.get(address.scheme)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


class _Budget:
    """A token bucket, which limits a rate per second and the size of a burst."""

    def __init__(self, a_second: float, at_once: float) -> None:
        self._a_second, self._most = a_second, at_once
        self._left, self._since = at_once, time.monotonic()

    def spend(self, amount: float) -> bool:
        """Spend an amount. Return false if that would exceed the budget."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._since) * self._a_second) - amount
        self._since = now
        return self._left >= 0


class RefusedError(Exception):
    """Ends a connection with a close code that tells the page why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Connection:
    """The connection of one page."""

    def __init__(
        self,
        socket: WebSocket,
        served: WebService,
        places: RecognizerPool,
        resumption: Resumption,
        wrong_tokens: asyncio.Lock,
    ) -> None:
        self._socket, self._served, self._places, self._wrong_tokens = socket, served, places, wrong_tokens
        self._resumption, self._name = resumption, new_name()
        self._loop = asyncio.get_running_loop()
        self._unsent: asyncio.Queue[Message | int] = asyncio.Queue()

    async def serve(self) -> None:
        """Serve the connection until either side ends it. The page receives a close code with the reason."""
        try:
            hello = await self._greeted()
            resume = str(hello.get("resume", ""))
            left = await asyncio.to_thread(self._resumption.take, resume)
            await self._take_place(resume, left)
            self._send({"event": "welcome", "resume": self._name, "resumed": left is not None})
            live = LiveConversation(
                self._served.conversation,
                self._places.recognizer,
                self._served.voice,
                self._served.words_per_minute,
                state=State(situation=self._served.situation) if left is None else left.state,
                send=self._send,
                ended=self._ended,
                away_seconds=None if left is None else clock_seconds() - left.since,
            )
            self._resumption.opened(self._name, live)
            try:
                await self._converse(live)
            finally:
                live.close()
        except RefusedError as refused:
            await self._close(refused.code)
        except WebSocketDisconnect:
            pass

    async def _greeted(self) -> dict[str, Any]:
        """Return the page's first message, which contains the token. Raises `RefusedError` if the token is wrong."""
        try:
            hello = await asyncio.wait_for(self._socket.receive(), HELLO_SECONDS)
        except TimeoutError:
            raise RefusedError(RUBBISH) from None
        form = _read_object(_content(hello))
        if form.get("do") not in ("hello", "check"):
            raise RefusedError(RUBBISH)
        expected, given = self._served.token, form.get("token", "")
        if expected is not None and not hmac.compare_digest(
            str(given).strip().lower().encode(errors="replace"), expected.encode()
        ):
            async with self._wrong_tokens:
                await asyncio.sleep(WRONG_TOKEN_SECONDS)
            raise RefusedError(WRONG_TOKEN)
        if form["do"] == "check":
            raise RefusedError(RIGHT_TOKEN)
        return form

    async def _take_place(self, resume: str, left: Left | None) -> None:
        """Reserve a slot for the conversation. Raises `RefusedError` if no slot becomes free.

        When a page is reloaded, the slot of its previous conversation is released a moment later, so the new connection
        may have to wait. If the connection is refused, the interrupted conversation is kept for the next attempt.
        """
        if await self._places.take_soon(MAX_WAIT_SECONDS):
            return
        if left is not None:
            self._resumption.keep(resume, left.state, left.since)
        raise RefusedError(BUSY)

    async def _converse(self, live: LiveConversation) -> None:
        tasks = {asyncio.create_task(self._receive(live)), asyncio.create_task(self._deliver())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self, live: LiveConversation) -> None:
        sound = _Budget(_SOUND_BYTES_A_SECOND * 1.1, _SOUND_BYTES_A_SECOND * _SOUND_AHEAD_SECONDS)
        messages = _Budget(_MESSAGES_A_SECOND, _MESSAGES_AT_ONCE)
        while True:
            content = _content(await self._socket.receive())
            is_sound = isinstance(content, bytes)
            in_time = sound.spend(max(len(content), _MIN_SOUND_BYTES)) if is_sound else messages.spend(1)
            if not in_time or not live.put(read_order(content)):
                raise RefusedError(TOO_FAST)

    async def _deliver(self) -> None:
        while True:
            message = await self._unsent.get()
            if isinstance(message, int):
                raise RefusedError(message)
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_text(json.dumps(message))

    async def _close(self, code: int) -> None:
        if self._socket.client_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):  # the client has disconnected
                await self._socket.close(code)

    def _send(self, message: Message | int) -> None:
        """Queue a message for the page. May be called from any thread."""

        def put() -> None:
            if self._unsent.qsize() < _MAX_UNSENT:
                self._unsent.put_nowait(message)

        with suppress(RuntimeError):  # the server has stopped in the meantime
            self._loop.call_soon_threadsafe(put)

    def _ended(self, why: str, recognizer: Recognizer | None, state: State | None) -> None:
        self._resumption.keep(self._name, state)
        self._places.give_back(recognizer)
        self._send(_CLOSES[why])


def _content(message: Any) -> bytes | str:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    content: bytes | str | None = message.get("bytes")
    return message["text"] if content is None else content


def _read_object(content: bytes | str) -> dict[str, Any]:
    if isinstance(content, bytes):
        raise RefusedError(RUBBISH)
    try:
        form = json.loads(content)
    except (ValueError, RecursionError):
        raise RefusedError(RUBBISH) from None
    if not isinstance(form, dict):
        raise RefusedError(RUBBISH)
    return form


def read_order(content: bytes | str) -> Order | bytes:
    """Parse a message from the page. Audio is returned unchanged, a JSON object as an order.

    Raises `RefusedError` for anything else.
    """
    if isinstance(content, bytes):
        if len(content) % 2:
            raise RefusedError(RUBBISH)
        return content
    form = _read_object(content)
    do, text, how, number = (form.get(name) for name in ("do", "text", "how", "number"))
    if do == "hear" and how in _HEARINGS:
        return Hear(how)
    if do == "ask" and isinstance(text, str):
        return Ask(text)
    if do == "played" and type(number) is int:
        return Played(number)
    plain: dict[Any, Order] = {"release": Release(), "begin": Begin(), "quiet": BeQuiet()}
    if isinstance(do, str) and do in plain:
        return plain[do]
    raise RefusedError(RUBBISH)
