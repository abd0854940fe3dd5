"""Measure the separation of songs: its quality on mixes with known stems, its time and its memory.

    python benchmarks/separation.py quality --voices FILE_OR_FOLDER... --music FOLDER
    python benchmarks/separation.py cost [--minutes 0.17 1 10 60]

Quality is the scale-invariant signal-to-distortion ratio (Le Roux et al. 2019) of both stems, in dB. Each voice is
mixed with two of the accompaniments at equal level and 6 dB softer. A folder of recordings is one voice. The music is
in `*_accompaniment.*`; a `*_vocals.*` of the same name makes a whole song with it, at its own level. All are mono. In
the mixes, the right channel of the music is 12 ms late, because music is hardly ever mono; the voice is in the middle.

For comparison, the same is measured for the song itself as both stems, its middle and side, and a median filter.

Cost is measured with synthetic music of each length, separated by `svc separate` in a process of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from against_fork import run
from numpy.typing import NDArray

from myna.audio.folders import find_recordings
from myna.audio.io import Writer, read
from myna.song.separation.interface import Stems
from myna.song.separation.loading import load_separator
from myna.song.separation.separate import separate
from myna.units import db_to_amplitude, power_to_db

Samples = NDArray[np.float32]
Method = Callable[[Samples], Stems]

RATE = 44100
SECONDS = 16
LEVELS_DB = (0.0, -6.0)
DELAY_SECONDS = 0.012
N_FFT, HOP_LENGTH = 2048, 512
APART_SECONDS = 2.0  # frames that are nearer are too similar to compare
CHUNK_FRAMES = 64


class Mix(NamedTuple):
    """A song with known stems; `group` is the row of the table that it belongs to."""

    group: str
    name: str
    stems: Stems


def nothing(song: Samples) -> Stems:
    return Stems(song, song)


def middle_and_side(song: Samples) -> Stems:
    middle = np.repeat(song.mean(axis=0, keepdims=True), 2, axis=0)
    return Stems(middle, song - middle)


def median_filter(song: Samples) -> Stems:
    """Take as accompaniment what is similar in other frames (REPET-SIM, Rafii and Pardo 2012), with a soft mask."""
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(torch.from_numpy(song), N_FFT, HOP_LENGTH, window=window, return_complex=True)
    magnitude = spectrum.abs().mean(0).T  # (T, F)
    unit = torch.nn.functional.normalize(magnitude, dim=1)
    n_frames, apart = len(unit), round(APART_SECONDS * RATE / HOP_LENGTH)
    n_similar = max(round(2 * n_frames**0.5), 3)
    repeated = torch.empty_like(magnitude)
    for first in range(0, n_frames, CHUNK_FRAMES):
        frames = torch.arange(first, min(first + CHUNK_FRAMES, n_frames))
        near = (frames[:, None] - torch.arange(n_frames)).abs() < apart
        similarity = (unit[frames] @ unit.T).masked_fill(near, -1)
        repeated[frames] = magnitude[similarity.topk(n_similar, dim=1).indices].median(dim=1).values
    repeated = torch.minimum(repeated, magnitude)
    vocals, music = (magnitude - repeated) ** 2, repeated**2
    share = (vocals / (vocals + music + 1e-12)).T
    sung = torch.istft(spectrum * share, N_FFT, HOP_LENGTH, window=window, length=song.shape[1]).numpy()
    return Stems(sung, song - sung)


def spleeter() -> Method:
    separator = load_separator()
    return lambda song: separate(song, RATE, separator)


def voices(paths: list[Path]) -> Iterator[tuple[str, Samples]]:
    """Yield each voice, (N,), repeated to the length of a mix if it is shorter."""
    for path in paths:
        takes = [path] if path.is_file() else find_recordings(path)
        audio = np.concatenate([*chain.from_iterable((read(take, RATE)[0], np.zeros(RATE // 4)) for take in takes)])
        yield path.stem, np.resize(audio, SECONDS * RATE).astype(np.float32)


def music(folder: Path) -> dict[str, Samples]:
    """Return the accompaniments by name, (N,)."""
    found = sorted(folder.glob("*_accompaniment.*"))
    return {path.stem.removesuffix("_accompaniment"): read(path, RATE)[0][: SECONDS * RATE] for path in found}


def mixes(voice_paths: list[Path], folder: Path) -> Iterator[Mix]:
    played = music(folder)
    names = list(played)
    for number, (voice, sung) in enumerate(voices(voice_paths)):
        for shift, level in ((shift, level) for shift in (0, len(names) // 2) for level in LEVELS_DB):
            name = names[(number + shift) % len(names)]
            gain = db_to_amplitude(level) * rms(played[name]) / rms(sung)
            yield Mix(f"{level:g} dB", f"{voice} + {name}", mixed(sung * gain, played[name]))
    for path in sorted(folder.glob("*_vocals.*")):
        name = path.stem.removesuffix("_vocals")
        yield Mix("songs", name, mixed(read(path, RATE)[0][: SECONDS * RATE], played[name]))


def mixed(sung: Samples, played: Samples) -> Stems:
    n_samples, delay = min(len(sung), len(played)), round(DELAY_SECONDS * RATE)
    late = np.pad(played, (delay, 0))
    vocals, accompaniment = np.stack([sung, sung]), np.stack([played, late[: len(played)]])
    return Stems(vocals[:, :n_samples].astype(np.float32), accompaniment[:, :n_samples])


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def si_sdr(estimate: Samples, truth: Samples) -> float:
    estimate, truth = (one.astype(np.float64) for one in (estimate, truth))
    scaled = truth * (np.vdot(estimate, truth) / np.vdot(truth, truth))
    return power_to_db(np.square(scaled).sum() / (np.square(estimate - scaled).sum() + 1e-12))


def quality(voice_paths: list[Path], folder: Path) -> None:
    methods: dict[str, Method] = {"the song itself": nothing, "middle and side": middle_and_side}
    methods |= {"median filter": median_filter, "spleeter": spleeter()}
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for mix in mixes(voice_paths, folder):
        song, line = mix.stems.song, f"{mix.group:8} {mix.name:50}"
        for name, method in methods.items():
            found = method(song)
            score = si_sdr(found.vocals, mix.stems.vocals), si_sdr(found.accompaniment, mix.stems.accompaniment)
            scores.setdefault((name, mix.group), []).append(score)
            line += f"  {score[0]:6.1f} {score[1]:6.1f}"
        print(line, flush=True)
    groups = list(dict.fromkeys(group for _, group in scores))
    print(f"\n| mean SI-SDR of vocals, accompaniment | {' | '.join(groups)} |\n|---|{'---|' * len(groups)}")
    for name in methods:
        means = (np.mean(scores[name, group], axis=0) for group in groups)
        print(f"| {name} | {' | '.join(f'{vocals:.1f}, {rest:.1f}' for vocals, rest in means)} |")


def cost(minutes: list[float]) -> None:
    random = np.random.default_rng(0)
    second = 0.1 * random.standard_normal((2, RATE)).astype(np.float32)
    for length in minutes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            with Writer(folder / "song.wav", RATE, channels=2) as writer:
                for _ in range(round(60 * length)):
                    writer.write(second)
            done = run([sys.executable, "-m", "myna", "separate", "song.wav"], folder, folder / "song.vocals.wav", {})
            print(
                f"{length:5.1f} min: {done.cpu_seconds:7.1f} s of processor time, {done.seconds:7.1f} s, "
                f"{done.peak_mb:5.0f} MB",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    measured = commands.add_parser("quality")
    measured.add_argument("--voices", type=Path, nargs="+", required=True)
    measured.add_argument("--music", type=Path, required=True)
    costly = commands.add_parser("cost")
    costly.add_argument("--minutes", type=float, nargs="+", default=[1 / 6, 1.0, 10.0, 60.0])
    arguments = parser.parse_args()
    if arguments.what == "quality":
        quality(arguments.voices, arguments.music)
    else:
        cost(arguments.minutes)


if __name__ == "__main__":
    main()
