"""Train the bundled content encoder by distillation: prepare, targets, train, probe, export; see docs/experiments.md.

Each step keeps existing results, so it can be interrupted and run again.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

STEPS = {
    "prepare": "write clips and their WORLD-modified versions",
    "targets": "compute the teacher's features and fit components and clusters to them",
    "train": "train the student; resumes",
    "probe": "print linear probes of student and teacher",
    "layers": "print linear probes of each layer of the teacher",
    "export": "write the trained encoder in 8 bits",
}


def main(arguments: list[str] | None = None) -> None:
    steps = "; ".join(f"{name}: {text}" for name, text in STEPS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=steps)
    parser.add_argument("step", choices=list(STEPS))
    parser.add_argument("--data", type=Path, help="folder with speech/, singing/ and target/")
    parser.add_argument("--joe", type=Path, help="folder that synthesize.py wrote")
    parser.add_argument("--folder", type=Path, required=True, help="folder for clips, targets and runs")
    parser.add_argument("--teacher", type=Path, help="whisper-base-encoder.safetensors")
    parser.add_argument("--encoder", default="myna-content-1", help="bundled encoder to train: myna-content-1 or -2")
    parser.add_argument("--run", default="main", help="name of the training run (probe: names, with commas)")
    parser.add_argument("--objectives", default="clusters,components,phones", help="losses to train with")
    parser.add_argument("--steps", type=int, default=20000, help="training steps, counted from the first")
    parser.add_argument("--batch-size", type=int, default=8, help="segments a training step")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop training after this time, ready to resume")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--part", default="0/1", help="prepare every n-th clip only: 0/2 and 1/2 in two processes")
    parser.add_argument("--output", type=Path, help="file that export writes.  [default: the one in the package]")
    a = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(a.threads)
    clips = a.folder / "corpus"
    if a.step == "prepare":
        from recipes.content_encoder.prepare import prepare

        part, parts = map(int, a.part.split("/"))
        prepare(a.data, a.joe, clips, part, parts)
    elif a.step == "targets":
        from recipes.content_encoder.teacher import fit, write_teacher_features

        write_teacher_features(clips, a.teacher)
        fit(clips, clips / "targets.bin")
    elif a.step == "train":
        from recipes.content_encoder.train import train

        objectives = tuple(a.objectives.split(","))
        train(a.encoder, clips, a.joe, a.teacher, a.folder / a.run, a.steps, objectives, a.minutes, a.batch_size)
    elif a.step == "layers":
        from recipes.content_encoder.probe import print_layers

        print_layers(clips, a.joe, a.teacher)
    elif a.step == "probe":
        from recipes.content_encoder.probe import print_probes

        print_probes(a.encoder, clips, a.joe, a.teacher, [a.folder / run / "last.pt" for run in a.run.split(",")])
    else:
        from recipes.content_encoder.export import PACKAGED, export

        path = a.output or PACKAGED / f"{a.encoder}.safetensors"
        export(a.encoder, a.folder / a.run / "last.pt", clips, path)


if __name__ == "__main__":
    main()
