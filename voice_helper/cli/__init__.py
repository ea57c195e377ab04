"""The command line: one module per command."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    import signal
    import threading

    is_raised = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a shell may let it be ignored
    if is_raised and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a command runs, Ctrl-C would only show a traceback
    from voice_helper.cli import entry_point  # imported late, because it loads the terminal libraries

    entry_point.main(arguments)
