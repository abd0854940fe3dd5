"""`svc export`: a voice as graphs of ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.flags import card_flags, find_config, model_flag, voice_config_flag
from myna.errors import ConfigError


@click.command("export")
@click.option("-o", "--output-path", type=click.Path(path_type=Path), required=True, help="The file: NAME.onnx.")
@model_flag
@voice_config_flag
@card_flags
def command(output_path: Path, model_path: Path, config_path: Path | None, **words: str) -> None:
    """Make a voice a graph of ONNX, which sings recordings of any length in programs without PyTorch.

    Its configuration is in the file. The content encoder of a voice that hears with myna's own becomes a second graph,
    NAME.content.onnx. The graph is compared with PyTorch before it is written.
    """
    if output_path.suffix != ".onnx":
        raise ConfigError(f"{output_path} must be named NAME.onnx")

    from myna.onnx.export import export
    from myna.voice import find_weights
    from myna.zoo.opening import open_voice

    opened = open_voice(find_weights(model_path), config_path or find_config(model_path))
    exported = export(opened, output_path, **words)
    for path in exported.paths:
        click.echo(f"{path}, {path.stat().st_size / 1e6:.1f} MB")
    click.echo(
        f"It sings as PyTorch does, to {exported.difference:.0e} of full scale. "
        f"Sing with it: svc infer song.wav -m {output_path}"
    )
