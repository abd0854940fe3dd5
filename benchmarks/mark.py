"""Measure the mark: false alarms, detection after changes, audibility and processor time.

    python benchmarks/mark.py unmarked FOLDER...
    python benchmarks/mark.py false-alarms FOLDER... [--seconds 10] [--patterns 40] [--minutes 30]
    python benchmarks/mark.py detection CONVERTED --music MUSIC [--cuts 12] [--seconds 5,10,30] [--changes NAME;NAME]
    python benchmarks/mark.py quality CONVERTED
    python benchmarks/mark.py cost SONG

The folders contain recordings without a mark: of any kind (FOLDER), conversions (CONVERTED, made with --no-mark), and
accompaniments (MUSIC).

"unmarked" searches whole recordings. "false-alarms" searches cuts of them, also for other patterns of random signs. A
recording is as independent of these as of the signs of the mark. Each pattern is one more try, so that an hour of
sound is enough to measure chances of one in a thousand and less.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from myna.audio.folders import find_recordings
from myna.audio.io import Writer, read
from myna.audio.io import blocks as read_blocks
from myna.audio.marking.detection import DETECTION_RATE, Detection, detect
from myna.audio.marking.embedding import Marker, marked
from myna.audio.marking.pattern import signs

Samples = NDArray[np.float32]

RATE = 44100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    unmarked = commands.add_parser("unmarked")
    unmarked.add_argument("folders", type=Path, nargs="+")
    alarms = commands.add_parser("false-alarms")
    alarms.add_argument("folders", type=Path, nargs="+")
    alarms.add_argument("--seconds", type=float, default=10.0)
    alarms.add_argument("--patterns", type=int, default=40, help="other patterns per cut")
    alarms.add_argument("--minutes", type=float, default=30.0, help="total length of the cuts")
    detection = commands.add_parser("detection")
    detection.add_argument("folder", type=Path)
    detection.add_argument("--music", type=Path, required=True)
    detection.add_argument("--cuts", type=int, default=12)
    detection.add_argument(
        "--seconds", type=lambda text: list(map(int, text.split(","))), default="3,5,10,30,60", help="lengths of cuts"
    )
    detection.add_argument("--changes", type=lambda text: text.split(";"), help="names of changes, separated by ;")
    quality = commands.add_parser("quality")
    quality.add_argument("folder", type=Path)
    cost = commands.add_parser("cost")
    cost.add_argument("song", type=Path)
    arguments = parser.parse_args()
    match arguments.command:
        case "unmarked":
            measure_unmarked(arguments.folders)
        case "false-alarms":
            measure_false_alarms(
                arguments.folders, arguments.seconds, arguments.patterns, math.ceil(60 * arguments.minutes)
            )
        case "detection":
            changes = all_changes(Cuts(find_recordings(arguments.music), np.random.default_rng(1)))
            chosen = {name: changes[name] for name in arguments.changes or changes}
            measure_detection(arguments.folder, chosen, arguments.cuts, arguments.seconds)
        case "quality":
            measure_quality(arguments.folder)
        case "cost":
            measure_cost(arguments.song)


def measure_unmarked(folders: list[Path]) -> None:
    """Print the highest score of the recordings in each folder, and its distance from the threshold."""
    for folder in folders:
        found = [detect(read_blocks(path, DETECTION_RATE, DETECTION_RATE)) for path in find_recordings(folder)]
        nearest = max(found, key=lambda one: one.score - one.threshold)
        print(
            f"{folder}: {len(found)} recordings, {sum(one.seconds for one in found) / 60:.1f} min; the nearest to its "
            f"threshold {nearest.threshold:.2f} scores {nearest.score:.2f}; {sum(one.found for one in found)} found",
            flush=True,
        )


def measure_false_alarms(folders: list[Path], seconds: float, n_patterns: int, total_seconds: float) -> None:
    """Print quantiles of the scores of cuts without a mark, and the number of tries per second that explains them."""
    rng = np.random.default_rng(0)
    cuts = Cuts([path for folder in folders for path in find_recordings(folder)], rng)
    own, others = [], []
    for _ in range(math.ceil(total_seconds / seconds)):
        sound = slow(cuts.take(seconds))
        own.append(detect([sound]).score)
        for _ in range(n_patterns):
            pattern = rng.choice(np.array([-1, 1], np.float32), size=signs().shape)
            others.append(detect([sound], pattern=pattern).score)
    print(f"{len(own)} cuts of {seconds:g} s: highest score {max(own):.2f}, threshold {detect([sound]).threshold:.2f}")
    for share in (0.1, 0.01, 1e-3, 1e-4):
        if share * len(others) >= 1:
            score = float(np.quantile(others, 1 - share))
            tries = -math.log1p(-share) / NormalDist().cdf(-score) / seconds
            print(
                f"  {len(others)} tries with other patterns: {share:g} reach {score:.2f}; {tries:.0f} tries per second"
            )


def measure_detection(
    folder: Path, changes: dict[str, Callable[[Samples], Samples]], n_cuts: int, lengths: list[int]
) -> None:
    """Print, for each change and length, how many of the cuts are detected, and their mean score."""
    print("| change | " + " | ".join(f"{seconds} s" for seconds in lengths) + " |")
    print("|---" * (len(lengths) + 1) + "|")
    for name, change in changes.items():
        cells = []
        for seconds in lengths:
            cuts = Cuts(find_recordings(folder), np.random.default_rng(seconds))
            found = [search_changed(cuts, seconds, change) for _ in range(n_cuts)]
            score = np.mean([one.score for one in found])
            cells.append(f"{sum(one.found for one in found)}/{n_cuts} ({score:.1f})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def search_changed(cuts: Cuts, seconds: float, change: Callable[[Samples], Samples]) -> Detection:
    """Mark a longer part of a recording, cut it, change the cut, and search it."""
    whole = mark(cuts.take(seconds + 7))
    start = int(cuts.rng.integers(0, max(len(whole) - round(seconds * RATE), 1)))
    return detect([slow(change(whole[start : start + round(seconds * RATE)]))])


class Cuts:
    """Random cuts of recordings; a recording that is too short is joined with the next ones."""

    def __init__(self, paths: list[Path], rng: np.random.Generator) -> None:
        self.rng = rng
        self._paths = paths
        self._order: list[Path] = []

    def take(self, seconds: float) -> Samples:
        """Return `seconds` of sound, (n,) at `RATE`."""
        sound = self._next()
        while len(sound) < seconds * RATE:
            sound = np.concatenate([sound, self._next()])
        start = int(self.rng.integers(0, len(sound) - round(seconds * RATE) + 1))
        return sound[start : start + round(seconds * RATE)]

    def _next(self) -> Samples:
        if not self._order:
            self._order = [self._paths[number] for number in self.rng.permutation(len(self._paths))]
        return recording(self._order.pop())


@lru_cache(maxsize=32)
def recording(path: Path) -> Samples:
    return read(path, RATE)[0]


def all_changes(music: Cuts) -> dict[str, Callable[[Samples], Samples]]:
    def with_music(db: float) -> Callable[[Samples], Samples]:
        return lambda sound: sound + at_level(music.take(len(sound) / RATE)[: len(sound)], sound, db)

    def at_speed(speed: float) -> Callable[[Samples], Samples]:
        return lambda sound: soxr.resample(sound, RATE * speed, RATE)

    return {
        "none": lambda sound: sound,
        "mp3, 56 kbit/s": lambda sound: encoded(sound, "a.mp3", "libmp3lame", 56),
        "mp3, 128 kbit/s": lambda sound: encoded(sound, "a.mp3", "libmp3lame", 128),
        "Vorbis": vorbis,
        "AAC, 64 kbit/s": lambda sound: encoded(sound, "a.m4a", "aac", 64),
        "Opus, 32 kbit/s": lambda sound: encoded(sound, "a.opus", "libopus", 32, 48000),
        "8 kHz": lambda sound: soxr.resample(soxr.resample(sound, RATE, 8000), 8000, RATE),
        "noise, 20 dB below": lambda sound: sound + at_level(noise(len(sound)), sound, -20),
        "reverberation, 0.6 s": reverberant,
        "music, as loud": with_music(0),
        "music, as loud, then mp3, 128 kbit/s": lambda s: encoded(with_music(0)(s), "a.mp3", "libmp3lame", 128),
        "music, 6 dB louder": with_music(6),
        **{f"speed {speed - 1:+.0%}": at_speed(speed) for speed in (0.96, 0.98, 0.99, 1.01, 1.02, 1.04)},
        "music, as loud, speed +2%": lambda sound: at_speed(1.02)(with_music(0)(sound)),
    }


def mark(sound: Samples) -> Samples:
    return np.concatenate(list(marked([sound], RATE)))


def slow(sound: Samples) -> Samples:
    """Resample a sound to the rate of detection."""
    return soxr.resample(sound, RATE, DETECTION_RATE).astype(np.float32)


def at_level(sound: Samples, other: Samples, db: float) -> Samples:
    """Return a sound whose power is `db` above that of the other sound."""
    return sound * np.float32(np.sqrt(np.mean(other**2) / (np.mean(sound**2) + 1e-12)) * 10 ** (db / 20))


def noise(n_samples: int) -> Samples:
    return np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)


def reverberant(sound: Samples) -> Samples:
    """Add diffuse reverberation of 0.6 s, as strong as the direct sound."""
    n_samples = round(0.6 * RATE)
    response = noise(n_samples) * 10 ** (-3 * np.arange(n_samples) / n_samples)
    response /= np.sqrt(np.square(response).sum())
    response[0] += 1
    size = len(sound) + n_samples
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)].astype(np.float32)


def encoded(sound: Samples, name: str, codec: str, kbps: int, rate: int = RATE) -> Samples:
    """Encode a sound with FFmpeg, and decode it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.bit_rate = 1000 * kbps
            frame = av.AudioFrame.from_ndarray(soxr.resample(sound, RATE, rate)[None].clip(-1, 1), "fltp", "mono")
            frame.sample_rate = rate
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        return read(path, RATE)[0]


def vorbis(sound: Samples) -> Samples:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.ogg"
        with Writer(path, RATE) as writer:
            writer.write(sound)
        return read(path, RATE)[0]


def measure_quality(folder: Path) -> None:
    """Print DNSMOS with and without the mark, and the level of the mark below the sound."""
    from myna.evaluation.quality import load_dnsmos, rate

    session = load_dnsmos()
    rows = []
    for path in find_recordings(folder):
        sound = read(path, RATE)[0][: 30 * RATE]
        with_mark = mark(sound)
        before, after = rate(session, slow(sound)), rate(session, slow(with_mark))
        below = 10 * math.log10(np.square(sound).sum() / np.square(with_mark - sound).sum())
        rows.append([*before.values(), *(after[name] - before[name] for name in before), below])
        print(f"{path.stem[:30]:30} " + " ".join(f"{value:7.3f}" for value in rows[-1]), flush=True)
    names = [*before, *(f"change of {name}" for name in before), "mark below the sound, dB"]
    for name, column in zip(names, np.array(rows).T, strict=True):
        print(f"{name:28} mean {column.mean():7.3f}  error {column.std() / math.sqrt(len(column)):.3f}")


def measure_cost(song: Path) -> None:
    """Print the processor seconds per second of sound."""
    sound = np.resize(read(song, RATE)[0], 60 * RATE)
    print(f"embedding, blocks of 1 s    {cost(lambda: list(marked(blocks(sound, RATE), RATE))):.4f}")
    marker = Marker(RATE)
    print(f"embedding, blocks of 20 ms  {cost(lambda: [marker.add(one) for one in blocks(sound, RATE // 50)]):.4f}")
    clean, found = slow(sound), slow(mark(sound))
    print(f"detection, with a mark      {cost(lambda: detect([found])):.4f}")
    print(f"detection, without          {cost(lambda: detect([clean])):.4f}")


def blocks(sound: Samples, size: int) -> Iterator[Samples]:
    return (sound[start : start + size] for start in range(0, len(sound), size))


def cost(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) / 60


if __name__ == "__main__":
    main()
