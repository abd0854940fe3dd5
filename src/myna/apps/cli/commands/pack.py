"""`svc pack`: a voice in one file."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.commands.infer import find_config, model_flag
from myna.errors import ConfigError


@click.command("pack")
@click.option("-o", "--output-path", type=click.Path(path_type=Path), required=True, help="The file: NAME.safetensors.")
@model_flag
@click.option("-c", "--config-path", type=click.Path(path_type=Path), help="config.json.  [default: as for svc infer]")
@click.option("--half", is_flag=True, help="Weights in 16 bits: half the size, and nothing that is heard.")
@click.option("--release", is_flag=True, help="Leave out what only training needs.")
@click.option("--licence", default="", help="What others may do with it, e.g. CC-BY-4.0.")
@click.option("--author", default="", help="Whose work it is.")
@click.option("--about", default="", help="A few words on it.")
def command(
    output_path: Path,
    model_path: Path,
    config_path: Path | None,
    half: bool,
    release: bool,
    licence: str,
    author: str,
    about: str,
) -> None:
    """Put a voice into one file that holds all it needs: weights, configuration, speakers, their pitch, its licence.

    Every command takes it in place of a G_*.pth, and opening it runs nothing.
    """
    if output_path.suffix != ".safetensors":
        raise ConfigError(f"{output_path} must be named NAME.safetensors")

    from myna.voice import find_weights
    from myna.zoo.opening import open_voice

    opened = open_voice(find_weights(model_path), config_path or find_config(model_path))
    if output_path.exists() and output_path.samefile(opened.path):
        raise ConfigError(f"{output_path} is the voice itself; give the packed one another name")
    opened.pack(output_path, half=half, release=release, licence=licence, author=author, about=about)
    size = output_path.stat().st_size / 1e6
    click.echo(f"{output_path}, {size:.1f} MB. Sing with it: svc infer song.wav -m {output_path}")
