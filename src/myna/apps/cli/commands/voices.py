"""`svc voices`: the voices on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.cli.report import listed
from myna.assets import BUNDLED_VOICES
from myna.errors import MynaError

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection


@click.command("voices")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for machines.")
def command(folder: Path, as_json: bool) -> None:
    """List the voices that come along, those fetched from the hub, and those in FOLDER (here, if not given)."""
    from myna.zoo.inspection import inspect

    found: dict[str, Inspection] = {}
    for name, path in sorted(_places(folder).items()):
        try:
            voice = inspect(path)
        except MynaError as error:
            click.echo(f"svc: {error}", err=True)
            continue
        if voice.sings:
            found[name] = voice
    if as_json:
        click.echo(json.dumps({name: asdict(voice) for name, voice in found.items()}, indent=2, ensure_ascii=False))
        return
    for name, voice in found.items():
        speakers = listed(voice.speakers) or f"{voice.n_speakers} without names"
        click.echo(f"{name}\n  {voice.what}; speakers: {speakers}; {voice.sample_rate} Hz, {voice.megabytes:g} MB")
    click.echo(f"{len(found)} voices. Sing with one: svc infer song.wav -m NAME", err=True)


def _places(folder: Path) -> dict[str, Path]:
    """Files that may be voices, by what -m calls them."""
    from myna.assets.hub import cached_voices
    from myna.voice import find_weights

    found = {place.name: find_weights(place) for place in BUNDLED_VOICES.iterdir() if place.is_dir()}
    found |= {str(address): path for address, path in cached_voices().items()}
    for place in (folder, folder / "logs" / "44k"):
        paths = [*place.glob("*.safetensors"), *place.glob("*.pth")]
        found |= {str(path): path for path in paths if not path.name.startswith("D_")}
    return found
