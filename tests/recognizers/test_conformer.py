"""The phoneme network in numpy, compared with hama's own engine."""

from __future__ import annotations

import copy
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.sound import as_array, noise, recorded, silence
from voice_helper.errors import EngineMissingError
from voice_helper.recognizers.embedded.conformer import (
    FRAME_SAMPLES,
    Array,
    Conformer,
    ConformerStream,
    read_hama_weights,
)

hama = pytest.importorskip("hama", reason="hama is not installed")
WEIGHTS = Path(hama.__file__).parent / "assets" / "asr_waveform.hama"
WHOLE = 10**6


@pytest.fixture(scope="module")
def network() -> Conformer:
    return Conformer(read_hama_weights(WEIGHTS))


def samples_of(pcm: bytes) -> Array:
    return (as_array(pcm) / 32768).astype(np.float32)


def whole(network: Conformer, samples: Array) -> Array:
    stream = ConformerStream(network, WHOLE)
    return np.concatenate([stream.accept(samples), stream.finish()])


@pytest.fixture(scope="module")
def native() -> Any:
    from hama import _engine
    from hama.asr import ASRModel

    if not _engine.available():
        pytest.skip("hama has no engine of its own on this platform")
    return ASRModel().session


@pytest.mark.parametrize("name", ["bananas", "numb", "stop", "privacy"])
def test_the_network_returns_the_same_as_hamas_own_engine(network: Conformer, native: Any, name: str) -> None:
    samples = samples_of(recorded(name))
    feeds = {"waveform": samples[None, :], "waveform_lengths": np.array([len(samples)], dtype=np.int64)}
    expected = native.run(["log_probs", "out_lengths"], feeds)[0][0]
    given = whole(network, samples)
    assert given.shape == expected.shape
    likely = expected > -8.0  # below this, the 16-bit precision of the weights shows
    assert np.abs(given - expected)[likely].max() < 0.1
    assert (given.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_audio_in_pieces_gives_the_same_number_of_frames(network: Conformer) -> None:
    samples = samples_of(recorded("bananas"))
    expected = whole(network, samples)
    for size in (160, 1_536, 5_000):
        stream = ConformerStream(network, 10)
        pieces = [stream.accept(samples[start : start + size]) for start in range(0, len(samples), size)]
        given = np.concatenate([*pieces, stream.finish()])
        assert given.shape == expected.shape
        assert (given.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.85


def test_frames_are_final_once_their_context_has_arrived(network: Conformer) -> None:
    stream, context, frames = ConformerStream(network, 10), 10, 0
    samples = samples_of(recorded("bananas"))
    for start in range(0, len(samples), 1_600):
        frames += len(stream.accept(samples[start : start + 1_600]))
        heard = min(len(samples), start + 1_600)
        assert frames >= heard // FRAME_SAMPLES - context - 3


def test_a_copy_continues_independently(network: Conformer) -> None:
    samples = samples_of(recorded("bananas"))
    stream = ConformerStream(network, 10)
    stream.accept(samples[:16_000])
    twin = copy.copy(stream)
    ended = twin.finish()
    assert len(ended)
    given = stream.accept(samples[16_000:])
    other = ConformerStream(network, 10)
    other.accept(samples[:16_000])
    assert np.array_equal(given, other.accept(samples[16_000:]))


@pytest.mark.parametrize("samples", [0, 1, 199, 200, 201, 399, 400, 561, 1_600])
def test_audio_of_any_length_is_accepted(network: Conformer, samples: int) -> None:
    given = whole(network, np.zeros(samples, dtype=np.float32))
    assert np.isfinite(given).all()
    assert len(given) <= samples // FRAME_SAMPLES + 1


@pytest.mark.parametrize("pcm", [silence(1.0), noise(1.0, 1.0), b"\xff\x7f\x00\x80" * 8_000])
def test_every_frame_is_a_probability_distribution(network: Conformer, pcm: bytes) -> None:
    given = whole(network, samples_of(pcm))
    assert np.exp(given).sum(axis=1) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    "content", [b"", b"HAMAPK", b"something else entirely", struct.pack("<8sI", b"HAMAPK\x01\x02", 9)]
)
def test_a_damaged_weights_file_is_reported_with_a_hint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.hama"
    path.write_bytes(content)
    with pytest.raises(EngineMissingError, match=r"weights\.hama is not a weights file") as caught:
        read_hama_weights(path)
    assert "pip install -e . --force-reinstall" in str(caught.value.hint)


def test_truncated_weights_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "weights.hama"
    path.write_bytes(WEIGHTS.read_bytes()[:100_000])
    with pytest.raises(EngineMissingError):
        Conformer(read_hama_weights(path))


def test_another_network_is_rejected_with_the_version_that_works() -> None:
    weights = {name: values for name, values in read_hama_weights(WEIGHTS).items() if "blocks.3" not in name}
    with pytest.raises(EngineMissingError, match="unknown network") as caught:
        Conformer(weights)
    assert "pip install -e ." in str(caught.value.hint)
