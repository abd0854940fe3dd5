"""`svc gui`, or `svcg`: open the page in the browser."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from myna.apps.cli.report import echo
from myna.errors import ConfigError, MissingExtraError
from myna.signals import raise_when_ended
from myna.studio.workspace import default_folder


@click.command("gui")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_folder,
    show_default="myna in your home folder",
    help="Folder for recordings, voices and results.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to serve at; with the default, only this machine can open the page.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to serve at.  [default: the first free one from 7860 on]"
)
@click.option("--auth", metavar="NAME:PASSWORD", help="Name and password that visitors must enter.")
@click.option("--without-auth", is_flag=True, help="Allow visitors without a password at a public --host.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
def command(folder: Path, host: str, port: int | None, auth: str | None, without_auth: bool, browser: bool) -> None:
    """Open the studio in the browser: sing songs, record and train voices, manage voices.

    Ctrl-C ends it; a running training saves a checkpoint first.
    """
    from myna.apps.gui.loading import load_gradio, quickly

    try:
        load_gradio()
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise MissingExtraError("the studio", "gui") from error
    from myna.apps.gui.page import is_local, open_studio, serve

    name, colon, password = (auth or "").partition(":")
    if auth is not None and not (name and colon and password):
        raise ConfigError("--auth takes a name and a password separated by a colon: --auth anna:secret")
    if not is_local(host) and auth is None and not without_auth:
        raise ConfigError(
            f"others can open the page at {host}: add --auth NAME:PASSWORD, or --without-auth to allow everyone"
        )
    with open_studio(folder) as studio:
        with quickly():
            url = serve(studio, host=host, port=port, auth=(name, password) if auth else None, browser=browser)
        echo(f"The studio is open: {url}")
        raise_when_ended(lambda number: KeyboardInterrupt())  # a running training also saves then
        echo(f"Its folder is {studio.workspace.folder}. Ctrl-C ends it.", err=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            echo("\nclosing; a running training saves a checkpoint", err=True)
