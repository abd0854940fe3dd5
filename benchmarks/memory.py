"""Measure the peak memory of `svc infer` on songs of different lengths; it must not grow with the length.

    python benchmarks/memory.py MODEL.pth CONFIG.json SONG.flac [--minutes 1 12] [--max-chunk-seconds 10]

The song is repeated until it has each length. Each run is a new process, whose memory the operating system reports.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from against_fork import run

from myna.audio.io import Writer, read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("song", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 12.0])
    parser.add_argument("--max-chunk-seconds", type=float, default=10.0)
    parser.add_argument("--f0-method", default="swift")
    arguments = parser.parse_args()

    audio, rate = read(arguments.song)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for minutes in arguments.minutes:
            repeats = -(-round(minutes * 60 * rate) // len(audio))
            with Writer(folder / "song.flac", rate) as writer:
                for _ in range(repeats):
                    writer.write(audio)
            command = [sys.executable, "-m", "myna", "infer", "song.flac", "-o", "sung.flac"]
            command += ["-m", str(arguments.model.resolve()), "-c", str(arguments.config.resolve())]
            command += ["-mc", str(arguments.max_chunk_seconds), "-fm", arguments.f0_method]
            done = run(command, folder, folder / "sung.flac", {})
            print(
                f"{repeats * len(audio) / rate / 60:5.1f} min: {done.peak_mb:6.0f} MB, {done.seconds:6.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
