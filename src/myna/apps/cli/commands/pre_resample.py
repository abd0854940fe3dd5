"""`svc pre-resample`: cut recordings into clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, echo_lines, echo_refused
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.flags import collect, option_flags
from myna.errors import AudioError
from myna.layout import CLIPS, RECORDINGS
from myna.options import ResampleOptions


@click.command("pre-resample", cls=ResultCommand)
@click.option(
    "-i",
    "--input-dir",
    type=click.Path(path_type=Path),
    default=RECORDINGS,
    show_default=True,
    help="Folder of the recordings: NAME/any.wav, one folder per speaker; deeper folders are searched too.",
)
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path),
    default=CLIPS,
    show_default=True,
    help="Folder for the clips.",
)
@click.option(
    "-n", "--n-jobs", type=int, default=-1, show_default=True, help="Number of processes; -1 for one per core."
)
@option_flags(ResampleOptions)
def command(input_dir: Path, output_dir: Path, n_jobs: int, **chosen: Any) -> Result:
    """Cut recordings into clips: mono, one sample rate, one level, no silence at the ends, limited in length.

    Recordings may have any format, sample rate and number of channels. Clips that are up to date are kept.
    """
    options = collect(ResampleOptions, chosen)

    from myna.training.prepare.recordings import resample_recordings

    with listed_job("prepare", "svc pre-resample", [output_dir]) as job:
        summary = resample_recordings(input_dir, output_dir, options, n_jobs=n_jobs, progress=job.progress)
    echo_lines("note", summary.orphaned)
    echo_refused(summary.failed, summary.ignored, summary.refused)
    line, error = "", None
    if summary.n_clips:
        where = "" if output_dir == CLIPS else f" -i {output_dir}"
        line = (
            f"{counted(summary.n_clips, 'clip')}, {summary.seconds / 60:.1f} minutes, of "
            f"{counted(summary.n_speakers, 'speaker')} in {output_dir}, from "
            f"{counted(summary.n_recordings, 'recording')} ({summary.n_kept} up to date, {len(summary.failed)} "
            f"failed, {len(summary.ignored)} other files left out). Next: svc pre-config{where}"
        )
    if summary.failed:
        n_all = summary.n_recordings + len(summary.failed)
        error = AudioError(
            f"{len(summary.failed)} of {counted(n_all, 'recording')} cannot be used; see {summary.refused}"
        )
    return Result(summary, line, error)
