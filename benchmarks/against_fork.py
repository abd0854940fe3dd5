"""Compare time and memory of so-vits-svc-fork and myna on one song with the same full-size voice.

    python benchmarks/against_fork.py FORK_DIR SONG.wav [--runs 3]

FORK_DIR contains a working so-vits-svc-fork 4.2.30: `venv/bin/svc`, a voice in `checkpoints/so-vits-svc-4.0v1/` and a
ContentVec in `lengyue233/content-vec-best/`. Each run is a new process. The two programs take turns, so that load from
other processes affects both. Prints the seconds and peak memory of each run, the median ratio between paired runs, and
the mel distance between the outputs of the two programs. For reference, it also prints the mel distance between two
runs of the fork, which differ because its harmonic source starts at a random phase.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from myna.audio.io import read
from myna.audio.spectrogram import MelSettings, mel_spectrogram
from myna.config import Config


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float  # summed over all cores
    peak_mb: float
    output: np.ndarray


def run(command: list[str], folder: Path, output: Path, environment: dict[str, str]) -> Run:
    """Run one process and return its time and memory as the operating system reports them."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)]
        home = Path.cwd()
        os.chdir(folder)
        try:
            child = os.posix_spawn(command[0], command, os.environ | environment, file_actions=actions)
        finally:
            os.chdir(home)
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - started
        if status != 0:
            log.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{log.read().decode(errors='replace')[-3000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, read(output)[0])


def mel_distance_db(one: np.ndarray, other: np.ndarray, config: Config) -> float:
    """Mean absolute difference of the two mel spectrograms, in dB."""
    n = min(len(one), len(other))
    settings = MelSettings.of(config.data)
    mels = [mel_spectrogram(torch.from_numpy(audio[None, :n]), settings) for audio in (one, other)]
    return float((mels[0] - mels[1]).abs().mean() * 20 / np.log(10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fork", type=Path)
    parser.add_argument("song", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--f0-method", default="dio")
    arguments = parser.parse_args()

    fork, song = arguments.fork.resolve(), arguments.song.resolve()
    voice = fork / "checkpoints" / "so-vits-svc-4.0v1"
    shared = ["infer", str(song), "-m", str(voice / "G_0.pth"), "-c", str(voice / "config.json"), "-s", "anna", "-na"]
    # The fork's default threshold of -20 dB silences much of a song, which would distort the comparison.
    shared += ["-fm", arguments.f0_method, "-n", "0", "-db", "-60"]
    with tempfile.TemporaryDirectory() as temporary:
        theirs_out, ours_out = Path(temporary) / "fork.wav", Path(temporary) / "myna.wav"
        theirs, ours = [], []
        for _ in range(arguments.runs):
            theirs.append(run([str(fork / "venv/bin/svc"), *shared, "-o", str(theirs_out)], fork, theirs_out, {}))
            assets = {"MYNA_ASSETS": str(fork / "lengyue233")}
            command = [sys.executable, "-m", "myna", *shared, "-o", str(ours_out)]
            ours.append(run(command, fork, ours_out, assets))
            print(f"fork {theirs[-1].seconds:6.1f} s {theirs[-1].peak_mb:6.0f} MB    ", end="")
            print(f"myna {ours[-1].seconds:6.1f} s {ours[-1].peak_mb:6.0f} MB", flush=True)

    pairs = list(zip(ours, theirs, strict=True))
    config = Config.read(voice / "config.json")
    seconds = statistics.median(one.seconds / other.seconds for one, other in pairs)
    memory = statistics.median(one.peak_mb / other.peak_mb for one, other in pairs)
    print(f"myna / fork, median of {len(pairs)} pairs: time {seconds:.2f}, peak memory {memory:.2f}")
    print(f"lengths: fork {len(theirs[0].output)}, myna {len(ours[0].output)} samples")
    print(
        f"mel distance of the outputs, myna to fork: {mel_distance_db(ours[0].output, theirs[0].output, config):.2f} dB"
    )
    if len(pairs) > 1:
        own = mel_distance_db(theirs[1].output, theirs[0].output, config)
        print(f"mel distance of two runs of the fork: {own:.2f} dB")


if __name__ == "__main__":
    main()
