"""`svc mix`: a voice between two voices."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.flags import find_config
from myna.errors import ConfigError


@click.command("mix")
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option("-o", "--output-path", type=click.Path(path_type=Path), required=True, help="The file: NAME.safetensors.")
@click.option(
    "--share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="How much of OTHER is in it, 0 to 1."
)
@click.option("--half", is_flag=True, help="Weights in 16 bits.")
def command(one: Path, other: Path, output_path: Path, share: float, half: bool) -> None:
    """Blend the voices ONE and OTHER, which must be of one build and trained from one start."""
    if output_path.suffix != ".safetensors":
        raise ConfigError(f"{output_path} must be named NAME.safetensors")

    from myna.voice import find_weights
    from myna.zoo.mixing import mix
    from myna.zoo.opening import open_voice

    first, second = (open_voice(find_weights(path), find_config(path)) for path in (one, other))
    mix(first, second, share, output_path, half=half)
    click.echo(f"{output_path}. Sing with it: svc infer song.wav -m {output_path}")
