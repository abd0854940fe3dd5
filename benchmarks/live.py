"""Measure live conversion: load, delay and distance to the file conversion, by kind of voice and length of the blocks.

    python benchmarks/live.py SONG.wav [--fork FORK_DIR] [--seconds 20] [--threads 1]

Without FORK_DIR, only the bundled light voice is measured. FORK_DIR contains a working so-vits-svc-fork 4.2.30:
`venv/bin/python`, a voice in `checkpoints/so-vits-svc-4.0v1/` and a ContentVec in `lengyue233/content-vec-best/`. With
it, a full-size 4.0v1 voice is measured, a full-size RVC v2 voice with random weights, and the fork's stream classes.

The load is the time for a block relative to its length: the mean, the mean of the processor's time, and the 95th
percentile. The distance is the median difference of the levels in mel bands that are at most 50 dB below the loudest.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from myna.audio.io import read
from myna.audio.spectrogram import MelSettings, mel_spectrogram
from myna.config import Config
from myna.conversion.converter import Converter
from myna.models.families import SYNTHESIZERS
from myna.options import ConversionOptions
from myna.realtime.interface import LiveSettings
from myna.realtime.stream import Method, Stream, open_stream
from myna.voice import Voice
from myna.zoo import rvc

ROOT = Path(__file__).parents[1]
PUSHED_SECONDS = 0.02  # blocks of a sound card
WARM_UP_SECONDS = 2.0
LIGHT: list[tuple[Method, float | None]] = [
    ("carried", 0.02),
    ("carried", 0.04),
    ("carried", None),
    ("windows", 0.15),
    ("windows", None),
]
WINDOWS: list[tuple[Method, float | None]] = [("windows", 0.5), ("windows", 1.0), ("windows", None)]
FORK = """
import json, sys, time
import numpy as np, soundfile, torch
torch.set_num_threads(int(sys.argv[3]))
from so_vits_svc_fork.inference.core import RealtimeVC, RealtimeVC2, Svc
folder = "checkpoints/so-vits-svc-4.0v1/"
svc = Svc(net_g_path=folder + "G_0.pth", config_path=folder + "config.json", device="cpu")
audio, rate = soundfile.read(sys.argv[1], dtype="float32")
rows = []
# The defaults of the fork's "svc vc".
options = dict(speaker="anna", transpose=0, f0_method="dio", db_thresh=-40, chunk_seconds=0.5)
lengths = dict(crossfade_len=int(0.05 * rate), additional_infer_before_len=int(0.2 * rate))
for seconds in map(float, sys.argv[2].split(",")):
    for name in ("RealtimeVC", "RealtimeVC2"):
        if name == "RealtimeVC":
            stream = RealtimeVC(svc_model=svc, additional_infer_after_len=int(0.1 * rate), **lengths)
        else:
            stream = RealtimeVC2(svc_model=svc)
        n = int(seconds * rate)
        walls, cpu = [], 0.0
        for start in range(0, len(audio) - n, n):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            stream.process(audio[start : start + n], **options)
            walls.append(time.perf_counter() - begin)
            cpu += time.process_time() - begin_cpu
        walls, cpu = np.array(walls[1:]), cpu / len(walls)
        rows.append([name, seconds, walls.mean() / seconds, cpu / seconds, np.percentile(walls, 95) / seconds])
print("ROWS" + json.dumps(rows))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("--fork", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {arguments.threads} threads")
    print("| voice | method | block, ms | delay, ms | load | processor | p95 | distance, dB |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name, voice, rows in voices(arguments.fork):
        rate = voice.config.data.sample_rate
        audio = read(arguments.song, rate)[0][: round(arguments.seconds * rate)]
        file = Converter(voice).convert(audio, rate, options_of(voice)).audio
        for method, block_seconds in rows:
            stream = open_stream(voice, options_of(voice), LiveSettings(gate_db=None), block_seconds, method=method)
            print(f"| {name} | {measured(stream, method, block_seconds, audio, file, voice.config)}", flush=True)
    if arguments.fork is not None:
        print_fork(arguments.fork.resolve(), arguments.song.resolve(), arguments.seconds, arguments.threads)


def options_of(voice: Voice) -> ConversionOptions:
    return ConversionOptions(noise_scale=None if voice.path.name.startswith("G_") else 0.0)


def voices(fork: Path | None) -> Iterator[tuple[str, Voice, list[tuple[Method, float | None]]]]:
    """Yield a name, the voice, and the methods and blocks to measure."""
    yield "light (joe)", Voice.load("joe"), LIGHT
    if fork is not None:
        os.environ["MYNA_ASSETS"] = str(fork.resolve() / "lengyue233")
        yield "4.0v1, random weights", Voice.load(fork / "checkpoints" / "so-vits-svc-4.0v1" / "G_0.pth"), WINDOWS
        yield "RVC v2 40k, random weights", random_rvc(), WINDOWS


def random_rvc() -> Voice:
    """Return a full-size RVC v2 voice with random weights."""
    shapes = json.loads(gzip.decompress((ROOT / "tests" / "zoo" / "rvc_statedicts.json.gz").read_bytes()))["v2-40k"]
    config, _ = rvc.config_from({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    torch.manual_seed(0)
    synthesizer = SYNTHESIZERS["rvc"](config.model, config.data).eval()
    synthesizer.fuse()
    return Voice(config, synthesizer, Path("random.pth"))


def measured(
    stream: Stream, method: str, block_seconds: float | None, audio: np.ndarray, file: np.ndarray, config: Config
) -> str:
    """Stream the audio, and return the cells of a row of the table."""
    rate, size = stream.sample_rate, round(PUSHED_SECONDS * stream.sample_rate)
    padded = np.concatenate([audio, np.zeros(stream.delay_samples + size, np.float32)])
    parts, walls, cpu = [], [], []
    for start in range(0, len(padded) - size, size):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        parts.append(stream.push(padded[start : start + size]))
        walls.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    # The computation takes place whenever a block of the conversion is complete.
    together = max(round((block_seconds or stream.block_seconds) / PUSHED_SECONDS), 1)
    first = round(WARM_UP_SECONDS / PUSHED_SECONDS)
    blocks = np.add.reduceat(walls[first:], np.arange(0, len(walls) - first, together))[:-1] / together
    cells = [
        method + ("" if block_seconds else " (proposed)"),
        f"{1000 * stream.block_seconds:.0f}",
        f"{1000 * stream.delay_samples / rate:.0f}",
        f"{np.mean(walls[first:]) / PUSHED_SECONDS:.2f}",
        f"{np.mean(cpu[first:]) / PUSHED_SECONDS:.2f}",
        f"{np.percentile(blocks, 95) / PUSHED_SECONDS:.2f}",
        f"{distance_db(np.concatenate(parts)[stream.delay_samples :][: len(file)], file, config):.2f}",
    ]
    return " | ".join(cells) + " |"


def distance_db(one: np.ndarray, other: np.ndarray, config: Config) -> float:
    settings = MelSettings.of(config.data)
    n = min(len(one), len(other))
    mels = [20 / np.log(10) * mel_spectrogram(torch.from_numpy(audio[None, :n]), settings)[0] for audio in (one, other)]
    return float((mels[0] - mels[1]).abs()[mels[1] > mels[1].max() - 50].median())


def print_fork(fork: Path, song: Path, seconds: float, threads: int) -> None:
    """Measure the stream classes of so-vits-svc-fork on the same song."""
    import soundfile

    rate = 44100
    excerpt = fork / "excerpt.wav"
    soundfile.write(excerpt, read(song, rate)[0][: round(seconds * rate)], rate)
    command = [str(fork / "venv" / "bin" / "python"), "-c", FORK, str(excerpt), "0.5,1.0", str(threads)]
    done = subprocess.run(command, cwd=fork, capture_output=True, text=True)
    rows = [line for line in done.stdout.splitlines() if line.startswith("ROWS")]
    if not rows:
        raise SystemExit(done.stderr[-3000:])
    for name, block, load, cpu, p95 in json.loads(rows[0][4:]):
        # After a block, RealtimeVC lacks the look-ahead of 0.1 s and the cross-fade of 0.05 s.
        delay = f"{1000 * (block + 0.15):.0f}" if name == "RealtimeVC" else "varies"
        cells = f"{1000 * block:.0f} | {delay} | {load:.2f} | {cpu:.2f} | {p95:.2f}"
        print(f"| 4.0v1 in so-vits-svc-fork | {name} | {cells} | |")


if __name__ == "__main__":
    main()
