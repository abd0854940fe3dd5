"""Measure the light voice's processor time per second of audio and its peak memory.

    python benchmarks/light.py SONG.flac [--minutes 0.5 2.5] [--cores 2]

Measures the content encoder alone, both offline and streaming. Then it runs `svc infer` with the bundled voice, as a
new process each, on two lengths of the song. The cost per second of audio is the difference in time divided by the
difference in length, which excludes the start-up.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from against_fork import Run, run
from numpy.typing import NDArray

from myna.audio.io import Writer, read
from myna.features.content import SAMPLE_RATE
from myna.features.content.embedded import EmbeddedEncoder, load_embedded

ENCODED_SECONDS = 30
BLOCKS_SECONDS = (1.0, 0.2, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("--minutes", type=float, nargs=2, default=[0.5, 2.5])
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.cores)

    encoder = load_embedded("myna-content-2")
    audio = torch.from_numpy(read(arguments.song, SAMPLE_RATE)[0]).repeat(20)[: ENCODED_SECONDS * SAMPLE_RATE]
    ahead_ms = 1000 * encoder.network.look_ahead_samples / SAMPLE_RATE
    print(f"content encoder, look-ahead {ahead_ms:.0f} ms; seconds per second of audio:")
    report("offline", cost(lambda: encoder(audio)))
    for seconds in BLOCKS_SECONDS:
        block = round(seconds * SAMPLE_RATE)
        report(f"stream, blocks of {1000 * seconds:.0f} ms", cost(lambda block=block: stream(encoder, audio, block)))

    song, rate = read(arguments.song)
    runs = [infer(song, rate, minutes, arguments.cores) for minutes in arguments.minutes]
    seconds = 60 * (arguments.minutes[1] - arguments.minutes[0])
    print("svc infer, features included:")
    report(
        "conversion",
        ((runs[1].cpu_seconds - runs[0].cpu_seconds) / seconds, (runs[1].seconds - runs[0].seconds) / seconds),
    )
    for minutes, one in zip(arguments.minutes, runs, strict=True):
        print(f"  {minutes:4.1f} min of song: {one.seconds:.1f} s, peak memory {one.peak_mb:.0f} MB")


def cost(work: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Run `work` several times and return the minimum processor and wall-clock seconds per second of audio."""
    work()
    found = []
    for _ in range(repeats):
        started = time.process_time(), time.perf_counter()
        work()
        found.append((time.process_time() - started[0], time.perf_counter() - started[1]))
    cpu, clock = min(found)
    return cpu / ENCODED_SECONDS, clock / ENCODED_SECONDS


def stream(encoder: EmbeddedEncoder, audio: torch.Tensor, block: int) -> None:
    content = encoder.stream()
    for piece in audio.split(block):
        content.push(piece)
    content.finish()


def infer(song: NDArray[np.float32], rate: int, minutes: float, n_cores: int) -> Run:
    """Run `svc infer` on the song, repeated until it lasts `minutes`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        left = round(60 * minutes * rate)
        with Writer(folder / "song.flac", rate) as writer:
            while left > 0:
                writer.write(song[:left])
                left -= len(song)
        command = [sys.executable, "-m", "myna", "infer", "song.flac", "-o", "sung.flac", "-m", "joe"]
        return run(command, folder, folder / "sung.flac", {"OMP_NUM_THREADS": str(n_cores)})


def report(title: str, cost: tuple[float, float]) -> None:
    print(f"  {title:26} processor {cost[0]:.4f}   clock {cost[1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
