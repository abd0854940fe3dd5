"""`svc download`: a voice from the hub."""

from __future__ import annotations

import click


@click.command("download")
@click.argument("repo")
@click.argument("files", nargs=-1)
def command(repo: str, files: tuple[str, ...]) -> None:
    """Fetch a voice from the Hugging Face hub: its weights, its config.json, and FILES besides.

    REPO is owner/name, or an address hf://owner/name[@revision][/path/to/weights]. What is here already is not fetched
    again, and what broke off goes on where it stopped.
    """
    from myna.assets.hub import fetch_voice, read_address

    address = read_address(repo)
    voice = fetch_voice(address, files)
    for path in (voice.weights, voice.config, *voice.side_files):
        if path is not None:
            click.echo(path)
    click.echo(f"commit {voice.commit}. Sing with it: svc infer song.wav -m {address}", err=True)
