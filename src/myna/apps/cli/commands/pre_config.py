"""`svc pre-config`: write the configuration of a new voice and its lists of clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from myna.apps.cli.flags import config_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, echo, echo_lines, echo_refused, listed
from myna.apps.cli.result import Result, ResultCommand, plain
from myna.config import DEFAULT_TEMPLATE, TemplateName
from myna.errors import AudioError
from myna.layout import CLIPS, CONFIG, FILELISTS, logs_of

if TYPE_CHECKING:
    from myna.zoo.diffusion import Kind


@click.command("pre-config", cls=ResultCommand)
@click.option(
    "-i",
    "--input-dir",
    type=click.Path(path_type=Path),
    default=CLIPS,
    show_default=True,
    help="Folder of the clips: NAME/any.wav, one folder per speaker.",
)
@click.option(
    "-f",
    "--filelist-path",
    type=click.Path(path_type=Path),
    default=FILELISTS,
    show_default=True,
    help="Folder for the lists train.txt and val.txt.",
)
@config_flag(
    "Configuration to write. The settings of an existing file are kept; if the kind of voice changes, the old file is "
    "kept as .bak."
)
@click.option(
    "-t",
    "--config-type",
    "--template",
    help=f"Kind of voice: {', '.join(get_args(TemplateName))}, or the path of a .json file.  [default: the kind "
    f"of the existing configuration, else {DEFAULT_TEMPLATE}]",
)
@click.option(
    "--content-encoder",
    metavar="NAME",
    help="Content encoder to use instead of the template's: vec768l12, vec256l9, whisper-base, ...",
)
@click.option(
    "-m",
    "--model-path",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the checkpoints; speakers already trained there keep their speaker numbers.  [default: logs/NAME "
    "for configs/NAME/config.json]",
)
@click.option(
    "--refiner",
    type=click.Choice(["diffusion", "rectified-flow"]),
    help="Also write diffusion.yaml beside the configuration, for svc train-diff: diffusion as in so-vits-svc 4.1, or "
    "rectified-flow, which needs fewer steps. The settings of an existing file are kept.",
)
def command(
    input_dir: Path,
    filelist_path: Path,
    config_path: Path,
    config_type: str | None,
    content_encoder: str | None,
    model_path: Path | None,
    refiner: Kind | None,
) -> Result:
    """Write the configuration of a voice and the lists of its clips.

    Run it again after you add or remove recordings: settings and speaker
    numbers are kept. Two clips of each speaker are held back for validation.
    """
    from myna.training.prepare.configuration import write_config

    with listed_job("prepare", "svc pre-config", [input_dir]):
        summary = write_config(
            input_dir,
            filelist_path,
            config_path,
            template=config_type,
            content_encoder=content_encoder,
            trained_in=model_path or logs_of(config_path),
            refiner=refiner,
        )
    echo_lines("note", summary.notes)
    if summary.backup is not None:
        echo(f"note: the previous configuration is kept as {summary.backup}", err=True)
    if summary.refiner is not None:
        echo(f"note: the settings of svc train-diff are in {summary.refiner}", err=True)
    echo_refused(summary.failed, summary.ignored, summary.refused)
    where = "" if input_dir == CLIPS else f" -i {input_dir}"
    where += "" if config_path == CONFIG else f" -c {config_path}"
    speakers = listed(list(summary.config.speakers))
    line = (
        f"{config_path}: {counted(len(summary.config.speakers), 'speaker')} ({speakers}), "
        f"{counted(summary.n_training, 'clip')} for training and {summary.n_validation} for validation, "
        f"{summary.seconds / 60:.1f} minutes in all, {len(summary.ignored) + len(summary.failed)} left out. "
        f"Next: svc pre-hubert{where}"
    )
    error = AudioError(f"{counted(len(summary.failed), 'clip')} cannot be read; see {summary.refused}")
    values = {"path": config_path, **plain(summary), "config": summary.config.plain()}
    return Result(values, line, error if summary.failed else None)
