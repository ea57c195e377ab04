"""Echo cancellation: remove the loudspeaker's signal from the microphone's signal.

A partitioned-block Kalman filter in the frequency domain estimates the path from the loudspeaker through the room to
the microphone, and subtracts the echo that it predicts. The filter is linear, so it does not distort a person who
speaks during playback. Only a residual that the echo alone can explain is attenuated further. WebRTC's canceller was
tried, but it swallowed the person's first words (bench/RESULTS-appendix.md).

Sources: Enzner and Vary, Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones,
2006; Kuech, Mabande and Enzner, State-space architecture of the partitioned-block-based acoustic echo controller, 2014.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.types import CHUNK_SAMPLES, AudioChunk

_PARTITIONS: Final = 16
"""The number of partitions of the filter.

Each covers one chunk; together they cover half a second of echo, including the delay of the sound card.
"""

_SPECTRUM: Final = CHUNK_SAMPLES + 1
_PASSES: Final = 2
"""How often the filter adapts to each chunk.

With two passes, it adapts to the room in half the time, and needs 7 ms more per second of audio.
"""

_STAYS: Final = 0.9995  # share of the room's response that persists from chunk to chunk: people move slowly
_SMOOTHING: Final = 0.7
_UNKNOWN: Final = 1.0 / _PARTITIONS  # initial assumption: the echo is as loud as the playback, at any delay
_DISTORTED: Final = 0.01  # share of the echo that no linear filter can predict: small loudspeakers distort
_SOMEBODY: Final = 2.0
"""The ratio of the residual's power to the power that the filter's uncertainty explains, above which a person is
speaking: 3 dB.
"""

_MAX_ECHO: Final = 4.0
"""The maximum rise of the echo's power relative to the previous estimate: 6 dB."""

_AT_FIRST: Final = 1e3  # high, because the strength of the echo is still unknown
_DELAY: Final = 8  # chunks: the maximum delay from the loudspeaker to the microphone
_MIN_ECHO: Final = 1e-3
_ECHO_RISES: Final = 1.05
"""The maximum factor by which the echo estimate grows per chunk.

A person's first words rise faster than this, so they do not count as echo. A change of volume is still followed within
a second.
"""

_OUR_REST: Final = 0.05  # gain for the residual if only the assistant is speaking

_MIN_POWER: Final = 1e-6

Spectra = npt.NDArray[np.complex128]
Powers = npt.NDArray[np.float64]


class EchoCanceller:
    """Removes the echo from one stream of chunks, given the audio played during each chunk."""

    def __init__(self) -> None:
        self._room: Spectra = np.zeros((_PARTITIONS, _SPECTRUM), dtype=np.complex128)
        self._doubt = np.full((_PARTITIONS, _SPECTRUM), _UNKNOWN)
        self._played: Spectra = np.zeros((_PARTITIONS, _SPECTRUM), dtype=np.complex128)
        self._before = np.zeros(CHUNK_SAMPLES)
        self._person = np.zeros(_SPECTRUM)
        self._silent_chunks = _PARTITIONS + 1
        self._heard_powers = np.zeros(_PARTITIONS)
        self._played_powers = np.zeros(_PARTITIONS + _DELAY)
        self._echo = _AT_FIRST
        self.hears_us_alone = False
        """Whether the residual of the last chunk may be echo only, because the filter has not adapted yet."""

    def clean(self, chunk: AudioChunk, played: bytes) -> AudioChunk:
        """Return a chunk of the same length without the echo of `played`, the 16 kHz audio played at the same time."""
        self._silent_chunks = 0 if any(played) else self._silent_chunks + 1
        if self._silent_chunks > _PARTITIONS + 1:  # the echo of earlier playback has died away
            self.hears_us_alone = False
            self._heard_powers[:], self._played_powers[:] = 0.0, 0.0
            return chunk
        heard, now = _samples(chunk.pcm), _samples(played)
        self._played = np.roll(self._played, 1, axis=0)
        self._played[0] = np.fft.rfft(np.concatenate([self._before, now]))
        self._before = now
        played_power = _power(self._played)
        for _ in range(_PASSES):
            expected = (self._room * self._played).sum(axis=0)
            left = heard - np.fft.irfft(expected)[CHUNK_SAMPLES:]
            left_spectrum = np.fft.rfft(np.concatenate([np.zeros(CHUNK_SAMPLES), left]))
            left_power = _power(left_spectrum)
            doubt = (played_power * self._doubt).sum() + _DISTORTED * _power(expected).sum()
            self._learn(left_spectrum, left_power, played_power)
        doubt = min(doubt, self._max_echo(heard, now))
        self.hears_us_alone = bool(left_power.sum() < _SOMEBODY * doubt)
        if np.square(left).sum() > np.square(heard).sum():  # the filter does not know the room well enough to help
            left = heard
        if self.hears_us_alone:
            left = left * _OUR_REST
        return AudioChunk(bytes(np.clip(left * 32768, -32768, 32767).astype("<i2").tobytes())[: len(chunk.pcm)])

    def _max_echo(self, heard: npt.NDArray[np.float64], played: npt.NDArray[np.float64]) -> float:
        """Return the maximum power of the echo in this chunk, estimated from the echo of the last half second.

        The filter's own uncertainty falls slowly. With this limit, speech is distinguished from echo sooner if the user
        wears a headset or if there is hardly any echo.
        """
        self._heard_powers = np.append(self._heard_powers[1:], np.square(heard).sum())
        self._played_powers = np.append(self._played_powers[1:], np.square(played).sum())
        soonest, latest = self._played_powers[_DELAY:].sum(), self._played_powers[:-_DELAY].sum()
        # unless playback has just started or stopped
        if min(soonest, latest) > max(soonest, latest) / _MAX_ECHO + _MIN_POWER:
            echo = self._heard_powers.sum() / max(soonest, latest)
            self._echo = max(_MIN_ECHO, min(echo, self._echo * _ECHO_RISES))
        return float(_MAX_ECHO * self._echo * self._played_powers.max() * CHUNK_SAMPLES)  # as the power of a spectrum

    def _learn(self, left: Spectra, left_power: Powers, played_power: Powers) -> None:
        """Adapt the estimate of the room so that the residual shrinks, in proportion to the reliability of the
        chunk.
        """
        self._person = _SMOOTHING * self._person + (1 - _SMOOTHING) * left_power
        spread = (played_power * self._doubt).sum(axis=0) + self._person + _MIN_POWER
        trust = self._doubt * self._played.conj() / spread
        steps = np.fft.irfft(trust * left, axis=1)
        steps[:, CHUNK_SAMPLES:] = 0.0  # a partition is no longer than a chunk
        self._room += np.fft.rfft(steps, axis=1)
        kept = 1 - 0.5 * (trust * self._played).real
        self._doubt = _STAYS**2 * kept * self._doubt + (1 - _STAYS**2) * _power(self._room)


def _power(spectra: Spectra) -> Powers:
    return np.square(np.abs(spectra))


def _samples(pcm: bytes) -> npt.NDArray[np.float64]:
    """Return a full chunk as an array of samples from -1.0 to 1.0, padded with silence."""
    samples = np.frombuffer(pcm.ljust(CHUNK_SAMPLES * 2, b"\0"), dtype="<i2")[:CHUNK_SAMPLES]
    return samples.astype(np.float64) / 32768
