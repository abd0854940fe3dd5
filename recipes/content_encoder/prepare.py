"""Recordings -> clips at 16 kHz, each beside versions of itself in other voices, at other pitches, spoken and sung.

The versions are made with WORLD (Morise et al. 2016): the same spectral envelope with its frequency axis stretched
(another throat), under another f0 contour (another melody, 80 to 1000 Hz), at another pace. Every frame of a version
knows the moment of the original that it says, so that the teacher's features of the ORIGINAL are its target: what the
versions differ in is what the student learns not to hear.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyworld
import soundfile as sf
import soxr
from numpy.typing import NDArray
from safetensors.numpy import save_file

from myna.audio.folders import find_recordings
from myna.training.prepare.augmentation import PERIOD_MS, World, sung_contour

Array = NDArray[np.float64]

SAMPLE_RATE = 16000
FRAME_SAMPLES = 320
MAX_SECONDS = 24.0

# Held out of training, for the probes: ten LibriSpeech speakers with ten recordings each and ten with one, all of
# LibriTTS, one singer of vocadito, the sms-tools phrases, and every tenth line of joe.
PROBE_SPEAKERS = ("1688", "1998", "2033", "2414", "2609", "3005", "3080", "3331", "367", "533")
HELD_OUT_SPEAKERS = (*PROBE_SPEAKERS, "103", "1034", "1040", "1069", "1081", "1088", "1098", "1116", "118", "1183")
HELD_OUT_SINGING = ("vocadito_1", "sms_singing-female", "sms_soprano-E4", "sms_vignesh")
N_SPOKEN, N_SUNG = 2, 3
N_VERSIONS = 1 + N_SPOKEN + N_SUNG


@dataclass(frozen=True)
class Clip:
    """One recording, and what the probes ask about it."""

    path: Path
    source: str  # librispeech libritts ljspeech martin singing joe
    speaker: str
    held_out: bool

    @property
    def name(self) -> str:
        return f"{self.source}-{self.path.stem}"


def recordings(data: Path, joe: Path) -> list[Clip]:
    found = []
    for path in find_recordings(data / "speech" / "librispeech", recursive=False):
        speaker = path.stem.split("-")[0]
        found.append(Clip(path, "librispeech", speaker, speaker in HELD_OUT_SPEAKERS))
    for path in find_recordings(data / "speech" / "libritts", recursive=False):
        found.append(Clip(path, "libritts", "?", True))
    for path in find_recordings(data / "singing", recursive=False):
        found.append(Clip(path, "singing", path.stem, path.stem in HELD_OUT_SINGING))
    for folder, source in (("ljspeech", "ljspeech"), ("martin-notes", "martin")):
        for path in find_recordings(data / "target" / folder, recursive=False):
            found.append(Clip(path, source, source, False))
    for path in find_recordings(joe, recursive=False):
        found.append(Clip(path, "joe", "joe", int(path.stem.split("-")[1]) % 10 == 0))
    return found


def read(path: Path) -> Array:
    audio, rate = sf.read(path, dtype="float64", always_2d=True)
    audio = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE)
    return audio[: int(MAX_SECONDS * SAMPLE_RATE)]


def analyse(audio: Array) -> World:
    f0, times = pyworld.dio(audio, SAMPLE_RATE, f0_floor=65, f0_ceil=1000, frame_period=PERIOD_MS)
    return World.analyse(audio, pyworld.stonemask(audio, f0, times, SAMPLE_RATE))


def said(world: World, at: Array, contour: Array, formant: float) -> Array:
    """The audio of the moments `at` (in rows), under the contour, the formants multiplied by `formant`."""
    rows = np.clip(np.round(at).astype(int), 0, len(world.f0) - 1)
    bins = np.arange(world.envelope.shape[1]) / formant
    envelope = warp(np.log(world.envelope[rows]), bins)
    aperiodicity = warp(world.aperiodicity[rows], bins)
    f0 = np.where(world.f0[rows] > 0, contour, 0.0)
    return np.asarray(pyworld.synthesize(f0, np.exp(envelope), aperiodicity, SAMPLE_RATE, PERIOD_MS))


def warp(rows: Array, bins: Array) -> Array:
    """Rows read at fractional bins along their second axis; past the end, the end."""
    bins = np.minimum(bins, rows.shape[1] - 1)
    low = np.minimum(bins.astype(int), rows.shape[1] - 2)
    part = bins - low
    return np.ascontiguousarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part)


def moments(n_rows: int, low: float, high: float, rng: np.random.Generator) -> Array:
    """Where in the original each row of the version is: a pace that wanders between `low` and `high`, in octaves."""
    n_knots = max(2, n_rows // 60)
    pace = np.exp2(
        np.interp(np.linspace(0, 1, 4 * n_rows), np.linspace(0, 1, n_knots), rng.uniform(low, high, n_knots))
    )
    at = np.cumsum(pace)
    return at[at < n_rows - 1]


def spoken_contour(f0: Array, rng: np.random.Generator) -> Array:
    """The same melody, higher or lower, flatter or livelier."""
    voiced = f0[f0 > 0]
    middle = np.exp(np.log(voiced).mean()) if len(voiced) else 150.0
    target = np.exp(rng.uniform(np.log(85), np.log(320)))
    return np.asarray(np.clip(target * (np.maximum(f0, 50) / middle) ** rng.uniform(0.4, 1.5), 65, 1000))


def versions(audio: Array, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """(audio, the second of the original at every row) of the original and of all its versions."""
    world = analyse(audio)
    n_rows = len(world.f0)
    found = [(audio, np.arange(n_rows) * PERIOD_MS / 1000)]
    for number in range(N_SPOKEN + N_SUNG):
        sung = number >= N_SPOKEN
        at = moments(n_rows, -1.3 if sung else -0.4, 0.2 if sung else 0.4, rng)
        contour = sung_contour(len(at), rng) if sung else spoken_contour(world.f0[at.astype(int)], rng)
        formant = np.exp(rng.uniform(np.log(0.8), np.log(1.3)))
        found.append((said(world, at, contour, formant), at * PERIOD_MS / 1000))
    return found


def write_clip(clip: Clip, path: Path) -> None:
    """All versions of a clip as `audio.k` (int16) and `time.k`: the second of the original that each frame says."""
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
    """Write every clip's versions, and `clips.json`; a clip that is there is kept."""
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
