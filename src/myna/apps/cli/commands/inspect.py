"""`svc inspect`: what a file is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.cli.report import counted, listed
from myna.errors import CheckpointError

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection


@click.command("inspect")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-c", "--config-path", type=click.Path(path_type=Path), help="config.json.  [default: the one beside the file]"
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for machines.")
def command(files: tuple[Path, ...], config_path: Path | None, as_json: bool) -> None:
    """Say what FILE is: whose voice, of which program, with what it sings, and what is strange about it.

    Nothing that a file holds is executed.
    """
    from myna.zoo.inspection import inspect

    found, failed = [], []
    for path in files:
        try:
            found.append(inspect(path, config_path))
        except CheckpointError as error:
            failed.append(str(error))
            click.echo(f"svc: {error}", err=True)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            click.echo("\n".join(_lines(one)))
    if failed:
        raise CheckpointError(f"{len(failed)} of {len(files)} files cannot be read")


def _lines(one: Inspection) -> list[str]:
    title = f"{one.path}: {one.what}, {one.megabytes:g} MB"
    if one.n_speakers is None:
        return [title]
    facts = {
        "version": one.version,
        "content": f"{one.content_encoder}, {one.content_channels} channels",
        "speakers": listed(one.speakers) if one.speakers else f"{one.n_speakers}, without names",
        "sample rate": f"{one.sample_rate} Hz",
        "trained": _trained(one),
        "numbers": "half precision" if one.half_precision else "single precision",
        "training": "can go on from here" if one.trainable else "cannot go on from here",
        "made with": one.made_with,
        "index": listed([f"{counted(size, 'vector')} of {speaker or 'all'}" for speaker, size in one.timbre.items()]),
        "cover": one.cover and one.cover.strip().replace("\n", "\n" + 15 * " "),
        "author": one.author,
        "licence": one.licence,
        "sings": "yes" if one.sings else "no",
    }
    lines = [title, *(f"  {name:<12} {value}" for name, value in facts.items() if value)]
    return [*lines, *(f"  suspicious   {line}" for line in one.suspicious)]


def _trained(one: Inspection) -> str | None:
    parts = [("step", one.step), ("epoch", one.iteration)]
    return ", ".join(f"{name} {number:,}" for name, number in parts if number) or None
