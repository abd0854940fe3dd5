"""`svc train-vocoder`: train a vocoder."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from myna.apps.actions.train import train_vocoder
from myna.apps.cli.flags import config_flag
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.cli.training import TrainingTerminal, tensorboard_flag
from myna.apps.flags import collect, option_flags
from myna.layout import VOCODER_LOGS
from myna.options import TrainOptions


@click.command("train-vocoder", cls=ResultCommand)
@config_flag("Configuration of the voice for which the clips were prepared.")
@click.option(
    "-m",
    "--model-path",
    type=click.Path(path_type=Path, file_okay=False),
    default=VOCODER_LOGS,
    show_default=True,
    help="Folder for the vocoder, its checkpoints and the log; training resumes from the last checkpoint in it.",
)
@click.option(
    "--vocoder",
    "vocoder_path",
    type=click.Path(path_type=Path),
    help="Vocoder to start from: a file with its config.json beside it, or their folder.  "
    "[default: pretrain/nsf_hifigan/model]",
)
@tensorboard_flag
@option_flags(TrainOptions, [spec.name for spec in fields(TrainOptions) if spec.name != "pretrained_dir"])
def command(
    config_path: Path, model_path: Path, vocoder_path: Path | None, tensorboard: bool, **chosen: Any
) -> Result | None:
    """Train a vocoder on the prepared clips of a voice, starting from another vocoder.

    \b
    Prepare the clips as for a voice: svc pre-resample, svc pre-config and
    svc pre-hubert.
    Ctrl-C, or closing the terminal, saves a checkpoint and stops the training;
    the same command resumes it.
    At each checkpoint, nsf_hifigan/model and nsf_hifigan/config.json in the
    model folder are replaced by the trained vocoder. Other tools open them.
    With --from-scratch, it starts from random weights, with the sizes of
    --vocoder or else those of the community's vocoder.
    """
    options = collect(TrainOptions, chosen)
    with ExitStack() as job:
        model = model_path.as_posix()
        terminal = TrainingTerminal(
            "svc train-vocoder",
            model_path,
            tensorboard,
            job,
            resume=f"svc train-vocoder -m {model}",
            use=f"svc infer song.wav --enhance --vocoder {model}",
            subject="vocoder",
        )
        train_vocoder(config_path, model_path, vocoder_path, options, terminal.on)
    return terminal.result
