"""The values that a slot of a sentence can have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotValue:
    """One value of a list: what it is called inside, and how it is said aloud."""

    value: str
    say: str
    phrases: tuple[str, ...]
    """Every way to say it, short lists only; the first is the plainest."""
