"""Start processes that end with this one, and not by a Ctrl-C of their own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def starting_process() -> Iterator[None]:
    """Let the block start a process to the end. The process never receives Ctrl-C, which a terminal sends to all.

    If Ctrl-C or SIGTERM arrives meanwhile, it takes effect here after the block. Otherwise the process would get half
    of its orders, and print a traceback.
    """
    with _delayed(), _inherited_mask():
        yield


@contextmanager
def _inherited_mask() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _delayed() -> Iterator[None]:
    """Delay the signals, which may also arrive in another thread than this one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    arrived: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    delayed = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in delayed:
            signal.signal(number, keep)
        yield
    finally:
        for number, handler in delayed.items():
            signal.signal(number, handler)
        for given in arrived:
            signal.raise_signal(given)
