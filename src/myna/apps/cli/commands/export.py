"""`svc export`: write a voice as ONNX graphs."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.actions.export import export
from myna.apps.actions.pack import CardText
from myna.apps.cli.flags import card_flags, model_flag, voice_config_flag, voice_files
from myna.apps.cli.result import Result, ResultCommand


@click.command("export", cls=ResultCommand)
@click.option("-o", "--output-path", type=click.Path(path_type=Path), required=True, help="Output file, NAME.onnx.")
@model_flag
@voice_config_flag
@card_flags
def command(output_path: Path, model_path: Path, config_path: Path | None, **words: str) -> Result:
    """Export a voice to ONNX, to convert recordings of any length in programs without PyTorch.

    The file contains the configuration. If the voice uses myna's own content encoder, the encoder becomes a second
    graph, NAME.content.onnx. The graph's output is compared with PyTorch's before the file is written.
    """
    exported = export(voice_files(model_path, config_path), output_path, CardText(**words))
    files = [f"{path}, {path.stat().st_size / 1e6:.1f} MB" for path in exported.paths]
    last = (
        f"Its output differs from PyTorch's by at most {exported.difference:.0e} of full scale. "
        f"Sing with it: svc infer song.wav -m {output_path}"
    )
    return Result(exported, "\n".join([*files, last]))
