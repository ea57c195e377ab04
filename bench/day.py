"""Simulate a day in a room, in virtual time, with the real loop: `python -m bench.day [--hours N]`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from itertools import islice

from bench.lines import machine, write_result
from bench.talk import other_talk
from tests.support.day import SAID_AN_HOUR, Hour, drift, live_through
from tests.support.sound import heard_from, recording
from voice_helper.types import SAMPLE_RATE

_SAID = ("put_heat_on_it", "bananas", "have_a_cramp", "what_is_a_cramp", "numb", "stretching", "stop", "privacy")
_TALKS = 12
_TALK_SECONDS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    options = parser.parse_args()
    talks = [pcm[: _TALK_SECONDS * SAMPLE_RATE * 2] for pcm in islice(other_talk(), _TALKS)]
    each_hour = {"seconds of talk": _TALK_SECONDS, "questions, signs of danger, sessions and stops": SAID_AN_HOUR}
    hours: list[Hour] = []
    for hour in live_through(options.hours, [heard_from(recording(name)) for name in _SAID], talks):
        hours.append(hour)
        print(hour, flush=True)
        if len(hours) > 1:  # written after each hour, so that an interrupted run keeps its results
            told = {"each hour": each_hour, "drift": drift(hours), "hours": [asdict(each) for each in hours]}
            write_result("day", {"machine": machine(), **told})
    print(json.dumps(drift(hours), indent=1))


if __name__ == "__main__":
    main()
