"""The process that runs Vosk, shared by all speakers, with a simulated vosk library that hangs on request."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest

from tests.support.patience import wait_until
from voice_helper.errors import EngineFaultError
from voice_helper.recognizers import EngineRequest, vosk
from voice_helper.recognizers.vosk import VoskRecognizer, open_engine
from voice_helper.types import AudioChunk, Phrases

_LIBRARY = """
import json, threading
HANGS = bytes([1, 1])
opened = 0

def SetLogLevel(level): pass

class Model:
    def __init__(self, model_path): pass
    def vosk_model_find_word(self, word): return 1

class KaldiRecognizer:
    def __init__(self, *given):
        global opened
        opened += 1
    def __del__(self):
        global opened
        opened -= 1
    def SetWords(self, wants): pass
    def Reset(self): pass
    def AcceptWaveform(self, pcm):
        if pcm.startswith(HANGS):
            threading.Event().wait()
        return False
    def PartialResult(self): return json.dumps({"partial": f"opened {opened}"})
    def FinalResult(self): return json.dumps({"text": f"opened {opened}"})
"""
"""A library whose recognizers return how many of them exist, and hang on a chunk that begins with `HANGS`."""

HANGS = AudioChunk(bytes([1, 1]) * 512)
QUIET = AudioChunk(bytes(1024))
NO_PHRASES = Phrases((), ())


@pytest.fixture(autouse=True)
def simulated_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each process load the simulated library."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "vosk.py").write_text(_LIBRARY)
    paths = [str(tmp_path / "library"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setattr(vosk, "_find_vosk", lambda: None)


def hang(recognizer: VoskRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the process of a recognizer hang in a call whose time limit is short."""
    with monkeypatch.context() as impatient:
        impatient.setattr(vosk, "_CALL_SECONDS", 0.1)
        with pytest.raises(EngineFaultError, match="Vosk did not answer"):
            recognizer.accept(HANGS)


def test_a_process_that_hangs_is_killed_and_all_speakers_after_that_share_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_engine(EngineRequest(NO_PHRASES, "en", tmp_path))
    first, other = opened.recognizer, opened.another()
    assert isinstance(first, VoskRecognizer)
    hang(first, monkeypatch)
    with pytest.raises(EngineFaultError, match="Vosk crashed"):
        other.accept(QUIET)
    later = [opened.another(), opened.another(), open_engine(EngineRequest(NO_PHRASES, "en", tmp_path)).recognizer]
    assert [each.accept(QUIET) for each in later] == ["opened 3"] * 3
    assert first.loaded._process.wait() != 0


def test_a_speaker_who_comes_while_the_process_hangs_gets_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = VoskRecognizer(tmp_path, NO_PHRASES)
    hanging = threading.Thread(target=hang, args=(first, monkeypatch))
    hanging.start()
    wait_until(first.loaded._one_at_a_time.locked)
    assert VoskRecognizer(tmp_path, NO_PHRASES).accept(QUIET) == "opened 1"
    hanging.join()


def test_a_recognizer_that_is_no_longer_used_is_released(tmp_path: Path) -> None:
    kept = VoskRecognizer(tmp_path, NO_PHRASES)
    for _ in range(3):
        VoskRecognizer(tmp_path, NO_PHRASES)
    gc.collect()
    assert kept.accept(QUIET) == "opened 1"
    assert kept.finish().text == "opened 1"
