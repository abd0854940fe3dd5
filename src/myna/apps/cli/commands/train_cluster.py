"""`svc train-cluster`: k-means centres of what the speakers say."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.flags import config_flag
from myna.apps.cli.report import counted, listed
from myna.apps.progress import bar
from myna.config import Config
from myna.layout import LOGS


@click.command("train-cluster")
@config_flag("The voice's configuration, which names the clips.")
@click.option(
    "-o",
    "--output-path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LOGS / "kmeans.pt",
    show_default=True,
    help="The cluster model to write; so-vits-svc-fork reads it, too.",
)
@click.option(
    "-n",
    "--n-clusters",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Centres a speaker; fewer where there are fewer frames.",
)
def command(config_path: Path, output_path: Path, n_clusters: int) -> None:
    """Find what each speaker's content gathers around, for svc infer -r: smaller and coarser than an index.

    It reads the features that svc pre-hubert computes.
    """
    config = Config.read(config_path)

    from myna.training.retrieval import train_centroids

    summary = train_centroids(config, output_path, n_clusters, progress=bar)
    sizes = [f"{n:,} of {speaker}" for speaker, n in summary.sizes.items()]
    click.echo(
        f"{output_path}: centres, {listed(sizes)}, from {counted(summary.n_clips, 'clip')} "
        f"({summary.n_frames:,} frames). Next: svc infer song.wav -k {output_path.as_posix()} -r 0.5"
    )
