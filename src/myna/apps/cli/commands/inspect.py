"""`svc inspect`: show what a file contains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.actions.inspect import inspect_files
from myna.apps.cli.report import counted, echo, listed
from myna.apps.cli.result import Result, ResultCommand
from myna.errors import merged
from myna.text import printable, printable_lines

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection


@click.command("inspect", cls=ResultCommand)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--config-path",
    type=click.Path(path_type=Path),
    help="config.json of the voice.  [default: the one beside the file]",
)
def command(files: tuple[Path, ...], config_path: Path | None) -> Result:
    """Show what FILE contains: the kind of voice, its version, its content encoder, and anything suspicious.

    Nothing in the file is executed.
    """
    inspected = inspect_files(files, config_path)
    for error in inspected.failed:
        echo(f"svc: {error}", err=True)
    found = [one for _, one in inspected.found]
    failed = merged(inspected.failed, f"{len(inspected.failed)} of {len(files)} files cannot be read")
    return Result(
        {"files": found, "failed": list(map(str, inspected.failed))},
        "\n".join(line for one in found for line in _lines(one)),
        failed if inspected.failed else None,
    )


def _lines(one: Inspection) -> list[str]:
    title = printable(f"{one.path}: {one.what}, {one.megabytes:g} MB")
    if one.n_speakers is None:
        return [title]
    facts = {
        "version": one.version,
        "content": f"{printable(one.content_encoder or '')}, {one.content_channels} channels",
        "speakers": listed(one.speakers) if one.speakers else f"{one.n_speakers}, without names",
        "sample rate": f"{one.sample_rate} Hz",
        "trained": _trained(one),
        "numbers": "half precision" if one.half_precision else "single precision",
        "training": "can resume from this file" if one.trainable else "cannot resume from this file",
        "made with": one.made_with,
        "index": listed([f"{counted(size, 'vector')} of {speaker or 'all'}" for speaker, size in one.timbre.items()]),
        "cover": one.cover and printable_lines(one.cover.strip()).replace("\n", "\n" + 15 * " "),
        "author": one.author and printable(one.author),
        "licence": one.licence and printable(one.licence),
        "sings": "yes" if one.sings else "no",
    }
    lines = [title, *(f"  {name:<12} {value}" for name, value in facts.items() if value)]
    return [*lines, *(f"  suspicious   {printable(line)}" for line in one.suspicious)]


def _trained(one: Inspection) -> str | None:
    parts = [("step", one.step), ("epoch", one.iteration)]
    return ", ".join(f"{name} {number:,}" for name, number in parts if number) or None
