"""`svc voices`: list the voices on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from myna.apps.actions.inspect import list_voices
from myna.apps.cli.report import echo, echo_json, listed
from myna.text import printable


@click.command("voices")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(folder: Path, as_json: bool) -> None:
    """List the voices that are bundled, downloaded from the hub, made in svcg, or in FOLDER.

    FOLDER is the current folder by default.
    """
    inspected = list_voices(folder)
    for error in inspected.failed:
        echo(f"svc: {error}", err=True)
    found = dict(inspected.found)
    if as_json:
        echo_json({name: asdict(voice) for name, voice in found.items()})
        return
    for name, voice in found.items():
        speakers = listed(voice.speakers) or f"{voice.n_speakers} without names"
        echo(f"{printable(name)}\n  {voice.what}; speakers: {speakers}; {voice.sample_rate} Hz, {voice.megabytes:g} MB")
    echo(f"{len(found)} voices. Sing with one: svc infer song.wav -m NAME", err=True)
