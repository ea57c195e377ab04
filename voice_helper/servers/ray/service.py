"""Serve typed turns from several machines with Ray Serve. Any replica can process any turn.

Replicas are stateless. Two keepers, on two machines if possible, hold the state of every conversation. If a machine
dies, another replica continues at the same step, and Ray restarts the keeper, which copies its state from the other
one. Turns are numbered, so that a client can safely retry a turn.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, HTTPOptions
from ray.serve.schema import LoggingConfig
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voice_helper.dialogue.state import State
from voice_helper.dialogue.state_json import from_json, to_json
from voice_helper.dialogue.turn_taking import Reply, first_state, take_turn
from voice_helper.errors import SavedStateError
from voice_helper.servers.ray.cluster import NAMESPACE
from voice_helper.skill import open_skill
from voice_helper.skill.folder_reader import key_of

APPLICATION: Final = "voice-helper"
KEEPERS: Final = ("keeper-1", "keeper-2")
MAX_CONVERSATIONS: Final = 100_000
"""The maximum number of conversations, of about a kilobyte each. Above it, the longest inactive one is dropped."""

FORGOTTEN_SECONDS: Final = 3600.0
_KEEPER_SECONDS: Final = 2.0  # time limit for a keeper's reply, because a machine that dies does not announce it
_COPY_SECONDS: Final = 30.0
_MAX_BYTES: Final = 16 * 1024
_MAX_ID_CHARACTERS: Final = 64
_REPLICA_CPUS: Final = 0.99  # leaves room for a keeper on machines with a replica on every core
_KEEPER_CPUS: Final = 0.001  # Ray ignores the requested machine for actors that need no CPU
_ONGOING: Final = 4  # concurrent turns per replica before another replica is started
_MAX_QUEUED: Final = 500  # more are refused with 503


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """The stored state of a conversation after a turn."""

    turn: int
    at: float
    """The time of the turn, in seconds since 1970."""

    state: str
    reply: str


class Keeper:
    """Holds the last turn of each conversation in memory."""

    def __init__(self, other: str = "") -> None:
        """Start empty, or with a copy of the state of the `other` keeper if Ray has restarted this one."""
        self._kept: OrderedDict[str, KeptTurn] = OrderedDict()
        if other and ray.get_runtime_context().was_current_actor_reconstructed:
            with suppress(ray.exceptions.RayError):  # the other keeper has died as well
                held = ray.get(ray.get_actor(other, NAMESPACE).everything.remote(), timeout=_COPY_SECONDS)
                self._kept.update(held)

    def everything(self) -> dict[str, KeptTurn]:
        """Return all conversations, the longest inactive one first."""
        return dict(self._kept)

    def get(self, session: str) -> KeptTurn | None:
        """Return the stored state of a conversation, or `None` if it is unknown."""
        return self._kept.get(session)

    def put(self, session: str, kept: KeptTurn) -> None:
        """Store a turn, unless a later one is already stored. Drops conversations that are too old or above the
        limit.
        """
        held = self._kept.get(session)
        if held is not None and held.turn > kept.turn:
            return
        self._kept[session] = kept
        self._kept.move_to_end(session)
        while len(self._kept) > MAX_CONVERSATIONS or next(iter(self._kept.values())).at < kept.at - FORGOTTEN_SECONDS:
            self._kept.popitem(last=False)


class KeepersLostError(Exception):
    """The state of the conversation is unavailable, because no keeper replied.

    The turn was not processed, and the client can retry it.
    """


@dataclass(frozen=True, slots=True)
class TypedTurn:
    """One numbered turn of a conversation."""

    session: str
    number: int
    text: str


def read_turn(body: bytes) -> TypedTurn:
    """Parse `{"session": ..., "turn": 1, "text": ...}`. Raises `ValueError` for any other content."""
    try:
        form = json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(form, dict) or form.keys() != {"session", "turn", "text"}:
        raise ValueError("it is not a turn")
    session, number, text = form["session"], form["turn"], form["text"]
    if not (isinstance(session, str) and 0 < len(session) <= _MAX_ID_CHARACTERS):
        raise ValueError("session is not a valid id")
    if type(number) is not int or number < 1:
        raise ValueError("turn is not a number of at least 1")
    if not isinstance(text, str):
        raise ValueError("text is missing")  # noqa: TRY004 - the client's fault
    return TypedTurn(session, number, text)


def reply_form(reply: Reply) -> dict[str, Any]:
    """Return a reply as the JSON object that is sent to the client."""
    return {
        "text": reply.text,
        "rows": [row.provenance() for row in reply.rows],
        "ended": reply.ended,
        "expects_words": reply.expects_words,
    }


class Turns:
    """A replica of the service. It processes turns and keeps no state between them."""

    def __init__(self, language: str, settings: Mapping[str, str], folder: Path | None = None) -> None:
        skill = open_skill(language, folder=folder, settings=settings)
        skill.load_all()
        self._conversation = skill.conversation.by_turns()
        self._key = key_of(skill.content, "by turns")
        self._keepers = [ray.get_actor(name, NAMESPACE) for name in KEEPERS]

    async def __call__(self, request: Request) -> Response:
        """Handle an HTTP request."""
        if request.method != "POST":
            return Response(status_code=405, headers={"allow": "POST"})
        if request.headers.get("content-type") != "application/json":  # pages of other sites cannot send it
            return Response(status_code=415)
        body = await request.body()
        if len(body) > _MAX_BYTES:
            return Response(status_code=413)
        try:
            turn = read_turn(body)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        try:
            kept = await self.take(turn)
        except KeepersLostError:
            return Response(status_code=503, headers={"retry-after": "1"})
        if kept.turn != turn.number:
            return JSONResponse({"error": "a later turn was already processed", "turn": kept.turn}, 409)
        return Response(kept.reply, media_type="application/json", headers={"cache-control": "no-store"})

    async def take(self, turn: TypedTurn) -> KeptTurn:
        """Process a turn once, and return the stored state after the turn.

        If this turn or a later one was already processed, return the newest state instead. Raises `KeepersLostError`.
        """
        newest = await self._newest(turn)
        if newest is not None and newest.turn >= turn.number:
            return newest
        state, silent_since = self._taken_up(newest)
        now = time.time()
        state, reply = take_turn(self._conversation, state, turn.text, max(0.0, now - silent_since))
        kept = KeptTurn(turn.number, now, to_json(state, self._key), json.dumps(reply_form(reply)))
        await self._ask("put", turn.session, kept)
        return kept

    async def _newest(self, turn: TypedTurn) -> KeptTurn | None:
        answers = await self._ask("get", turn.session)
        newest: KeptTurn | None = max(filter(None, answers), key=lambda kept: kept.turn, default=None)
        last = newest.turn if newest is not None else 0
        if last < turn.number - 1 and len(answers) < len(KEEPERS):  # the other keeper may have a newer turn
            raise KeepersLostError
        return newest

    def _taken_up(self, kept: KeptTurn | None) -> tuple[State, float]:
        if kept is not None:
            with suppress(SavedStateError):  # saved by another version or with other content: start over
                return from_json(kept.state, self._key), kept.at
        return replace(first_state(), situation={"serving": "on"}), time.time()

    async def _ask(self, method: str, *arguments: object) -> list[Any]:
        """Return the answers of the keepers that reply in time; one is enough. Raises `KeepersLostError` if none
        does.
        """
        calls = (
            asyncio.wait_for(getattr(keeper, method).remote(*arguments), _KEEPER_SECONDS) for keeper in self._keepers
        )
        answers = await asyncio.gather(*calls, return_exceptions=True)
        given = [answer for answer in answers if not isinstance(answer, BaseException)]
        if not given:
            raise KeepersLostError
        return given


def deploy(
    language: str,
    settings: Mapping[str, str],
    folder: Path | None = None,
    *,
    port: int,
    least: int,
    most: int,
    on_every_machine: bool = True,
) -> None:
    """Start serving turns at a port on 127.0.0.1 of each machine, with between `least` and `most` replicas.

    `folder` is a custom intents folder, which must have the same path on each machine.
    """
    _begin_keepers()
    serve.start(
        proxy_location="EveryNode" if on_every_machine else "HeadOnly",
        http_options=HTTPOptions(host="127.0.0.1", port=port),
        logging_config=_SILENT,
    )
    deployment = serve.deployment(
        Turns,
        name="turns",
        autoscaling_config=AutoscalingConfig(min_replicas=least, max_replicas=most, target_ongoing_requests=_ONGOING),
        max_ongoing_requests=4 * _ONGOING,
        max_queued_requests=_MAX_QUEUED,
        ray_actor_options={"num_cpus": _REPLICA_CPUS},
        logging_config=_SILENT,
    )
    serve.run(deployment.bind(language, dict(settings), folder), name=APPLICATION, route_prefix="/turn")


def remove() -> None:
    """Remove the deployment and the keepers, with their state, from all machines. Also works after a partial start."""
    serve.delete(APPLICATION)
    for name in KEEPERS:
        with suppress(ValueError):  # there is no keeper with this name
            ray.kill(ray.get_actor(name, NAMESPACE))


_SILENT: Final = LoggingConfig(enable_access_log=False, log_level="WARNING")


def _begin_keepers() -> None:
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    for number, name in enumerate(KEEPERS):
        ray.remote(Keeper).options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            num_cpus=_KEEPER_CPUS,
            scheduling_strategy=NodeAffinitySchedulingStrategy(nodes[number % len(nodes)], soft=True),
        ).remote(_other(name))


def _other(name: str) -> str:
    return next(other for other in KEEPERS if other != name)
