"""`svc pre-hubert`: content, pitch and loudness of every clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from myna.apps.cli.flags import config_flag
from myna.apps.cli.report import counted, echo_lines, listed
from myna.apps.device import DEVICE_HELP, choose_device
from myna.apps.flags import collect, option_flags
from myna.apps.progress import bar
from myna.errors import AudioError
from myna.layout import CLIPS, CONFIG
from myna.options import FeatureOptions


@click.command("pre-hubert")
@click.option(
    "-i",
    "--input-dir",
    type=click.Path(path_type=Path),
    default=CLIPS,
    show_default=True,
    help="Folder of the clips.",
)
@config_flag("The voice's configuration; the pitch of each speaker is written into it.")
@click.option(
    "-n",
    "--n-jobs",
    type=int,
    help="Processes at a time, each with an encoder in memory.  [default: one on a GPU, else one a core up to 8]",
)
@click.option("-d", "--device", default="auto", show_default=True, help=DEVICE_HELP)
@option_flags(FeatureOptions)
def command(input_dir: Path, config_path: Path, n_jobs: int | None, device: str, **chosen: Any) -> None:
    """Compute the content, pitch and loudness of every clip, beside the clip.

    Run again, it does only what is new, or what the configuration, the pitch method or the clip has changed.
    """
    options = collect(FeatureOptions, chosen)

    from myna.training.prepare.features import compute_features

    name, reason = choose_device(device)
    click.echo(f"device: {name} ({reason})", err=True)
    summary = compute_features(input_dir, config_path, options, n_jobs=n_jobs, device=name, progress=bar)
    echo_lines("left out", summary.ignored)
    echo_lines("note", summary.unvoiced)
    echo_lines("svc", summary.failed)
    ranges = [
        f"{speaker} {pitch.low_hz:.0f} to {pitch.high_hz:.0f} Hz, median {pitch.median_hz:.0f}"
        for speaker, pitch in summary.pitch.items()
    ]
    where = "" if config_path == CONFIG else f" -c {config_path}"
    click.echo(
        f"Features of {counted(summary.n_clips, 'clip')}, {summary.seconds / 60:.1f} minutes "
        f"({summary.n_kept} done before, {len(summary.failed)} failed, {len(summary.ignored)} left out). "
        f"Pitch: {listed(ranges, '; ') or 'none found'}. Next: svc train{where}"
    )
    if summary.failed:
        what = counted(len(summary.failed), "clip")
        raise AudioError(f"{what} cannot be used, see above; replace or delete them, then run svc pre-config again")
