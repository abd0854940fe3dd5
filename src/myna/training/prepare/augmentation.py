"""Augmented versions of a clip: with a random melody, shifted formants, a different pace or another room.

A voice is trained on one person in one room, but converts recordings of other people in other rooms, which have
different content features. Therefore, training also uses the content of augmented versions; the target remains the
original clip. NANSY (Choi et al. 2021) introduced such perturbations of the content encoder's input.
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
from myna.units import db_to_amplitude

Array = NDArray[np.floating]

PERIOD_MS = 5.0  # distance between WORLD frames
LOWEST_HZ, HIGHEST_HZ = 80.0, 1050.0  # limits of the random melodies
_SPEEDS = (0.85, 1.18)  # lowest and highest speed factor
_ROOM_SHARE = 2 / 3  # share of versions in another room
_REVERB_SHARE = 0.5  # share of rooms with reverberation
_LEVEL_HOP = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Version:
    """An augmented version of a clip."""

    audio: NDArray[np.float32]  # (N,)
    sample_rate: int  # nominal rate; its ratio to the true rate scales formants, pitch and pace
    loudness: NDArray[np.float32]  # (T,) dB: loudness of the clip plus the change caused by the room


def versions(
    audio: NDArray[np.float32], sample_rate: int, features: Features, hop_length: int, n_versions: int
) -> Iterator[Version]:
    """Yield `n_versions` augmented versions of a clip (N,); every second one has a random melody.

    The versions depend only on the clip.
    """
    rng = np.random.default_rng(zlib.crc32(audio.tobytes()))
    original = resample(audio, sample_rate, SAMPLE_RATE).astype(np.float64)
    frames = np.arange(features.n_frames) * hop_length / sample_rate  # start of each frame in seconds
    world = World.analyse(original, _at_world_frames(features.f0.numpy(), frames, len(original)))
    for number in range(n_versions):
        voice = world.with_f0(random_melody(len(world.f0), rng), len(original)) if number % 2 else original
        in_room = place_in_room(voice, rng) if rng.random() < _ROOM_SHARE else voice
        louder_db = np.interp(frames, np.arange(len(voice) // _LEVEL_HOP) / 100, _level(in_room) - _level(voice))
        yield Version(
            audio=in_room.astype(np.float32),
            sample_rate=round(SAMPLE_RATE * np.exp(rng.uniform(*np.log(_SPEEDS)))),
            loudness=features.loudness.numpy() + louder_db.astype(np.float32),
        )


@dataclass(frozen=True)
class World:
    """WORLD analysis of a recording (Morise, Yokomori and Ozawa 2016), with one frame every `PERIOD_MS`."""

    f0: Array  # (T,) Hz, 0 in unvoiced frames
    envelope: Array  # (T, bins)
    aperiodicity: Array  # (T, bins)

    @classmethod
    def analyse(cls, audio: Array, f0: Array) -> World:
        """Analyse `audio` (N,) at the content encoder's sample rate, given its f0 (T,) in Hz."""
        import pyworld

        times = np.arange(len(f0)) * PERIOD_MS / 1000
        envelope = pyworld.cheaptrick(audio, f0, times, SAMPLE_RATE)
        return cls(f0, envelope, pyworld.d4c(audio, f0, times, SAMPLE_RATE))

    def with_f0(self, contour: Array, n_samples: int) -> Array:
        """Synthesize the recording (n_samples,) with `contour` (T,) in Hz as the f0 of its voiced frames."""
        import pyworld

        f0 = np.where(self.f0 > 0, contour, 0.0)
        audio = pyworld.synthesize(f0, self.envelope, self.aperiodicity, SAMPLE_RATE, PERIOD_MS)[:n_samples]
        return np.pad(audio, (0, n_samples - len(audio)))


def random_melody(n_frames: int, rng: np.random.Generator) -> Array:
    """Return the f0 (n_frames,) of a random melody in 80..1050 Hz, one frame every `PERIOD_MS`.

    Notes last 0.15 to 1 s, are within 9 semitones of a random central note, and have vibrato and glides between them.
    """
    middle = rng.uniform(np.log2(100), np.log2(850))
    lengths = rng.integers(30, 200, n_frames // 30 + 2)
    notes = np.repeat(middle + rng.integers(-9, 10, len(lengths)) / 12, lengths)[: n_frames + 40]
    glide = np.hanning(rng.integers(6, 30))
    notes = np.convolve(notes, glide / glide.sum(), "same")[:n_frames]
    rate, depth = rng.uniform(4.5, 7), rng.uniform(0, 80) / 1200
    vibrato = depth * np.sin(2 * np.pi * rate * np.arange(n_frames) * PERIOD_MS / 1000 + rng.uniform(0, 6.28))
    return np.asarray(np.clip(np.exp2(notes + vibrato), LOWEST_HZ, HIGHEST_HZ))


def place_in_room(audio: Array, rng: np.random.Generator) -> Array:
    """Simulate a recording of a voice (N,) by a microphone in a noisy room; half of the rooms have reverberation.

    The audio has the content encoder's sample rate.
    """
    n_samples = len(audio)
    # Longer than the reverberation, and a power of two for a fast FFT.
    n_fft = 1 << (2 * n_samples - 1).bit_length()
    hertz = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(audio, n_fft)
    if rng.random() < _REVERB_SHARE:
        spectrum = spectrum * np.fft.rfft(_reverberation(n_samples, rng), n_fft)
    # The microphone's response has a slope of at most 1.5 dB per octave and a ripple of at most 3 dB.
    octaves = np.log2(np.maximum(hertz, 60) / 1000)
    ripple = np.cos(2 * np.pi * (octaves * rng.uniform(0.1, 0.4) + rng.random()))
    spectrum = spectrum * 10 ** ((rng.uniform(-1.5, 1.5) * octaves + rng.uniform(0, 3) * ripple) / 20)
    voice = np.fft.irfft(spectrum, n_fft)[:n_samples]
    voice = voice * np.sqrt(_power(audio) / _power(voice))
    # The noise ranges from white noise to low rumble. Its level is 15 to 50 dB below the 75th percentile of the frames'
    # levels.
    colour = np.maximum(hertz, 50) ** rng.uniform(-1.2, 0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples), n_fft) * colour, n_fft)[:n_samples]
    loud_db = np.quantile(_level(voice), 0.75)
    noise = noise / np.sqrt(_power(noise)) * db_to_amplitude(float(loud_db) - rng.uniform(15, 50))
    return np.asarray(voice + noise)


def _reverberation(n_samples: int, rng: np.random.Generator) -> Array:
    """Return the impulse response of a room: a unit impulse, and decaying noise with 8 to 25 dB less energy.

    The noise decays by 60 dB in 0.1 to 0.6 s.
    """
    n_tail = int(rng.uniform(0.1, 0.6) * SAMPLE_RATE)
    tail = rng.standard_normal(n_tail) * 10 ** (-3 * np.arange(n_tail) / n_tail)
    tail[0] = 0
    tail *= db_to_amplitude(-rng.uniform(8, 25)) / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    return tail[:n_samples]


def _level(audio: Array) -> Array:
    return loudness(audio.astype(np.float32), _LEVEL_HOP)


def _power(audio: Array) -> float:
    return float(np.square(audio).mean()) + 1e-12


def _at_world_frames(f0: NDArray[np.float32], frames: Array, n_samples: int) -> Array:
    """Return the f0 at WORLD's frames (T,), taken from the clip's frame at the same time.

    Args:
        f0: f0 of the clip's frames.
        frames: start times of the clip's frames, in seconds.
    """
    times = np.arange(int(n_samples / SAMPLE_RATE * 1000 / PERIOD_MS) + 1) * PERIOD_MS / 1000
    return f0[np.searchsorted(frames, times, side="right") - 1].astype(np.float64)
