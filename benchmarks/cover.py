"""Measure `svc cover` with the bundled voice: time, memory, and the loss in quality that separation causes.

    python benchmarks/cover.py cost --voices FILE_OR_FOLDER... --music FOLDER [--minutes 3]
    python benchmarks/cover.py quality --voices FILE_OR_FOLDER... --music FOLDER

The songs are mixes of benchmarks/separation.py at equal level. Cost is measured in a process of its own, on a mix that
is repeated until it has the given length. "Without start-up" is the difference from a mix of 20 seconds.

For quality, a cover of each mix is made, and its dry vocals are converted directly. `svc evaluate` compares both with
the dry vocals; the target of the speaker similarity is the conversions of the dry vocals.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from against_fork import Run, run
from separation import RATE, Mix, Samples, mixes, rms

from myna.audio.io import Writer, read
from myna.units import power_to_db

SHORT_SECONDS = 20
MARKS = ("speaker_similarity", "f0_correlation", "f0_rmse_cents", "f0_close", "voicing_error", "dnsmos_ovr")


def songs(voices: list[Path], folder: Path) -> Iterator[Mix]:
    """Yield one mix at equal level for each voice."""
    return islice((mix for mix in mixes(voices, folder) if mix.group == "0 dB"), 0, None, 2)


def write(path: Path, audio: Samples) -> None:
    with Writer(path, RATE, channels=len(audio), sample_format="float32", ceiling=math.inf) as writer:
        writer.write(audio)


def myna(folder: Path, output: str, *arguments: str) -> Run:
    return run([sys.executable, "-m", "myna", *arguments], folder, folder / output, {"OMP_NUM_THREADS": "2"})


def cost(voices: list[Path], music: Path, minutes: float) -> None:
    song = next(songs(voices, music)).stems.song
    runs = []
    lengths = (SHORT_SECONDS, round(60 * minutes))
    for seconds in lengths:
        with tempfile.TemporaryDirectory() as temporary:
            folder, n_samples = Path(temporary), seconds * RATE
            repeated = np.tile(song, -(-n_samples // song.shape[1]))[:, :n_samples]
            write(folder / "song.wav", repeated)
            done = myna(folder, "song.cover.wav", "cover", "song.wav", "-m", "joe", "--no-cache")
            assert len(done.output) == n_samples
            runs.append(done)
            print(
                f"{seconds:5} s of song: {done.cpu_seconds:6.1f} s of processor time, {done.seconds:6.1f} s, "
                f"{done.peak_mb:5.0f} MB; of the length: {done.cpu_seconds / 2 / seconds:.3f} on two idle cores, "
                f"{done.seconds / seconds:.3f} measured",
                flush=True,
            )
    short, long = runs
    rate = (long.cpu_seconds - short.cpu_seconds) / (lengths[1] - lengths[0])
    print(f"without start-up: {rate:.3f} s of processor time for a second")


def quality(voices: list[Path], music: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = {f"song{number}": mix for number, mix in enumerate(songs(voices, music))}
        for name, mix in found.items():
            write(folder / "songs" / f"{name}.wav", mix.stems.song)
            write(folder / "dry" / f"{name}.wav", mix.stems.vocals.mean(axis=0, keepdims=True))
        last = f"{list(found)[-1]}.wav"
        myna(
            folder, f"covers/{last}", *("cover", "songs", "-o", "covers", "--stems", "stems", "-m", "joe"), "--no-cache"
        )
        myna(folder, f"from_dry/{last}", "infer", "dry", "-o", "from_dry", "-m", "joe")
        for name, mix in found.items():
            report_stems(folder / "stems", name, mix)
        (folder / "from_song").mkdir()
        for name in found:
            (folder / "stems" / f"{name}.converted.wav").rename(folder / "from_song" / f"{name}.wav")
        print(f"\n| conversion | {' | '.join(MARKS)} |\n|---|{'---|' * len(MARKS)}")
        for name in ("from_dry", "from_song"):
            options = ("--source", "dry", "--target", "from_dry", "--no-words", "--json", "marks.json")
            myna(folder, f"{name}/{last}", "evaluate", name, *options)
            summary = json.loads((folder / "marks.json").read_text(encoding="utf-8"))["summary"]
            print(f"| {name} | {' | '.join(format(summary[mark]['converted'], '.4g') for mark in MARKS)} |", flush=True)


def report_stems(stems: Path, name: str, mix: Mix) -> None:
    """Print the length of the stems, their sum's distance from the song, and the residual of the accompaniment."""
    vocals, accompaniment = (read(stems / f"{name}.{stem}.wav", mono=False)[0] for stem in ("vocals", "accompaniment"))
    residual = power_to_db((rms(accompaniment - mix.stems.accompaniment) / rms(mix.stems.vocals)) ** 2)
    print(
        f"{name}, {mix.name}: {accompaniment.shape[1] - mix.stems.song.shape[1]:+} samples; distance of the sum "
        f"{np.abs(vocals + accompaniment - mix.stems.song).max():.1e}; residual of the accompaniment "
        f"{residual:.1f} dB relative to the vocals",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "quality"))
    parser.add_argument("--voices", type=Path, nargs="+", required=True)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    arguments = parser.parse_args()
    if arguments.what == "quality":
        quality(arguments.voices, arguments.music)
    else:
        cost(arguments.voices, arguments.music, arguments.minutes)


if __name__ == "__main__":
    main()
