"""Join or start a Ray cluster (extra `cluster`), with Ray's logging and usage reports turned off."""

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
_NO_REPORTS: Final = {"RAY_USAGE_STATS_ENABLED": "0"}  # otherwise Ray sends usage reports to its developers
_LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""The environment variable that keeps all of Ray on 127.0.0.1.

In spite of its name, it works on every operating system.
"""


@contextmanager
def joined_cluster(address: str | None) -> Iterator[None]:
    """Join the Ray cluster at an address. Without an address, start a local cluster for the duration of the block.

    Raises `VoiceHelperError` if Ray is not installed or the cluster cannot be reached.
    """
    os.environ.update(_NO_REPORTS)  # Ray reads these variables when it is imported
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
            signal.signal(signal.SIGTERM, ends)  # with Ray's handler, the deployment would keep running
        yield
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Check quickly whether the address accepts connections, because Ray retries for more than a minute.

    Raises `VoiceHelperError` if it does not.
    """
    host, _, port = (address or "").rpartition(":")
    if host and "://" not in host and port.isdecimal():  # Ray resolves other forms of addresses itself
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
        except (OSError, OverflowError, UnicodeError) as error:
            raise _not_reached(address) from error


def _not_reached(address: str | None) -> VoiceHelperError:
    return VoiceHelperError(
        f"the Ray cluster {f'at {address}' if address else 'that is started here'} is not reached",
        hint="on this machine: ray status; with tokens also: export RAY_AUTH_MODE=token",
    )
