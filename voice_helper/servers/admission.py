"""What the servers share: who can connect, and how many at a time."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from typing import Final

from voice_helper.recognizers import Recognizer

HELLO_SECONDS: Final = 10.0
"""Whoever connects says something within this time."""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can connect to a server at this host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def situation_at(host: str) -> dict[str, str]:
    """Give what a conversation is told of a server at this host: whether words come from other machines."""
    return {} if is_loopback(host) else {"serving": "on"}


class RecognizerPool:
    """So many people are heard at a time; a recognizer is loaded for each and handed on to the next."""

    def __init__(self, most: int, open_recognizer: Callable[[], Recognizer]) -> None:
        self._open, self._left = open_recognizer, most
        self._recognizers: list[Recognizer] = []
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a place, if one is left."""
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            return True

    def recognizer(self) -> Recognizer:
        """Give a recognizer to the one who took a place."""
        with self._lock:
            if self._recognizers:
                return self._recognizers.pop()
        return self._open()

    def give_back(self, recognizer: Recognizer | None) -> None:
        """Give the place back, and the recognizer if it can be used again."""
        with self._lock:
            self._left += 1
            if recognizer is not None:
                self._recognizers.append(recognizer)
