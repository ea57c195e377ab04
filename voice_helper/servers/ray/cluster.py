"""Several machines as one, through Ray (extra `cluster`): joined or started here, quiet, and telling nobody."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from voice_helper.errors import VoiceHelperError, needs_package
from voice_helper.skill import Skill, open_skill
from voice_helper.tester.run import Case, Result, run_case

NAMESPACE: Final = "voice-helper"
WAITS_SECONDS: Final = 20.0
"""A machine needs some seconds to load the words; who has waited for so long is told so."""

_KNOCK_SECONDS: Final = 5.0
_LINES_A_TASK: Final = 100
_STORE_BYTES: Final = 100 * 2**20
_HERE_ALONE: Final = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
_NO_REPORTS: Final = {"RAY_USAGE_STATS_ENABLED": "0"}  # else Ray reports to its makers
_LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""By its name it is for other systems; everywhere it keeps all of Ray on 127.0.0.1."""


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Be part of the Ray cluster at an address; where none is given, of one that lives here as long as this.

    Raises `VoiceHelperError` where Ray is not installed, or the cluster is not reached.
    """
    os.environ.update(_NO_REPORTS)  # all of these are read when Ray is imported
    if address is None:
        os.environ.update({**_LOOPBACK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    with needs_package("a cluster", "cluster"):
        import ray
    _knock(address)
    where: Mapping[str, Any] = _HERE_ALONE if address is None else {}
    ends = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address or "local", namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, **where)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _not_reached(address) from error
    try:
        if ends is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ends)  # Ray's own would leave what was deployed as it is
        yield
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Find out at once whether anybody is there: Ray tries for more than a minute."""
    host, _, port = (address or "").rpartition(":")
    if host and "://" not in host and port.isdecimal():  # what else Ray takes for an address it finds itself
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
        except (OSError, OverflowError, UnicodeError) as error:
            raise _not_reached(address) from error


def _not_reached(address: str | None) -> VoiceHelperError:
    return VoiceHelperError(
        f"the Ray cluster {f'at {address}' if address else 'that is started here'} is not reached",
        hint="on this machine: ray status; with tokens also: export RAY_AUTH_MODE=token",
    )


def spread(
    cases: Sequence[Case],
    skill: Skill,
    folder: Path | None,
    settings: Mapping[str, str],
    announce: Callable[[str], None],
) -> Iterator[Result]:
    """Give what texts mean, in their order, found out by all machines of the cluster that was joined.

    `folder` is where the words lie on each of them, when not where they were installed; `announce` is told where it
    has to wait. Raises `VoiceHelperError` where a machine has other words than `skill`.
    """
    import ray

    content = skill.content
    run: Any = ray.remote(_run_cases)
    parts = [cases[start : start + _LINES_A_TASK] for start in range(0, len(cases), _LINES_A_TASK)]
    words = (content.language.code, folder, tuple(settings.items()))
    for number, results in enumerate([run.remote(part, words, content.content_key) for part in parts]):
        if number == 0 and not ray.wait([results], timeout=WAITS_SECONDS)[0]:
            announce('no core of the cluster seems to be free: waiting; "ray status" there shows what holds them')
        yield from ray.get(results)


# on any machine

_Words = tuple[str, Path | None, tuple[tuple[str, str], ...]]


@cache
def _skill_of(words: _Words) -> Skill:
    language, folder, settings = words
    return open_skill(language, folder=folder, settings=dict(settings))


def _run_cases(cases: Sequence[Case], words: _Words, content_key: str) -> list[Result]:
    skill = _skill_of(words)
    if skill.content.content_key != content_key:
        raise VoiceHelperError(
            "a machine of the cluster has other words than this one", hint="install the same version on all of them"
        )
    return [_timed(skill, case) for case in cases]


def _timed(skill: Skill, case: Case) -> Result:
    started = time.perf_counter()
    result = run_case(skill, case)
    return replace(result, seconds=time.perf_counter() - started)
