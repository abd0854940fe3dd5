"""The guard before the studio's server: who may ask, how much may be sent, and what a wrong password costs."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from myna.apps.gui.guard import Addresses, App, Limits, PasswordDelay, guard, is_local
from myna.errors import ConfigError

LOCAL = Addresses.of("127.0.0.1", 7860)
SMALL = Limits(file=1000, uploads=2000, spare=0, body=500)


async def upload(request: Request) -> Response:
    """Store the body as a file, as the studio's server does."""
    path = request.app.state.folder / request.query_params.get("name", "file")
    try:
        with path.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
    except BaseException:
        path.unlink()
        raise
    return PlainTextResponse("stored")


async def say(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())}")


async def events(request: Request) -> Response:
    return StreamingResponse(iter(["data: secret\n\n"]), media_type="text/event-stream")


async def login(request: Request) -> Response:
    right = await request.body() == b"secret"
    return PlainTextResponse("in" if right else "wrong", status_code=200 if right else 400)


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("secret")
    await websocket.close()


def guarded(folder: Path, addresses: Addresses = LOCAL, limits: Limits = SMALL) -> App:
    routes = [
        Route("/api/v1/uploads", upload, methods=["POST"]),
        Route("/api/v1/login", login, methods=["POST"]),
        Route("/events", events),
        Route("/{path:path}", say, methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
        WebSocketRoute("/socket", talk),
    ]
    app = Starlette(routes=routes)
    app.state.folder = folder
    folder.mkdir(exist_ok=True)
    return guard(app, addresses, uploads=folder, limits=limits)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(guarded(tmp_path / "uploads"), base_url="http://localhost:7860")


def one_line(answer: Any) -> str:
    (line,) = answer.text.splitlines()
    return str(line)


@pytest.mark.parametrize("host", ["localhost:7860", "LOCALHOST:7860", "127.0.0.1:7860", "[::1]:7860"])
def test_own_names_are_allowed(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.post("/", headers={"Host": host, "Origin": f"http://{host.lower()}"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.test:7860", "evil.test", "localhost", "localhost:7861", "127.0.0.1.evil.test:7860", "localhost.:7860"),
        *("localhost:7860@evil.test", "user@localhost:7860", "127.0.0.2:7860", "2130706433:7860", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_other_names_are_refused(client: TestClient, host: str, method: str) -> None:
    answer = client.request(method, "/api/v1/uploads", headers={"Host": host})
    assert answer.status_code == 421
    if method != "HEAD":
        assert "open http://127.0.0.1:7860/" in one_line(answer) and "--public-url" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://localhost:8000", "https://localhost:7860", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_pages_of_other_origins_are_refused(client: TestClient, origin: str, method: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = client.request(method, "/", headers=headers)
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
    assert "only the page itself" in one_line(answer)


@pytest.mark.parametrize(
    ("path", "accept", "is_json"),
    [
        ("/api/v1/session", "text/html", True),
        ("/", "text/html,*/*;q=0.8", False),
        ("/", "application/json", True),
        ("/apiary", "*/*", False),
    ],
)
def test_a_refusal_is_json_for_programs_and_a_line_for_people(
    client: TestClient, path: str, accept: str, is_json: bool
) -> None:
    for headers, status, code in (({"Host": "evil.test"}, 421, "host"), ({"Origin": "null"}, 403, "origin")):
        answer = client.get(path, headers={"Accept": accept, **headers})
        assert answer.status_code == status and "open http://127.0.0.1:7860/" in one_line(answer)
        assert answer.headers["content-type"] == ("application/json" if is_json else "text/plain; charset=utf-8")
        if is_json:
            assert answer.json()["error"]["code"] == code
    answer = client.post(path, content=b"x" * 501, headers={"Accept": accept})
    assert answer.status_code == 413 and one_line(answer).startswith("{" if is_json else "a request may have")
    assert not is_json or answer.json()["error"]["code"] == "too_large"


def test_two_headers_do_not_help(tmp_path: Path) -> None:
    scope = {"type": "http", "server": ("127.0.0.1", 7860)}
    good, evil = (b"host", b"localhost:7860"), (b"host", b"evil.test:7860")
    for headers in ([good, evil], [evil, good], []):
        assert LOCAL.problem({**scope, "headers": headers}) is not None
    origins = [(b"origin", b"http://localhost:7860"), (b"origin", b"http://evil.test")]
    assert LOCAL.problem({**scope, "headers": [good, *origins]}) is not None
    assert LOCAL.problem({**scope, "headers": [good, origins[0]]}) is None


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),  # a link to the page
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "audio", 403),
        ("same-site", "no-cors", "script", 403),
    ],
)
def test_what_other_sites_embed_is_refused(client: TestClient, site: str, mode: str, dest: str, status: int) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    answer = client.get("/api/v1/results/1/audio", headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_form_of_another_site_is_refused_even_without_an_origin(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.post("/", headers=headers).status_code == 403


def test_sockets_and_event_streams_are_checked_too(client: TestClient) -> None:
    with client.websocket_connect("/socket", headers={"Host": "localhost:7860"}) as socket_:
        assert socket_.receive_text() == "secret"
    for headers in ({"Host": "evil.test:7860"}, {"Origin": "http://evil.test"}, {"Origin": "null"}):
        asked = {"Host": "localhost:7860", **headers}
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers=asked):
            pass
        assert "secret" not in client.get("/events", headers=asked).text
    assert "secret" in client.get("/events").text


def test_a_public_server_has_the_names_of_this_computer() -> None:
    public, name = Addresses.of("0.0.0.0", 7860), socket.gethostname().lower()
    label = name.partition(".")[0]

    def refused(host: str, *, at: str = "192.168.1.5", origin: str | None = None) -> bool:
        headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
        return public.problem({"type": "http", "server": (at, 7860), "headers": headers}) is not None

    for host in (f"{name}:7860", f"{label}.local:7860", "localhost:7860", "192.168.1.5:7860"):
        assert not refused(host) and not refused(host, origin=f"http://{host}")
        assert refused(host, origin="http://evil.test:7860")
    assert not refused("[fe80::1]:7860", at="fe80::1%eth0") and not refused("10.0.0.7:7860", at="::ffff:10.0.0.7")
    for host in ("evil.test:7860", "192.168.1.6:7860", "192.168.1.5:80", f"{label}.evil.test:7860"):
        assert refused(host)
    assert refused("evil.test:7860", at="evil.test")
    # A server for this computer only does not accept the address of the connection.
    assert LOCAL.problem({"type": "http", "server": ("192.168.1.5", 7860), "headers": [(b"host", b"192.168.1.5:7860")]})


def test_the_given_host_is_a_name() -> None:
    given = Addresses.of("Studio.LAN", 80)
    for host in ("studio.lan", "studio.lan:80", "STUDIO.LAN"):
        assert given.problem({"type": "http", "headers": [(b"host", host.encode())]}) is None


def test_a_reverse_proxy_is_named(tmp_path: Path) -> None:
    proxied = Addresses.of("127.0.0.1", 7860, "https://Studio.example.org/below/")
    app = guarded(tmp_path / "uploads", proxied)
    page = {"Origin": "https://studio.example.org"}
    # The proxy may keep the name, or write its own.
    for host in ("studio.example.org", "studio.example.org:443", "127.0.0.1:7860"):
        assert TestClient(app).post("/", headers={"Host": host, **page}).status_code == 200
    wrong = {"Host": "studio.example.org", "Origin": "http://studio.example.org"}
    assert TestClient(app).post("/", headers=wrong).status_code == 403
    assert TestClient(app).get("/", headers={"Host": "studio.example.org:7860"}).status_code == 421


@pytest.mark.parametrize("url", ["studio.example.org", "ftp://a", "https://", "https://a:b", "http://u:p@a", "*"])
def test_a_public_url_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(ConfigError, match="--public-url takes an address such as"):
        Addresses.of("127.0.0.1", 7860, url)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *(("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.0.0.2", True), ("0.0.0.0", False)),
        *(("::", False), ("192.168.1.5", False), ("localhost.evil.test", False)),
    ],
)
def test_local_addresses(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_uploads_have_a_quota_in_sum(client: TestClient, tmp_path: Path) -> None:
    def send(name: str, size: int) -> Any:
        return client.post("/api/v1/uploads", params={"name": name}, content=b"x" * size)

    assert send("one", 900).text == "stored"
    refused = send("two", 1200)
    assert refused.status_code == 413 and "no room for this upload" in one_line(refused) and "1.95 kB" in refused.text
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["one"]
    assert send("three", 500).text == "stored"
    assert send("four", 700).status_code == 413
    (tmp_path / "uploads" / "one").unlink()  # deleted files make room
    assert send("five", 500).text == "stored"


def test_the_bytes_count_not_the_declared_length(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/api/v1/uploads", content=iter([b"x" * 100] * 30))
    assert answer.status_code == 413 and "no room" in one_line(answer)
    assert not list((tmp_path / "uploads").iterdir())


def test_disk_space_is_kept_free(tmp_path: Path) -> None:
    app = guarded(tmp_path / "uploads", limits=Limits(spare=1 << 60))
    answer = TestClient(app, base_url="http://localhost:7860").post("/api/v1/uploads", content=b"x")
    assert answer.status_code == 413 and "of the disk free" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/convert", "/api/v1/login", "/api/v1/uploads/more", "/x"])
def test_other_bodies_are_small(client: TestClient, path: str) -> None:
    assert client.post(path, content=b"x" * 501).status_code == 413
    answer = client.post(path, content=iter([b"x" * 300, b"x" * 300]))
    assert answer.status_code == 413 and "at most" in one_line(answer)
    if path == "/x":
        assert client.post(path, content=b"x" * 500).text == "500"


class Clock:
    """A clock that `sleep` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def attempts(
    clock: Clock, sleep: Callable[[float], Awaitable[object]] | None = None
) -> Callable[..., Awaitable[tuple[int, str]]]:
    """Function that sends a password and returns the status and the text."""
    app = PasswordDelay(
        Starlette(routes=[Route("/api/v1/login", login, methods=["POST"])]),
        "/api/v1/login",
        clock=lambda: clock.now,
        sleep=sleep or clock.sleep,
    )

    async def attempt(password: str, client: str = "10.0.0.1", path: str = "/api/v1/login") -> tuple[int, str]:
        parts: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": password.encode(), "more_body": False}

        async def send(message: Any) -> None:
            parts.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
        await app({**scope, "client": (client, 5), "root_path": ""}, receive, send)
        return parts[0]["status"], b"".join(part.get("body", b"") for part in parts).decode()

    return attempt


def test_a_wrong_password_costs_a_growing_time() -> None:
    clock = Clock()
    attempt = attempts(clock)

    async def all_of_them() -> None:
        assert await attempt("secret") == (200, "in")
        for _ in range(5):
            assert await attempt("wrong") == (400, "wrong")
        assert clock.slept == [1, 2, 4, 8]
        assert await attempt("secret") == (200, "in")  # the right one waits too: otherwise the time would tell
        assert clock.slept[4:] == [16]
        assert await attempt("wrong") == (400, "wrong")  # and then all is forgiven
        assert len(clock.slept) == 5
        clock.now += 3600
        for _ in range(7):
            await attempt("wrong")
        assert clock.slept[5:] == [1, 2, 4, 8, 16, 32]
        status, text = await attempt("secret")
        error = {"code": "wait", "message": "too many wrong passwords: try again in 64 seconds"}
        assert status == 429 and json.loads(text) == {"error": error}
        clock.now += 3600
        assert await attempt("secret") == (200, "in")

    asyncio.run(all_of_them())


def test_attempts_at_once_wait_for_one_another_and_others_wait_little() -> None:
    clock, waits = Clock(), []

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    attempt = attempts(clock, note)

    async def all_of_them() -> None:
        found = await asyncio.gather(*(attempt("wrong") for _ in range(1000)))
        assert sorted(waits) == [1, 3, 7, 15, 31]
        assert [status for status, _ in found].count(429) == 1000 - 6
        waits.clear()
        assert await attempt("secret", "10.0.0.2") == (200, "in")
        assert waits == [4]
        # The addresses of one IPv6 client are one client.
        waits.clear()
        for last in range(3):
            await attempt("wrong", f"2001:db8::{last}")
        assert waits == [4, 4, 4]
        waits.clear()
        await attempt("wrong", "2001:db8::4")
        assert waits == [7]

    asyncio.run(all_of_them())


def test_only_the_login_waits() -> None:
    clock = Clock()
    attempt = attempts(clock)

    async def all_of_them() -> None:
        for _ in range(3):
            await attempt("wrong")
        slept = len(clock.slept)
        assert (await attempt("x", path="/other"))[0] == 404
        assert len(clock.slept) == slept
        await attempt("wrong", path="/api/v1/login/")
        assert len(clock.slept) == slept + 1

    asyncio.run(all_of_them())


@contextmanager
def server(make: Callable[[int], App]) -> Iterator[int]:
    """A real server at a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    running = uvicorn.Server(uvicorn.Config(make(port), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
    try:
        yield port
    finally:
        running.should_exit = True
        thread.join(30)


def test_a_real_server_refuses_in_one_line(tmp_path: Path) -> None:
    def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    with server(lambda port: guarded(tmp_path / "uploads", Addresses.of("127.0.0.1", port))) as port:
        assert ask("GET", "/") == (200, "0")
        assert ask("GET", "/", Host=f"evil.test:{port}")[0] == 421
        assert ask("POST", "/", "{}", Origin="null")[0] == 403
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
        key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        assert ask("GET", "/socket", Origin="http://evil.test", **upgrade, **key)[0] == 403
        # 5 MB that the quota refuses: the client reads the line although it was still sending.
        status, text = ask("POST", "/api/v1/uploads", b"x" * 5_000_000)
        assert status == 413 and len(text.splitlines()) == 1
        status, text = ask("POST", "/api/v1/projects", json.dumps({"data": ["x" * 1000]}))
        assert status == 413
        # HTTP 1.0 without a name.
        with socket.create_connection(("127.0.0.1", port), timeout=30) as bare:
            bare.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert bare.recv(1000).startswith(b"HTTP/1.1 421")
