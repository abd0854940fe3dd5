"""`svc cover`: convert the vocals of songs to another voice, and mix them with the music again."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from myna.apps.actions.cover import make_covers, plan_covers
from myna.apps.cli.conversion import advice, engine_flag, load_converter, with_defaults
from myna.apps.cli.flags import device_flag, model_flag, voice_config_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, remarks, unfinished
from myna.apps.cli.result import Result, ResultCommand, batch_values
from myna.apps.flags import collect, option_flags
from myna.options import ConversionOptions, CoverOptions, Engine
from myna.storage.stage_cache import default_cache_folder

if TYPE_CHECKING:
    from myna.apps.actions.batch import Batch
    from myna.song.cover import CoverSummary
    from myna.song.cover_files import CoverFiles

_file = click.Path(path_type=Path)


@click.command("cover", cls=ResultCommand)
@click.argument("songs", metavar="SONG...", nargs=-1, required=True, type=_file)
@click.option(
    "-o",
    "--output-path",
    type=str,
    help="Output file for a single SONG, or output folder.  [default: song.mp3 becomes song.cover.mp3 beside it]",
)
@model_flag
@voice_config_flag
@click.option("--stems", type=_file, help="Folder for the stems: vocals, converted vocals, reverb, music and mix.")
@click.option("--vocals", type=_file, help="Use the vocals in this file instead of separating them from the SONG.")
@click.option("--accompaniment", type=_file, help="Use the music in this file instead of separating it from the SONG.")
@click.option(
    "--cache/--no-cache",
    default=True,
    show_default=True,
    help="Keep separated and converted stems for the next run, in the folder that MYNA_CACHE names, or else in the "
    "system's cache folder.",
)
@device_flag
@engine_flag
@option_flags(CoverOptions)
@option_flags(ConversionOptions)
def command(
    songs: tuple[Path, ...],
    output_path: str | None,
    model_path: Path,
    config_path: Path | None,
    stems: Path | None,
    vocals: Path | None,
    accompaniment: Path | None,
    cache: bool,
    device: str,
    engine: Engine | None,
    **chosen: Any,
) -> Result:
    """Convert the vocals of each SONG, an audio or video file of any format, to another voice and keep its music.

    The vocals are separated from the music, converted, matched to the original vocals in level, tone, stereo position
    and reverberation, and mixed with the music again. The cover has the song's length, sample rate, tags and picture.
    The suffix of the output file selects the format: wav, flac, mp3, ogg or m4a.
    """
    options = collect(CoverOptions, chosen)
    collect(ConversionOptions, dict(chosen))  # reports a wrong flag before the voice is loaded
    planned = plan_covers(songs, output_path, stems, vocals, accompaniment)
    converter = load_converter(model_path, config_path, device, engine)
    outputs = [path for one in planned for path in (one.output, *one.stem_files.values())]
    singing = {spec.name: chosen[spec.name] for spec in fields(ConversionOptions)}
    conversion, used = with_defaults(converter.voice, singing, outputs)
    title = f"svc cover {counted(len(planned), 'song') if len(planned) > 1 else planned[0].song.name}"
    files = [str(path.absolute()) for path in outputs]
    folder = default_cache_folder() if cache else None
    with listed_job("cover", title, outputs, voice=str(model_path), files=files) as job:
        made = make_covers(converter, planned, options, conversion, folder, job.progress, job.failure)
    error = unfinished(made, "covers were not made")
    values = batch_values(made, "covers", lambda one: {"output": one.output, "stems": one.stem_files})
    return Result({"defaults": used, **values}, _text(made) if made.done else "", error)


def _text(made: Batch[CoverFiles, CoverSummary]) -> str:
    seconds = sum(summary.seconds for summary in made.done.values())
    (first, summary), *more = made.done.items()
    where = str(first.output) if not more else f"{first.output} and {len(more)} more"
    conversion = summary.conversion
    line = f"{seconds:.1f} s of music in {made.seconds:.1f} s ({conversion.precision}): {where}. {advice(conversion)}"
    if not more:
        return ". ".join([line, *_remarks(summary)])
    each = (f"{one.output}: {'. '.join(found)}" for one, its in made.done.items() if (found := _remarks(its)))
    return "\n".join([*each, line])


def _remarks(summary: CoverSummary) -> list[str]:
    """Return sentences on unusual properties of a cover, each without its full stop."""
    found = []
    if summary.song_channels > summary.mix.n_channels:
        found.append(f"Its {summary.song_channels} channels are mixed to stereo")
    if summary.is_voice_alone:
        found.append("It is a voice without music, so nothing was separated")
    if summary.reused:
        found.append(f"Already in the cache: {', '.join(summary.reused)}")
    if summary.music_shift:
        found.append(f"The music is transposed by {summary.music_shift:+g} semitones")
    if summary.mix.turned_down_db >= 0.05:
        found.append(f"The mix is turned down by {summary.mix.turned_down_db:.1f} dB to stay below full scale")
    # The level of the converted vocals does not matter, because they are matched to the original's.
    if remark := remarks(replace(summary.conversion, turned_down_db=0.0)):
        found.append(remark)
    return found
