"""Measure how many words of an answer are disclaimers, markers and offers: `python -m bench.boilerplate`."""

from __future__ import annotations

from statistics import median

from tests.support.boilerplate import shares
from voice_helper.skill import Skill

if __name__ == "__main__":
    found = shares(Skill.load())
    for intent, share in sorted(found.items(), key=lambda item: item[1]):
        print(f"{share:6.1%}  {intent}")
    print(f"{median(found.values()):6.1%}  median of {len(found)} answers")
