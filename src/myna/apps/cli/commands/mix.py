"""`svc mix`: blend two voices into one."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.actions.pack import mix
from myna.apps.cli.flags import voice_files
from myna.apps.cli.result import Result, ResultCommand


@click.command("mix", cls=ResultCommand)
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output-path", type=click.Path(path_type=Path), required=True, help="Output file, NAME.safetensors."
)
@click.option(
    "--share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Share of OTHER in the blend, 0 to 1."
)
@click.option("--half", is_flag=True, help="Store float16: half the size, no audible difference.")
def command(one: Path, other: Path, output_path: Path, share: float, half: bool) -> Result:
    """Blend the voices ONE and OTHER, which must have the same architecture and base weights."""
    mix(voice_files(one), voice_files(other), share, output_path, half=half)
    return Result({"path": output_path}, f"{output_path}. Sing with it: svc infer song.wav -m {output_path}")
