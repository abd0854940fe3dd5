"""`svc voices`: list the voices on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.actions.inspect import list_voices
from myna.apps.cli.report import echo, echo_error, listed
from myna.apps.cli.result import Result, ResultCommand
from myna.text import printable

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection


@click.command("voices", cls=ResultCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def command(folder: Path) -> Result:
    """List the voices that are bundled, downloaded from the hub, made in svcg, or in FOLDER.

    FOLDER is the current folder by default.
    """
    inspected = list_voices(folder)
    for error in inspected.failed:
        echo_error(error)
    found = dict(inspected.found)
    echo(f"{len(found)} voices. Sing with one: svc infer song.wav -m NAME", err=True)
    return Result(found, "\n".join(_lines(name, voice) for name, voice in found.items()))


def _lines(name: str, voice: Inspection) -> str:
    speakers = listed(voice.speakers) or f"{voice.n_speakers} without names"
    return f"{printable(name)}\n  {voice.what}; speakers: {speakers}; {voice.sample_rate} Hz, {voice.megabytes:g} MB"
