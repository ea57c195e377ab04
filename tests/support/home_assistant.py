"""A real Home Assistant in a separate process, controlled over its own HTTP and WebSocket interfaces."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

from tests.support.sound import CHECKOUT, chunks_of
from voice_helper.types import SAMPLE_RATE

PYTHON: Final = Path(os.environ.get("HOME_ASSISTANT_PYTHON", str(CHECKOUT / ".venv-homeassistant" / "bin" / "python")))
"""A Python interpreter that has Home Assistant, created by `make test-homeassistant`."""

_START_SECONDS: Final = 120
_ANSWER_SECONDS: Final = 300  # its own agent reads all sentences before its first answer
_CLIENT: Final = "http://127.0.0.1/"
# Home Assistant 2026.2 requires Python 3.13.2, but runs on any 3.13
_START: Final = """
import sys
import homeassistant.const as const
const.REQUIRED_PYTHON_VER = min(const.REQUIRED_PYTHON_VER, sys.version_info[:3])
from homeassistant.__main__ import main
sys.exit(main())
"""
_CONFIGURATION: Final = """
homeassistant: {{name: Test, latitude: 0, longitude: 0, elevation: 0, unit_system: metric, time_zone: UTC,
  packages: !include_dir_named packages}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
onboarding:
config:
conversation:
assist_pipeline:
"""


class HomeAssistant:
    """A Home Assistant with its configuration folder. The first start creates its owner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "packages").mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self._port), encoding="utf-8")
        self._token = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run Home Assistant during the block."""
        command: list[str | Path] = [PYTHON, "-c", _START, "--config", self.folder, "--skip-pip"]
        with (
            (self.folder / "output.txt").open("a") as output,
            subprocess.Popen(command, stdout=output, stderr=output) as process,
        ):
            try:
                self._wait_for_it(process)
                if not self._token:
                    self._make_owner()
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(_START_SECONDS)

    def _wait_for_it(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            try:
                if self._token:
                    if self.get("/api/config")["state"] == "RUNNING":
                        return
                else:
                    self._request("/api/onboarding")
                    return
            except OSError:
                pass
            time.sleep(0.5)
        raise AssertionError((self.folder / "output.txt").read_text()[-2_000:])

    def _make_owner(self) -> None:
        owner = {"client_id": _CLIENT, "name": "A", "username": "a", "password": "password", "language": "en"}
        code = json.loads(self._request("/api/onboarding/users", json.dumps(owner).encode()))["auth_code"]
        form = {"client_id": _CLIENT, "grant_type": "authorization_code", "code": code}
        self._token = json.loads(self._request("/auth/token", urllib.parse.urlencode(form).encode(), "form"))[
            "access_token"
        ]

    def _request(self, path: str, body: bytes | None = None, kind: str = "json") -> bytes:
        kinds = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
        headers = {"Content-Type": kinds[kind]} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
            read: bytes = answer.read()
            return read

    def get(self, path: str) -> Any:
        """Return the response to a GET request."""
        return json.loads(self._request(path))

    def sound(self, path: str) -> bytes:
        """Return generated audio."""
        return self._request(path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the response to a POST request."""
        return json.loads(self._request(path, json.dumps(body).encode()))

    def entity(self, kind: str, part: str) -> str:
        """Return the entity of a kind whose name contains this text."""
        names: list[str] = [state["entity_id"] for state in self.get("/api/states")]
        return next(name for name in names if name.startswith(f"{kind}.") and part in name)

    def ask(self, agent: str, text: str, conversation: str | None = None) -> tuple[str, str]:
        """Return an agent's reply and the conversation's id."""
        body = {"text": text, "agent_id": agent, "language": "en"}
        body |= {"conversation_id": conversation} if conversation else {}
        answer = self.post("/api/conversation/process", body)
        said = answer["response"]["speech"].get("plain", {}).get("speech", "")
        return said, answer["conversation_id"] or ""

    @contextmanager
    def socket(self) -> Iterator[ClientConnection]:
        """Connect to the WebSocket, logged in."""
        with connect(f"ws://127.0.0.1:{self._port}/api/websocket", max_size=None) as client:
            client.recv()
            client.send(json.dumps({"type": "auth", "access_token": self._token}))
            assert json.loads(client.recv())["type"] == "auth_ok"
            yield client

    def command(self, **fields: Any) -> Any:
        """Send one command over the WebSocket and return the result."""
        with self.socket() as client:
            client.send(json.dumps({"id": 1, **fields}))
            answer = json.loads(client.recv())
            assert answer["success"], answer
            return answer["result"]

    def hear(self, pipeline: str, pcm: bytes) -> dict[str, Any]:
        """Speak into a pipeline. Return the data of each of its events by type."""
        told: dict[str, Any] = {}
        run = {"id": 1, "type": "assist_pipeline/run", "start_stage": "stt", "end_stage": "tts", "pipeline": pipeline}
        with self.socket() as client:
            client.send(json.dumps(run | {"input": {"sample_rate": SAMPLE_RATE, "no_vad": True}, "timeout": 60}))
            while "run-end" not in told:
                message = json.loads(client.recv(60))
                if message["type"] != "event":
                    assert message["success"], message
                    continue
                event = message["event"]
                told[event["type"]] = event["data"] or {}
                if event["type"] == "stt-start":
                    handler = bytes([told["run-start"]["runner_data"]["stt_binary_handler_id"]])
                    for chunk in chunks_of(pcm, 1_024):
                        client.send(handler + chunk.pcm)
                    client.send(handler)
        return told
