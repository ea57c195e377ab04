"""The limits on connections that all servers share: who can connect, and how many clients can do so at a time."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Callable
from typing import Final

from voice_helper.recognizers import Recognizer

HELLO_SECONDS: Final = 10.0
"""The time limit, in seconds, for a client's first message. A client that misses it is disconnected."""

MAX_WAIT_SECONDS: Final = 5.0
"""The maximum time, in seconds, that a client waits for a free slot."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to a server at this host."""
    try:
        return ipaddress.ip_address(ipv4_of(host)).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def ipv4_of(host: str) -> str:
    """Return a host without the brackets of a URL, and an IPv4 address that is written as IPv6 (`::ffff:127.0.0.1`) as
    IPv4.
    """
    name = host.strip("[]")
    try:
        mapped = getattr(ipaddress.ip_address(name), "ipv4_mapped", None)
    except ValueError:
        return name
    return str(mapped or name)


def situation_at(host: str) -> dict[str, str]:
    """Return the `State.situation` for a server at this host, which says whether other machines can connect to it."""
    return {} if is_loopback(host) else {"serving": "on"}


_LOOK_SECONDS: Final = 0.05  # how often a waiting client checks for a free slot


class RecognizerPool:
    """A pool of recognizers, which are loaded on demand and reused. It limits how many users can speak at a time."""

    def __init__(self, most: int, open_recognizer: Callable[[], Recognizer]) -> None:
        self._open, self._left = open_recognizer, most
        self._recognizers: list[Recognizer] = []
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Reserve a slot without waiting. Return whether a slot was free."""
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            return True

    async def take_soon(self, max_seconds: float) -> bool:
        """Reserve a slot, waiting at most this long until one is free. Return whether a slot was reserved."""
        loop = asyncio.get_running_loop()
        until = loop.time() + max_seconds
        while not self.take():
            if loop.time() >= until:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    def recognizer(self) -> Recognizer:
        """Return a recognizer for a slot that the caller has reserved."""
        with self._lock:
            if self._recognizers:
                return self._recognizers.pop()
        return self._open()

    def give_back(self, recognizer: Recognizer | None) -> None:
        """Release the slot, and return the recognizer to the pool if it is reusable."""
        with self._lock:
            self._left += 1
            if recognizer is not None:
                self._recognizers.append(recognizer)
