"""Run the command line with `python -m voice_helper`."""

from __future__ import annotations

from voice_helper.cli import main

if __name__ == "__main__":
    main()
