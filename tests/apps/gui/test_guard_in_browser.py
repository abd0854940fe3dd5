"""Pages of other sites get nothing from an open studio, tried in a real browser; and what the page shows of limits."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx
import pytest
from browsing import SONG, OpenStudio, Page, open_studio
from gradio_client import Client
from selenium import webdriver

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
const form = () => {
  const sent = new FormData();
  sent.append("files", new Blob(["stolen"]), "stolen.wav");
  return sent;
};
const json = JSON.stringify({data: ["Mallory"]});
const typed = {"Content-Type": "application/json"};
const opened = (Kind, url) => within(new Promise((resolve) => {
  const one = new Kind(url);
  one.onopen = () => resolve("got a stream");
  one.onmessage = () => resolve("got a stream");
  one.onerror = () => resolve("refused");
}));
Promise.all([
  read("/"), read("/config"), read("/gradio_api/info"), read("/gradio_api/file=SECRET"),
  read("/gradio_api/upload", {method: "POST", body: form()}),
  read("/gradio_api/upload", {method: "POST", body: form(), mode: "no-cors"}),
  read("/gradio_api/call/begin_voice", {method: "POST", body: json, headers: typed}),
  read("/gradio_api/call/begin_voice", {method: "POST", body: json, mode: "no-cors"}),
  read("/gradio_api/run/begin_voice", {method: "POST", body: json, mode: "no-cors", credentials: "include"}),
  read("/gradio_api/queue/join", {method: "POST", body: json, headers: typed}),
  read("/login", {method: "POST", body: new URLSearchParams({username: "a", password: "b"})}),
  opened(WebSocket, base.replace("http", "ws") + "/queue/join"),
  opened(EventSource, base + "/gradio_api/queue/data?session_hash=x"),
  opened(EventSource, base + "/gradio_api/heartbeat/x"),
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


def upload_folder(studio: OpenStudio) -> Path:
    sent = httpx.post(f"{studio.url}gradio_api/upload", files={"files": ("x", b"x")})
    return Path(sent.json()[0]).parents[1]


def test_a_rebound_name_gets_nothing(studio: OpenStudio, evil: webdriver.Chrome) -> None:
    port = urlparse(studio.url).port
    evil.get(f"http://evil.test:{port}/")
    shown = evil.find_element("css selector", "body").text
    assert "not served under that name" in shown and len(shown.splitlines()) == 1
    got = evil.execute_async_script(ATTEMPTS, f"http://evil.test:{port}")
    assert set(got[:11]) == {"421"} | ({"opaque"} & set(got))
    assert got[11:] == ["refused"] * 3
    nothing_happened(studio)


@pytest.mark.parametrize("name", ["evil.test", "localhost", "127.0.0.1"])
@pytest.mark.parametrize("target", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_gets_nothing(
    studio: OpenStudio, evil: webdriver.Chrome, other_site: int, name: str, target: str
) -> None:
    base = f"http://{target}:{urlparse(studio.url).port}"
    evil.get(f"http://{name}:{other_site}/")
    got = evil.execute_async_script(ATTEMPTS, base)
    assert not [one for one in got if one.startswith("got")], got
    # A form that a script submits, and frames, scripts and sounds.
    evil.execute_script(
        """
        const form = document.createElement("form");
        const action = arguments[0] + "/gradio_api/run/begin_voice";
        Object.assign(form, {method: "POST", enctype: "text/plain", action});
        const field = document.createElement("input");
        Object.assign(field, {name: '{"data": ["Mallory"], "x": "', value: '"}'});
        form.append(field);
        document.body.append(form);
        form.submit();
        """,
        base,
    )
    page = Page(evil, base)
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
          made("script", {src: base + "/config"}), made("img", {src: base + "/static/img/logo_nosize.svg"}),
          made("link", {rel: "stylesheet", href: base + "/theme.css"}), made("iframe", {src: base + "/"}),
        ]).then(done);
        """,
        base,
    )
    assert seen == ["refused", "refused", "refused", 0]
    nothing_happened(studio)


def nothing_happened(studio: OpenStudio) -> None:
    assert not [path for path in (studio.folder / "training").glob("*") if path.is_dir()]
    assert not list(upload_folder(studio).rglob("stolen*"))
    page = httpx.get(f"{studio.url}gradio_api/heartbeat/none", headers={"Origin": "null"})
    assert page.status_code == 403


def test_a_link_to_the_page_works_and_programs_need_no_origin(
    studio: OpenStudio, evil: webdriver.Chrome, other_site: int
) -> None:
    evil.get(f"http://evil.test:{other_site}/")
    evil.execute_script(f"location.href = {json.dumps(studio.url)}")
    page = Page(evil, studio.url)
    page.wait(lambda: page.find("#sing").is_displayed())
    answer = httpx.post(f"{studio.url}gradio_api/call/voices", json={"data": []})
    assert answer.status_code == 200 and "event_id" in answer.json()


def test_an_interrupted_upload_leaves_nothing(studio: OpenStudio) -> None:
    folder = upload_folder(studio)
    before = set(folder.rglob("*"))
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{urlparse(studio.url).port}\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", urlparse(studio.url).port), timeout=30) as sent:
        sent.sendall(head.encode() + b"x" * 500_000)
        until(lambda: set(folder.rglob("*")) != before)
    until(lambda: set(folder.rglob("*")) == before)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


SMALL = """
import sys, threading
from pathlib import Path
from myna.apps.gui.guard import Limits
from myna.apps.gui.page import open_studio, serve
if __name__ == "__main__":
    with open_studio(Path(sys.argv[1])) as studio:
        limits = Limits(file=int(sys.argv[2]), uploads=int(sys.argv[3]), spare=0)
        print("The studio is open:", serve(studio, limits=limits), flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("file", "folder", "said"), [(100_000, 1_000_000, "maximum allowed size"), (1_000_000, 300_000, "no room")]
)
def test_the_page_shows_that_an_upload_is_too_large(
    chromium: Chromium, tmp_path: Path, file: int, folder: int, said: str
) -> None:
    """The bundled song has 272,125 bytes."""
    (tmp_path / "small.py").write_text(SMALL)
    command = [sys.executable, str(tmp_path / "small.py"), str(tmp_path / "studio"), str(file), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            page = Page(chromium(), process.stdout.readline().split()[-1])
            page.open()
            if said == "no room":
                page.send("#songs", SONG)
                page.click("#songs button[aria-label=Clear]")
            page.wait(lambda: page.find("#songs input[type=file]")).send_keys(str(SONG))
            page.wait(lambda: said in page.text("body"))
        finally:
            process.stdin.close()


def test_a_password_is_asked_for_and_a_wrong_one_costs_time(tmp_path: Path) -> None:
    opened = open_studio(tmp_path, "--auth", "anna:secret")
    try:
        for path in ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=x"):
            assert httpx.get(f"{opened.url}{path}").status_code == 401
        with pytest.raises(ValueError, match="Could not login"):
            Client(opened.url, auth=("anna", "wrong"), verbose=False)
        answer = httpx.post(f"{opened.url}login", data={"username": "anna", "password": "wrong"}, timeout=30)
        assert answer.status_code == 400 and answer.elapsed.total_seconds() > 0.8
        Client(opened.url, auth=("anna", "secret"), verbose=False).close()
    finally:
        said = opened.close()
    assert "Traceback" not in said
