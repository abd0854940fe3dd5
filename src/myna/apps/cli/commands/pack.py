"""`svc pack`: a voice in one file."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.flags import card_flags, find_config, model_flag, voice_config_flag
from myna.errors import ConfigError, MynaError


@click.command("pack")
@click.option("-o", "--output-path", type=click.Path(path_type=Path), required=True, help="The file: NAME.safetensors.")
@model_flag
@voice_config_flag
@click.option("--half", is_flag=True, help="Weights in 16 bits: half the size, and nothing that is heard.")
@click.option("--release", is_flag=True, help="Leave out what only training needs.")
@click.option(
    "--index",
    "index_path",
    type=click.Path(path_type=Path),
    help="How the speaker says things, for svc infer -r: any file that its -k takes.  [default: the one that -r finds]",
)
@click.option("--no-index", is_flag=True, help="Leave out the one that -r finds.")
@card_flags
def command(
    output_path: Path,
    model_path: Path,
    config_path: Path | None,
    half: bool,
    release: bool,
    index_path: Path | None,
    no_index: bool,
    **words: str,
) -> None:
    """Put a voice into one file: weights, configuration, speakers and their pitch, its index or clusters, its licence.

    Every command takes it in place of a G_*.pth, and opening it runs nothing.
    """
    if output_path.suffix != ".safetensors":
        raise ConfigError(f"{output_path} must be named NAME.safetensors")
    if index_path is not None and no_index:
        raise click.UsageError("--index and --no-index exclude each other")

    from myna.retrieval.speakers import find_retrieval, read_retrieval
    from myna.voice import find_weights
    from myna.zoo.opening import open_voice

    opened = open_voice(find_weights(model_path), config_path or find_config(model_path))
    if output_path.exists() and output_path.samefile(opened.path):
        raise ConfigError(f"{output_path} is the voice itself; give the packed one another name")
    found = index_path or (None if no_index else find_retrieval(opened.path))
    try:
        timbre = read_retrieval(found, opened.config) if found is not None else None
    except MynaError as error:
        raise ConfigError(f"{error}; name another with --index, or leave it out with --no-index") from error
    opened.pack(output_path, half=half, release=release, retrieval=timbre, **words)
    size, where = output_path.stat().st_size / 1e6, f" with {found}" if found is not None else ""
    draw = " -r 0.5" if found is not None else ""
    click.echo(f"{output_path}{where}, {size:.1f} MB. Sing with it: svc infer song.wav -m {output_path}{draw}")
