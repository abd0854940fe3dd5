"""Train a voice on two cores, convert with it, and evaluate; see docs/training.md.

    python benchmarks/clone.py WORK --target RECORDINGS --speech FOLDER --singing FOLDER [--minutes 30]

Every sixth recording of the target is held out for the evaluation. The voice is evaluated after five minutes of
training and at the end. All steps are `svc` commands. Existing results are kept, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from myna.audio.folders import find_recordings

HELD_OUT = 6  # every 6th recording is held out
SHOWN = (
    ("speaker_similarity", "speaker similarity"),
    ("f0_correlation", "f0 correlation"),
    ("f0_close", "voiced frames within 50 cents"),
    ("character_error_rate", "character error rate"),
    ("dnsmos_ovr", "DNSMOS overall"),
    ("loudness_correlation", "loudness correlation"),
    ("voicing_error", "frames whose voicing differs"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder of all files")
    parser.add_argument("--target", type=Path, required=True, help="recordings of one person")
    parser.add_argument("--speech", type=Path, required=True, help="spoken sources of others")
    parser.add_argument("--singing", type=Path, required=True, help="sung sources of others")
    parser.add_argument("--minutes", type=float, default=30.0, help="minutes of training on --cores")
    parser.add_argument(
        "--first-minutes", type=float, default=5.0, help="minutes before the first evaluation; 0: only at the end"
    )
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--template", default="myna-lite")
    arguments = parser.parse_args()

    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    svc = Commands(work, arguments.cores)
    split(arguments.target, work / "dataset_raw" / "target", work / "held_out")
    if not (work / "configs").exists():
        svc("pre-resample")
        svc("pre-config", "-t", arguments.template)
        svc("pre-hubert")
    sources = {"speech": arguments.speech.resolve(), "singing": arguments.singing.resolve()}
    stages = {"first": arguments.first_minutes, "last": arguments.minutes - arguments.first_minutes}
    stages = {name: minutes for name, minutes in stages.items() if minutes}
    for name, minutes in stages.items():
        if not (work / f"{name}.json").exists():
            seconds = svc("train", "--max-minutes", str(minutes))
            (work / f"{name}.json").write_text(json.dumps({"minutes": seconds / 60}), encoding="utf-8")
        for kind, folder in sources.items():
            measure(svc, name, kind, folder)
    print_table(work, list(stages))


class Commands:
    """Runner of `svc` commands in a folder on `n_cores` cores."""

    def __init__(self, folder: Path, n_cores: int) -> None:
        self.folder = folder
        self.environment = os.environ | {"OMP_NUM_THREADS": str(n_cores)}

    def __call__(self, *words: str) -> float:
        """Run a command and return its seconds."""
        print("$ svc", *words, flush=True)
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "myna", *words], cwd=self.folder, env=self.environment, check=True)
        return time.monotonic() - started


def split(target: Path, training: Path, held_out: Path) -> None:
    """Copy the recordings into a training folder and a held-out folder."""
    recordings = find_recordings(target, recursive=False)
    for folder in (training, held_out):
        folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(recordings):
        shutil.copy(path, held_out if number % HELD_OUT == HELD_OUT - 1 else training)


def measure(svc: Commands, name: str, kind: str, sources: Path) -> None:
    """Convert a folder with the latest checkpoint and evaluate it into `<name>-<kind>.json` and `.html`."""
    result = svc.folder / f"{name}-{kind}"
    if result.with_suffix(".json").exists():
        return
    # Speech may be transposed by any number of semitones; a song must stay in the key of its accompaniment.
    step = "semitone" if kind == "speech" else "octave"
    started = time.monotonic()
    svc("infer", str(sources), "-o", result.name, "--auto-transpose", "--transpose-step", step)
    print(f"{kind} converted in {time.monotonic() - started:.0f} s", flush=True)
    files = ["--json", f"{result.name}.json", "--report", f"{result.name}.html"]
    places = ["--source", str(sources), "--target", "dataset_raw/target", "--held-out", "held_out"]
    svc("evaluate", result.name, *places, *files, *(["--language", "en"] if kind == "speech" else ["--no-words"]))


def print_table(work: Path, stages: list[str]) -> None:
    kinds = [(name, kind) for name in stages for kind in ("speech", "singing")]
    found = {one: json.loads((work / f"{one[0]}-{one[1]}.json").read_text("utf-8"))["summary"] for one in kinds}
    minutes = [json.loads((work / f"{name}.json").read_text("utf-8"))["minutes"] for name in stages]
    print("| | " + " | ".join(f"{kind}, {name}" for name, kind in kinds) + " |")
    print("|---|" + "---|" * len(kinds))
    for key, title in SHOWN:
        cells = [found[one][key]["converted"] if key in found[one] else None for one in kinds]
        print(f"| {title} | " + " | ".join("" if cell is None else f"{cell:.3f}" for cell in cells) + " |")
    print(f"minutes of training, start and checkpoints included: {', then '.join(f'{one:.1f}' for one in minutes)}")


if __name__ == "__main__":
    main()
