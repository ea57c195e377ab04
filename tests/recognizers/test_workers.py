from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.sound import chunks_of, phrases, recorded
from voice_helper.recognizers.embedded.network import is_available
from voice_helper.recognizers.embedded.shared_models import EmbeddedModels
from voice_helper.recognizers.embedded.workers import EmbeddedWorkers
from voice_helper.skill import Skill
from voice_helper.types import Transcript

pytestmark = pytest.mark.skipif(not is_available(), reason="the embedded recognizer needs hama and kaldi-decoder")


@pytest.fixture(scope="module")
def workers(skill: Skill) -> Iterator[EmbeddedWorkers]:
    workers = EmbeddedWorkers(phrases(skill), 2)
    yield workers
    workers.close()


def heard_by(models: EmbeddedWorkers | EmbeddedModels) -> Transcript:
    recognizer = models.recognizer()
    for chunk in chunks_of(recorded("put_heat_on_it")):
        recognizer.accept(chunk)
    return recognizer.finish()


@pytest.mark.slow
def test_simultaneous_speakers_get_the_same_transcripts_as_one_alone(skill: Skill, workers: EmbeddedWorkers) -> None:
    models = EmbeddedModels(phrases(skill))
    alone = heard_by(models)
    assert "heat" in alone.text
    with ThreadPoolExecutor(4) as speakers:
        assert list(speakers.map(heard_by, [workers] * 4)) == [alone] * 4
        assert list(speakers.map(heard_by, [models] * 4)) == [alone] * 4


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_and_nobody_notices(workers: EmbeddedWorkers) -> None:
    before = heard_by(workers)
    for process in multiprocessing.active_children():
        process.kill()
    assert heard_by(workers) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which signals a process blocks")
def test_ctrl_c_does_not_reach_a_process_from_its_first_moment_on(workers: EmbeddedWorkers) -> None:
    assert heard_by(workers).text
    for process in multiprocessing.active_children():
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
        assert blocked >> signal.SIGINT - 1 & 1
