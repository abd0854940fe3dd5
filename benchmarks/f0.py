"""Measure accuracy and speed of the f0 estimators on synthetic singing with known f0 and on real singing.

    python benchmarks/f0.py [FOLDER_OR_FILE ...] [--methods swift,dio,...] [--threads 1]

The synthetic singing is 30 s of vowels on glides, notes and vibrato between 85 and 1050 Hz. Its pauses contain silence
or breath noise. It is tested clean and degraded in several ways. On real singing, each method is compared with the
majority f0 of the other methods, in frames where they have a majority. `median` does not vote, but is compared with a
vote that includes its own three methods.

    right    voiced frames estimated as voiced and within 50 cents, %
    octave   frames voiced in both whose f0 error is within a semitone of one or more whole octaves, %
    missed   voiced frames estimated as unvoiced, %
    false    unvoiced frames estimated as voiced, %; counts digital silence and breath noise alike
    cents    median error of the frames that are voiced in both and within 50 cents
    jumps    jumps of more than six semitones within a voiced stretch, per minute
    speed    seconds of computation per second of audio
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from myna.audio.folders import find_recordings
from myna.audio.io import read
from myna.errors import MynaError
from myna.features.contour import frame_centres
from myna.features.f0 import F0_ESTIMATORS

Array = NDArray[np.floating]

SAMPLE_RATE = 44100
HOP_LENGTH = 512
SECONDS = 30.0
CLOSE_CENTS = 50.0


# -- Synthetic singing ------------------------------------------------------------------------------------------------


def melody(rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """Generate a random melody. Return pitch in Hz, a mask of sung samples and a mask of breath noise, each (N,)."""
    n_samples = round(SECONDS * SAMPLE_RATE)
    pitch, sung, breath = np.full(n_samples, 200.0), np.zeros(n_samples, bool), np.zeros(n_samples, bool)
    start, previous, kind = 0, 200.0, 0
    while start < n_samples:
        end = min(start + round(rng.uniform(0.35, 1.2) * SAMPLE_RATE), n_samples)
        seconds = np.arange(end - start) / SAMPLE_RATE
        note = 85 * (1050 / 85) ** rng.uniform()
        if kind % 4 == 0:  # a glide from the last note
            octaves = np.clip(np.log2(note / previous), -1.5, 1.5) * seconds / max(seconds[-1], 0.1)
            note = previous * 2 ** octaves[-1]
            pitch[start:end] = previous * 2**octaves
        else:
            depth = (0, 40, 80)[kind % 3] / 1200
            pitch[start:end] = note * 2 ** (depth * np.sin(2 * np.pi * 5.5 * seconds))
        sung[start:end] = True
        previous, start, kind = float(pitch[end - 1]), end, kind + 1
        end = min(start + round(rng.uniform(0.1, 0.4) * SAMPLE_RATE), n_samples)
        breath[start:end] = kind % 2 == 0
        start = end
    return pitch, sung, breath


def synthesize(pitch: Array, sung: NDArray[np.bool_], breath: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Synthesize the melody as harmonics with moving formants, scaled to a peak of 0.5."""
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    seconds = np.arange(len(pitch)) / SAMPLE_RATE
    first, second = 550 + 200 * np.sin(2 * np.pi * 0.7 * seconds), 1500 + 600 * np.sin(2 * np.pi * 0.45 * seconds)
    sound = np.zeros(len(pitch))
    for k in range(1, 41):
        hz = k * pitch
        gain = sum(a / (1 + ((hz - f) / w) ** 2) for f, w, a in ((first, 90, 1), (second, 130, 0.4), (2800, 200, 0.15)))
        sound += np.where(hz < 10000, (gain + 0.02) / k**0.5, 0) * np.sin(k * phase + k * k)
    ramp = round(0.01 * SAMPLE_RATE)
    envelope = np.convolve(sung, np.hanning(ramp) / np.hanning(ramp).sum(), "same")
    sound *= envelope
    noise = np.convolve(rng.standard_normal(len(pitch)), [1, -0.9], "same") * 0.02 * np.abs(sound).max()
    return 0.5 * (sound + noise * breath) / np.abs(sound).max()


def white(sound: Array, snr_db: float, rng: np.random.Generator) -> Array:
    return sound + rng.standard_normal(len(sound)) * sound.std() / 10 ** (snr_db / 20)


def reverberant(sound: Array, rng: np.random.Generator) -> Array:
    n = SAMPLE_RATE // 2
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    size = 2 ** int(np.ceil(np.log2(len(sound) + n)))
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]
    return sound + 0.5 * wet * sound.std() / wet.std()


def accompanied(sound: Array, rng: np.random.Generator) -> Array:
    """Add chords of sawtooth-like tones, 6 dB below the voice."""
    seconds = np.arange(len(sound)) / SAMPLE_RATE
    band = np.zeros(len(sound))
    for bar in range(round(SECONDS)):
        inside = (seconds >= bar) & (seconds < bar + 1)
        for semitones in rng.choice(24, 3, replace=False):
            for k in range(1, 9):
                band[inside] += np.sin(2 * np.pi * k * 110 * 2 ** (semitones / 12) * seconds[inside]) / k
    return sound + 0.5 * band * sound.std() / band.std()


def thin(sound: Array) -> Array:
    """Remove everything below 400 Hz, like a telephone or a wrongly set low-cut filter."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum / (1 + (400 / np.maximum(hz, 1)) ** 8) ** 0.5, len(sound))


def conditions() -> Iterator[tuple[str, Array, Array]]:
    """Yield the name, the audio (N,) and the true f0 (T,) of each condition; f0 is 0 in unvoiced frames."""
    rng = np.random.default_rng(7)
    pitch, sung, breath = melody(rng)
    clean = synthesize(pitch, sung, breath, rng)
    centres = np.rint(frame_centres(len(clean) // HOP_LENGTH, SAMPLE_RATE, HOP_LENGTH) * SAMPLE_RATE).astype(int)
    truth = np.where(sung, pitch, 0)[centres]
    yield "clean", clean, truth
    yield "40 dB quieter", clean / 100, truth
    yield "noise -20 dB", white(clean, 20, rng), truth
    yield "noise -5 dB", white(clean, 5, rng), truth
    yield "reverberant", reverberant(clean, rng), truth
    yield "accompanied", accompanied(clean, rng), truth
    yield "thin", thin(clean), truth


# -- Measures ---------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """Error counts of one f0 method against the true f0, summed over recordings."""

    errors: list[Array] = field(default_factory=list)  # in cents, for the frames voiced in both
    n_voiced: int = 0
    n_missed: int = 0
    n_unvoiced: int = 0
    n_false: int = 0
    n_jumps: int = 0
    n_frames: int = 0
    seconds: float = 0.0

    def add(self, f0: Array, truth: Array, known: NDArray[np.bool_], seconds: float) -> None:
        """Count the frames where `known` is true, except at voicing boundaries, where the true voicing is ambiguous."""
        voiced, true = f0 > 0, truth > 0
        steady = np.ones(len(f0), bool)
        edges = np.flatnonzero(np.diff(true))
        for offset in (0, 1):
            steady[edges + offset] = False
        known = known & steady
        both = known & voiced & true
        self.errors.append(1200 * np.log2(f0[both] / truth[both]))
        self.n_voiced += int((known & true).sum())
        self.n_missed += int((known & true & ~voiced).sum())
        self.n_unvoiced += int((known & ~true).sum())
        self.n_false += int((known & ~true & voiced).sum())
        ratio = np.log2(np.where(voiced, f0, 1)[1:] / np.where(voiced, f0, 1)[:-1])
        self.n_jumps += int((voiced[1:] & voiced[:-1] & (np.abs(ratio) > 0.5)).sum())
        self.n_frames += len(f0)
        self.seconds += seconds

    def row(self) -> str:
        errors = np.abs(np.concatenate(self.errors))
        octaves = np.round(errors / 1200)
        close = errors < CLOSE_CENTS
        columns = (
            f"{100 * close.sum() / max(self.n_voiced, 1):6.1f}",
            f"{100 * ((octaves > 0) & (np.abs(errors - 1200 * octaves) < 100)).mean() if len(errors) else 0:7.2f}",
            f"{100 * self.n_missed / max(self.n_voiced, 1):7.1f}",
            f"{100 * self.n_false / max(self.n_unvoiced, 1):6.1f}",
            f"{np.median(errors[close]) if close.any() else np.nan:6.1f}",
            f"{self.n_jumps * 60 * SAMPLE_RATE / (self.n_frames * HOP_LENGTH):6.1f}",
            f"{self.seconds * SAMPLE_RATE / (self.n_frames * HOP_LENGTH):7.3f}",
        )
        return " ".join(columns)


HEADER = f"{'method':12} {'right':>6} {'octave':>7} {'missed':>7} {'false':>6} {'cents':>6} {'jumps':>6} {'speed':>7}"


def estimate(method: str, sound: Array) -> tuple[Array, float]:
    began = time.perf_counter()
    f0 = F0_ESTIMATORS[method](sound.astype(np.float32), SAMPLE_RATE, HOP_LENGTH, "cpu")  # type: ignore[index]
    return f0.astype(np.float64), time.perf_counter() - began


def consensus(others: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Compute the majority f0 of the contours (M, T) and a mask of the frames that have a majority.

    The majority must agree that a frame is unvoiced, or agree on its f0 within 50 cents.
    """
    voiced = others > 0
    centre = np.exp(np.nanmedian(np.where(voiced, np.log(np.where(voiced, others, 1)), np.nan), axis=0))
    close = voiced & (np.abs(1200 * np.log2(np.where(voiced, others, 1) / np.nan_to_num(centre, nan=1))) < CLOSE_CENTS)
    voiced_majority, unvoiced_majority = close.mean(axis=0) > 0.5, (~voiced).mean(axis=0) > 0.5
    return np.where(voiced_majority, centre, 0), voiced_majority | unvoiced_majority


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=Path, help="folders or files of singing without accompaniment")
    parser.add_argument("--methods", default="swift,dio,harvest,parselmouth,crepe-tiny,fcpe,median")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (default: 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    np.seterr(invalid="ignore")

    methods = []
    for method in options.methods.split(","):
        try:
            estimate(method, np.random.default_rng(0).standard_normal(SAMPLE_RATE) * 0.1)
            methods.append(method)
        except MynaError as error:
            print(f"{method} skipped: {error}")

    for name, sound, truth in conditions():
        print(f"\n{name}\n{HEADER}")
        for method in methods:
            tally = Tally()
            f0, seconds = estimate(method, sound)
            tally.add(f0, truth, np.ones(len(truth), bool), seconds)
            print(f"{method:12} {tally.row()}", flush=True)

    paths = [path for given in options.recordings for path in (find_recordings(given) if given.is_dir() else [given])]
    tallies = {method: Tally() for method in methods}
    for path in paths:
        sound = read(path, SAMPLE_RATE)[0]
        found = {method: estimate(method, sound) for method in methods}
        for method in methods:
            others = [f0 for other, (f0, _) in found.items() if other not in (method, "median")]
            truth, known = consensus(np.stack(others))
            tallies[method].add(found[method][0], truth, known, found[method][1])
    if paths:
        minutes = next(iter(tallies.values())).n_frames * HOP_LENGTH / SAMPLE_RATE / 60
        print(f"\nreal singing, {minutes:.1f} minutes, against the majority of the others\n{HEADER}")
        for method, tally in tallies.items():
            print(f"{method:12} {tally.row()}")


if __name__ == "__main__":
    main()
