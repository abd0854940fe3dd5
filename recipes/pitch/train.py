"""Train the f0 estimator of live conversion to find the pitch that SwiftF0 finds, with a shorter look-ahead.

The clips are those that `recipes.content_encoder` prepares: recordings, and versions of them in other voices and on
melodies up to 1 kHz. They are played at another speed, which changes their pitch; noise, another level and another
frequency response are added.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

import myna
from myna.config import PitchBounds
from myna.features.f0.live import (
    BINS_PER_OCTAVE,
    HOP_SAMPLES,
    LOWEST_HZ,
    N_PITCHES,
    SAMPLE_RATE,
    WEIGHTS,
    PitchFrames,
    PitchNetwork,
)
from myna.features.f0.swift import measure_swift
from recipes.content_encoder.prepare import N_VERSIONS

logger = logging.getLogger(__name__)

PACKAGED = Path(myna.__file__).parent / "weights" / WEIGHTS
BOUNDS = PitchBounds(46.875, 2010.0)
SEGMENT_FRAMES = 250
LEARNING_RATE = 2e-3
WARM_UP = 50
WIDTH = 0.7  # standard deviation of the target around the pitch, in pitches
VOICED_SHARE = 0.9  # share of the segments without voice that are replaced by others
SPEED_OCTAVES = (-1.0, 0.8)  # lowest and highest speed factor: without low speeds, pitch below 90 Hz would be rare


@dataclass(frozen=True)
class Labelled:
    """A clip and its pitch."""

    audio: Tensor  # (N,) int16
    f0: Tensor  # (T,) Hz, 0 where unvoiced


def label(folder: Path) -> list[Labelled]:
    """Load every version of the clips that are not held out, and estimate their pitch; existing results are kept."""
    found = []
    for clip in json.loads((folder / "clips.json").read_text(encoding="utf-8")):
        path = folder / f"{clip['name']}.safetensors"
        if clip["held_out"] or not path.exists():
            continue
        kept = path.with_suffix(".pitch")
        arrays = load_file(path)
        audio = [arrays[f"audio.{k}"] for k in range(N_VERSIONS)]
        if not kept.exists():
            save_file({str(k): pitch_of(one) for k, one in enumerate(audio)}, kept)
        f0 = load_file(kept)
        found += [Labelled(one, f0[str(k)]) for k, one in enumerate(audio)]
    return found


def pitch_of(audio: Tensor) -> Tensor:
    """Estimate the pitch (T,) of samples (N,): SwiftF0's contour, interpolated within voiced stretches."""
    samples = audio.float().numpy() / 32768
    samples = samples / max(1e-4, float(np.abs(samples).max()))
    times = np.arange(len(samples) // HOP_SAMPLES) * HOP_SAMPLES / SAMPLE_RATE
    contour = measure_swift(samples, SAMPLE_RATE, times, "cpu", BOUNDS)
    at = np.clip(np.searchsorted(contour.times, times, side="right") - 1, 0, len(contour.times) - 2)
    part = np.clip((times - contour.times[at]) / (contour.times[at + 1] - contour.times[at]), 0, 1)
    left, right = contour.f0[at], contour.f0[at + 1]
    nearest = np.where(part < 0.5, left, right)
    near = (left > 0) & (right > 0) & (np.abs(np.log2(np.maximum(right, 1) / np.maximum(left, 1))) < 0.25)
    between = np.exp2(np.log2(np.maximum(left, 1)) * (1 - part) + np.log2(np.maximum(right, 1)) * part)
    return torch.from_numpy(np.where(near, between, nearest).astype(np.float32))


class Segments:
    """Random segments, degraded, with their pitch."""

    def __init__(self, clips: list[Labelled], seed: int) -> None:
        longest = math.ceil(SEGMENT_FRAMES * 2 ** SPEED_OCTAVES[1]) + 1
        self.clips = [one for one in clips if len(one.f0) > longest]
        self.rng = np.random.default_rng(seed)

    def batch(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw samples (n, SEGMENT_FRAMES * HOP_SAMPLES) and f0 (n, SEGMENT_FRAMES)."""
        audio, f0 = [], []
        while len(audio) < n:
            one = self.clips[self.rng.integers(len(self.clips))]
            speed = 2 ** self.rng.uniform(*SPEED_OCTAVES)
            n_frames = math.ceil(SEGMENT_FRAMES * speed) + 1
            start = int(self.rng.integers(len(one.f0) - n_frames))
            pitch = one.f0[start : start + n_frames][(torch.arange(SEGMENT_FRAMES) * speed).round().long()] * speed
            voiced = pitch[pitch > 0]
            if not len(voiced) and self.rng.random() < VOICED_SHARE:
                continue
            if len(voiced) and not BOUNDS.low_hz <= voiced.min() <= voiced.max() <= BOUNDS.high_hz:
                continue
            samples = one.audio[start * HOP_SAMPLES : (start + n_frames) * HOP_SAMPLES].float() / 32768
            samples = played(samples / max(1e-3, float(samples.abs().max())), speed)
            audio.append(self.degraded(samples))
            f0.append(pitch)
        return torch.stack(audio), torch.stack(f0)

    def degraded(self, audio: Tensor) -> Tensor:
        """Filter samples (N,), add noise 0 to 50 dB below the voice, and change the level by -35 to 0 dB."""
        rng, n = self.rng, len(audio)
        knots = np.interp(np.linspace(0, 1, n // 2 + 1), np.linspace(0, 1, 6), rng.normal(0, 5, 6))
        curve = torch.from_numpy(10 ** (knots / 20)).float()
        if rng.random() < 0.2:  # thin: without frequencies below 100 to 300 Hz
            edge = rng.uniform(100, 300) * n / SAMPLE_RATE
            curve = curve * (torch.arange(n // 2 + 1) / edge).clamp(max=1) ** 2
        slope = torch.arange(1, n // 2 + 2).float() ** -rng.uniform(0, 0.8)
        noise = torch.fft.irfft(torch.fft.rfft(torch.from_numpy(rng.standard_normal(n)).float()) * slope, n)
        sound = torch.fft.irfft(torch.fft.rfft(audio) * curve, n)
        snr_db = rng.uniform(0, 50)
        sound = sound + noise * (sound.std() / noise.std()) * 10 ** (-snr_db / 20)
        return sound / sound.abs().max().clamp(min=1e-3) * 10 ** (-rng.uniform(0, 35) / 20)


def played(audio: Tensor, speed: float) -> Tensor:
    """Play samples (N,) at another speed, by linear interpolation; return SEGMENT_FRAMES * HOP_SAMPLES samples."""
    at = torch.arange(SEGMENT_FRAMES * HOP_SAMPLES) * speed
    low = at.long()
    return torch.lerp(audio[low], audio[low + 1], at - low)


def losses(frames: PitchFrames, f0: Tensor) -> dict[str, Tensor]:
    voiced = f0 > 0
    index = BINS_PER_OCTAVE * torch.log2(f0[voiced].clamp(min=LOWEST_HZ) / LOWEST_HZ)
    target = (-0.5 * ((torch.arange(N_PITCHES) - index[:, None]) / WIDTH).square()).softmax(-1)
    return {
        "pitch": F.cross_entropy(frames.logits[voiced].float(), target),
        "voicing": 2 * F.binary_cross_entropy_with_logits(frames.voiced.float(), voiced.float()),
    }


def train(folder: Path, n_steps: int, batch_size: int, path: Path) -> None:
    """Train for `n_steps`, and write the weights to `path`."""
    clips = label(folder)
    logger.info("%d clips, %.1f h", len(clips), sum(len(one.f0) for one in clips) * HOP_SAMPLES / SAMPLE_RATE / 3600)
    torch.manual_seed(0)
    network, segments = PitchNetwork(), Segments(clips, seed=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, 0.5 + 0.5 * np.cos(np.pi * step / n_steps))
    )
    started = time.monotonic()
    means: dict[str, float] = {}
    for step in range(1, n_steps + 1):
        audio, f0 = segments.batch(batch_size)
        found = losses(network(audio), f0)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(found.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        for name, loss in found.items():
            value = float(loss.detach())
            means[name] = 0.98 * means.get(name, value) + 0.02 * value
        if step % 50 == 0 or step == n_steps:
            text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            logger.info("step %d  %s  %.2f s a step", step, text, (time.monotonic() - started) / step)
            save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="`corpus` in the folder of recipes.content_encoder.distill")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=12, help="segments of 2 s in a training step")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument(
        "--output", type=Path, default=PACKAGED, help="file to write.  [default: the one in the package]"
    )
    a = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(a.threads)
    train(a.folder, a.steps, a.batch_size, a.output)


if __name__ == "__main__":
    main()
