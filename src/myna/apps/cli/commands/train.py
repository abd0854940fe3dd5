"""`svc train`: train a voice."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from myna.apps.actions.train import train
from myna.apps.cli.flags import config_flag
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.cli.training import TrainingTerminal, tensorboard_flag
from myna.apps.flags import collect, option_flags
from myna.layout import LOGS
from myna.options import TrainOptions


@click.command("train", cls=ResultCommand)
@config_flag("Configuration of the voice, its clips and its training.")
@click.option(
    "-m",
    "--model-path",
    type=click.Path(path_type=Path, file_okay=False),
    default=LOGS,
    show_default=True,
    help="Folder for G_*.pth, D_*.pth and the log; training resumes from the last checkpoint in it.",
)
@tensorboard_flag
@option_flags(TrainOptions)
def command(config_path: Path, model_path: Path, tensorboard: bool, **chosen: Any) -> Result | None:
    """Train the voice on the prepared clips.

    \b
    Ctrl-C, or closing the terminal, saves a checkpoint and stops the training;
    the same command resumes it.
    A new voice starts from base weights: G_0.pth and D_0.pth in the model
    folder, else in --pretrained-dir or MYNA_ASSETS, else those in the package
    or on the hub.
    With --from-scratch, it starts from random weights.
    """
    options = collect(TrainOptions, chosen)
    with ExitStack() as job:
        model, config = model_path.as_posix(), config_path.as_posix()
        terminal = TrainingTerminal(
            "svc train",
            model_path,
            tensorboard,
            job,
            resume=f"svc train -m {model} -c {config}",
            use=f"svc infer song.wav -m {model}",
        )
        train(config_path, model_path, options, terminal.on)
    return terminal.result
