"""`svc gui`, or `svcg`: open the studio in the browser."""

from __future__ import annotations

import time
from pathlib import Path

import click

from myna.apps.cli.report import echo
from myna.errors import ConfigError, MissingExtraError
from myna.signals import raise_when_ended
from myna.studio.workspace import default_folder

_UNENCRYPTED = (
    "warning: others reach this page by http, which sends passwords and songs unencrypted, and gives them no "
    "microphone; put a reverse proxy with HTTPS in front of it, and name it with --public-url"
)


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
    help="Address to listen on; with the default, only this machine can open the page. To let other computers open the "
    "page, put a reverse proxy with HTTPS in front of the page and name the proxy with --public-url.",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="Address of a reverse proxy or tunnel to this page, e.g. https://studio.example.org; requests to this address "
    "are accepted too.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: the first free one from 7860 upwards]"
)
@click.option("--auth", metavar="NAME:PASSWORD", help="Name and password that visitors must enter.")
@click.option(
    "--without-auth",
    is_flag=True,
    help="Require no password when --host or --public-url lets other computers open the page.",
)
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
def command(
    folder: Path,
    host: str,
    public_url: str | None,
    port: int | None,
    auth: str | None,
    without_auth: bool,
    browser: bool,
) -> None:
    """Open the studio in the browser: convert songs, record and train voices, manage voices.

    Ctrl-C ends the studio; training saves a checkpoint first.
    """
    try:
        from myna.apps.gui.server.app import open_studio, serve
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "starlette", "uvicorn", "websockets"):
            raise
        raise MissingExtraError("the studio", "gui") from error
    from myna.apps.gui.guard import is_local, read_url
    from myna.apps.gui.server.login import Login

    name, colon, password = (auth or "").partition(":")
    if auth is not None and not (name and colon and password):
        raise ConfigError("--auth takes a name and a password separated by a colon: --auth anna:secret")
    scheme, public_host, _ = read_url(public_url) if public_url else ("http", host, None)
    others = not (is_local(host) and is_local(public_host))
    if others and auth is None and not without_auth:
        raise ConfigError(
            f"others can open the page at {public_url or host}: add --auth NAME:PASSWORD, or --without-auth to allow "
            "everyone"
        )
    with open_studio(folder, local=not others) as studio:
        login = Login(name, password) if auth else None
        server, url = serve(studio, host=host, port=port, login=login, browser=browser, public_url=public_url)
        echo(f"The studio is open: {url}")
        if others and scheme == "http":
            echo(_UNENCRYPTED, err=True)
        # A training run also saves a checkpoint when the process is terminated.
        raise_when_ended(lambda number: KeyboardInterrupt())
        echo(f"Its folder is {studio.workspace.folder}. Ctrl-C ends it.", err=True)
        try:
            while True:  # short waits: a signal that the system gives to another thread does not end a wait
                time.sleep(1)
        except KeyboardInterrupt:
            echo("\nclosing; training saves a checkpoint first", err=True)
        finally:
            server.close()
