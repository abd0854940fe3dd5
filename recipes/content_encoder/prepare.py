"""Write training clips: each recording at 16 kHz, and spoken and sung versions of it in other voices and pitches.

The versions are made with WORLD (Morise et al. 2016): the same spectral envelope with its frequency axis stretched
(another vocal tract), another f0 contour (another melody, 80 to 1000 Hz) and another pace. For every frame of a
version, the matching time in the original is stored. The training target of the frame is the teacher's feature of the
ORIGINAL at that time, so the student learns to ignore every property in which the versions differ.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pyworld
import soundfile as sf
import soxr
from numpy.typing import NDArray
from safetensors.numpy import save_file

from myna.training.prepare.augmentation import PERIOD_MS, World, random_melody
from recipes.corpus import Clip, recordings

Array = NDArray[np.float64]

SAMPLE_RATE = 16000
FRAME_SAMPLES = 320
MAX_SECONDS = 24.0
N_SPOKEN, N_SUNG = 2, 3
N_VERSIONS = 1 + N_SPOKEN + N_SUNG


def read(path: Path) -> Array:
    """Read at most `MAX_SECONDS` of a recording, as mono at 16 kHz."""
    audio, rate = sf.read(path, dtype="float64", always_2d=True)
    audio = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE)
    return audio[: int(MAX_SECONDS * SAMPLE_RATE)]


def analyse(audio: Array) -> World:
    f0, times = pyworld.dio(audio, SAMPLE_RATE, f0_floor=65, f0_ceil=1000, frame_period=PERIOD_MS)
    return World.analyse(audio, pyworld.stonemask(audio, f0, times, SAMPLE_RATE))


def resynthesize(world: World, at: Array, contour: Array, formant: float) -> Array:
    """Synthesize audio from a WORLD analysis with another pace, f0 contour and vocal tract.

    Args:
        at: row of the analysis for each output row, fractional.
        contour: f0 in Hz of each output row; used where the analysis is voiced.
        formant: factor of the formant frequencies.
    """
    rows = np.clip(np.round(at).astype(int), 0, len(world.f0) - 1)
    bins = np.arange(world.envelope.shape[1]) / formant
    envelope = warp(np.log(world.envelope[rows]), bins)
    aperiodicity = warp(world.aperiodicity[rows], bins)
    f0 = np.where(world.f0[rows] > 0, contour, 0.0)
    return np.asarray(pyworld.synthesize(f0, np.exp(envelope), aperiodicity, SAMPLE_RATE, PERIOD_MS))


def warp(rows: Array, bins: Array) -> Array:
    """Interpolate each row at fractional bins; bins past the end take the value of the last bin."""
    bins = np.minimum(bins, rows.shape[1] - 1)
    low = np.minimum(bins.astype(int), rows.shape[1] - 2)
    part = bins - low
    return np.ascontiguousarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part)


def random_pace(n_rows: int, low: float, high: float, rng: np.random.Generator) -> Array:
    """Draw a random pace and return the original's row, fractional, for each row of the version.

    The pace varies between 2 ** `low` and 2 ** `high` rows of the original per row.
    """
    n_knots = max(2, n_rows // 60)
    pace = np.exp2(
        np.interp(np.linspace(0, 1, 4 * n_rows), np.linspace(0, 1, n_knots), rng.uniform(low, high, n_knots))
    )
    at = np.cumsum(pace)
    return at[at < n_rows - 1]


def spoken_contour(f0: Array, rng: np.random.Generator) -> Array:
    """Transpose a melody at random, scale its pitch range by 0.4 to 1.5, and clip it to 65 to 1000 Hz."""
    voiced = f0[f0 > 0]
    middle = np.exp(np.log(voiced).mean()) if len(voiced) else 150.0
    target = np.exp(rng.uniform(np.log(85), np.log(320)))
    return np.asarray(np.clip(target * (np.maximum(f0, 50) / middle) ** rng.uniform(0.4, 1.5), 65, 1000))


def versions(audio: Array, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Return the original and all its versions, each as its audio and the time in the original of each row (s)."""
    world = analyse(audio)
    n_rows = len(world.f0)
    found = [(audio, np.arange(n_rows) * PERIOD_MS / 1000)]
    for number in range(N_SPOKEN + N_SUNG):
        sung = number >= N_SPOKEN
        at = random_pace(n_rows, -1.3 if sung else -0.4, 0.2 if sung else 0.4, rng)
        contour = random_melody(len(at), rng) if sung else spoken_contour(world.f0[at.astype(int)], rng)
        formant = np.exp(rng.uniform(np.log(0.8), np.log(1.3)))
        found.append((resynthesize(world, at, contour, formant), at * PERIOD_MS / 1000))
    return found


def write_clip(clip: Clip, path: Path) -> None:
    """Write all versions of a clip: samples as `audio.k` (int16), frame times in the original (s) as `time.k`."""
    audio = read(clip.path)
    audio = audio * (0.5 / max(1e-4, np.abs(audio).max()))
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    arrays = {}
    for number, (version, rows) in enumerate(versions(audio, rng)):
        n_frames = len(version) // FRAME_SAMPLES
        middles = (np.arange(n_frames) + 0.5) * FRAME_SAMPLES / SAMPLE_RATE
        seconds = np.interp(middles, np.arange(len(rows)) * PERIOD_MS / 1000, rows)
        arrays[f"audio.{number}"] = np.round(np.clip(version, -1, 1) * 32767).astype(np.int16)
        arrays[f"time.{number}"] = seconds.astype(np.float32)
    part = path.with_suffix(".part")
    save_file(arrays, part)
    part.replace(path)


def prepare(data: Path, joe: Path, folder: Path, part: int = 0, parts: int = 1) -> None:
    """Write the versions of every clip, and `clips.json`, to `folder`; existing clips are kept.

    `parts` processes can share the work; this call writes the clips of number `part`, counted from 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = recordings(data, joe)
    index = [
        {"name": one.name, "source": one.source, "speaker": one.speaker, "held_out": one.held_out} for one in clips
    ]
    (folder / "clips.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    for clip in clips[part::parts]:
        path = folder / f"{clip.name}.safetensors"
        if not path.exists():
            write_clip(clip, path)
