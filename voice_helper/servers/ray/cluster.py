"""Several machines as one, through Ray (extra `cluster`): joined or started here, quiet, and telling nobody."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from voice_helper.errors import VoiceHelperError, needs_package

NAMESPACE: Final = "voice-helper"

_KNOCK_SECONDS: Final = 5.0
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
