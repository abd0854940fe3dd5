"""`svc download`: fetch a voice from the hub."""

from __future__ import annotations

import click

from myna.apps.actions.fetch import fetch
from myna.apps.cli.report import echo
from myna.apps.cli.result import Result, ResultCommand


@click.command("download", cls=ResultCommand)
@click.argument("repo")
@click.argument("files", nargs=-1)
def command(repo: str, files: tuple[str, ...]) -> Result:
    """Download a voice from the Hugging Face hub: weights, config.json, retrieval data and, if named, other FILES.

    REPO is owner/name, or an address hf://owner/name[@revision][/path/to/weights]. Files that are already on
    this machine are not downloaded again, and an interrupted download resumes.
    """
    from myna.assets.hub import read_address

    address = read_address(repo)
    voice = fetch(address, files)
    echo(f"commit {voice.commit}. Sing with it: svc infer song.wav -m {address}", err=True)
    return Result(voice, "\n".join(map(str, voice.files)))
