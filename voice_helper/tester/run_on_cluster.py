"""Test a batch of lines on all machines of the joined Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from voice_helper.errors import VoiceHelperError
from voice_helper.skill import Skill, open_skill
from voice_helper.tester.run import Case, Result, run_case

WAITS_SECONDS: Final = 20.0
"""The time, in seconds, after which a message says that the machines are still loading the content."""

_LINES_A_TASK: Final = 100


def run_on_cluster(
    cases: Sequence[Case],
    skill: Skill,
    folder: Path | None,
    settings: Mapping[str, str],
    announce: Callable[[str], None],
) -> Iterator[Result]:
    """Yield the meaning of each text, in order, computed by all machines of the joined cluster.

    `folder` is the path of the intents folder on each machine, if it is not in the installed location. `announce` is
    called with a message if there is a wait. Raises `VoiceHelperError` if the content on a machine differs from that of
    `skill`.
    """
    import ray

    content = skill.content
    run: Any = ray.remote(_run_cases)
    parts = [cases[start : start + _LINES_A_TASK] for start in range(0, len(cases), _LINES_A_TASK)]
    words = (content.language.code, folder, tuple(settings.items()))
    for number, results in enumerate([run.remote(part, words, content.content_key) for part in parts]):
        if number == 0 and not ray.wait([results], timeout=WAITS_SECONDS)[0]:
            announce('no core of the cluster seems to be free: waiting; "ray status" there shows what holds them')
        yield from ray.get(results)


# Runs on any machine of the cluster

_Words = tuple[str, Path | None, tuple[tuple[str, str], ...]]


@cache
def _skill_of(words: _Words) -> Skill:
    language, folder, settings = words
    return open_skill(language, folder=folder, settings=dict(settings))


def _run_cases(cases: Sequence[Case], words: _Words, content_key: str) -> list[Result]:
    skill = _skill_of(words)
    if skill.content.content_key != content_key:
        raise VoiceHelperError(
            "a machine of the cluster has different content", hint="install the same version on all of them"
        )
    skill.read_ahead([case.text for case in cases])
    return [_timed(skill, case) for case in cases]


def _timed(skill: Skill, case: Case) -> Result:
    started = time.perf_counter()
    result = run_case(skill, case)
    return replace(result, seconds=time.perf_counter() - started)
