from __future__ import annotations

import numpy as np
import pytest

from tests.support.sound import as_array, noise, recorded, silence
from tests.support.speech import with_noise
from voice_helper.audio.noise import FLOOR, NoiseSuppressor, Samples


def samples_of(pcm: bytes) -> Samples:
    return (as_array(pcm) / 32768).astype(np.float32)


def suppressed(samples: Samples) -> Samples:
    """Return a whole utterance, filtered in one step."""
    suppressor = NoiseSuppressor()
    return np.concatenate([suppressor.accept(samples), suppressor.finish()])


def power(samples: Samples) -> float:
    return float(np.mean(np.square(samples)))


SPEECH = silence(0.5) + recorded("bananas") + silence(0.5)


def test_clean_speech_is_hardly_changed() -> None:
    speech = samples_of(SPEECH)
    assert power(suppressed(speech) - speech) < 0.01 * power(speech)


def test_noise_alone_is_attenuated_but_never_silenced() -> None:
    left = power(suppressed(samples_of(noise(3.0)))) / power(samples_of(noise(3.0)))
    assert FLOOR**2 * 0.8 < left < 0.25


def test_noisy_speech_becomes_more_like_the_clean_speech() -> None:
    speech, noisy = samples_of(SPEECH), samples_of(with_noise(SPEECH, 10.0, 1))
    assert power(suppressed(noisy) - speech) < 0.5 * power(noisy - speech)


@pytest.mark.parametrize("length", [0, 1, 511, 1600, 16_001])
def test_the_length_is_kept_whatever_it_is(length: int) -> None:
    assert len(suppressed(np.zeros(length, dtype=np.float32))) == length
