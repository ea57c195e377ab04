"""The system's voice through pyttsx3: espeak on Linux, SAPI5 on Windows, NSSpeechSynthesizer on macOS.

On Linux, pyttsx3 is reliable only with one `save_to_file` and one `runAndWait` per sentence, always on the same thread.
pyttsx3 therefore only synthesizes; the package's own player plays the audio.
"""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeAlias

import numpy as np

from voice_helper.audio.devices import spoken_part, to_pcm
from voice_helper.errors import EngineMissingError, install_hint
from voice_helper.support.tempdir import temporary_folder

_ESPEAK_PACE: Final = 150 / 188  # at 150 words a minute, espeak actually speaks 188, not counting pauses
_TRIES: Final = 3
_NO_SOUND: Final = "the voice produces no sound"
_NO_SOUND_HINT: Final = "voice-helper doctor checks it; --voice none shows the text"
_START_SECONDS: Final = 20.0
_SENTENCE_SECONDS: Final = 30.0


_Work: TypeAlias = "queue.SimpleQueue[tuple[Callable[[Any], bytes], Future[bytes]] | None]"


class Pyttsx3Voice:
    """Synthesizes one sentence at a time, on its own thread."""

    name = "pyttsx3"

    def __init__(self) -> None:
        """Start the engine. Raises `EngineMissingError` if the system has no voice."""
        self._work: _Work = queue.SimpleQueue()
        weakref.finalize(self, self._work.put, None).atexit = False  # ends the thread
        started: Future[bytes] = Future()
        threading.Thread(target=_run, args=(self._work, started), name="pyttsx3", daemon=True).start()
        try:
            started.result(timeout=_START_SECONDS)
        except TimeoutError:
            raise _no_voice("it takes too long") from None

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono audio, without the engine's leading and trailing silence.

        Raises `EngineMissingError` if the engine produces no audio or does not respond.
        """
        if not any(character.isalnum() for character in text):
            return b""
        for _ in range(_TRIES):  # espeak sometimes produces nothing, but no instruction may be lost
            sound = self._call(lambda engine: _synthesise(engine, text, words_per_minute))
            if sound:
                return sound
        raise EngineMissingError(_NO_SOUND, hint=_NO_SOUND_HINT)

    def voices(self) -> list[str]:
        """Return the names of the engine's voices."""
        names = self._call(lambda engine: "\n".join(str(voice.name) for voice in engine.getProperty("voices")).encode())
        return names.decode().splitlines()

    def _call(self, job: Callable[[Any], bytes]) -> bytes:
        done: Future[bytes] = Future()
        self._work.put((job, done))
        try:
            return done.result(timeout=_SENTENCE_SECONDS)
        except TimeoutError:
            raise EngineMissingError("the voice does not respond", hint="voice-helper doctor checks it") from None


def _run(work: _Work, started: Future[bytes]) -> None:
    """Start the engine, and do its work until the voice is no longer used."""
    try:
        engine = _start_engine()
    except Exception as error:  # any error of the platform's engine means that there is no voice
        started.set_exception(_no_voice(error))
        return
    started.set_result(b"")
    while (next_one := work.get()) is not None:
        job, done = next_one
        try:
            done.set_result(job(engine))
        except Exception as error:  # raised again in the caller's thread
            done.set_exception(error)


def _no_voice(why: object) -> EngineMissingError:
    return EngineMissingError(
        f"the system's voice does not start: {why}",
        hint=f"{install_hint()}; or install espeak-ng; --voice none shows the answers as text",
    )


def _start_engine() -> Any:
    if sys.platform.startswith("linux"):
        _load_espeak()
    from pyttsx3.engine import Engine

    # pyttsx3.init would return an engine that another voice uses, or that hangs
    engine = Engine("espeak" if sys.platform.startswith("linux") else None)
    driver: Any = sys.modules.get("pyttsx3.drivers.espeak")
    if driver is not None:
        driver.print = lambda *_, **__: None  # it prints "Audio saved to ...", but standard output is for answers
        driver.EspeakDriver.destroy = lambda _: None  # it would take the sound from the engines that are still used
    return engine


def _load_espeak() -> None:
    """Load espeak-ng from its Python package, so that pyttsx3 finds it without a system-wide installation."""
    try:
        import espeakng_loader
    except ImportError:
        return  # the system may have its own espeak
    if not os.environ.get("ESPEAK_DATA_PATH"):
        os.environ["ESPEAK_DATA_PATH"] = str(espeakng_loader.get_data_path())
    ctypes.CDLL(str(espeakng_loader.get_library_path()), mode=ctypes.RTLD_GLOBAL)


def _synthesise(engine: Any, text: str, words_per_minute: float) -> bytes:
    import soundfile

    pace = _ESPEAK_PACE if sys.platform.startswith("linux") else 1.0
    engine.setProperty("rate", round(words_per_minute * pace))
    _wait_for_espeak()  # otherwise pyttsx3's stop before speaking also discards the new rate
    with temporary_folder() as folder:
        path = folder / "sentence.wav"
        _receive_sound(engine)
        engine.save_to_file(text, str(path))
        engine.runAndWait()
        _wait_for_espeak()
        if not path.is_file():
            return b""
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    return spoken_part(to_pcm(samples.mean(axis=1).astype(np.float32), rate))


def _receive_sound(engine: Any) -> None:
    """Let espeak pass its sound to this engine. Otherwise, the engine that was started last receives it."""
    espeak = sys.modules.get("pyttsx3.drivers._espeak")
    if espeak is not None:
        espeak.SetSynthCallback(engine.proxy._driver._onSynth)


def _wait_for_espeak() -> None:
    """Wait until espeak has finished. pyttsx3 returns while espeak's own thread is still working."""
    espeak = sys.modules.get("pyttsx3.drivers._espeak")
    if espeak is not None:
        espeak.Synchronize()


def open_engine() -> Pyttsx3Voice:
    """Open the voice. Raises `EngineMissingError`."""
    return Pyttsx3Voice()
