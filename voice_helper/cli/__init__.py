"""The command line, one module per command."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    from voice_helper.cli import entry_point  # not before it is called: it loads the libraries of the terminal

    entry_point.main(arguments)
