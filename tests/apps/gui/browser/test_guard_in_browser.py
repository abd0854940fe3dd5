"""Pages of other sites get nothing from an open studio, tried in a real browser; and what the page shows of limits."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx2 as httpx
import pytest
from selenium import webdriver
from selenium.webdriver import Keys
from studio_page import SONG, Server, StudioPage, open_server, start_server

from myna.apps.gui.guard import Limits

Chromium = Callable[..., webdriver.Chrome]

pytestmark = pytest.mark.timeout(300)

# Each attempt returns what it got, or that it was refused.
ATTEMPTS = """
const [base, done] = arguments;
const within = (promise) => Promise.race([
  promise, new Promise((resolve) => setTimeout(() => resolve("nothing"), 5000))
]).catch((error) => "refused: " + error.name);
const read = (path, options) => within(fetch(base + path, options).then(async (answer) => {
  const text = await answer.text();
  if (answer.type === "opaque") return "opaque";
  return answer.status === 200 ? "got " + text.slice(0, 80) : String(answer.status);
}));
const stolen = new Blob(["stolen"]);
const json = JSON.stringify({name: "Mallory"});
const typed = {"Content-Type": "application/json"};
const opened = (Kind, url) => within(new Promise((resolve) => {
  const one = new Kind(url);
  one.onopen = () => resolve("got a stream");
  one.onmessage = () => resolve("got a stream");
  one.onerror = () => resolve("refused");
}));
Promise.all([
  read("/"), read("/static/main.js"), read("/api/v1/session"), read("/api/v1/results"), read("/api/v1/openapi.json"),
  read("/api/v1/uploads?name=stolen.wav", {method: "POST", body: stolen}),
  read("/api/v1/uploads?name=stolen.wav", {method: "POST", body: stolen, mode: "no-cors"}),
  read("/api/v1/projects", {method: "POST", body: json, headers: typed}),
  read("/api/v1/projects", {method: "POST", body: json, mode: "no-cors", credentials: "include"}),
  read("/api/v1/jobs", {method: "DELETE"}),
  read("/api/v1/login", {method: "POST", body: json, headers: typed}),
  opened(WebSocket, base.replace("http", "ws") + "/api/v1/events"),
  opened(EventSource, base + "/api/v1/jobs"),
]).then(done);
"""


@pytest.fixture(scope="module")
def other_site() -> Iterator[int]:
    """Port of another web server on this computer, which serves an empty page."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served.server_address[1]
    served.shutdown()
    served.server_close()


@pytest.fixture(scope="module")
def evil(chromium: Chromium) -> webdriver.Chrome:
    """A browser in which evil.test is this computer: the second step of DNS rebinding."""
    return chromium("--host-resolver-rules=MAP evil.test 127.0.0.1, EXCLUDE 127.0.0.1, EXCLUDE localhost")


def test_a_rebound_name_gets_nothing(server: Server, evil: webdriver.Chrome) -> None:
    port = urlparse(server.url).port
    # The policy of the refusal would already stop these scripts; a browser without it shows what the server does.
    evil.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    evil.get(f"http://evil.test:{port}/")
    shown = evil.find_element("css selector", "body").text
    assert "not served under that name" in shown and len(shown.splitlines()) == 1
    got = evil.execute_async_script(ATTEMPTS, f"http://evil.test:{port}")
    assert set(got[:11]) == {"421"} | ({"opaque"} & set(got))
    assert got[11:] == ["refused"] * 2
    nothing_happened(server)


@pytest.mark.parametrize("name", ["evil.test", "localhost", "127.0.0.1"])
@pytest.mark.parametrize("target", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_gets_nothing(
    server: Server, evil: webdriver.Chrome, other_site: int, name: str, target: str
) -> None:
    base = f"http://{target}:{urlparse(server.url).port}"
    evil.get(f"http://{name}:{other_site}/")
    got = evil.execute_async_script(ATTEMPTS, base)
    assert not [one for one in got if one.startswith("got")], got
    # A form that a script submits, and frames, scripts and sounds.
    evil.execute_script(
        """
        const form = document.createElement("form");
        const action = arguments[0] + "/api/v1/projects";
        Object.assign(form, {method: "POST", enctype: "text/plain", action});
        const field = document.createElement("input");
        Object.assign(field, {name: '{"name": "Mallory", "x": "', value: '"}'});
        form.append(field);
        document.body.append(form);
        form.submit();
        """,
        base,
    )
    page = StudioPage(evil, base)
    page.wait(lambda: "only the page itself may do that" in page.text("body"))
    evil.get(f"http://{name}:{other_site}/")
    seen = evil.execute_async_script(
        """
        const [base, done] = arguments;
        const made = (tag, attributes) => new Promise((resolve) => {
          const node = Object.assign(document.createElement(tag), attributes);
          node.onload = node.onloadedmetadata = () => resolve(tag === "iframe" ? node.contentWindow.length : "loaded");
          node.onerror = () => resolve("refused");
          document.body.append(node);
        });
        Promise.all([
          made("script", {src: base + "/static/theme.js"}), made("img", {src: base + "/static/icon.svg"}),
          made("link", {rel: "stylesheet", href: base + "/static/app.css"}), made("iframe", {src: base + "/"}),
        ]).then(done);
        """,
        base,
    )
    assert seen == ["refused", "refused", "refused", 0]
    nothing_happened(server)


def nothing_happened(server: Server) -> None:
    assert not [path for path in (server.folder / "training").glob("*") if path.is_dir()]
    assert not list((server.folder / "uploads").rglob("stolen*"))


def test_a_link_to_the_page_works_and_programs_need_no_origin(
    server: Server, evil: webdriver.Chrome, other_site: int
) -> None:
    evil.get(f"http://evil.test:{other_site}/")
    evil.execute_script(f"location.href = {json.dumps(server.url)}")
    page = StudioPage(evil, server.url)
    page.wait(lambda: page.text("h1") == "Sing")
    assert httpx.post(f"{server.url}api/v1/uploads?name=a.wav", content=b"x").status_code == 200


def test_an_interrupted_upload_leaves_nothing(server: Server) -> None:
    folder = server.folder / "uploads"
    before = set(folder.rglob("*"))
    head = f"POST /api/v1/uploads?name=b.wav HTTP/1.1\r\nHost: 127.0.0.1:{urlparse(server.url).port}\r\n"
    with socket.create_connection(("127.0.0.1", urlparse(server.url).port), timeout=30) as sent:
        sent.sendall(head.encode() + b"Content-Length: 900000\r\n\r\n" + b"x" * 500_000)
        until(lambda: set(folder.rglob("*")) != before)
    until(lambda: set(folder.rglob("*")) == before)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("file", "folder", "said"), [(100_000, 1_000_000, "the limit is 100 kB"), (1_000_000, 300_000, "no room")]
)
def test_the_page_shows_that_an_upload_is_too_large(
    chromium: Chromium, tmp_path: Path, file: int, folder: int, said: str
) -> None:
    """The bundled song has 272,125 bytes."""
    served = open_server(tmp_path, Limits(file=file, uploads=folder, spare=0))
    try:
        page = StudioPage(chromium(), served.url)
        page.open()
        page.send(SONG)
        if said == "no room":
            page.wait(lambda: SONG.stem in page.text())
            page.send(SONG)
        page.wait(lambda: said in page.text())
    finally:
        served.close()


def test_a_password_is_asked_for_and_a_wrong_one_costs_time(chromium: Chromium, tmp_path: Path) -> None:
    opened = start_server(tmp_path, "--auth", "anna:secret")
    try:
        for path in ("session", "jobs", "openapi.json"):
            assert httpx.get(f"{opened.url}api/v1/{path}").status_code == 401
        login = f"{opened.url}api/v1/login"
        first = httpx.post(login, json={"name": "anna", "password": "wrong"}, timeout=30)
        second = httpx.post(login, json={"name": "anna", "password": "wrong"}, timeout=30)
        assert (first.status_code, second.status_code) == (401, 401) and second.elapsed.total_seconds() > 0.8
        page = StudioPage(chromium(), opened.url)
        page.driver.get(opened.url)
        for selector, text in (("input[autocomplete=username]", "anna"), ("input[type=password]", "secret")):
            page.wait(lambda selector=selector: page.find(selector)).send_keys(text)
        page.type(Keys.ENTER)
        page.wait(lambda: page.text("h1") == "Sing")
    finally:
        opened.close()
