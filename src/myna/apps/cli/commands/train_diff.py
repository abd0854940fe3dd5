"""`svc train-diff`: train a refiner for shallow diffusion."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from myna.apps.actions.train import read_refiner_config, train_refiner
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.cli.training import TrainingTerminal, tensorboard_flag
from myna.apps.flags import collect, option_flags
from myna.layout import REFINER_CONFIG
from myna.options import RefinerTrainOptions


@click.command("train-diff", cls=ResultCommand)
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=REFINER_CONFIG,
    show_default=True,
    help="Configuration of the refiner; the voice's config.json is beside it. svc pre-config --refiner writes both.",
)
@click.option(
    "-m",
    "--model-path",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for model_*.pt, config.yaml and the log; training resumes from the last checkpoint in it.  [default: "
    "env.expdir of the configuration]",
)
@tensorboard_flag
@option_flags(RefinerTrainOptions)
def command(config_path: Path, model_path: Path | None, tensorboard: bool, **chosen: Any) -> Result | None:
    """Train a refiner on the clips of a voice, for svc infer --shallow-diffusion.

    \b
    The clips and features are those of svc train: run svc pre-resample,
    svc pre-config --refiner diffusion and svc pre-hubert first.
    Ctrl-C, or closing the terminal, saves a checkpoint and stops the training;
    the same command resumes it.
    A new refiner starts from the base weights model_0.pt in the model folder,
    if there are any, else from random weights.
    """
    options = collect(RefinerTrainOptions, chosen)
    config = read_refiner_config(config_path)
    folder = model_path or Path(config.env.expdir)
    with ExitStack() as job:
        model, path = folder.as_posix(), config_path.as_posix()
        terminal = TrainingTerminal(
            "svc train-diff",
            folder,
            tensorboard,
            job,
            resume=f"svc train-diff -m {model} -c {path}",
            use=f"svc infer song.wav -m {folder.parent.as_posix()} -shd -dm {model} -dc {model}/config.yaml",
            subject="refiner",
        )
        train_refiner(config_path, config, folder, options, terminal.on)
    return terminal.result
