"""ASGI middleware that guards the studio's server: allowed addresses, size of uploads, password attempts.

    app = guard(app, Addresses.of("127.0.0.1", 7860), uploads=folder)

The middleware is independent of the application behind it. A refusal has the status 413, 421, 403 or 429. Its body is
JSON for paths below `/api` and for clients that accept JSON, and one line of plain text for others.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import shutil
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from myna.apps.gui.error_json import error_json
from myna.errors import ConfigError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PORTS = {"http": 80, "https": 443}  # ports that browsers leave out of Host and Origin
_API, _JSON = "/api/", "application/json"
_NO_BODY = ("GET", "HEAD", "OPTIONS")
# With these headers, no other site can show the page in a frame or load its files.
_KEPT_APART = [(b"x-frame-options", b"SAMEORIGIN"), (b"cross-origin-resource-policy", b"same-origin")]
_DRAIN_SECONDS = 20.0  # a browser reads a refusal only after it has sent its whole request


def is_local(host: str) -> bool:
    """Return True if a server on `host` can be reached only from this computer."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def bracketed(host: str) -> str:
    """Return a host in the form used in URLs: an IPv6 address is put in brackets."""
    return f"[{host}]" if ":" in host else host


def read_url(url: str) -> tuple[str, str, int]:
    """Split an address into scheme, lower-case name and port.

    Raises:
        ConfigError: it is not an http or https address.
    """
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        name = port = None
    if not name or parts.scheme not in _PORTS or parts.username is not None:
        raise ConfigError(f"--public-url takes an address such as https://studio.example.org; got {url!r}")
    return parts.scheme, name, port or _PORTS[parts.scheme]


@dataclass(frozen=True)
class Addresses:
    """Allowed values of the headers Host and Origin, and the address of the page."""

    url: str  # address to open in a browser
    port: int
    hosts: frozenset[str]
    origins: frozenset[str]
    public: bool  # whether the IP address at which a connection arrived is allowed too

    @classmethod
    def of(cls, host: str, port: int, public_url: str | None = None) -> Addresses:
        """Collect the allowed addresses of a server.

        Args:
            host: name or address at which the server listens. If others can reach it, this computer's names are allowed
                too.
            public_url: address of a reverse proxy or tunnel to the server.

        Raises:
            ConfigError: `public_url` is not an http or https address.
        """
        public = not is_local(host)
        names = {"localhost", "127.0.0.1", "::1", host.lower()}
        if public:
            own = socket.gethostname().lower()
            names |= {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
        netlocs = {netloc for name in names for netloc in _netlocs("http", name, port)}
        origins = {f"http://{netloc}" for netloc in netlocs}
        shown = "localhost" if host in ("0.0.0.0", "::") else host
        url = f"http://{bracketed(shown)}:{port}/"
        if public_url is not None:
            scheme, name, at = read_url(public_url)
            theirs = _netlocs(scheme, name, at)
            netlocs |= theirs
            origins |= {f"{scheme}://{netloc}" for netloc in theirs}
            url = public_url
        return cls(url, port, frozenset(netlocs), frozenset(origins), public)

    def problem(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        """Return the status and the reason for refusing a request or a socket, or None if it is allowed.

        A foreign web page can make a browser send requests to this server in two ways. Either the page's host name is
        resolved to this computer (DNS rebinding), and the header Host contains that name. Or the page sends the
        requests from its own origin, which the header Origin or Sec-Fetch-Site contains. Programs send no Origin.
        """
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        own = self._netlocs_of(scope)
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts | own:
            return HTTPStatus.MISDIRECTED_REQUEST, (
                f"this page is not served under that name: open {self.url}, or name the address of a proxy or tunnel "
                "with svcg --public-url"
            )
        known = self.origins | {f"http://{netloc}" for netloc in own}
        if any(origin.lower() not in known for origin in origins) or _from_another_site(scope):
            return HTTPStatus.FORBIDDEN, f"only the page itself may do that: open {self.url}"
        return None

    def _netlocs_of(self, scope: Scope) -> set[str]:
        """Return the IP address at which a connection arrived, as values of Host; none if the server is not public."""
        server = scope.get("server")
        if not self.public or not server:
            return set()
        try:
            address = ipaddress.ip_address(str(server[0]).partition("%")[0])
        except ValueError:
            return set()
        mapped = getattr(address, "ipv4_mapped", None)
        return _netlocs("http", str(mapped or address), self.port)


@dataclass(frozen=True)
class Limits:
    """Limits of the data that visitors send, in bytes."""

    file: int = 4 << 30  # size of one file; a WAV file cannot be larger
    uploads: int = 16 << 30  # total size of the upload folder
    spare: int = 1 << 30  # disk space that uploads leave free
    body: int = 16 << 20  # body of a request that is not an upload


def guard(
    app: App,
    addresses: Addresses,
    *,
    uploads: Path,
    limits: Limits | None = None,
    upload_path: str = "/api/v1/uploads",
    login_path: str = "/api/v1/login",
) -> App:
    """Put all checks in front of an application.

    Args:
        uploads: folder in which the application stores uploads.
        upload_path: path of the requests that upload files.
        login_path: path of the requests that send a password; the status of the answer to a wrong password is 400 or
            higher.
    """
    quota = UploadQuota(app, uploads, limits or Limits(), upload_path)
    return AddressCheck(PasswordDelay(quota, login_path), addresses)


class AddressCheck:
    """Refuse requests and sockets that a page of another origin may have caused."""

    def __init__(self, app: App, addresses: Addresses) -> None:
        self._app = app
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._addresses.problem(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await _refuse(scope, receive, send, *problem)
        else:
            await send({"type": "websocket.close", "code": 1008})  # not yet accepted: the browser gets a 403


class UploadQuota:
    """Refuse request bodies that exceed `Limits`, as soon as their size is known.

    The application checks the limit of a single file, because only the application separates the files of a request.
    """

    def __init__(self, app: App, folder: Path, limits: Limits, path: str) -> None:
        self._app = app
        self._folder = folder
        self._limits = limits
        self._path = path
        self._n_running = 0  # uploads that are being received
        self._shared = _Budget(0)  # bytes that the running uploads may still send

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _NO_BODY:
            await self._app(scope, receive, send)
        elif scope["path"].rstrip("/") != self._path:
            budget = _Budget(self._limits.body)
            await self._limited(
                scope, receive, send, budget, f"a request may have {size_text(self._limits.body)} at most"
            )
        else:
            await self._upload(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._n_running:
            # Measure the folder only while no upload runs: the budget already counts the bytes of a running upload.
            room = await asyncio.to_thread(_room, self._folder, self._limits)
            if not self._n_running:  # no other upload has begun in the meantime
                self._shared = _Budget(room)
        self._n_running += 1
        try:
            await self._limited(
                scope,
                receive,
                send,
                self._shared,
                f"no room for this upload: all uploads may take {size_text(self._limits.uploads)} and leave "
                f"{size_text(self._limits.spare)} of the disk free; they are deleted a day after their last use",
            )
        finally:
            self._n_running -= 1

    async def _limited(self, scope: Scope, receive: Receive, send: Send, budget: _Budget, reason: str) -> None:
        declared = next(iter(_values(scope, b"content-length")), "")
        if declared.isdigit() and int(declared) > budget.left:
            await _refuse(scope, receive, send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
            return
        refused = answered = complete = False

        async def counted() -> Message:
            nonlocal refused, complete
            message = await receive()
            budget.left -= len(message.get("body", b""))
            gone = message["type"] == "http.disconnect" and not complete
            complete = not message.get("more_body", False)
            if budget.left < 0 or gone:
                refused = True
                raise _RefusedError(reason)  # the application deletes the received part
            return message

        async def unless_refused(message: Message) -> None:
            nonlocal answered
            if not refused:
                answered = True
                await send(message)

        try:
            await self._app(scope, counted, unless_refused)
        except Exception:
            if not refused:
                raise
        if refused and not answered:
            rest = None if complete else receive
            await _refuse(scope, rest, send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)


class PasswordDelay:
    """Delay attempts after wrong passwords: by 1, 2, 4, ... seconds for the same client, by up to 4 seconds for others.

    Attempts of one client are checked one after the other, even if they arrive at once. Attempts of other clients and
    other requests are not queued behind them. An attempt that would wait for more than a minute is refused, and its
    body is not read.
    """

    MOST_SECONDS = 120.0  # limit on the delay between two attempts of a client
    MOST_SECONDS_OVERALL = 4.0  # limit for all other clients; short, so that many attackers cannot lock them out
    LONGEST_WAIT_SECONDS = 60.0
    FORGOTTEN_AFTER_SECONDS = 15 * 60.0
    MOST_CLIENTS = 10_000

    def __init__(
        self,
        app: App,
        path: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._app = app
        self._path = path
        self._clock = clock
        self._sleep = sleep
        self._clients: OrderedDict[str, _Attempts] = OrderedDict()  # by client, the latest attempt last
        self._all = _Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != self._path:
            await self._app(scope, receive, send)
            return
        now, client = self._clock(), _client(scope)
        mine = self._attempts_of(client)
        for attempts in (mine, self._all):
            attempts.forget(now - self.FORGOTTEN_AFTER_SECONDS)
        wait = max(0.0, mine.next_at - now)
        if wait > self.LONGEST_WAIT_SECONDS:
            text = f"too many wrong passwords: try again in {wait:.0f} seconds"
            await _refuse(scope, receive, send, HTTPStatus.TOO_MANY_REQUESTS, text, retry_after=wait)
            return
        overall = min(self.MOST_SECONDS_OVERALL, self._all.doubled_seconds)
        # Count an attempt as wrong until its password has been checked, so that simultaneous attempts are counted.
        for attempts in (mine, self._all):
            attempts.add(now)
        mine.next_at = now + wait + min(self.MOST_SECONDS, mine.doubled_seconds)
        if wait or overall:
            await self._sleep(max(wait, overall))
        right = False

        async def seen(message: Message) -> None:
            nonlocal right
            if message["type"] == "http.response.start":
                right = message["status"] < HTTPStatus.BAD_REQUEST
            await send(message)

        await self._app(scope, receive, seen)
        if right:
            self._all.count = max(0, self._all.count - mine.count)
            self._clients.pop(client, None)

    def _attempts_of(self, client: str) -> _Attempts:
        found = self._clients.setdefault(client, _Attempts())
        self._clients.move_to_end(client)
        while len(self._clients) > self.MOST_CLIENTS:
            self._clients.popitem(last=False)
        return found


class _RefusedError(ConnectionError):
    """Raised to stop reading a request body."""


@dataclass
class _Budget:
    """Number of bytes that may still be received."""

    left: int


@dataclass
class _Attempts:
    """Number of attempts whose password is wrong or unchecked."""

    count: int = 0
    last_at: float = 0.0
    next_at: float = 0.0  # time at which the next attempt may be checked

    @property
    def doubled_seconds(self) -> float:
        """Return the delay of the next attempt in seconds: 0 without a wrong attempt, then 1, 2, 4, ..."""
        return 2.0 ** min(self.count - 1, 30) if self.count else 0.0

    def add(self, now: float) -> None:
        self.count += 1
        self.last_at = now

    def forget(self, before: float) -> None:
        if self.last_at < before:
            self.count = 0


def _netlocs(scheme: str, name: str, port: int) -> set[str]:
    """Return the values of Host for a name and a port."""
    name = bracketed(name)
    return {f"{name}:{port}", *([name] if port == _PORTS[scheme] else [])}


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _from_another_site(scope: Scope) -> bool:
    """Return True if a browser reports a request from another site, except for a link that a person followed."""
    site, mode, dest = ("".join(_values(scope, b"sec-fetch-" + part)) for part in (b"site", b"mode", b"dest"))
    followed = scope.get("method") in ("GET", "HEAD") and mode == "navigate" and dest == "document"
    return site in ("cross-site", "same-site") and not followed


def _client(scope: Scope) -> str:
    """Return the address of a client; for IPv6, its network of 2**64 addresses, because a client can use them all."""
    client = scope.get("client")
    host = str(client[0]) if client else ""
    with suppress(ValueError):
        address = ipaddress.ip_address(host.partition("%")[0])
        if address.version == 6 and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def _room(folder: Path, limits: Limits) -> int:
    """Return the number of bytes that may still be uploaded."""
    used = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # the file was deleted in the meantime
                used += os.lstat(os.path.join(root, name)).st_size
    free = shutil.disk_usage(folder).free if folder.is_dir() else limits.uploads + limits.spare
    return min(limits.uploads - used, free - limits.spare)


def size_text(n_bytes: int) -> str:
    """Return a number of bytes in readable units."""
    for unit, power in (("GB", 30), ("MB", 20), ("kB", 10)):
        if n_bytes >= 1 << power:
            return f"{n_bytes / (1 << power):.3g} {unit}"
    return f"{n_bytes} bytes"


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_KEPT_APART]}
        await send(message)

    return sent


async def _refuse(
    scope: Scope, rest: Receive | None, send: Send, status: HTTPStatus, text: str, *, retry_after: float | None = None
) -> None:
    """Answer with one line, and discard the rest of the request.

    The client reads the answer only after sending the whole request.

    Args:
        rest: the rest of the request; None if the last part was received, because waiting for more would then take
            `_DRAIN_SECONDS`.
    """
    wants_json = scope["path"].startswith(_API) or any(_JSON in value for value in _values(scope, b"accept"))
    body = (json.dumps(error_json(status, text)) if wants_json else f"{text}\n").encode()
    headers = [
        (b"content-type", (_JSON if wants_json else "text/plain; charset=utf-8").encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *_KEPT_APART,
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(round(retry_after)).encode()))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if rest is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while (message := await rest())["type"] == "http.request" and message.get("more_body", False):
                    pass
    await send({"type": "http.response.body", "body": b""})
