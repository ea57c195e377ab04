from __future__ import annotations

import gc
import itertools
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support.patience import PATIENCE_SECONDS
from tests.support.sound import (
    as_array,
    as_pcm,
    heard_from,
    joined,
    loudest_hertz,
    loudness,
    noise,
    pcm_of,
    recorded,
    recording,
    seconds_of,
    silence,
    sine,
    write_pcm,
    write_sound,
)
from voice_helper.audio import devices
from voice_helper.audio.devices import (
    KeptPlayer,
    Loudspeaker,
    Microphone,
    SilentPlayer,
    WavSource,
    as_output,
    louder,
    to_pcm,
    write_wav,
)
from voice_helper.audio.limiter import PEAK
from voice_helper.errors import AudioFileError, SoundDeviceError
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE

RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
WIDTHS = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
CHANNELS = (1, 2, 6)

# Files of every common form


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_length_pitch_and_loudness(tmp_path: Path, rate: int, width: str, channels: int) -> None:
    samples = np.repeat(sine(0.7, hertz=440, rate=rate)[:, None], channels, axis=1)
    pcm = heard_from(write_sound(tmp_path / "tone.wav", samples, rate=rate, subtype=width))
    assert len(pcm) // 2 == pytest.approx(len(samples) * SAMPLE_RATE / rate, abs=1)
    assert loudest_hertz(pcm) == pytest.approx(440, abs=2)
    assert loudness(pcm) == pytest.approx(0.5 * 32767 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("rate", RATES)
def test_every_chunk_but_the_last_has_512_samples(tmp_path: Path, rate: int) -> None:
    path = write_sound(tmp_path / "tone.wav", sine(1.03, rate=rate), rate=rate)
    sizes = [chunk.samples for chunk in WavSource(path).chunks()]
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {CHUNK_SAMPLES}
    assert 0 < sizes[-1] <= CHUNK_SAMPLES


def test_audio_in_only_one_channel_is_kept(tmp_path: Path) -> None:
    samples = np.zeros((SAMPLE_RATE, 6))
    samples[:, 4] = sine(1.0, hertz=1000)
    pcm = heard_from(write_sound(tmp_path / "six.wav", samples))
    assert loudest_hertz(pcm) == pytest.approx(1000, abs=2)


def test_frequencies_above_8_khz_do_not_alias(tmp_path: Path) -> None:
    pcm = heard_from(write_sound(tmp_path / "high.wav", sine(1.0, hertz=12_000, rate=48_000), rate=48_000))
    assert loudness(pcm) < 0.01 * 32767


def test_a_16_khz_16_bit_file_is_not_converted() -> None:
    pcm = recorded("bananas")
    assert np.abs(as_array(heard_from(recording("bananas"))) - as_array(pcm)).max() <= 1


def test_a_source_yields_the_same_audio_every_time() -> None:
    source = WavSource(recording("stop"))
    assert joined(source.chunks()) == joined(source.chunks())


def test_a_long_file_is_read_in_blocks(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "long.wav", np.zeros((8_000 * 600, 1)), rate=8_000, subtype="PCM_U8")
    first = next(iter(WavSource(path).chunks()))
    assert first.samples == CHUNK_SAMPLES
    assert sum(chunk.samples for chunk in WavSource(path).chunks()) == 600 * SAMPLE_RATE


def test_float_samples_beyond_full_scale_or_nan_are_clipped(tmp_path: Path) -> None:
    samples = np.concatenate([np.full(600, 3.0), np.full(600, -3.0), np.full(600, np.nan), np.full(600, np.inf)])
    numbers = as_array(heard_from(write_sound(tmp_path / "wild.wav", samples, subtype="FLOAT")))
    assert len(numbers) == 2400
    assert numbers[:600].min() == 32767
    assert numbers[600:1200].max() <= -32767
    assert set(numbers[1200:1800]) == {0}


# Properties


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    length=st.one_of(
        st.integers(1, 3 * CHUNK_SAMPLES),
        st.integers(16_384 - 3, 16_384 + 3),
        st.integers(2 * 16_384 - 3, 2 * 16_384 + 3),
        st.integers(1, 100_000),
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_sample_is_lost_or_repeated(tmp_path: Path, length: int, seed: int) -> None:
    pcm = np.random.default_rng(seed).integers(-32768, 32767, length, dtype="<i2", endpoint=True).tobytes()
    heard = heard_from(write_pcm(tmp_path / "any.wav", pcm))
    assert len(heard) == len(pcm)
    assert np.abs(as_array(heard) - as_array(pcm)).max() <= 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(1, 60_000), rate=st.sampled_from(RATES), channels=st.integers(1, 4))
def test_the_duration_is_kept_at_any_sample_rate(tmp_path: Path, length: int, rate: int, channels: int) -> None:
    path = write_sound(tmp_path / "any.wav", np.zeros((length, channels)), rate=rate)
    assert len(heard_from(path)) // 2 == pytest.approx(length * SAMPLE_RATE / rate, abs=1)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.dictionaries(st.integers(0, 47), st.integers(0, 255), min_size=1, max_size=6))
def test_a_damaged_header_leads_to_audio_or_a_clear_error(tmp_path: Path, damage: dict[int, int]) -> None:
    content = bytearray(write_pcm(tmp_path / "good.wav", noise(0.05)).read_bytes())
    for place, byte in damage.items():
        content[place] = byte
    path = tmp_path / "damaged.wav"
    path.write_bytes(content)
    refusal = refused_reading(path)
    assert refusal is None or str(path) in refusal


def refused_reading(path: Path) -> str | None:
    """Return the error message for a file, or `None` if its first seconds can be read."""
    try:
        sizes = [chunk.samples for chunk in itertools.islice(WavSource(path).chunks(), 200)]
    except AudioFileError as error:
        return error.message
    assert all(0 < size <= CHUNK_SAMPLES for size in sizes)
    return None


# Broken files


def good_wav(tmp_path: Path) -> bytes:
    return write_pcm(tmp_path / "good.wav", noise(1.0)).read_bytes()


def test_a_broken_header_is_a_clear_error(tmp_path: Path) -> None:
    assert_refused(tmp_path, b"RIFX" + good_wav(tmp_path)[4:12] + b"nothing here" * 40)


@pytest.mark.parametrize("kept", [1, 4, 12, 20, 35, 40])
def test_a_file_cut_off_within_its_header_is_a_clear_error(tmp_path: Path, kept: int) -> None:
    assert_refused(tmp_path, good_wav(tmp_path)[:kept])


def test_a_file_cut_off_after_its_header_is_a_clear_error(tmp_path: Path) -> None:
    assert_refused(tmp_path, good_wav(tmp_path)[:44])


def test_an_empty_file_is_a_clear_error(tmp_path: Path) -> None:
    assert_refused(tmp_path, b"")


def test_a_text_file_named_wav_is_a_clear_error(tmp_path: Path) -> None:
    assert_refused(tmp_path, b"why do my calves cramp at night\n" * 100)


def test_an_unknown_encoding_is_a_clear_error(tmp_path: Path) -> None:
    content = bytearray(good_wav(tmp_path))
    content[20:22] = b"\xff\x7e"
    assert_refused(tmp_path, bytes(content))


def assert_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        heard_from(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_file_without_samples_is_a_clear_error(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "nothing.wav", b"")
    with pytest.raises(AudioFileError, match=r"nothing\.wav contains no audio") as caught:
        WavSource(path)
    assert caught.value.hint


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"there is no file .*missing\.wav") as caught:
        WavSource(tmp_path / "missing.wav")
    assert caught.value.hint


def test_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder.wav"
    folder.mkdir()
    with pytest.raises(AudioFileError, match=r"folder\.wav") as caught:
        WavSource(folder)
    assert caught.value.hint


def test_a_truncated_recording_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = recording("bananas").read_bytes()
    path = tmp_path / "half.wav"
    path.write_bytes(whole[: len(whole) // 2])
    assert seconds_of(heard_from(path)) == pytest.approx((len(whole) // 2 - 44) / 2 / SAMPLE_RATE, abs=0.001)


# Writing


def test_written_audio_can_be_read_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "answer.wav", recorded("stop"))
    assert pcm_of(tmp_path / "answer.wav") == recorded("stop")


@pytest.mark.parametrize("place", ["nowhere/answer.wav", "."])
def test_an_unwritable_path_is_a_clear_error_and_leaves_no_file(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    hint, message = refused_writing(tmp_path / place)
    gc.collect()
    assert "cannot be written" in message
    assert str(tmp_path / place) in message
    assert hint
    assert ignored == []


def refused_writing(path: Path) -> tuple[str | None, str]:
    try:
        write_wav(path, recorded("stop"))
    except AudioFileError as error:
        return error.hint, error.message
    pytest.fail("it was written")


def test_other_rates_become_16_khz() -> None:
    pcm = to_pcm(sine(1.0, hertz=300, rate=22_050).astype(np.float32), 22_050)
    assert seconds_of(pcm) == pytest.approx(1.0, abs=0.001)
    assert loudest_hertz(pcm) == pytest.approx(300, abs=1)


# The player without a device


def test_audio_is_at_the_time_at_which_it_was_played() -> None:
    player = SilentPlayer(keep=True)
    player.advance(100)
    player.play(as_pcm(np.full(50, 0.5)))
    playing = [player.is_playing]
    player.advance(80)
    playing.append(player.is_playing)
    assert playing == [True, False]
    player.play(as_pcm(np.full(10, 0.25)))
    numbers = as_array(player.finish())
    assert list(np.flatnonzero(numbers)) == [*range(100, 150), *range(180, 190)]
    assert numbers[100] == 16383
    assert numbers[180] == 8191


def test_hush_leaves_silence_from_that_moment_on() -> None:
    player = SilentPlayer(keep=True)
    player.play(as_pcm(np.full(1000, 0.5)))
    player.advance(300)
    player.hush()
    assert not player.is_playing
    player.advance(200)
    numbers = as_array(player.finish())
    assert len(numbers) == 500
    assert list(np.flatnonzero(numbers)) == list(range(300))


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)), max_size=20))
def test_the_timeline_is_as_long_as_the_time_and_loses_no_audio(steps: list[tuple[int, int]]) -> None:
    player = SilentPlayer(keep=True)
    for played, passed in steps:
        player.play(as_pcm(np.full(played, 0.5)))
        player.advance(passed)
    numbers = as_array(player.finish())
    assert len(numbers) >= sum(passed for _, passed in steps)
    assert np.count_nonzero(numbers) == sum(played for played, _ in steps)


def test_a_player_keeps_no_audio_by_default() -> None:
    player = SilentPlayer()
    player.play(silence(1.0))
    player.advance(SAMPLE_RATE)
    assert player.finish() == b""


# Loudness


@given(
    arrays(np.int16, st.integers(0, 2_000), elements=st.integers(-32_768, 32_767)),
    st.floats(0.25, 4.0),
    st.sampled_from([16_000, 44_100, 48_000]),
)
def test_no_played_sample_exceeds_minus_1_dbfs(samples: npt.NDArray[np.int16], factor: float, rate: int) -> None:
    pcm = samples.astype("<i2").tobytes()
    played = SilentPlayer(keep=True)
    played.play(pcm, factor)
    spoken = to_pcm(np.asarray(samples, dtype=np.float32) / np.float32(16_384), rate)
    for output in (played.finish(), louder(pcm, factor), spoken, as_output(pcm, factor, rate)):
        assert np.abs(as_array(output)).max(initial=0) <= 32_767 * PEAK


def test_a_voice_amplified_fourfold_is_limited_without_clipping() -> None:
    tones = as_pcm(sine(0.5, hertz=200.0, level=0.1)) + as_pcm(sine(0.5, hertz=200.0, level=0.9))
    louder_tones = as_array(louder(tones, 4.0))
    soft, loud = louder_tones[:7_000], louder_tones[-7_000:]
    assert np.abs(soft).max() == pytest.approx(0.4 * 32_767, rel=0.01)
    assert np.abs(loud).max() == pytest.approx(PEAK * 32_767, rel=0.01)
    assert loudness(loud.astype("<i2").tobytes()) == pytest.approx(PEAK * 32_767 / np.sqrt(2), rel=0.01)  # still a sine


def test_a_lower_loudness_plays_softer() -> None:
    assert loudness(louder(recorded("stop"), 0.5)) == pytest.approx(loudness(recorded("stop")) / 2, rel=0.01)


@given(st.floats(0.25, 4.0), st.binary(max_size=200).filter(lambda pcm: len(pcm) % 2 == 0))
def test_loudness_never_changes_the_length(factor: float, pcm: bytes) -> None:
    assert len(louder(pcm, factor)) == len(pcm)


def test_a_higher_loudness_plays_louder() -> None:
    player = SilentPlayer(keep=True)
    player.play(as_pcm(np.full(10, 0.25)), 2.0)
    assert set(as_array(player.finish())) == {16382}


def test_what_a_loudspeaker_plays_is_recorded_while_it_plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device, path = Device(), tmp_path / "spoken.wav"
    loudspeaker = device.open(monkeypatch)
    player = KeptPlayer(loudspeaker, path, print)
    player.play(as_pcm(np.full(SAMPLE_RATE // 2, 0.25)))
    for _ in range(100):
        device.ask(loudspeaker)
        player.advance(CHUNK_SAMPLES)
    assert not player.is_playing
    assert seconds_of(pcm_of(path)) > 100 * CHUNK_SAMPLES / SAMPLE_RATE - 1.0  # what a crash would leave
    player.close()
    assert pcm_of(path) == bytes(device.heard)


def test_hushed_speech_is_not_recorded(tmp_path: Path) -> None:
    player = KeptPlayer(SilentPlayer(), tmp_path / "spoken.wav", print)
    player.play(as_pcm(np.full(SAMPLE_RATE, 0.25)))
    player.advance(CHUNK_SAMPLES)
    player.hush()
    player.advance(CHUNK_SAMPLES)
    player.close()
    assert np.count_nonzero(as_array(pcm_of(tmp_path / "spoken.wav"))) == CHUNK_SAMPLES


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_the_recording_but_not_the_speech() -> None:
    told = list[str]()
    player = KeptPlayer(SilentPlayer(), Path("/dev/full"), told.append)
    player.play(as_pcm(np.full(4 * SAMPLE_RATE, 0.25)))
    assert all(any(player.advance(CHUNK_SAMPLES)) for _ in range(100))
    player.close()
    assert told == ["/dev/full is no longer written: No space left on device"]


def test_a_recording_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="cannot be written"):
        KeptPlayer(SilentPlayer(), tmp_path / "nowhere" / "spoken.wav", print)


# A busy machine


class PortAudioError(Exception):
    """Stands for the error of the same name in sounddevice."""


@dataclass
class Device:
    """A loudspeaker whose device requests 32 ms of audio at times that the test sets."""

    now: float = 0.0
    heard: bytearray = field(default_factory=bytearray)

    def open(self, monkeypatch: pytest.MonkeyPatch) -> Loudspeaker:
        stream = SimpleNamespace(active=True, latency=0.032, start=lambda: None)
        library = SimpleNamespace(RawOutputStream=None, PortAudioError=PortAudioError)
        monkeypatch.setattr(devices, "import_sounddevice", lambda: library)
        monkeypatch.setattr(devices, "_open_stream", lambda *given: (stream, SAMPLE_RATE))
        monkeypatch.setattr(devices, "_start", lambda *given: None)
        monkeypatch.setattr(devices, "clock_seconds", lambda: self.now)
        return Loudspeaker()

    def ask(self, loudspeaker: Loudspeaker) -> None:
        out = bytearray(CHUNK_SAMPLES * 2)
        loudspeaker._fill(out, CHUNK_SAMPLES, None, None)
        self.heard += out
        self.now += CHUNK_SAMPLES / SAMPLE_RATE


@pytest.mark.parametrize("away_seconds", [0.0, 0.02, 0.3, 0.7])
def test_pauses_are_shortened_after_a_device_got_no_audio(monkeypatch: pytest.MonkeyPatch, away_seconds: float) -> None:
    device = Device()
    loudspeaker = device.open(monkeypatch)
    word, pause = as_pcm(np.full(SAMPLE_RATE, 0.25)), silence(0.5)
    loudspeaker.play(word + pause + word + pause + word)
    for number in itertools.count():
        if not loudspeaker.is_playing:
            break
        device.ask(loudspeaker)
        device.now += away_seconds if number == 10 else 0.0
    assert np.count_nonzero(as_array(bytes(device.heard))) == 3 * SAMPLE_RATE  # every word, in full
    assert device.now == pytest.approx(4.0, abs=0.07)
    quiet = np.diff(np.flatnonzero(as_array(bytes(device.heard)))).max() / SAMPLE_RATE
    assert quiet >= 0.1


def test_no_time_is_made_up_between_two_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    loudspeaker = device.open(monkeypatch)
    device.ask(loudspeaker)
    device.now += 3.0
    device.ask(loudspeaker)
    loudspeaker.play(silence(0.5) + as_pcm(np.full(SAMPLE_RATE, 0.25)))
    begins = device.now
    while loudspeaker.is_playing:
        device.ask(loudspeaker)
    assert device.now - begins == pytest.approx(1.5, abs=0.04)


def test_a_sound_library_that_hangs_does_not_keep_the_program_running(monkeypatch: pytest.MonkeyPatch) -> None:
    device, released = Device(), threading.Event()
    loudspeaker = device.open(monkeypatch)
    loudspeaker._stream.abort = released.wait  # as in PortAudio when the sound server has died
    monkeypatch.setattr(devices, "_RELEASE_SECONDS", 0.01)
    loudspeaker.close()
    assert not released.is_set()
    released.set()


# Devices that come and go


@dataclass
class Stream:
    """A stream of the simulated library."""

    works: bool = True
    hangs: threading.Event | None = None
    """If given, releasing the stream takes until then."""

    latency: float = 0.032
    is_active: bool = False
    releases: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        if not self.works:
            raise PortAudioError("the device vanished")
        self.is_active = True

    @property
    def active(self) -> bool:
        if not self.works:
            raise PortAudioError("the device vanished")
        return self.is_active

    def abort(self) -> None:
        self.releases += 1
        if self.hangs is not None:
            self.hangs.wait(PATIENCE_SECONDS)
        raise PortAudioError("the stream is stopped")

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    """Return the streams that the simulated library opens, one after the other."""
    streams = list[Stream]()
    opened = iter(streams)
    library = SimpleNamespace(RawOutputStream=None, RawInputStream=None, PortAudioError=PortAudioError)
    monkeypatch.setattr(devices, "import_sounddevice", lambda: library)
    monkeypatch.setattr(devices, "_open_stream", lambda *given: (next(opened), SAMPLE_RATE))
    return streams


@pytest.mark.parametrize("open_device", [Loudspeaker, Microphone])
def test_a_stream_that_does_not_start_is_closed(streams: list[Stream], open_device: Callable[[], object]) -> None:
    streams.append(Stream(works=False))
    with pytest.raises(SoundDeviceError, match="does not start"):
        open_device()
    assert streams[0].closed.wait(PATIENCE_SECONDS)


def test_a_loudspeaker_that_comes_back_is_used_although_the_library_still_releases_the_old_stream(
    streams: list[Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_RELEASE_SECONDS", PATIENCE_SECONDS)
    released, told = threading.Event(), list[str]()
    streams += [Stream(hangs=released), Stream(works=False), Stream(works=False), Stream()]
    loudspeaker = Loudspeaker(announce=told.append)
    streams[0].works = False
    for _ in range(4 * 3 * SAMPLE_RATE // CHUNK_SAMPLES):
        loudspeaker.advance(CHUNK_SAMPLES)
    assert told == [
        "the loudspeaker was disconnected; the program continues, and speaks again when it is back",
        "the loudspeaker is back",
    ]
    assert not released.is_set()
    assert streams[0].releases == 1
    assert all(stream.closed.wait(PATIENCE_SECONDS) for stream in streams[1:3])
    released.set()
    assert streams[0].closed.wait(PATIENCE_SECONDS)
    loudspeaker.close()
    assert [stream.releases for stream in streams] == [1] * 4


def test_a_loudspeaker_that_vanishes_while_it_plays_is_reported(streams: list[Stream]) -> None:
    streams.append(Stream())
    loudspeaker = Loudspeaker()
    loudspeaker.play(as_pcm(np.full(SAMPLE_RATE, 0.25)))
    streams[0].works = False
    with pytest.raises(SoundDeviceError, match="the loudspeaker was disconnected"):
        loudspeaker.wait()


def test_a_sound_system_that_does_not_start_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> object:
        raise PortAudioError("Error initializing PortAudio: Unanticipated host error [PaErrorCode -9999]")

    monkeypatch.setattr("importlib.import_module", fail)
    uses: list[Callable[[], object]] = [Loudspeaker, Microphone, lambda: devices.device_names("microphone")]
    for use in uses:
        with pytest.raises(SoundDeviceError, match="there is no sound device: Error initializing PortAudio"):
            use()


def test_devices_that_cannot_be_listed_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> object:
        raise PortAudioError("PortAudio not initialized")

    library = SimpleNamespace(query_devices=fail, RawOutputStream=None, PortAudioError=PortAudioError)
    monkeypatch.setattr(devices, "import_sounddevice", lambda: library)
    uses: list[Callable[[], object]] = [
        lambda: devices.device_names("loudspeaker"),
        lambda: devices.device_named("kazoo", "loudspeaker"),
        lambda: Loudspeaker("kazoo"),
    ]
    for use in uses:
        with pytest.raises(SoundDeviceError, match="the sound devices cannot be listed: PortAudio not initialized"):
            use()
