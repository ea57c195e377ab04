"""Audio input and output: WAV files, the microphone, the loudspeaker. Internally, all audio is 16 kHz, 16-bit, mono."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import queue
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal, Protocol, Self, TypedDict

import numpy as np
import numpy.typing as npt
import soxr

from voice_helper.audio.limiter import PEAK, limited
from voice_helper.errors import AudioFileError, SoundDeviceError, SoundFormatError
from voice_helper.support.atomic_write import write_whole
from voice_helper.support.clock import clock_seconds
from voice_helper.support.settings import file_that_sets
from voice_helper.support.silence_stderr import quiet_stderr
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE, AudioChunk

DeviceKind = Literal["microphone", "loudspeaker"]

_CHIME_SECONDS, _CHIME_FROM, _CHIME_TO, _CHIME_LOUDNESS = 0.5, 150.0, 7_000.0, 0.1
_SILENT_BELOW: Final = 100
_FULL_SCALE: Final = 32_767.0
_ONSET_SAMPLES: Final = round(0.02 * SAMPLE_RATE)  # an "h" begins softly
_BLOCK_FRAMES: Final = 16_384
_HEADER_BYTES: Final = 65_536
_MAX_PIPED_BYTES: Final = 512 * 1024 * 1024
_SOUND_SUFFIXES: Final = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".m4a", ".aac", ".wma"}
)
_SOUND_MARKS: Final = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"caff", b"ID3", b"\xff\xfb")
_MAX_CHANNELS: Final = 64
_MIN_RATE, _MAX_RATE = 4_000, 768_000  # hertz; a lower rate in a header is wrong and would turn seconds into hours
_DEVICE_RATES: Final = (48_000, 44_100)
_BUSY: Final = -9985  # PortAudio's paDeviceUnavailable
_MICROPHONE_WAIT_SECONDS: Final = 5.0
_MISSED_SECONDS: Final = 3.0  # sound servers deliver in bursts, and clocks drift apart
_SETTLED_SECONDS: Final = 2.0  # by then, audio that a sound server buffered during sleep has arrived
_MAX_MISSED_SECONDS: Final = 15 * 60.0  # no session is still running by then
_SYSTEMS_CHOICE: Final = (
    "default", "sysdefault", "pulse", "pipewire",  # Linux
    "microsoft sound mapper - input", "microsoft sound mapper - output",
    "primary sound capture driver", "primary sound driver",
)  # fmt: skip
_STALLED_SECONDS: Final = 5.0  # a loudspeaker that accepts no audio for this long counts as disconnected
_RELEASE_SECONDS: Final = 3.0
_MAX_BEHIND_SECONDS: Final = 5.0  # after sleep, there is no audio to catch up with
_SHORTEST_PAUSE_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.1
_LOOK_AGAIN_CHUNKS: Final = 3 * SAMPLE_RATE // CHUNK_SAMPLES
_MAX_PLAYED_SECONDS: Final = 5  # kept if the caller does not fetch them
_CHUNKS_A_SECOND: Final = SAMPLE_RATE // CHUNK_SAMPLES


class Source(Protocol):
    """A source of audio."""

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the audio in chunks of `CHUNK_SAMPLES` samples. The last chunk may be shorter."""


class Player(Protocol):
    """An output for speech."""

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        """Queue 16 kHz audio for playback."""

    def hush(self) -> None:
        """Stop playback immediately."""

    def advance(self, samples: int) -> bytes:
        """Advance the source's clock by `samples`. Return the audio played in that time (16 kHz)."""

    @property
    def is_playing(self) -> bool:
        """Return whether any audio is still playing or queued."""


class WavSource:
    """Reads an audio file of any length in chunks."""

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        """Check the file. Input from a pipe, such as `-` (standard input), is read to its end.

        `content` is the data of a pipe that was read before, because a pipe can be read only once. Raises
        `AudioFileError` if the file does not exist, is not an audio file, or is empty.
        """
        self.name = "standard input" if comes_from_stdin(path) else str(path)
        self._content: Path | bytes = _content(path, self.name) if content is None else _whole(content, self.name)
        with self._open() as sound:
            if sound.frames == 0:
                raise AudioFileError(f"{self.name} contains no audio", hint="record the question again")
            if sound.channels > _MAX_CHANNELS:
                raise AudioFileError(f"{self.name} has {sound.channels} channels", hint="save it with one or two")
            if not _MIN_RATE <= sound.samplerate <= _MAX_RATE:
                raise AudioFileError(
                    f"{self.name} has a sample rate of {sound.samplerate} Hz", hint="save it at 16000 or 44100 Hz"
                )

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the audio of the file from its start."""
        waiting = bytearray()
        for samples in self._blocks():
            waiting += _pcm(samples)
            whole = len(waiting) - len(waiting) % (CHUNK_SAMPLES * 2)
            for start in range(0, whole, CHUNK_SAMPLES * 2):
                yield AudioChunk(bytes(waiting[start : start + CHUNK_SAMPLES * 2]))
            del waiting[:whole]
        if waiting:
            yield AudioChunk(bytes(waiting))

    def _open(self) -> Any:
        import soundfile

        content = self._content
        try:
            return soundfile.SoundFile(io.BytesIO(content) if isinstance(content, bytes) else _file_name(content))
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
            reason = str(error).rsplit(": ", 1)[-1].strip()
            raise AudioFileError(f"{self.name} is not readable as audio: {reason}", hint="save it as WAV") from error

    def _blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        with self._open() as sound:
            resample = soxr.ResampleStream(sound.samplerate, SAMPLE_RATE, 1, dtype="float32")
            while True:
                try:
                    block = sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
                except (RuntimeError, ValueError) as error:
                    raise AudioFileError(f"{self.name} breaks off: {error}", hint="record it again") from error
                last = len(block) < _BLOCK_FRAMES
                mono = np.nan_to_num(block.mean(axis=1)).astype(np.float32)
                yield np.asarray(resample.resample_chunk(mono, last=last), dtype=np.float32)
                if last:
                    return


class RawSound:
    """Converts headerless audio from a network to 16 kHz, 16-bit, mono. The input may arrive in blocks of any
    length.
    """

    def __init__(self, rate: int, width: int, channels: int) -> None:
        """Set the input format: samples per second, bytes per sample, and number of channels.

        Samples are little-endian; one-byte samples are unsigned. Raises `SoundFormatError` for an impossible format.
        """
        if not _MIN_RATE <= rate <= _MAX_RATE or not 1 <= width <= 4 or not 1 <= channels <= _MAX_CHANNELS:
            raise SoundFormatError(
                f"audio with {rate} Hz, {width} bytes per sample and {channels} channels is not supported",
                hint="send 16000 Hz, 2 bytes per sample, 1 channel",
            )
        self.form = (rate, width, channels)
        self._as_inside = self.form == (SAMPLE_RATE, 2, 1)
        self._resample = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        self._waiting = bytearray()

    def take(self, raw: bytes) -> bytes:
        """Convert a block of any length, and return all audio converted so far that was not returned before.

        An incomplete sample is kept until the rest of it arrives.
        """
        self._waiting += raw
        _, width, channels = self.form
        whole = len(self._waiting) - len(self._waiting) % (width * channels)
        ready = bytes(self._waiting[:whole])
        del self._waiting[:whole]
        if self._as_inside:
            return ready
        mono = _from_raw(ready, width).reshape(-1, channels).mean(axis=1).astype(np.float32)
        return _pcm(np.asarray(self._resample.resample_chunk(mono), dtype=np.float32))

    def finish(self) -> bytes:
        """Return the audio still held back for resampling, once the input has ended."""
        if self._as_inside:
            return b""
        return _pcm(np.asarray(self._resample.resample_chunk(np.zeros(0, np.float32), last=True), dtype=np.float32))


def _from_raw(raw: bytes, width: int) -> npt.NDArray[np.float32]:
    """Convert samples of 1 to 4 bytes to numbers from -1.0 to 1.0."""
    given = np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)
    wide = np.zeros((len(given), 4), dtype=np.uint8)
    wide[:, 4 - width :] = given ^ 0x80 if width == 1 else given
    return (wide.view("<i4").ravel() / 2.0**31).astype(np.float32)


class QuietRoom:
    """Takes the place of a microphone. Yields silence in real time, so that a session on the screen keeps its pace."""

    def __init__(self, since: float | None = None) -> None:
        """Start the clock at `since`, in seconds of the system's clock, or now."""
        self._since = clock_seconds() if since is None else since

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield silence as time passes."""
        due = self._since
        while True:
            due = max(due + CHUNK_SAMPLES / SAMPLE_RATE, clock_seconds() - _MAX_MISSED_SECONDS)
            time.sleep(max(0.0, due - clock_seconds()))
            yield AudioChunk(bytes(CHUNK_SAMPLES * 2))


class LastingMicrophone:
    """Keeps a microphone running. While it is disconnected, this source yields silence in real time and tries to reopen
    it.
    """

    def __init__(self, microphone: Microphone, device: str | None, announce: Callable[[str], None]) -> None:
        """Wrap an open microphone. `announce` is called when it is disconnected and when it is back."""
        self._microphone: Microphone | None = microphone
        self._device, self._announce = device, announce
        self.away: str | None = None
        """Why the microphone is unavailable at the moment. `None` while it works."""

    def close(self) -> None:
        """Release the device."""
        if self._microphone is not None:
            self._microphone.close()

    @property
    def behind_seconds(self) -> float:
        """Return how many seconds of audio are waiting to be read."""
        return 0.0 if self._microphone is None else self._microphone.behind_seconds

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield audio as it arrives, or silence while there is no microphone."""
        while True:
            if self._microphone is not None:
                yield from self._heard(self._microphone)
            room = QuietRoom(clock_seconds() - _MICROPHONE_WAIT_SECONDS).chunks()
            while self._microphone is None:
                for _, chunk in zip(range(_LOOK_AGAIN_CHUNKS), room, strict=False):
                    yield chunk
                with contextlib.suppress(SoundDeviceError), quiet_stderr():
                    self._microphone = Microphone(self._device)
            self.away = None
            self._announce("the microphone is back")

    def _heard(self, microphone: Microphone) -> Iterator[AudioChunk]:
        try:
            yield from microphone.chunks()
        except SoundDeviceError as error:
            self._announce(f"{error.message}; the program continues, and listens again when the microphone is back")
            self.away = error.message
            microphone.let_go()  # without waiting: the session continues meanwhile
            self._microphone = None


class LoopTiming(TypedDict, total=False):
    """How the voice loop follows a source in real time. It is empty for a recording, whose length is its time."""

    clock_seconds: Callable[[], float]
    """Returns the time of the clock that times the session."""

    behind_seconds: Callable[[], float]
    """Returns how many seconds of audio are waiting in the source."""


def loop_timing(source: Source) -> LoopTiming:
    """Return how the voice loop follows a source: a microphone, or the silence that replaces it, by the clock."""
    if isinstance(source, LastingMicrophone):
        return {"clock_seconds": clock_seconds, "behind_seconds": lambda: source.behind_seconds}
    return {"clock_seconds": clock_seconds} if isinstance(source, QuietRoom) else {}


class KeptSource:
    """Records a source to one WAV file in a folder. The audio is stored nowhere else.

    Even if the program crashes, at most the last second is missing from the file. If the disk is full, only the
    recording stops.
    """

    def __init__(self, source: Source, folder: Path, name: str, announce: Callable[[str], None]) -> None:
        """Create the folder and the file. Raises `AudioFileError` if that fails.

        `announce` is called with a message if the recording has to stop.
        """
        self._source, self._announce = source, announce
        self.path = folder / f"{name}.wav"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._opened = self.path.open("xb")
        except OSError as error:
            raise AudioFileError(
                f"{self.path} cannot be written: {error.strerror}", hint="choose another folder for --debug-recording"
            ) from error

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the audio of the source and record it."""
        file = _GrowingWav(self._opened, lambda why: self._announce(f"the recording is no longer saved: {why}"))
        try:
            for chunk in self._source.chunks():
                file.add(chunk.pcm)
                yield chunk
        finally:
            file.close()


class _GrowingWav:
    """A WAV file that is written as its audio arrives. Even if the program crashes, at most the last second is missing.

    If the disk is full, only the file stops growing.
    """

    def __init__(self, opened: BinaryIO, stopped: Callable[[str], None]) -> None:
        """Write to an opened file. `stopped` is called with the reason if that fails."""
        self._opened, self._stopped = opened, stopped
        self._file = _wav_writer(opened)
        self._has_stopped, self._pieces = False, 0

    def add(self, pcm: bytes) -> None:
        """Write a piece of about the length of a chunk."""
        if self._has_stopped:
            return
        self._pieces += 1
        try:
            if self._pieces % _CHUNKS_A_SECOND:
                self._file.writeframesraw(pcm)
            else:
                self._file.writeframes(pcm)  # also updates the length in the header
                self._opened.flush()
        except OSError as error:
            self._has_stopped = True
            self._stopped(str(error.strerror))

    def close(self) -> None:
        """Complete and close the file."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._opened.close()


def _quiet_chunks(seconds: float) -> Iterator[AudioChunk]:
    for _ in range(round(seconds * SAMPLE_RATE / CHUNK_SAMPLES)):
        yield AudioChunk(bytes(CHUNK_SAMPLES * 2))


def silence(seconds: float) -> bytes:
    """Return silence of the given length."""
    return bytes(2 * round(seconds * SAMPLE_RATE))


def chime() -> bytes:
    """Return the chime that signals listening: half a second, soft, rising through the frequency range of a voice."""
    seconds = np.arange(round(_CHIME_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    rise = math.log(_CHIME_TO / _CHIME_FROM) / _CHIME_SECONDS
    phase = 2 * np.pi * _CHIME_FROM * (np.exp(rise * seconds) - 1) / rise
    swell = np.sin(np.pi * seconds / _CHIME_SECONDS) ** 0.5
    return _pcm((_CHIME_LOUDNESS * swell * np.sin(phase)).astype(np.float32)) + silence(0.2)


def to_pcm(samples: npt.NDArray[np.float32], rate: int) -> bytes:
    """Convert samples synthesized at any rate (in hertz) to 16 kHz, 16-bit audio with peaks of at most -1 dBFS."""
    if rate != SAMPLE_RATE:
        samples = np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), dtype=np.float32)
    return _limited_pcm(samples, SAMPLE_RATE)


def spoken_part(pcm: bytes) -> bytes:
    """Remove the silence that speech synthesizers add before and after a sentence.

    This program inserts its own pauses.
    """
    loud = np.flatnonzero(np.abs(_samples(pcm).astype(np.int32)) > _SILENT_BELOW)
    if not len(loud):
        return b""
    starts = max(0, int(loud[0]) - _ONSET_SAMPLES)
    return pcm[starts * 2 : (int(loud[-1]) + 1) * 2]


def write_wav(path: Path, pcm: bytes) -> None:
    """Write 16 kHz audio to a WAV file, completely or not at all. Raises `AudioFileError` if that fails."""
    try:
        made = io.BytesIO()
        with _wav_writer(made) as file:
            file.writeframes(pcm)
        write_whole(path, made.getvalue())
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> AudioFileError:
    return AudioFileError(f"{path} cannot be written: {error.strerror}", hint="choose another location")


def _wav_writer(opened: BinaryIO) -> wave.Wave_write:
    file = wave.Wave_write(opened)
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(SAMPLE_RATE)
    return file


def comes_from_stdin(path: Path) -> bool:
    """Return whether a path means standard input: `-`, or /dev/stdin if that is a pipe."""
    return str(path) == "-" or (str(path) == "/dev/stdin" and not path.is_file())


def is_sound_name(path: Path) -> bool:
    """Return whether a file name has the extension of an audio format."""
    return path.suffix.casefold() in _SOUND_SUFFIXES


def begins_like_sound(content: bytes) -> bool:
    """Return whether a file that begins with these bytes is an audio file."""
    return content.startswith(_SOUND_MARKS)


def _content(path: Path, name: str) -> Path | bytes:
    """Return the path of an audio file. If the file cannot be read in parts, such as a pipe, return its content
    instead.
    """
    try:
        if comes_from_stdin(path):
            content = sys.stdin.buffer.read(_MAX_PIPED_BYTES + 1)
        elif path.is_dir():
            raise AudioFileError(f"{path} is a folder", hint="name an audio file in it")
        elif not path.exists():
            raise AudioFileError(f"there is no file {path}", hint="check the path")
        elif path.is_file():
            with path.open("rb") as file:
                content = file.read(_HEADER_BYTES)
            if content and _sized(content) is content:
                return path
            content = path.read_bytes()
        else:
            with path.open("rb") as file:
                content = file.read(_MAX_PIPED_BYTES + 1)
    except OSError as error:
        raise AudioFileError(f"{name} cannot be read: {error.strerror}", hint="check the path") from error
    return _whole(content, name)


def _file_name(path: Path) -> str | bytes:
    """Return a path in the form in which libsndfile opens it, also if its name is not valid text."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)


def read_pipe(path: Path) -> bytes | None:
    """Read a named pipe to its end, but stop slightly past the maximum size of an audio file.

    Return `None` if the path is not a named pipe.
    """
    if comes_from_stdin(path) or not path.is_fifo():
        return None
    with path.open("rb") as file:
        return file.read(_MAX_PIPED_BYTES + 1)


def _whole(content: bytes, name: str) -> bytes:
    """Return the content of an audio file that was read from a pipe.

    Raises `AudioFileError` if it is empty or too long.
    """
    if not content:
        raise AudioFileError(f"{name} is empty", hint="record the question again")
    if len(content) > _MAX_PIPED_BYTES:
        raise AudioFileError(f"{name} never ends", hint="save it to a file first")
    return _sized(content)


def _sized(content: bytes) -> bytes:
    """If the header of a WAV file gives the length of its audio as 0, return the content with the actual length.

    A program that writes to a pipe cannot go back to its header. Other content is returned unchanged.
    """
    if not (content.startswith(b"RIFF") and content[8:12] == b"WAVE"):
        return content
    at = 12
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        if content[at : at + 4] == b"data":
            left = len(content) - at - 8
            if length == 0 and left:
                return content[: at + 4] + left.to_bytes(4, "little") + content[at + 8 :]
            return content
        at += 8 + length + length % 2
    return content


def _pcm(samples: npt.NDArray[np.float32]) -> bytes:
    return bytes((np.clip(samples, -1.0, 1.0) * _FULL_SCALE).round().astype("<i2").tobytes())


# Players: without a loudspeaker, and with one


class SilentPlayer:
    """A player without a device.

    It plays on the source's clock and keeps the audio, so that a WAV file can be written on the same timeline.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._waiting = bytearray()
        self._keep = keep
        self._played = bytearray()

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        """Queue audio for playback."""
        self._waiting += louder(pcm, loudness)

    def hush(self) -> None:
        """Stop playback immediately."""
        self._waiting.clear()

    def advance(self, samples: int) -> bytes:
        """Play this number of samples and return them."""
        playing = bytes(self._waiting[: samples * 2]).ljust(samples * 2, b"\0")
        del self._waiting[: samples * 2]
        if self._keep:
            self._played += playing
        return playing

    @property
    def is_playing(self) -> bool:
        """Return whether any audio is still queued."""
        return bool(self._waiting)

    def finish(self) -> bytes:
        """Return all audio played so far, followed by the audio that is still queued."""
        return bytes(self._played + self._waiting)


class KeptPlayer:
    """Records what a player plays, with the silence in between, to a WAV file."""

    def __init__(self, player: Player, path: Path, announce: Callable[[str], None]) -> None:
        """Create the file. Raises `AudioFileError` if that fails.

        `announce` is called with a message if the recording has to stop.
        """
        self._player = player
        try:
            opened = path.open("wb")
        except OSError as error:
            raise _unwritable(path, error) from error
        self._file = _GrowingWav(opened, lambda why: announce(f"{path} is no longer written: {why}"))

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        """Queue audio for playback."""
        self._player.play(pcm, loudness)

    def hush(self) -> None:
        """Stop playback immediately."""
        self._player.hush()

    def advance(self, samples: int) -> bytes:
        """Return the audio played in this time, and record it."""
        played = self._player.advance(samples)
        self._file.add(played)
        return played

    @property
    def is_playing(self) -> bool:
        """Return whether any audio is still playing or queued."""
        return self._player.is_playing

    def close(self) -> None:
        """Complete the file."""
        self._file.close()


class _Device:
    """An open sound device that is released at the end of its `with` block."""

    _stream: Any
    _releasing: threading.Thread | None = None

    def close(self) -> None:
        """Release the device. If the sound library hangs, abandon the device."""
        self.let_go().join(_RELEASE_SECONDS)

    def let_go(self) -> threading.Thread:
        """Begin to release the device, unless that has begun. Return the thread that does so."""
        if self._releasing is None:
            self._releasing = _begin_release(self._stream)
        return self._releasing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Loudspeaker(_Device):
    """Plays through PortAudio, from a buffer that `hush` empties.

    While the device is disconnected, queued audio is consumed in real time, as if it were playing.
    """

    def __init__(self, device: str | None = None, announce: Callable[[str], None] = lambda text: None) -> None:
        """Open the device. `announce` is called when it is disconnected and when it is back.

        Raises `SoundDeviceError` if no device works.
        """
        self._device, self._announce = device, announce
        self._chunks_away = 0
        self._stalled_seconds, self._looked = 0.0, clock_seconds()
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._drained = threading.Event()
        self._drained.set()
        self._played, self._in_step, self._owed = bytearray(), bytearray(), 0
        self._open()

    def _open(self) -> None:
        sounddevice = import_sounddevice()
        stream, self._rate = _open_stream(sounddevice.RawOutputStream, self._device, self._fill, "loudspeaker")
        self._latency_seconds = float(stream.latency)
        self._lasts_until, self._behind_samples = math.nan, 0
        self._at_16_khz = soxr.ResampleStream(self._rate, SAMPLE_RATE, 1, dtype="int16")
        _start(stream, "loudspeaker")
        self._stream, self._releasing = stream, None

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        """Queue audio for playback."""
        sound = as_output(pcm, loudness, self._rate)
        with self._lock:
            self._waiting += sound
            if self._waiting:
                self._drained.clear()

    def hush(self) -> None:
        """Stop playback immediately."""
        with self._lock:
            self._waiting.clear()
            self._drained.set()

    def advance(self, samples: int) -> bytes:
        """Return the audio that the device played during the last `samples`, aligned with the input, sample by sample,
        since playback began.
        """
        if self._releasing or not _is_active(self._stream) or self._stalled_seconds > _STALLED_SECONDS:
            return self._advance_without_device(samples)
        with self._lock:
            sound = bytes(self._played)
            self._played.clear()
        self._mind_stalling(has_played=bool(sound))
        self._in_step += (
            sound if self._rate == SAMPLE_RATE else self._at_16_khz.resample_chunk(_samples(sound)).tobytes()
        )
        late = min(self._owed, len(self._in_step))  # requested before the device had played it
        del self._in_step[:late]
        playing = bytes(self._in_step[: samples * 2])
        del self._in_step[: samples * 2]
        self._owed += samples * 2 - len(playing) - late
        if not self.is_playing and not any(self._in_step):  # two clocks drift apart: realign
            self._in_step.clear()
            self._owed = 0
        return playing

    def _mind_stalling(self, *, has_played: bool) -> None:
        """Track how long the device has accepted no audio.

        If the machine was asleep, at most a moment of that time is counted.
        """
        now = clock_seconds()
        went_by, self._looked = min(now - self._looked, _LOOK_SECONDS), now
        self._stalled_seconds = 0.0 if has_played or not self.is_playing else self._stalled_seconds + went_by

    def _advance_without_device(self, samples: int) -> bytes:
        if not self._chunks_away:
            self._announce("the loudspeaker was disconnected; the program continues, and speaks again when it is back")
            self.let_go()  # without waiting: the caller also listens
        self._chunks_away += 1
        with self._lock:
            del self._waiting[: round(samples * self._rate / SAMPLE_RATE) * 2]
            if not self._waiting:
                self._drained.set()
        if self._chunks_away % _LOOK_AGAIN_CHUNKS == 0:
            with contextlib.suppress(SoundDeviceError), quiet_stderr():
                self._open()
                self._chunks_away, self._stalled_seconds = 0, 0.0
            if not self._chunks_away:
                self._announce("the loudspeaker is back")
        return bytes(samples * 2)

    @property
    def is_playing(self) -> bool:
        """Return whether any audio is still playing or queued."""
        return not self._drained.is_set()

    def wait(self) -> None:
        """Wait until everything has been played. Raises `SoundDeviceError` if the loudspeaker is disconnected
        meanwhile.
        """
        left, stalled_seconds = len(self._waiting), 0.0
        while not self._drained.wait(_LOOK_SECONDS):
            stalled_seconds = 0.0 if len(self._waiting) < left else stalled_seconds + _LOOK_SECONDS
            left = len(self._waiting)
            if not _is_active(self._stream) or stalled_seconds > _STALLED_SECONDS:
                raise SoundDeviceError(
                    "the loudspeaker was disconnected", hint="plug it in again, then: voice-helper doctor"
                )
        time.sleep(self._latency_seconds)  # audio still in the device's buffer

    def _fill(self, out: Any, frames: int, when: object, status: object) -> None:
        wanted = frames * 2
        with self._lock:
            self._catch_up(frames)
            sound = bytes(self._waiting[:wanted])
            del self._waiting[:wanted]
            if not self._waiting:
                self._drained.set()
            out[:] = sound.ljust(wanted, b"\0")
            self._played += out
            if not self._waiting:
                self._behind_samples = 0
            del self._played[: max(0, len(self._played) - self._rate * 2 * _MAX_PLAYED_SECONDS)]

    def _catch_up(self, frames: int) -> None:
        """Shorten the pauses in the queued audio, to make up for the time in which a busy machine gave the device
        nothing to play.

        Speech is never shortened.
        """
        now = clock_seconds()
        missed = 0 if math.isnan(self._lasts_until) else max(0, round((now - self._lasts_until) * self._rate))
        ends = now if missed or math.isnan(self._lasts_until) else self._lasts_until
        self._lasts_until = min(ends, now + self._latency_seconds) + frames / self._rate
        if self._waiting:
            missed = min(missed, round(_MAX_BEHIND_SECONDS * self._rate))
            self._behind_samples += missed
            self._played += bytes(2 * missed)
        if self._behind_samples:
            pause = len(self._waiting) - len(self._waiting.lstrip(b"\0"))
            spare = min(self._behind_samples, pause // 2 - round(_SHORTEST_PAUSE_SECONDS * self._rate))
            if spare > 0:
                del self._waiting[: spare * 2]
                self._behind_samples -= spare


class Microphone(_Device):
    """Reads the microphone in chunks. No audio is lost while the caller is busy.

    If the device delivered no audio for a time, for example during sleep, the source yields silence of that length, so
    that its clock stays correct.
    """

    def __init__(self, device: str | None = None) -> None:
        """Open the device. Raises `SoundDeviceError` if no device works."""
        self._sound: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        sounddevice = import_sounddevice()
        stream, self._rate = _open_stream(sounddevice.RawInputStream, device, self._take, "microphone")
        self._due = clock_seconds()
        self._late_since: float | None = None
        _start(stream, "microphone")
        self._stream = stream

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield audio as it arrives. Raises `SoundDeviceError` when the microphone is disconnected."""
        resample = soxr.ResampleStream(self._rate, SAMPLE_RATE, 1, dtype="int16")
        waiting = bytearray()
        while True:
            waits_since = clock_seconds()
            try:
                missed_seconds, pcm = self._sound.get(timeout=_MICROPHONE_WAIT_SECONDS)
            except queue.Empty:
                if clock_seconds() - waits_since > _MICROPHONE_WAIT_SECONDS + 1:
                    continue  # the machine slept: the device may need a moment
                raise SoundDeviceError(
                    "the microphone no longer delivers audio", hint="plug it in again, then: voice-helper doctor"
                ) from None
            yield from _quiet_chunks(missed_seconds)
            if self._rate != SAMPLE_RATE:
                pcm = resample.resample_chunk(_samples(pcm)).tobytes()
            waiting += pcm
            while len(waiting) >= CHUNK_SAMPLES * 2:
                yield AudioChunk(bytes(waiting[: CHUNK_SAMPLES * 2]))
                del waiting[: CHUNK_SAMPLES * 2]

    @property
    def behind_seconds(self) -> float:
        """Return how many seconds of audio are waiting to be read."""
        return self._sound.qsize() * CHUNK_SAMPLES / SAMPLE_RATE

    def _take(self, sound: Any, frames: int, when: object, status: object) -> None:
        self._sound.put((self._missed_seconds(frames / self._rate), bytes(sound)))  # a copy: the buffer is PortAudio's

    def _missed_seconds(self, seconds: float) -> float:
        """Return how many seconds of audio are missing before the last `seconds`, or 0 until it is certain that any
        are.
        """
        now = clock_seconds()
        self._due = max(self._due + seconds, now - _MAX_MISSED_SECONDS)
        late = now - self._due
        if late < _MISSED_SECONDS:
            self._due, self._late_since = min(self._due, now), None
            return 0.0
        if self._late_since is None:
            self._late_since = now
        if now - self._late_since < _SETTLED_SECONDS:
            return 0.0
        self._due, self._late_since = now, None
        return late


def louder(pcm: bytes, factor: float) -> bytes:
    """Multiply audio by a gain factor. Peaks are limited to -1 dBFS."""
    return as_output(pcm, factor, SAMPLE_RATE)


def as_output(pcm: bytes, factor: float, rate: int) -> bytes:
    """Convert audio to a device's rate and loudness for playback."""
    samples = _samples(pcm)
    if rate != SAMPLE_RATE and len(samples):
        samples = np.asarray(soxr.resample(samples.astype(np.float32), SAMPLE_RATE, rate))
    elif factor == 1.0 and (not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= _FULL_SCALE * PEAK):
        return pcm
    return _limited_pcm(samples.astype(np.float32) * np.float32(factor / _FULL_SCALE), rate)


def _limited_pcm(samples: npt.NDArray[np.float32], rate: int) -> bytes:
    return bytes((limited(samples, rate) * _FULL_SCALE).astype("<i2").tobytes())  # rounds towards silence


def import_sounddevice() -> Any:
    """Import sounddevice. If PortAudio is missing or does not start, raise `SoundDeviceError` with a hint."""
    try:
        return importlib.import_module("sounddevice")
    except (OSError, ImportError) as error:
        raise SoundDeviceError(
            "there is no sound device: the PortAudio library is missing",
            hint="on Debian or Ubuntu: sudo apt-get install libportaudio2; typed questions and --wav work without it",
        ) from error
    except Exception as error:  # importing starts PortAudio, whose own error cannot be imported if that fails
        raise SoundDeviceError(
            f"there is no sound device: {error}",
            hint="check the system's sound server; typed questions and --wav work without it",
        ) from error


def _open_stream(opener: Any, device: str | None, callback: Any, kind: DeviceKind) -> tuple[Any, int]:
    sounddevice = import_sounddevice()
    chosen = _device_by_name(sounddevice, device, kind) if device else None
    reason = ""
    for rate in dict.fromkeys((SAMPLE_RATE, *_own_rates(sounddevice, chosen, kind), *_DEVICE_RATES)):
        try:
            stream = opener(
                samplerate=rate, channels=1, dtype="int16", device=chosen, callback=callback,
                blocksize=round(rate * CHUNK_SAMPLES / SAMPLE_RATE),
            )  # fmt: skip
        except (sounddevice.PortAudioError, ValueError) as error:
            if _BUSY in error.args:
                raise SoundDeviceError(
                    f"the {kind} is busy: another program is using it, or it was just disconnected",
                    hint="quit that program, or choose another device: voice-helper setup",
                ) from error
            reason = str(error)
            continue
        return stream, rate
    if not device and not _devices(sounddevice, kind):
        raise no_device(kind)
    raise SoundDeviceError(
        f"no {kind} can be opened: {reason}", hint="voice-helper setup tries them, doctor lists them"
    )


def _own_rates(sounddevice: Any, chosen: int | None, kind: DeviceKind) -> list[int]:
    """Return the device's native sample rate. Some hardware supports only this rate, which may be 8 or 96 kHz."""
    try:
        about = sounddevice.query_devices(chosen, "input" if kind == "microphone" else "output")
    except (sounddevice.PortAudioError, ValueError):
        return []
    return [round(about["default_samplerate"])]


def _start(stream: Any, what: str) -> None:
    try:
        stream.start()
    except import_sounddevice().PortAudioError as error:
        _begin_release(stream)
        raise SoundDeviceError(
            f"the {what} does not start: {error}", hint="voice-helper doctor lists the sound devices"
        ) from error


def _begin_release(stream: Any) -> threading.Thread:
    """Close a stream on a thread of its own, and return the thread.

    Closing a stream waits for the library's own thread, which may wait forever for a sound server that has died.
    """

    def release() -> None:
        with contextlib.suppress(Exception):
            stream.abort()
        with contextlib.suppress(Exception):
            stream.close()

    thread = threading.Thread(target=release, name="release", daemon=True)
    thread.start()
    return thread


def _is_active(stream: Any) -> bool:
    try:
        return bool(stream.active)
    except import_sounddevice().PortAudioError:  # the device has vanished
        return False


def device_names(kind: DeviceKind) -> list[str]:
    """Return the names of this machine's microphones or loudspeakers. Raises `SoundDeviceError`."""
    return [name for _, name in _devices(import_sounddevice(), kind)]


def no_device(kind: DeviceKind) -> SoundDeviceError:
    """Build the error for a machine that has no microphone, or no loudspeaker."""
    return SoundDeviceError(f"there is no {kind}", hint="plug one in; typed questions and --wav work without it")


def is_systems_choice(name: str) -> bool:
    """Return whether a name means the system's default device instead of a particular device."""
    return name.casefold() in _SYSTEMS_CHOICE


def device_named(device: str, kind: DeviceKind) -> str:
    """Return the full name of the device that a partial name or a number refers to. Raises `SoundDeviceError`."""
    sounddevice = import_sounddevice()
    return str(_about(sounddevice, _device_by_name(sounddevice, device, kind))["name"])


def _devices(sounddevice: Any, kind: DeviceKind) -> list[tuple[int, str]]:
    wants = "max_input_channels" if kind == "microphone" else "max_output_channels"
    return [(index, entry["name"]) for index, entry in enumerate(_about(sounddevice)) if entry[wants] > 0]


def _about(sounddevice: Any, *given: object) -> Any:
    """Return what PortAudio says about all devices, or about one. Raises `SoundDeviceError`."""
    try:
        return sounddevice.query_devices(*given)
    except sounddevice.PortAudioError as error:
        raise SoundDeviceError(
            f"the sound devices cannot be listed: {error}", hint="voice-helper doctor checks them"
        ) from error


def _device_by_name(sounddevice: Any, device: str, kind: DeviceKind) -> int:
    devices = _devices(sounddevice, kind)
    fitting = (
        [index for index, name in devices if name == device]
        or [index for index, _ in devices if device == str(index)]
        or [index for index, name in devices if device.casefold() in name.casefold()]
    )
    if fitting:
        return fitting[0]
    names = ", ".join(f'{index} "{name}"' for index, name in devices)
    path = file_that_sets(device, (kind, "device"))
    where = f", which {path} names" if path else ""
    raise SoundDeviceError(
        f'there is no {kind} named "{device}"{where}',
        hint=f"there are: {names or 'none'}; voice-helper setup chooses another",
    )


def _samples(pcm: bytes) -> npt.NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2")
