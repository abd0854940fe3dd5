"""`svc train-index`: build a retrieval index of each speaker's content."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.flags import config_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, listed
from myna.apps.cli.result import Result, ResultCommand, plain
from myna.config import Config
from myna.layout import LOGS


@click.command("train-index", cls=ResultCommand)
@config_flag("Configuration of the voice; it names the list of training clips.")
@click.option(
    "-o",
    "--output-path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LOGS / "index.safetensors",
    show_default=True,
    help="File for the index. svc infer finds an index.safetensors beside the voice; name any other file with -k.",
)
def command(config_path: Path, output_path: Path) -> Result:
    """Build a retrieval index of each speaker's content features, one vector per frame, for svc infer -r.

    The content is read from the features that svc pre-hubert computed.
    """
    config = Config.read(config_path)

    from myna.training.retrieval import train_index

    with listed_job("prepare", "svc train-index", [output_path]) as job:
        summary = train_index(config, output_path, progress=job.progress)
    sizes = [f"{n:,} vectors of {speaker}" for speaker, n in summary.sizes.items()]
    line = (
        f"{output_path}: {listed(sizes)}, from {counted(summary.n_clips, 'clip')} ({summary.n_frames:,} frames). "
        f"Next: svc infer song.wav -k {output_path.as_posix()} -r 0.5"
    )
    return Result({"path": output_path, **plain(summary)}, line)
