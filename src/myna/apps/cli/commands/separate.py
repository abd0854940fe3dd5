"""`svc separate`: separate songs into vocals and accompaniment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from myna.apps.actions.device import choose_device
from myna.apps.actions.separate import Separation, plan_separations, separate
from myna.apps.cli.flags import device_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, echo, unfinished
from myna.apps.cli.result import Result, ResultCommand, batch_values
from myna.apps.flags import collect, option_flags
from myna.options import SeparationOptions

if TYPE_CHECKING:
    from myna.apps.actions.batch import Batch
    from myna.song.separation.separate import SeparationSummary


@click.command("separate", cls=ResultCommand)
@click.argument("songs", metavar="SONG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-path",
    type=click.Path(path_type=Path),
    help="Folder of the stems.  [default: the folder of each SONG]",
)
@device_flag
@option_flags(SeparationOptions)
def command(songs: tuple[Path, ...], output_path: Path | None, device: str, **chosen: Any) -> Result:
    """Separate each SONG, a sound or video file of any format, into vocals and accompaniment.

    song.mp3 becomes song.vocals.wav and song.accompaniment.wav, with the song's sample rate and length. Both are 32-bit
    floats that may exceed full scale; their sum is exactly the song. Songs with more than two channels are mixed to
    stereo. Existing files are not replaced.
    """
    options = collect(SeparationOptions, chosen)
    planned = plan_separations(songs, output_path)

    from myna.song.separation.loading import load_separator

    resolved = choose_device(device)
    echo(f"device: {resolved}", err=True)
    separator = load_separator(options.separator, resolved.name)
    title = f"svc separate {counted(len(planned), 'song') if len(planned) > 1 else planned[0].source.name}"
    files = [path for one in planned for path in (one.vocals, one.accompaniment)]
    with listed_job("separate", title, files, files=[str(path) for path in files]) as job:
        separated = separate(separator, planned, job.progress, job.failure)
    text = _text(separated) if separated.done else ""
    values = batch_values(
        separated, "separated", lambda one: {"vocals": one.vocals, "accompaniment": one.accompaniment}
    )
    return Result(values, text, unfinished(separated, "songs were not separated"))


def _text(separated: Batch[Separation, SeparationSummary]) -> str:
    seconds = sum(summary.seconds for summary in separated.done.values())
    first, *more = separated.done
    line = f"{seconds:.1f} s of music in {separated.seconds:.1f} s: {first.vocals}, {first.accompaniment}"
    if more:
        line += f" and {counted(2 * len(more), 'file')} more"
    remarks = (f"{one.source}: {text}" for one, its in separated.done.items() for text in _remarks(its))
    return "\n".join([*remarks, line + _next_step(separated)])


def _remarks(summary: SeparationSummary) -> list[str]:
    """Return sentences on a song that has no vocals, no accompaniment, or more than two channels."""
    found, levels = [], summary.levels
    if summary.song_channels > summary.n_channels:
        found.append(f"Its {summary.song_channels} channels are mixed to stereo.")
    if not levels.has_vocals:
        found.append(f"Hardly any vocals, {-levels.vocals_db:.0f} dB below the song: is it an instrumental?")
    if not levels.has_accompaniment:
        found.append(
            f"Hardly any accompaniment, {-levels.accompaniment_db:.0f} dB below the song: it needs no separation."
        )
    return found


def _next_step(separated: Batch[Separation, SeparationSummary]) -> str:
    """Return a sentence with the command that converts the first song with vocals, or "" if no song has vocals."""
    for one, summary in separated.done.items():
        if summary.levels.has_vocals:
            sung = one.vocals if summary.levels.has_accompaniment else one.source
            return f". Sing it in another voice: {shlex.join(['svc', 'infer', str(sung), '-m', 'VOICE'])}"
    return ""
