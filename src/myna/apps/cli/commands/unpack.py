"""`svc unpack`: split a packed voice into the files that other tools read."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.cli.result import Result, ResultCommand


@click.command("unpack", cls=ResultCommand)
@click.argument("voice", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-path",
    type=click.Path(path_type=Path),
    help="Output folder.  [default: the path of VOICE without its suffix]",
)
def command(voice: Path, output_path: Path | None) -> Result:
    """Split the packed VOICE into G_*.pth, config.json, its index or centroids, and its vocoder.

    so-vits-svc-fork can open G_*.pth and config.json if the voice has one of the fork's templates.
    """
    from myna.zoo.packing import unpack

    done = unpack(voice, output_path or voice.with_suffix(""))
    cover = f"{done.card.cover}\n" if done.card.cover else ""
    files, ratio = [str(done.weights), str(done.config)], ""
    if done.retrieval is not None:
        files, ratio = [*files, str(done.retrieval)], " -r 0.5"
    if done.vocoder is not None:
        files, ratio = [*files, str(done.vocoder)], f"{ratio} --enhance --vocoder {done.vocoder}"
    line = f"{', '.join(files)}. Sing with it: svc infer song.wav -m {done.weights} -c {done.config}{ratio}"
    return Result(done, cover + line)
