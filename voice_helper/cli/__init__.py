"""The command line: one module per command."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    from voice_helper.cli import entry_point  # imported late, because it loads the terminal libraries

    entry_point.main(arguments)
