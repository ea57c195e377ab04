"""Echo cancellation: what the loudspeaker plays is taken out of what the microphone hears.

A partitioned-block Kalman filter in the frequency domain learns the way from the loudspeaker through the room to the
microphone, and what it expects of our voice is taken away. It is linear, so a person who speaks over it is left whole;
only what our own voice alone can explain is made soft. WebRTC's canceller was tried, and swallowed the person's first
words (bench/RESULTS-appendix.md).

Sources: Enzner and Vary, Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
telephones, 2006; Kuech, Mabande and Enzner, State-space architecture of the partitioned-block-based acoustic echo
controller, 2014.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from voice_helper.types import CHUNK_SAMPLES, AudioChunk

_PARTITIONS: Final = 16
"""Of one chunk each: the sound may take half a second, through the sound card and round the room."""

_SPECTRUM: Final = CHUNK_SAMPLES + 1
_PASSES: Final = 2
"""Over each chunk: it learns the room in half the time, for 7 ms of work a second more."""

_STAYS: Final = 0.9995  # of the room from one chunk to the next: nobody moves fast
_SMOOTHING: Final = 0.7
_UNKNOWN: Final = 1.0 / _PARTITIONS  # before anything is known: as loud as it was played, at any delay
_DISTORTED: Final = 0.01  # of what comes back no linear filter can foresee: small loudspeakers rattle
_SOMEBODY: Final = 2.0
"""A person is heard where twice as much is left as the filter's own doubt explains: 3 dB."""

_MAX_ECHO: Final = 4.0
"""So many times what came back of our voice until now may come back of it in a moment: 6 dB for a louder sound."""

_AT_FIRST: Final = 1e3  # how much of it comes back is not known yet
_DELAY: Final = 8  # chunks: the longest way from the loudspeaker to the microphone
_MIN_ECHO: Final = 1e-3
_ECHO_RISES: Final = 1.05
"""From chunk to chunk, at most: somebody's first words do not count for our echo, a turned knob does in a second."""

_OUR_REST: Final = 0.05  # what is left where nobody but us is heard is made this soft

_MIN_POWER: Final = 1e-6

Spectra = npt.NDArray[np.complex128]
Powers = npt.NDArray[np.float64]


class EchoCanceller:
    """Cleans one stream of chunks; the sound that was played comes in beside each of them."""

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
        """What was left of the last chunk can be what was not learned yet of our own voice."""

    def clean(self, chunk: AudioChunk, played: bytes) -> AudioChunk:
        """Return a chunk as long as the one given, without what was `played` (16 kHz) in the same time."""
        self._silent_chunks = 0 if any(played) else self._silent_chunks + 1
        if self._silent_chunks > _PARTITIONS + 1:  # nothing of ours is left in the room
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
        if np.square(left).sum() > np.square(heard).sum():  # it knows the room too little to help
            left = heard
        if self.hears_us_alone:
            left = left * _OUR_REST
        return AudioChunk(bytes(np.clip(left * 32768, -32768, 32767).astype("<i2").tobytes())[: len(chunk.pcm)])

    def _max_echo(self, heard: npt.NDArray[np.float64], played: npt.NDArray[np.float64]) -> float:
        """Return the most that our voice can be of this chunk, by how much of it came back in the last half second.

        The filter's own doubt falls slowly; with a headset, or where nothing comes back, people are heard sooner.
        """
        self._heard_powers = np.append(self._heard_powers[1:], np.square(heard).sum())
        self._played_powers = np.append(self._played_powers[1:], np.square(played).sum())
        soonest, latest = self._played_powers[_DELAY:].sum(), self._played_powers[:-_DELAY].sum()
        if (
            min(soonest, latest) > max(soonest, latest) / _MAX_ECHO + _MIN_POWER
        ):  # not where we have just begun or ended
            echo = self._heard_powers.sum() / max(soonest, latest)
            self._echo = max(_MIN_ECHO, min(echo, self._echo * _ECHO_RISES))
        return float(_MAX_ECHO * self._echo * self._played_powers.max() * CHUNK_SAMPLES)  # the doubt is one of spectra

    def _learn(self, left: Spectra, left_power: Powers, played_power: Powers) -> None:
        """Move what is known of the room towards what would have left nothing, as far as it can be trusted."""
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
    """Return a whole chunk as numbers from -1.0 to 1.0, the end filled with silence."""
    samples = np.frombuffer(pcm.ljust(CHUNK_SAMPLES * 2, b"\0"), dtype="<i2")[:CHUNK_SAMPLES]
    return samples.astype(np.float64) / 32768
