from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
import requests
from hypothesis import given
from hypothesis import strategies as st
from ray.cluster_utils import Cluster

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, Ran, Run, call, checked, environment
from voice_helper.dialogue.turn_taking import first_state, take_turn
from voice_helper.servers.ray import service as turns
from voice_helper.servers.ray.cluster import NAMESPACE
from voice_helper.servers.ray.service import FORGOTTEN_SECONDS, KEEPERS, Keeper, KeptTurn, read_turn
from voice_helper.skill import Skill

SESSIONS = 20
NODE = {"include_dashboard": False, "dashboard_agent_listen_port": None, "object_store_memory": 80 * 2**20}
"""The settings of a node that uses no port of another Ray. The remaining ports are chosen among the free ones."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Machines:
    """Two machines that process turns, and a client."""

    cluster: Any
    other: Any
    """The machine that a test may kill."""

    address: str
    folder: Path
    """The folder that Ray writes to."""

    def kill(self) -> None:
        """Kill the machine that the tests can do without, with everything that runs on it."""
        raylet = self.other.all_processes["raylet"][0].process.pid
        children = [path.read_text() for path in Path(f"/proc/{raylet}/task").glob("*/children")]
        self.cluster.remove_node(self.other, allow_graceful=False)
        for child in " ".join(children).split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def ask(self, session: str, turn: int, text: str) -> requests.Response:
        form = {"session": session, "turn": turn, "text": text}
        return requests.post(self.address, json=form, timeout=PATIENCE_SECONDS)

    def told(self, session: str, turn: int, text: str) -> dict[str, Any]:
        """Return the answer to a turn. Retry until it comes, as a client does."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            response = self.ask(session, turn, text)
            if response.status_code == 200:
                answer: dict[str, Any] = response.json()
                return answer
            assert response.status_code in {500, 503}, response.text
            assert time.monotonic() < until, response.text
            time.sleep(0.2)


@pytest.fixture(scope="module", autouse=True)
def apart() -> Iterator[None]:
    """Keep the tests apart from another Ray on this machine, whose address file Ray would overwrite."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        (Path(folder) / "ray").mkdir()  # Ray writes the address there, but does not create the folder
        patch.setenv("RAY_TMPDIR", folder)
        for name in ("RAY_ADDRESS", "RAY_NAMESPACE", "RAY_GCS_SERVER_PORT"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 3, "temp_dir": folder, **NODE})
        try:
            other = cluster.add_node(num_cpus=2, **NODE)
            ray.init(cluster.address, namespace=NAMESPACE, log_to_driver=False)
            turns.deploy("en", {"number": "112"}, port=port, least=2, most=2, on_every_machine=False)
            yield Machines(cluster, other, f"http://127.0.0.1:{port}/turn", Path(folder))
            turns.remove()
        finally:
            ray.shutdown()
            cluster.shutdown()


def machine_of(name: str) -> str:
    """Return the machine that a keeper runs on."""
    keeper = ray.get_actor(name, NAMESPACE)
    found: str = ray.get(keeper.__ray_call__.remote(lambda itself: ray.get_runtime_context().get_node_id()))
    return found


def held_by(name: str, session: str) -> KeptTurn:
    """Return the state that a keeper holds, once it has restarted and copied the state."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            held: KeptTurn | None = ray.get(
                ray.get_actor(name, NAMESPACE).get.remote(session), timeout=PATIENCE_SECONDS
            )
            if held is not None:
                return held
        time.sleep(0.1)
    raise AssertionError(f"{name} does not hold {session}")


@pytest.fixture
def reference(skill: Skill) -> Callable[..., list[str]]:
    """Return a function that returns the replies to some texts, processed one after the other in one process."""

    def said(*texts: str) -> list[str]:
        state, replies = first_state(), []
        for text in texts:
            state, reply = take_turn(skill.conversation.by_turns(), state, text)
            replies.append(reply.text)
        return replies

    return said


def test_a_conversation_is_the_same_as_in_one_process(machines: Machines, reference: Callable[..., list[str]]) -> None:
    texts = ["does heat help", "why", "help i have a cramp", "next", "it's my foot", "better", "thank you"]
    said = [machines.told("one", number, text)["text"] for number, text in enumerate(texts, 1)]
    assert said == reference(*texts)


def test_a_retried_turn_is_not_processed_twice(machines: Machines) -> None:
    machines.told("again", 1, "help i have a cramp")
    once = machines.told("again", 2, "next")
    assert machines.told("again", 2, "next") == once
    assert machines.told("again", 3, "go back")["text"] != once["text"]
    late = machines.ask("again", 2, "next")
    assert (late.status_code, late.json()["turn"]) == (409, 3)


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"json": {"session": "a", "turn": 0, "text": ""}}, 400),
        ({"json": []}, 400),
        ({"data": "{}"}, 415),
        ({"data": "[" * 20_000, "headers": {"content-type": "application/json"}}, 413),
        ({"data": "[" * 10_000, "headers": {"content-type": "application/json"}}, 400),
    ],
)
def test_an_invalid_turn_is_rejected(machines: Machines, settings: dict[str, Any], status: int) -> None:
    assert requests.post(machines.address, timeout=PATIENCE_SECONDS, **settings).status_code == status
    assert requests.get(machines.address, timeout=PATIENCE_SECONDS).status_code == 405


def test_a_distributed_batch_has_the_same_results(machines: Machines, run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(["does heat help", "i have chest pain", "my legs keep seizing up"] * 50), "utf-8")
    batch = ("test-intents", lines, "--format", "jsonl")
    spread = call([*batch, "--cluster"], folder=tmp_path, more={"RAY_ADDRESS": machines.cluster.address})
    assert spread.out == run(*batch).out
    assert len(spread.lines) == 150


def test_if_a_machine_dies_every_session_continues_at_its_step(
    machines: Machines, reference: Callable[..., list[str]]
) -> None:
    texts = ("help i have a cramp", "next", "next", "go back")
    expected = reference(*texts)
    for session in range(SESSIONS):
        for number in range(1 + session % 3):
            assert machines.told(f"s{session}", number + 1, texts[number])["text"] == expected[number]
    assert len({machine_of(name) for name in KEEPERS}) == 2
    machines.kill()
    for session in range(SESSIONS):
        number = 1 + session % 3
        assert machines.told(f"s{session}", number + 1, texts[number])["text"] == expected[number]


def test_a_restarted_keeper_copies_the_state_of_the_other_one(
    machines: Machines, reference: Callable[..., list[str]]
) -> None:
    machines.told("kept", 1, "help i have a cramp")
    for name in KEEPERS:  # one after the other: when the second dies, only the copy in the first is left
        assert [held_by(each, "kept").turn for each in KEEPERS] == [1, 1]
        ray.kill(ray.get_actor(name, NAMESPACE), no_restart=False)
        assert held_by(name, "kept").turn == 1
    assert machines.told("kept", 2, "next")["text"] == reference("help i have a cramp", "next")[-1]


def test_no_user_input_is_in_rays_files(machines: Machines) -> None:
    machines.told("secret", 1, "my neighbour bernadette has a cramp")
    assert machines.ask("secret", 2, "bernadette " * 2_000).status_code == 413
    written = [path for path in machines.folder.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"bernadette" in path.read_bytes()]


# as in docs/scaling.md


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def head() -> Iterator[str]:
    """Yield the address of a cluster of one machine, which this process has not joined."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "temp_dir": folder, **NODE})
        try:
            yield cluster.address
        finally:
            cluster.shutdown()


def test_the_command_joins_a_cluster_accepts_turns_and_leaves_nothing_behind(head: str) -> None:
    port = free_port()
    arguments = ["serve", "cluster", "--address", head, "--port", str(port), "--least", "1", "--number", "112"]
    with subprocess.Popen(
        [VOICE_HELPER, *arguments], env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address == f"http://127.0.0.1:{port}/turn", process.communicate(timeout=PATIENCE_SECONDS)
        turn = {"session": "a", "turn": 1, "text": "my chest hurts"}
        asked = requests.post(address, json=turn, timeout=PATIENCE_SECONDS)
        assert "Call 112 now." in asked.json()["text"]
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert checked(Ran(process.returncode, out, err)).code == 130
    assert requests.post(address, json=turn, timeout=PATIENCE_SECONDS).status_code == 404


def test_an_unreachable_cluster_is_reported_before_ray_looks_for_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would retry for more than a minute."""
    monkeypatch.setattr(ray, "init", lambda *given, **settings: pytest.fail("Ray looks for it"))
    ran = run("serve", "cluster", "--address", f"127.0.0.1:{free_port()}")
    assert ran.code == 1
    assert "is not reached" in ran.err


# without a cluster


def test_if_ray_is_missing_the_error_names_the_command_that_installs_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = run("serve", "cluster")
    assert ran.code == 1
    assert 'pip install -e ".[cluster]"' in ran.err


def test_a_keeper_holds_the_newest_turn_and_drops_old_conversations() -> None:
    keeper = Keeper()
    keeper.put("a", KeptTurn(2, 0.0, "", ""))
    keeper.put("a", KeptTurn(1, 1.0, "", ""))
    assert keeper.get("a") == KeptTurn(2, 0.0, "", "")
    keeper.put("b", KeptTurn(1, FORGOTTEN_SECONDS + 1.0, "", ""))
    assert list(keeper.everything()) == ["b"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["session", "turn", "text", "more"]), inner),
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_anything_sent_is_a_turn_or_rejected(body: bytes) -> None:
    try:
        turn = read_turn(body)
    except ValueError:
        return
    assert turn.session
    assert turn.number >= 1
