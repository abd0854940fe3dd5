"""`svc train-cluster`: compute k-means centroids of each speaker's content."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.flags import config_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, listed
from myna.apps.cli.result import Result, ResultCommand, plain
from myna.config import Config
from myna.layout import LOGS


@click.command("train-cluster", cls=ResultCommand)
@config_flag("Configuration of the voice; it names the list of training clips.")
@click.option(
    "-o",
    "--output-path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LOGS / "kmeans.pt",
    show_default=True,
    help="File for the centroids, in so-vits-svc-fork's format.",
)
@click.option(
    "-n",
    "--n-clusters",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Number of centroids per speaker; fewer if there are fewer frames.",
)
def command(config_path: Path, output_path: Path, n_clusters: int) -> Result:
    """Compute k-means centroids of each speaker's content, for svc infer -r.

    Centroids are smaller but less exact than an index. The content is read from the features that svc pre-hubert
    computed.
    """
    config = Config.read(config_path)

    from myna.training.retrieval import train_centroids

    with listed_job("prepare", "svc train-cluster", [output_path]) as job:
        summary = train_centroids(config, output_path, n_clusters, progress=job.progress)
    sizes = [f"{n:,} of {speaker}" for speaker, n in summary.sizes.items()]
    line = (
        f"{output_path}: centroids, {listed(sizes)}, from {counted(summary.n_clips, 'clip')} "
        f"({summary.n_frames:,} frames). Next: svc infer song.wav -k {output_path.as_posix()} -r 0.5"
    )
    return Result({"path": output_path, **plain(summary)}, line)
