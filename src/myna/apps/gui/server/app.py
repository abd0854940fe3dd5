"""The FastAPI application of a studio, and the server that runs it."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.responses import HTMLResponse
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myna.apps.gui.guard import Addresses, Limits, guard
from myna.apps.gui.server.context import Studio
from myna.apps.gui.server.description import DescribedApp
from myna.apps.gui.server.errors import add_error_handlers, error_response
from myna.apps.gui.server.login import Login
from myna.apps.gui.server.routes import routers
from myna.errors import BusyError, ConfigError
from myna.studio.tidying import tidy
from myna.studio.workspace import Workspace

API = "/api/v1"
DEFAULT_PORT = 7860
_PORTS = 100  # number of ports to try, from the default upwards
_WEB = files("myna.apps.gui") / "web"
# Paths under `API` that answer without a session: those that the page of the login needs.
_OPEN = ("/login", "/texts/")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}


@contextmanager
def open_studio(folder: Path, *, local: bool = True) -> Iterator[Studio]:
    """Open a studio in `folder`. When it closes, training saves a checkpoint and stops.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    workspace = Workspace(folder.resolve())
    workspace.create()
    studio = Studio(workspace, local=local)
    try:
        studio.uploads.clean(studio.used_uploads())
        tidy(workspace)
        yield studio
    finally:
        studio.close()


def create_app(
    studio: Studio, addresses: Addresses, *, login: Login | None = None, limits: Limits | None = None
) -> ASGIApp:
    """Create the application, with the guard in front of it.

    Args:
        addresses: allowed addresses of the server.
        login: name and password that visitors must enter; None requires neither.
        limits: limits of the data that visitors send.
    """
    limits = limits or Limits()
    app = DescribedApp(
        title="myna",
        summary="The studio of myna: singing voice conversion.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its page loads scripts from another server
        redoc_url=None,
    )
    app.state.studio, app.state.login, app.state.limits = studio, login, limits
    add_error_handlers(app, studio.shown)
    for router in routers():
        app.include_router(router, prefix=API)
    app.mount("/static", _Files(directory=str(_WEB)))

    @app.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        text = (_WEB / "index.html").read_text("utf-8").replace("{{nonce}}", nonce)
        return HTMLResponse(text, headers={"content-security-policy": _CSP.format(nonce=nonce)})

    inner: Any = app if login is None else _Locked(app, login)
    return _Headers(guard(inner, addresses, uploads=studio.uploads.folder, limits=limits))


class Server:
    """A running server, in its own thread of this process."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        config = uvicorn.Config(app, host=host, port=port, log_level="warning", lifespan="off", access_log=False)
        self._server = uvicorn.Server(config)
        # Signal handlers belong to the program, not to this server.
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.run, name="server", daemon=True)

    def start(self) -> None:
        """Start listening.

        Raises:
            BusyError: another process took the port after `find_port`.
        """
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise BusyError(f"port {self._server.config.port} is in use; choose another one with --port")
            self._thread.join(0.01)

    def close(self) -> None:
        """Stop listening, and close all connections."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)


def serve(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    login: Login | None = None,
    browser: bool = False,
    public_url: str | None = None,
    limits: Limits | None = None,
) -> tuple[Server, str]:
    """Serve a studio in a thread of this process; return the server and the address of its page.

    Args:
        port: port to listen on; None takes the first free one from 7860 upwards.
        browser: whether to open the page in the default browser.
        public_url: address of a reverse proxy or tunnel to this server.

    Raises:
        BusyError: the port is in use.
        ConfigError: the host is not an address of this computer, or `public_url` is not a URL.
    """
    port = find_port(host, port)
    addresses = Addresses.of(host, port, public_url)
    server = Server(create_app(studio, addresses, login=login, limits=limits), host, port)
    server.start()
    if browser:
        threading.Thread(target=webbrowser.open, args=(addresses.url,), daemon=True).start()
    return server, addresses.url


def find_port(host: str, port: int | None) -> int:
    """Find the port to listen on.

    Raises:
        BusyError: the port is in use, or none is free.
        ConfigError: `host` is not an address of this computer, or this process has no permission to use the port.
    """
    wanted = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS)
    for one in wanted:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, one))
                return one
        except PermissionError as error:
            raise ConfigError(f"no permission to use port {one}; choose one above 1023 with --port") from error
        except socket.gaierror as error:
            raise ConfigError(f"unknown host {host!r}; leave out --host to serve this computer only") from error
        except OSError as error:
            if error.errno is not None and "assign" in str(error).lower():
                raise ConfigError(f"{host} is not an address of this computer; leave out --host") from error
    if port is not None:
        raise BusyError(
            f"port {port} is in use, perhaps by another open studio: see http://{host}:{port}, or choose another "
            "port with --port"
        )
    raise BusyError(f"no port from {DEFAULT_PORT} to {DEFAULT_PORT + _PORTS - 1} is free; choose one with --port")


class _Files(StaticFiles):
    """Files of the page. Browsers must ask whether a file has changed, so that an update is visible at once."""

    async def get_response(self, path: str, scope: Scope) -> Any:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        # A worker uses the policy in its own file's headers instead of the page's policy.
        response.headers["content-security-policy"] = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"
        return response


class _Headers:
    """Add security headers to every answer; by default, they forbid a browser to load or run anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class _Locked:
    """Answer 401 to requests under `API` that belong to no session. The page's own files are not secret."""

    def __init__(self, app: ASGIApp, login: Login) -> None:
        self._app = app
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        locked = path.startswith(API) and not path.removeprefix(API).startswith(_OPEN)
        if scope["type"] not in ("http", "websocket") or not locked or self._login.allows(HTTPConnection(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await error_response(401, "enter the name and the password of this studio")(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})
