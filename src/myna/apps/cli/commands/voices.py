"""`svc voices`: the voices on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.cli.report import listed
from myna.errors import MynaError

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection


@click.command("voices")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for machines.")
def command(folder: Path, as_json: bool) -> None:
    """List the voices that come along, those fetched from the hub, those of svcg, and those in FOLDER (or here)."""
    from myna.studio.voices import Library, bundled, from_hub, in_folder
    from myna.studio.workspace import Workspace, default_folder
    from myna.voice import find_weights
    from myna.zoo.inspection import inspect

    found: dict[str, Inspection] = {}
    places = [*bundled(), *from_hub(), *Library(Workspace(default_folder())).own(), *in_folder(folder)]
    for place in sorted(places, key=lambda place: place.model):
        try:
            voice = inspect(find_weights(place.path), place.config)
        except MynaError as error:
            click.echo(f"svc: {error}", err=True)
            continue
        if voice.sings:
            found[place.model] = voice
    if as_json:
        click.echo(json.dumps({name: asdict(voice) for name, voice in found.items()}, indent=2, ensure_ascii=False))
        return
    for name, voice in found.items():
        speakers = listed(voice.speakers) or f"{voice.n_speakers} without names"
        click.echo(f"{name}\n  {voice.what}; speakers: {speakers}; {voice.sample_rate} Hz, {voice.megabytes:g} MB")
    click.echo(f"{len(found)} voices. Sing with one: svc infer song.wav -m NAME", err=True)
