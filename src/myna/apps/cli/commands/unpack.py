"""`svc unpack`: a packed voice as the files that other tools know."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("unpack")
@click.argument("voice", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output-path", type=click.Path(path_type=Path), help="A folder.  [default: the name of VOICE, beside it]"
)
def command(voice: Path, output_path: Path | None) -> None:
    """Write the packed VOICE as G_*.pth and config.json, which so-vits-svc-fork opens too."""
    from myna.zoo.packing import unpack

    weights, config = unpack(voice, output_path or voice.with_suffix(""))
    click.echo(f"{weights} and {config}. Sing with it: svc infer song.wav -m {weights} -c {config}")
