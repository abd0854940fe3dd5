"""A clip as others would have said it: sung, in another throat, at another pace, in another room.

A voice learns from one person in one room, and is to sing what anybody says anywhere. The content encoder hears those
otherwise, so in training it hears such versions, and what is to be sung is the clip as it was recorded (perturbing what
the encoder hears: NANSY, Choi et al. 2021).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from myna.audio.resample import resample
from myna.features.content import SAMPLE_RATE
from myna.features.extractor import Features
from myna.features.loudness import loudness

Array = NDArray[np.floating]

PERIOD_MS = 5.0  # between the rows of WORLD
LOWEST_HZ, HIGHEST_HZ = 80.0, 1050.0  # of what is sung
_SPEEDS = (0.85, 1.18)  # the least and the greatest
_ROOM_SHARE = 2 / 3  # of the versions are in another room
_REVERB_SHARE = 0.5  # of the rooms are heard
_LEVEL_HOP = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Version:
    """A clip as someone else would have it said."""

    audio: NDArray[np.float32]  # (N,)
    sample_rate: int  # to hear it at: another one than it has moves formants, pitch and pace together
    loudness: NDArray[np.float32]  # (T,) dB: the clip's, and what the room adds


def versions(
    audio: NDArray[np.float32], sample_rate: int, features: Features, hop_length: int, n_versions: int
) -> Iterator[Version]:
    """`n_versions` of a clip (N,) with its features, every second of them sung; the same for the same clip."""
    rng = np.random.default_rng(zlib.crc32(audio.tobytes()))
    spoken = resample(audio, sample_rate, SAMPLE_RATE).astype(np.float64)
    frames = np.arange(features.n_frames) * hop_length / sample_rate  # when each begins, seconds
    world = World.analyse(spoken, _at_rows(features.f0.numpy(), frames, len(spoken)))
    for number in range(n_versions):
        voice = world.sung(sung_contour(len(world.f0), rng), len(spoken)) if number % 2 else spoken
        heard = in_a_room(voice, rng) if rng.random() < _ROOM_SHARE else voice
        louder_db = np.interp(frames, np.arange(len(voice) // _LEVEL_HOP) / 100, _level(heard) - _level(voice))
        yield Version(
            audio=heard.astype(np.float32),
            sample_rate=round(SAMPLE_RATE * np.exp(rng.uniform(*np.log(_SPEEDS)))),
            loudness=features.loudness.numpy() + louder_db.astype(np.float32),
        )


@dataclass(frozen=True)
class World:
    """What WORLD (Morise, Yokomori and Ozawa 2016) hears of a recording, a row every `PERIOD_MS`."""

    f0: Array  # (T,) Hz, 0 where it is unvoiced
    envelope: Array  # (T, bins)
    aperiodicity: Array  # (T, bins)

    @classmethod
    def analyse(cls, audio: Array, f0: Array) -> World:
        """Of `audio` (N,) at the encoder's rate, whose pitch (T,) is known."""
        import pyworld

        times = np.arange(len(f0)) * PERIOD_MS / 1000
        envelope = pyworld.cheaptrick(audio, f0, times, SAMPLE_RATE)
        return cls(f0, envelope, pyworld.d4c(audio, f0, times, SAMPLE_RATE))

    def sung(self, contour: Array, n_samples: int) -> Array:
        """The same sounds under another contour (T,), Hz: (n_samples,)."""
        import pyworld

        f0 = np.where(self.f0 > 0, contour, 0.0)
        audio = pyworld.synthesize(f0, self.envelope, self.aperiodicity, SAMPLE_RATE, PERIOD_MS)[:n_samples]
        return np.pad(audio, (0, n_samples - len(audio)))


def sung_contour(n_rows: int, rng: np.random.Generator) -> Array:
    """Notes of 0.15 to 1 s within an octave of one middle, joined by glides, with vibrato: 80 to 1050 Hz."""
    middle = rng.uniform(np.log2(100), np.log2(850))
    lengths = rng.integers(30, 200, n_rows // 30 + 2)
    notes = np.repeat(middle + rng.integers(-9, 10, len(lengths)) / 12, lengths)[: n_rows + 40]
    glide = np.hanning(rng.integers(6, 30))
    notes = np.convolve(notes, glide / glide.sum(), "same")[:n_rows]
    rate, depth = rng.uniform(4.5, 7), rng.uniform(0, 80) / 1200
    vibrato = depth * np.sin(2 * np.pi * rate * np.arange(n_rows) * PERIOD_MS / 1000 + rng.uniform(0, 6.28))
    return np.asarray(np.clip(np.exp2(notes + vibrato), LOWEST_HZ, HIGHEST_HZ))


def in_a_room(audio: Array, rng: np.random.Generator) -> Array:
    """A voice (N,) at the encoder's rate with reverberation, through a microphone of another colour, in noise."""
    n_samples = len(audio)
    n_fft = 1 << (2 * n_samples - 1).bit_length()  # room for the tail, and fast
    hertz = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(audio, n_fft)
    if rng.random() < _REVERB_SHARE:
        spectrum = spectrum * np.fft.rfft(_reverberation(n_samples, rng), n_fft)
    # The microphone: a slope of at most 1.5 dB an octave, and a wave of at most 3 dB.
    octaves = np.log2(np.maximum(hertz, 60) / 1000)
    wave = np.cos(2 * np.pi * (octaves * rng.uniform(0.1, 0.4) + rng.random()))
    spectrum = spectrum * 10 ** ((rng.uniform(-1.5, 1.5) * octaves + rng.uniform(0, 3) * wave) / 20)
    heard = np.fft.irfft(spectrum, n_fft)[:n_samples]
    heard = heard * np.sqrt(_power(audio) / _power(heard))
    # The noise: between white and rumbling, 15 to 50 dB below the louder quarter of the voice.
    colour = np.maximum(hertz, 50) ** rng.uniform(-1.2, 0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples), n_fft) * colour, n_fft)[:n_samples]
    loud_db = np.quantile(_level(heard), 0.75)
    noise = noise / np.sqrt(_power(noise)) * 10 ** ((loud_db - rng.uniform(15, 50)) / 20)
    return np.asarray(heard + noise)


def _reverberation(n_samples: int, rng: np.random.Generator) -> Array:
    """A room's answer to a click: itself, and noise that dies by 60 dB in 0.1 to 0.6 s, in all 8 to 25 dB below it."""
    n_tail = int(rng.uniform(0.1, 0.6) * SAMPLE_RATE)
    tail = rng.standard_normal(n_tail) * 10 ** (-3 * np.arange(n_tail) / n_tail)
    tail[0] = 0
    tail *= 10 ** (-rng.uniform(8, 25) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    return tail[:n_samples]


def _level(audio: Array) -> Array:
    return loudness(audio.astype(np.float32), _LEVEL_HOP)


def _power(audio: Array) -> float:
    return float(np.square(audio).mean()) + 1e-12


def _at_rows(f0: NDArray[np.float32], frames: Array, n_samples: int) -> Array:
    """A contour at the rows of WORLD: that of the frame that each falls into."""
    rows = np.arange(int(n_samples / SAMPLE_RATE * 1000 / PERIOD_MS) + 1) * PERIOD_MS / 1000
    return f0[np.searchsorted(frames, rows, side="right") - 1].astype(np.float64)
