"""Distil the content encoder that ships in the package: prepare, listen, train, probe, export; see docs/experiments.md.

Every step keeps what is there already, so that any of them can be killed and run again.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["prepare", "listen", "train", "probe", "layers", "export"])
    parser.add_argument("--data", type=Path, help="the folder with speech/, singing/ and target/")
    parser.add_argument("--joe", type=Path, help="what synthesize.py wrote")
    parser.add_argument("--folder", type=Path, required=True, help="where clips, targets and runs are kept")
    parser.add_argument("--teacher", type=Path, help="whisper-base-encoder.safetensors")
    parser.add_argument("--run", default="main", help="name of the training run (probe: names, with commas)")
    parser.add_argument("--objectives", default="clusters,components,phones")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop training after so long, to go on later")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", default="0/1", help="prepare only every n-th clip: 0/2 and 1/2 in two processes")
    a = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(a.threads)
    clips = a.folder / "corpus"
    if a.step == "prepare":
        from prepare import prepare

        part, parts = map(int, a.part.split("/"))
        prepare(a.data, a.joe, clips, part, parts)
    elif a.step == "listen":
        from teacher import fit, listen

        listen(clips, a.teacher)
        fit(clips, clips / "targets.bin")
    elif a.step == "train":
        from train import train

        train(clips, a.joe, a.teacher, a.folder / a.run, a.steps, tuple(a.objectives.split(",")), a.minutes)
    elif a.step == "layers":
        from probe import print_layers

        print_layers(clips, a.joe, a.teacher)
    elif a.step == "probe":
        from probe import print_probes

        print_probes(clips, a.joe, a.teacher, [a.folder / run / "last.pt" for run in a.run.split(",")])
    else:
        from export import export

        export(a.folder / a.run / "last.pt", clips)


if __name__ == "__main__":
    main()
