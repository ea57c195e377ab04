"""Audio files: formats, pipes, headers without a length, and files without audio."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest
import soundfile

from tests.support.sound import as_array, joined, recorded, recording, seconds_of
from voice_helper.audio.devices import WavSource, begins_like_sound, comes_from_stdin, is_sound_name
from voice_helper.errors import AudioFileError

SOUND = recording("stop").read_bytes()


WHOLE = joined(WavSource(recording("stop")).chunks())


def heard(path: Path) -> bytes:
    return joined(WavSource(path).chunks())


def streamed(content: bytes, length: int) -> bytes:
    """Return a WAV file as written by a program that cannot go back to the header."""
    at = content.index(b"data")
    said = length.to_bytes(4, "little")
    return content[:4] + said + content[8 : at + 4] + said + content[at + 8 :]


@pytest.mark.parametrize("suffix", ["flac", "ogg", "aiff"])
def test_other_formats_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"stop.{suffix}"
    soundfile.write(path, as_array(recorded("stop")).astype("int16"), 16_000)
    assert seconds_of(heard(path)) == pytest.approx(seconds_of(recorded("stop")), abs=0.05)
    assert is_sound_name(path)
    assert begins_like_sound(path.read_bytes()[:12])


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_FFFF])
def test_a_streamed_file_without_its_length_is_read_to_its_end(tmp_path: Path, length: int) -> None:
    path = tmp_path / "streamed.wav"
    path.write_bytes(streamed(SOUND, length))
    assert heard(path) == WHOLE


def test_standard_input_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(streamed(SOUND, 0))

    monkeypatch.setattr("sys.stdin", Stdin())
    source = WavSource(Path("-"))
    assert source.name == "standard input"
    assert joined(source.chunks()) == WHOLE
    assert joined(source.chunks()) == WHOLE
    with pytest.raises(AudioFileError, match="standard input is empty"):
        WavSource(Path("-"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[SOUND])
    writer.start()
    source = WavSource(path)
    writer.join()
    assert joined(source.chunks()) == WHOLE


def test_a_file_descriptor_of_another_process_is_not_standard_input() -> None:
    assert comes_from_stdin(Path("-"))
    assert not comes_from_stdin(Path("stdin"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (streamed(SOUND, 0)[: SOUND.index(b"data") + 8], "contains no audio"),
        (b"no sound at all", "is not readable as audio"),
        (b"RIFF", "is not readable as audio"),
    ],
)
def test_a_file_without_audio_is_rejected(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "question.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=said) as caught:
        WavSource(path)
    assert caught.value.hint


def test_a_folder_and_a_missing_file_have_different_errors(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="is a folder"):
        WavSource(tmp_path)
    with pytest.raises(AudioFileError, match="there is no file"):
        WavSource(tmp_path / "nowhere.wav")


def test_a_path_that_no_file_can_have_is_refused() -> None:
    for name in ("x" * 300, "a" * 200 + "/b" * 2_000, "a\0b", "\ud800"):
        with pytest.raises(AudioFileError, match=r"cannot be read: File name too long|there is no file"):
            WavSource(Path(name))


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are always text")
def test_a_file_whose_name_is_not_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stop\udcff.wav"
    path.write_bytes(SOUND)
    assert heard(path) == WHOLE


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no endless file")
def test_an_endless_pipe_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice_helper.audio.devices._MAX_PIPED_BYTES", 10_000)
    with pytest.raises(AudioFileError, match="never ends"):
        WavSource(Path("/dev/zero"))
