"""The possible values of a slot in a sentence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotValue:
    """One value of a list: its internal name and how it is spoken."""

    value: str
    say: str
    phrases: tuple[str, ...]
    """The phrases that stand for the value, the plainest first. Their number is limited."""
