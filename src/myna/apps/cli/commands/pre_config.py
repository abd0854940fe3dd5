"""`svc pre-config`: write the configuration of a new voice and its lists of clips."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from myna.apps.cli.flags import config_flag
from myna.apps.cli.report import counted, echo_lines, listed
from myna.config import DEFAULT_TEMPLATE, TemplateName
from myna.errors import AudioError
from myna.layout import CLIPS, CONFIG, FILELISTS


@click.command("pre-config")
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
@config_flag("Configuration to write; an existing file that differs is kept, with .bak appended to its name.")
@click.option(
    "-t",
    "--config-type",
    "--template",
    default=DEFAULT_TEMPLATE,
    show_default=True,
    help=f"Kind of voice: {', '.join(get_args(TemplateName))}, or the path of a .json file.",
)
@click.option(
    "--content-encoder",
    metavar="NAME",
    help="Content encoder to use instead of the template's: vec768l12, vec256l9, whisper-base, ...",
)
def command(
    input_dir: Path, filelist_path: Path, config_path: Path, config_type: str, content_encoder: str | None
) -> None:
    """Write the configuration of a new voice and the lists of its clips.

    Two clips of each speaker are held back for validation.
    """
    from myna.training.prepare.configuration import write_config

    summary = write_config(input_dir, filelist_path, config_path, template=config_type, content_encoder=content_encoder)
    echo_lines("left out", summary.ignored)
    echo_lines("note", summary.notes)
    if summary.backup is not None:
        click.echo(f"note: the previous configuration is kept as {summary.backup}", err=True)
    echo_lines("svc", summary.failed)
    where = "" if input_dir == CLIPS else f" -i {input_dir}"
    where += "" if config_path == CONFIG else f" -c {config_path}"
    speakers = listed(list(summary.config.speakers))
    click.echo(
        f"{config_path}: {counted(len(summary.config.speakers), 'speaker')} ({speakers}), "
        f"{counted(summary.n_training, 'clip')} for training and {summary.n_validation} for validation, "
        f"{summary.seconds / 60:.1f} minutes in all, {len(summary.ignored) + len(summary.failed)} left out. "
        f"Next: svc pre-hubert{where}"
    )
    if summary.failed:
        raise AudioError(f"{counted(len(summary.failed), 'clip')} cannot be read; see above")
