"""`svc pre-hubert`: compute content, pitch and loudness of every clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from myna.apps.actions.device import choose_device
from myna.apps.cli.flags import config_flag, device_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, echo, echo_lines, echo_refused, listed
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.flags import collect, option_flags
from myna.errors import AudioError
from myna.layout import CLIPS, CONFIG
from myna.options import FeatureOptions


@click.command("pre-hubert", cls=ResultCommand)
@click.option(
    "-i",
    "--input-dir",
    type=click.Path(path_type=Path),
    default=CLIPS,
    show_default=True,
    help="Folder of the clips.",
)
@config_flag("Configuration of the voice; each speaker's pitch range is written into it.")
@click.option(
    "-n",
    "--n-jobs",
    type=int,
    help="Number of processes; each loads an encoder into memory.  [default: 1 on a GPU, else one per core up to 8]",
)
@device_flag
@option_flags(FeatureOptions)
def command(input_dir: Path, config_path: Path, n_jobs: int | None, device: str, **chosen: Any) -> Result:
    """Compute content, pitch and loudness of every clip, and store them beside the clip.

    Features are recomputed only if their clip, the configuration or the pitch estimator has changed.
    """
    options = collect(FeatureOptions, chosen)

    from myna.training.prepare.features import compute_features

    resolved = choose_device(device)
    echo(f"device: {resolved}", err=True)
    with listed_job("prepare", "svc pre-hubert", [input_dir]) as job:
        summary = compute_features(
            input_dir, config_path, options, n_jobs=n_jobs, device=resolved.name, progress=job.progress
        )
    echo_lines("note", summary.unvoiced)
    echo_refused(summary.failed, summary.ignored, summary.refused)
    ranges = [
        f"{speaker} {pitch.low_hz:.0f} to {pitch.high_hz:.0f} Hz, median {pitch.median_hz:.0f}"
        for speaker, pitch in summary.pitch.items()
    ]
    where = "" if config_path == CONFIG else f" -c {config_path}"
    line = (
        f"Features of {counted(summary.n_clips, 'clip')}, {summary.seconds / 60:.1f} minutes "
        f"({summary.n_kept} up to date, {len(summary.failed)} failed, {len(summary.ignored)} left out). "
        f"Pitch: {listed(ranges, '; ') or 'none found'}. Next: svc train{where}"
    )
    what = counted(len(summary.failed), "clip")
    error = AudioError(
        f"{what} cannot be used, see {summary.refused}; replace or delete them, then run svc pre-config again"
    )
    return Result(summary, line, error if summary.failed else None)
