"""Make sure that Ctrl-C and a request to terminate end a command, whatever it is doing when the signal arrives."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from voice_helper.errors import Terminated

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_REPEAT_SECONDS: Final = 0.01
"""The delay, in seconds, before the signal of a lost interrupt is sent again. By then, the callback that lost it has
returned.
"""


def raise_interrupts() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt`, and SIGTERM and SIGHUP raise `Terminated`."""
    for number in _signals():
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _on_terminate)


def end_at_interrupts() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end the program at once, because no command runs any more."""
    for number in _signals():
        signal.signal(number, signal.SIG_DFL)


def _signals() -> Iterator[signal.Signals]:
    """Yield the signals that the system has and that are not ignored, as they are under nohup.

    Outside the main thread, which alone may set handlers, there are none.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            yield number


def repeat_lost_interrupts() -> None:
    """Send the signal of an interrupt again if Python had to drop its exception.

    Python cannot raise an exception out of a finalizer or the callback of a weak reference. It prints "Exception
    ignored" instead and continues, so a Ctrl-C during garbage collection would have no effect.
    """
    report = sys.unraisablehook

    def repeat_or_report(lost: UnraisableHookArgs) -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            report(lost)
            return
        number = signal.SIGTERM if isinstance(lost.exc_value, Terminated) else signal.SIGINT
        timer = threading.Timer(_REPEAT_SECONDS, _interrupt_main, (number,))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = repeat_or_report


def _interrupt_main(number: signal.Signals) -> None:
    """Send a signal to the main thread. The signal interrupts a system call in which that thread is waiting."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)  # Windows


def _on_terminate(number: int, frame: object) -> None:
    raise Terminated
