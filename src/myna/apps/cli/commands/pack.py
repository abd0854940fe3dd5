"""`svc pack`: put a voice into one file."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.actions.pack import CardText, UnusableIndexError, pack
from myna.apps.cli.flags import card_flags, model_flag, voice_config_flag, voice_files
from myna.apps.cli.result import Result, ResultCommand
from myna.errors import ConfigError


@click.command("pack", cls=ResultCommand)
@click.option(
    "-o", "--output-path", type=click.Path(path_type=Path), required=True, help="Output file, NAME.safetensors."
)
@model_flag
@voice_config_flag
@click.option("--half", is_flag=True, help="Store float16: half the size, no audible difference.")
@click.option("--release", is_flag=True, help="Leave out the weights that only training needs.")
@click.option(
    "--index",
    "index_path",
    type=click.Path(path_type=Path),
    help="Retrieval index or k-means centroids to pack: any file that svc infer -k accepts.  "
    "[default: the index or centroids in or beside the voice]",
)
@click.option("--no-index", is_flag=True, help="Pack the voice without an index or centroids.")
@click.option(
    "--vocoder",
    "vocoder_path",
    type=click.Path(path_type=Path),
    help="Vocoder to pack, for svc infer --enhance: its file or folder.  [default: the one in the voice, if any]",
)
@card_flags
def command(
    output_path: Path,
    model_path: Path,
    config_path: Path | None,
    half: bool,
    release: bool,
    index_path: Path | None,
    no_index: bool,
    vocoder_path: Path | None,
    **words: str,
) -> Result:
    """Put a voice into one file: weights, configuration, speakers, pitch, index or centroids, vocoder, licence.

    Every command that takes a voice accepts this file in place of a G_*.pth. Opening the file executes no code.
    """
    if index_path is not None and no_index:
        raise click.UsageError("--index and --no-index exclude each other")
    voice, index = voice_files(model_path, config_path), index_path or not no_index
    try:
        packed = pack(
            voice,
            output_path,
            half=half,
            release=release,
            index=index,
            card=CardText(**words),
            vocoder=vocoder_path,
        )
    except UnusableIndexError as error:
        raise ConfigError(f"{error}; name another with --index, or leave it out with --no-index") from error
    parts = [str(path) for path in (packed.index, packed.vocoder) if path is not None]
    where = f" with {' and '.join(parts)}" if parts else ""
    ratio = (" -r 0.5" if packed.index is not None else "") + (" --enhance" if packed.vocoder is not None else "")
    line = f"{output_path}{where}, {packed.megabytes:.1f} MB. Sing with it: svc infer song.wav -m {output_path}{ratio}"
    return Result(packed, line)
