"""Quality and time of refiners: the solvers of so-vits-svc 4.1 and the rectified flow, on the same voice in one run.

    python benchmarks/diffusion.py train WORK --recordings FOLDER [--minutes 15] [--device cuda] [--vocoder FILE]
    python benchmarks/diffusion.py measure WORK [--k-steps 100 300] [--steps 1 2 5 10 20 50] [--vocoder FILE]

`train` prepares the recordings of one speaker, and trains a light voice, a diffusion and a rectified flow, for 15
minutes in all. An interrupted run continues with the rest of the minutes of each stage. A GPU trains networks of the
usual size; `--size small` is for a CPU.

`measure` converts the held-out clips with the voice and refines the result. The distance is the mean difference of the
mel spectrogram from that of the recording, in dB. With a vocoder, `svc evaluate` measures the sound too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor

from myna.audio.folders import find_recordings
from myna.config import Config, RefinementMethod
from myna.conversion.vocoding import load_vocoder
from myna.models.interface import Conditions, RefinerSampling, Sampling
from myna.models.noise import SeededNoise
from myna.models.vocoder import Vocoder
from myna.training.clip_list import list_clips
from myna.training.dataset import ClipDataset, Collate, Excerpts
from myna.training.families import MAX_FRAMES
from myna.training.refiner import MelAnalysis
from myna.voice import Voice
from myna.zoo.diffusion import METHODS, TYPES, Kind, OpenedRefiner, RefinerConfig, open_refiner

CONFIGS = Path("configs/44k")
SIZES: dict[str, dict[str, Any]] = {
    "usual": {"train": {"batch_size": 48}},
    "small": {
        "model": {"n_layers": 6, "n_chans": 192, "n_hidden": 128, "k_step_max": 300},
        "train": {"batch_size": 16, "num_workers": 1, "lr": 1e-3, "decay_step": 2000},
    },
}
SHARES = {"voice": 0.3, "diffusion": 0.35, "rectified-flow": 0.35}  # of the minutes of training
DECIBELS = 20 / math.log(10)  # per natural logarithm of an amplitude
FEWEST_MINUTES = 0.1
TITLES = ("refiner", "solver", "k_step", "steps", "distance, dB", "processor time, s per s")
OF_SOUND = {"speaker_similarity": "similarity", "f0_correlation": "f0 correlation", "dnsmos_ovr": "DNSMOS"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.add_argument("work", type=Path, help="folder of all files")
    training.add_argument("--recordings", type=Path, required=True, help="recordings of one speaker")
    training.add_argument("--minutes", type=float, default=15.0)
    training.add_argument("--device", default="auto")
    training.add_argument("--size", choices=SIZES, default="usual")
    training.set_defaults(run=train)
    measuring = commands.add_parser("measure")
    measuring.add_argument("work", type=Path)
    measuring.add_argument("--k-steps", type=int, nargs="+", default=[100, 300])
    measuring.add_argument("--steps", type=int, nargs="+", default=[1, 2, 5, 10, 20, 50])
    measuring.add_argument("--clips", type=int, default=8)
    measuring.set_defaults(run=measure)
    for one in (training, measuring):
        one.add_argument("--vocoder", type=Path, help="NSF-HiFiGAN; without one, no sound is made")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    arguments.run(arguments)


def train(arguments: argparse.Namespace) -> None:
    work: Path = arguments.work
    recordings = work / "dataset_raw" / "target"
    if not recordings.exists():
        recordings.mkdir(parents=True)
        for path in find_recordings(arguments.recordings, recursive=False):
            shutil.copy(path, recordings)
    if not (work / CONFIGS / "rectified-flow.yaml").exists():
        svc(work, "pre-resample")
        svc(work, "pre-config", "-t", "myna-lite", "--refiner", "diffusion")
        svc(work, "pre-hubert")
        write_configs(work / CONFIGS, SIZES[arguments.size], arguments.vocoder)
    device = ["--device", arguments.device]
    stage(work, "voice", arguments.minutes, "train", *device)
    for kind in TYPES:
        place = ["-c", (CONFIGS / f"{kind}.yaml").as_posix(), "-m", f"logs/44k/{kind}"]
        stage(work, kind, arguments.minutes, "train-diff", *place, *device)


def write_configs(folder: Path, sections: dict[str, dict[str, Any]], vocoder: Path | None) -> None:
    """Write a configuration for each kind of refiner: the written one with other sizes."""
    plain = RefinerConfig.read(folder / "diffusion.yaml").model_dump(mode="json")
    for section, values in sections.items():
        plain[section] |= values
    if vocoder is not None:
        plain["vocoder"]["ckpt"] = str(vocoder.resolve())
    for kind in TYPES:
        RefinerConfig.parse(plain).of_kind(kind).write(folder / f"{kind}.yaml")


def stage(work: Path, name: str, minutes: float, *words: str) -> None:
    """Train for the rest of a stage's share of the minutes, and note the time that it took."""
    ledger = work / "minutes.json"
    spent = json.loads(ledger.read_text("utf-8")) if ledger.exists() else {}
    left = SHARES[name] * minutes - spent.get(name, 0.0)
    if left < FEWEST_MINUTES:
        return
    started = time.monotonic()
    try:
        svc(work, *words, "--max-minutes", f"{left:.2f}", "--save-minutes", "5")
    finally:
        spent[name] = spent.get(name, 0.0) + (time.monotonic() - started) / 60
        ledger.write_text(json.dumps(spent), encoding="utf-8")


def svc(work: Path, *words: str) -> None:
    """Run a command in a folder. If this program is interrupted, the command ends first: a training saves a checkpoint.

    `subprocess.run` would kill it.
    """
    print("$ svc", *words, flush=True)
    command = [sys.executable, "-m", "myna", *words]
    process = subprocess.Popen(command, cwd=work)
    try:
        process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


@dataclass(frozen=True)
class HeldOut:
    """A held-out clip, and its conversion by the voice."""

    name: str
    conditions: Conditions
    recording: Tensor  # mel spectrogram (1, n_mels, T)
    converted: Tensor  # mel spectrogram (1, n_mels, T)
    seconds: float


def measure(arguments: argparse.Namespace) -> None:
    work: Path = arguments.work.resolve()
    os.chdir(work)
    vocoder = None if arguments.vocoder is None else load_vocoder(arguments.vocoder)
    refiners = {kind: open_refiner(Path(f"logs/44k/{kind}")) for kind in TYPES}
    clips = held_out(next(iter(refiners.values())), arguments.clips)
    seconds = sum(clip.seconds for clip in clips)
    folder = Path("refined")
    sing(vocoder, folder / "recording", clips, [clip.recording for clip in clips])
    alone = [clip.converted for clip in clips]
    evaluated = sing(vocoder, folder / "voice", clips, alone)
    print(f"{len(clips)} held-out clips, {seconds:.0f} s; training steps:", end=" ")
    print(", ".join(f"{kind} {opened.step}" for kind, opened in refiners.items()))
    titles = [*TITLES, *(OF_SOUND.values() if vocoder is not None else ())]
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    print(f"| none | | | | {distance(clips, alone):.2f} | |" + evaluated)
    for kind, method, k_step, n_steps in rows(refiners, arguments.k_steps, arguments.steps):
        refiner = refiners[kind].build()
        speedup = max(k_step // n_steps, 1)
        started = time.process_time()
        refined = [
            refiner.refine(clip.conditions, clip.converted, RefinerSampling(SeededNoise.of(0), k_step, speedup, method))
            for clip in clips
        ]
        cost = (time.process_time() - started) / seconds
        evaluated = sing(vocoder, folder / f"{kind}-{method}-{k_step}-{n_steps}", clips, refined)
        far = distance(clips, refined)
        name = kind.replace("-", " ")
        print(f"| {name} | {method} | {k_step} | {n_steps} | {far:.2f} | {cost:.3f} |" + evaluated, flush=True)


def rows(
    refiners: dict[Kind, OpenedRefiner], k_steps: list[int], steps: list[int]
) -> Iterator[tuple[Kind, RefinementMethod, int, int]]:
    for kind, opened in refiners.items():
        for k_step in k_steps:
            for method in METHODS[kind]:
                for n_steps in steps:
                    if k_step <= opened.sizes.max_k_step and n_steps <= k_step:
                        yield kind, method, k_step, n_steps


def held_out(opened: OpenedRefiner, n_clips: int) -> list[HeldOut]:
    """Convert the validation clips with the voice."""
    voice = Voice.load(Path("logs/44k"))
    config = Config.read(CONFIGS / "config.json")
    analysis = MelAnalysis(opened.mel)
    listed = list_clips(config.data.validation_files, config)[:n_clips]
    clips = ClipDataset(listed, config, Excerpts(MAX_FRAMES, False, analysis))
    found = []
    for index, clip in enumerate(listed):
        batch = Collate(1)([clips.beginning(index)])
        conditions = batch.input.conditions
        sampling = Sampling(SeededNoise.of(0), noise_scale=0.0)  # a light voice has no latent variable
        audio = voice.synthesizer.generate(conditions, sampling).audio[0, 0]
        converted = analysis(audio.float(), 0.0)[None]
        seconds = audio.shape[0] / config.data.sample_rate
        found.append(HeldOut(clip.path.stem, conditions, batch.input.spectrogram, converted, seconds))
    return found


def distance(clips: list[HeldOut], mels: list[Tensor]) -> float:
    """Return the mean difference of mel spectrograms from those of the recordings, in dB."""
    differences = [(mel - clip.recording).abs().flatten() for clip, mel in zip(clips, mels, strict=True)]
    return DECIBELS * float(torch.cat(differences).mean())


def sing(vocoder: Vocoder | None, folder: Path, clips: list[HeldOut], mels: list[Tensor]) -> str:
    """Write the sound of mel spectrograms, and return the cells of the table with its measures."""
    if vocoder is None:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    for clip, mel in zip(clips, mels, strict=True):
        audio = vocoder.synthesize(mel, clip.conditions.f0, SeededNoise.of(0)).audio[0, 0]
        soundfile.write(folder / f"{clip.name}.wav", audio.numpy(), vocoder.mel.sample_rate)
    if folder.name == "recording":
        return ""
    source, result = folder.with_name("recording").as_posix(), folder.with_suffix(".json")
    places = ["--source", source, "--target", "dataset_raw/target", "--no-words", "--json", str(result)]
    svc(Path(), "evaluate", str(folder), *places)
    summary = json.loads(result.read_text("utf-8"))["summary"]
    return "".join(f" {summary[name]['converted']:.3f} |" if name in summary else " |" for name in OF_SOUND)


if __name__ == "__main__":
    main()
