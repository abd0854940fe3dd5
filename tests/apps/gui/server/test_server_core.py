"""The studio's application: who may ask, how it answers, and a list of jobs that outlives the process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from job_tasks import Double, Err, Refuse, Wait
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import processes
from myna.apps.gui.guard import Addresses, Limits, PasswordDelay
from myna.apps.gui.server import requests
from myna.apps.gui.server.app import create_app, open_studio
from myna.apps.gui.server.context import Studio
from myna.apps.gui.server.login import Login
from myna.apps.gui.server.requests import LOOK, Planned, Request, plans
from myna.apps.gui.server.routes import routers
from myna.studio.job_list import JobList, JobState, Place
from myna.studio.workspace import Workspace

LOCAL = Addresses.of("127.0.0.1", 7860)
EVENTS = "ws://127.0.0.1:7860/api/v1/events"


class DoubleRequest(Request):
    number: int


class WaitRequest(Request):
    folder: str


class EmptyRequest(Request):
    """Nothing to choose."""


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register kinds of jobs for these tests only."""
    routers()  # else they would register their kinds in the copy, and later tests would have none of them
    known = dict(requests.KINDS)
    monkeypatch.setattr("myna.apps.gui.server.context.KINDS", known)
    monkeypatch.setattr(requests, "KINDS", known)

    @plans("double", changes=("results",))
    def double(studio: Studio, request: DoubleRequest) -> Planned:
        return Planned(LOOK, Double(request.number), f"double {request.number}", finish=lambda twice: {"twice": twice})

    @plans("refuse")
    def refuse(studio: Studio, request: EmptyRequest) -> Planned:
        return Planned(LOOK, Refuse(), "refuse")

    @plans("err")
    def err(studio: Studio, request: EmptyRequest) -> Planned:
        return Planned(LOOK, Err(), "err")

    @plans("wait")
    def wait(studio: Studio, request: WaitRequest) -> Planned:
        folder = Path(request.folder)
        return Planned(LOOK, Wait(folder / "begun", folder / "saved"), "wait", about={"project": "anna"})


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def ended(client: TestClient, number: int) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"jobs/{number}").json()
        return job if job["state"] in ("done", "failed", "cancelled", "interrupted", "gone") else None

    found: dict[str, Any] = until(over)
    return found


# Who may ask


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:7860"},  # DNS rebinding
        {"host": "127.0.0.1:7861"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_gets_nothing(client: TestClient, headers: dict[str, str]) -> None:
    for path in ("session", "jobs", "openapi.json"):
        answer = client.get(path, headers=headers)
        assert answer.status_code in (403, 421) and "server_id" not in answer.text
    assert client.post("uploads?name=a.wav", content=b"x", headers=headers).status_code in (403, 421)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(EVENTS, headers=headers):
        pass


def test_every_answer_has_a_strict_content_security_policy(client: TestClient) -> None:
    page = client.get("http://127.0.0.1:7860/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy and "default-src 'none'" in policy
    (nonce,) = re.findall(r"'nonce-([^']+)'", policy)
    assert f'content="{nonce}"' in page.text and nonce not in client.get("http://127.0.0.1:7860/").text
    assert not re.findall(r"<script(?![^>]*src=)|\son\w+=|style=|https?://", page.text)
    for path in ("session", "jobs/1", "http://127.0.0.1:7860/static/main.js"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    refused = client.get("session", headers={"host": "evil.example"})
    assert refused.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_file_of_the_page_is_sent_again_only_if_it_has_changed(client: TestClient) -> None:
    first = client.get("http://127.0.0.1:7860/static/main.js")
    assert first.headers["cache-control"] == "no-cache" and "javascript" in first.headers["content-type"]
    again = client.get("http://127.0.0.1:7860/static/main.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content


@pytest.mark.parametrize("path", ["static/../server/app.py", "static/%2e%2e/server/app.py", "static/..%2fjobs.py"])
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    answer = client.get(f"http://127.0.0.1:7860/{path}")
    assert answer.status_code == 404 and "import" not in answer.text


def test_a_name_and_a_password_open_a_session(opened: Studio) -> None:
    app = create_app(opened, LOCAL, login=Login("anna", "secret"))
    client = TestClient(app, base_url="http://127.0.0.1:7860/api/v1/")
    assert client.get("http://127.0.0.1:7860/").status_code == 200
    assert client.get("texts/en").status_code == 200
    for path in ("session", "jobs", "openapi.json"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(EVENTS):
        pass
    wrong = client.post("login", json={"name": "anna", "password": "guess"})
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (401, "wrong name or password")
    right = client.post("login", json={"name": "anna", "password": "secret"})
    cookie = right.headers["set-cookie"]
    assert right.status_code == 204 and "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert client.get("session").json()["auth"] is True
    with client.websocket_connect(EVENTS) as socket:
        assert socket.receive_json()["type"] == "hello"
    client.post("logout")
    assert client.get("jobs").status_code == 401
    client.cookies.set("myna_session", "guessed")
    assert client.get("jobs").status_code == 401


def test_wrong_passwords_cost_a_growing_time_at_a_public_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, slept = 1000.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    options = PasswordDelay.__init__.__kwdefaults__
    assert options is not None
    monkeypatch.setitem(options, "clock", lambda: now)
    monkeypatch.setitem(options, "sleep", sleep)
    base, right = "http://192.168.1.5:7860/api/v1/", {"name": "anna", "password": "secret"}
    with open_studio(tmp_path / "studio", local=False) as studio:
        app = create_app(studio, Addresses.of("0.0.0.0", 7860), login=Login("anna", "secret"))
        guest, anna = (TestClient(app, base_url=base, client=(host, 5)) for host in ("192.168.1.8", "192.168.1.9"))

        def guess(client: TestClient, password: str = "guess") -> int:
            return client.post("login", json={"name": "anna", "password": password}).status_code

        assert [guess(guest) for _ in range(5)] == [401] * 5 and slept == [1, 2, 4, 8]
        assert guess(guest, "secret") == 204 and slept[4:] == [16]  # the right one waits as long, then all is forgiven
        assert guest.get("session").json()["local"] is False and guest.get("session").json()["folder"] is None
        guest.post("logout")
        slept.clear()
        assert [guess(guest) for _ in range(7)] == [401] * 7 and slept == [1, 2, 4, 8, 16, 32]
        refused = guest.post("login", json=right)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "wait")
        assert refused.headers["retry-after"] == "64" and "64 seconds" in refused.json()["error"]["message"]
        assert guest.get("jobs").status_code == 401
        # Others wait for at most four seconds, and only to log in.
        slept.clear()
        assert guess(anna, "secret") == 204 and slept == [4]
        assert anna.get("jobs").status_code == 200 and slept == [4]
        assert guess(TestClient(app, base_url="http://evil.test:7860/api/v1/"), "secret") == 421 and slept == [4]
        now += 64
        assert guess(guest, "secret") == 204 and guest.get("jobs").status_code == 200


# How it answers


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "part"),
    [
        ("GET", "nothing", 404, "not_found", ""),
        ("GET", "jobs/77", 404, "not_found", "there is no job 77"),
        ("GET", f"jobs/{10**20}", 404, "not_found", "there is no job 100000000000000000000"),
        ("GET", "jobs/many", 400, "request", "number"),
        ("GET", "forms/nothing", 400, "request", "'conversion'"),
        ("GET", "forms/conversion?voice=nobody", 400, "config", "no voice 'nobody' here"),
        ("GET", "texts/xx", 404, "not_found", "no language xx"),
        ("PUT", "jobs", 405, "method", ""),
        ("GET", "uploads/0123/audio", 404, "not_found", "has expired"),
        ("GET", "uploads/..%2f..%2fjobs/audio", 404, "not_found", ""),
        ("POST", "uploads", 400, "request", "name: Field required"),
        ("PATCH", "voice?name=joe", 400, "request", "ta\\ng: there is no such field"),
    ],
)
def test_an_error_is_one_line_of_json(
    client: TestClient, method: str, path: str, status: int, code: str, part: str
) -> None:
    answer = client.request(method, path, json={"ta\ng": ["low"]} if method == "PATCH" else None)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code and part in error["message"] and "\n" not in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "voice?name=joe", '{"notes": "\\ud83c"}'),
        ("PUT", "preset?name=soft", '{"values": {"\\udfa4": "low"}}'),
        ("POST", "login", '{"name": "anna", "password": "\\ud83c"}'),
        ("POST", "voices/review", '{"uploads": ["a", "\\ud83c\\ud83c"]}'),
    ],
)
def test_half_of_a_character_is_refused(client: TestClient, method: str, path: str, body: str) -> None:
    """JavaScript sends one where it cuts an emoji. A voice with such a note would make the list of voices fail."""
    answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "a text ends or begins in the middle of a character"


def test_a_template_is_no_file_of_this_computer(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"secret": 1}')
    client.post("projects", json={"name": "anna"})
    answer = client.post("project/prepare?name=anna", json={"template": str(tmp_path / "config.json")})
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith("template: Input should be")


def test_every_operation_is_described(client: TestClient) -> None:
    described = client.get("openapi.json").json()
    paths, schemas = described["paths"], described["components"]["schemas"]
    operations = [one for methods in paths.values() for one in methods.values()]
    assert len(operations) > 12
    for one in operations:
        assert one["summary"] and one["description"], one
        assert {"400", "401", "403", "404", "409", "421"} <= one["responses"].keys() and "422" not in one["responses"]
        body = one.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or schemas[body["schema"]["$ref"].split("/")[-1]]["additionalProperties"] is False, one
    assert "429" in paths["/api/v1/login"]["post"]["responses"]
    assert (
        "413" in paths["/api/v1/uploads"]["post"]["responses"]
        and "413" not in paths["/api/v1/jobs"]["get"]["responses"]
    )


@pytest.mark.parametrize(
    "name", ["song.wav", "노래 ♪.flac", "../../etc/passwd", "C:\\songs\\a.wav", ".hidden", "a/b.wav"]
)
def test_an_upload_keeps_its_name_and_stays_in_its_folder(client: TestClient, opened: Studio, name: str) -> None:
    answer = client.post("uploads", params={"name": name}, content=b"sound")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    path = opened.uploads.find(found["id"]).path
    assert path.read_bytes() == b"sound" and found["bytes"] == 5
    assert path.parent.parent == opened.uploads.folder and "/" not in found["name"]
    assert client.get(f"uploads/{found['id']}/audio").content == b"sound"
    assert client.delete(f"uploads/{found['id']}").status_code == 204
    assert client.get(f"uploads/{found['id']}/audio").status_code == 404


def test_an_upload_beyond_the_limits_leaves_nothing(opened: Studio) -> None:
    limits = Limits(file=1000, uploads=5000, spare=0, body=500)
    app = create_app(opened, LOCAL, limits=limits)
    client = TestClient(app, base_url="http://127.0.0.1:7860/api/v1/", raise_server_exceptions=False)
    assert client.post("uploads?name=a.wav", content=b"x" * 1001).status_code == 413
    assert client.post("uploads?name=a.wav", content=iter([b"x" * 600, b"x" * 600])).status_code == 413
    assert client.post("uploads?name=a.wav", content=b"x" * 6000).status_code == 413
    assert client.post("login", content=b"x" * 501).status_code == 413
    assert not list(opened.uploads.folder.glob("*/*"))


def test_old_uploads_are_deleted_unless_a_job_needs_them(opened: Studio) -> None:
    ids = [opened.uploads.reserve("a.wav").id for _ in range(3)]
    for id in ids:
        (opened.uploads.folder / id / "a.wav").touch()
    for id in ids[:2]:
        os.utime(opened.uploads.folder / id, (0, 0))
    opened.list.add("wait", "wait", Place.PAGE, request={"files": [{"upload": ids[0]}]}, state=JobState.FAILED)
    opened.uploads.clean(opened.used_uploads())
    assert {folder.name for folder in opened.uploads.folder.iterdir()} == {ids[0], ids[2]}


# Jobs


def test_a_job_has_progress_a_log_and_a_result(client: TestClient, opened: Studio) -> None:
    number = opened.submit("double", DoubleRequest(number=4)).id
    job = ended(client, number)
    assert (job["state"], job["about"], job["facts"], job["error"]) == ("done", {"twice": 8}, {"half": 4}, None)
    assert (job["kind"], job["title"], job["where"], job["can"]) == ("double", "double 4", "page", ["remove"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d  easy\n", client.get(f"jobs/{number}/log").text)
    assert [one["id"] for one in client.get("jobs").json()] == [number]
    assert client.delete(f"jobs/{number}").status_code == 204 and client.get("jobs").json() == []


def test_a_failed_job_says_why_and_can_be_tried_again(client: TestClient, opened: Studio) -> None:
    first = ended(client, opened.submit("refuse", EmptyRequest()).id)
    assert (first["state"], first["error"], first["can"]) == ("failed", "song.wav is no sound", ["retry", "remove"])
    second = client.post(f"jobs/{first['id']}/retry").json()
    assert second["id"] > first["id"] and ended(client, second["id"])["state"] == "failed"
    assert [one["id"] for one in client.get("jobs").json()] == [second["id"]]
    defect = ended(client, opened.submit("err", EmptyRequest()).id)
    assert "a defect: please report it" in defect["error"]
    assert client.delete("jobs").status_code == 204 and client.get("jobs").json() == []


def test_a_slow_write_of_a_state_does_not_replace_the_last_one(
    client: TestClient, opened: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = opened.list.update

    def slow(number: int, **values: Any) -> None:
        if values["state"] is JobState.STOPPING:
            time.sleep(0.5)
        update(number, **values)

    monkeypatch.setattr(opened.list, "update", slow)
    number = opened.submit("wait", WaitRequest(folder=str(tmp_path))).id
    until((tmp_path / "begun").exists)
    client.post(f"jobs/{number}/cancel")
    assert ended(client, number)["state"] == "cancelled"
    time.sleep(0.6)
    assert client.get(f"jobs/{number}").json()["state"] == "cancelled"


def test_a_job_is_stopped_and_is_not_removed_before(client: TestClient, opened: Studio, tmp_path: Path) -> None:
    number = opened.submit("wait", WaitRequest(folder=str(tmp_path))).id
    until((tmp_path / "begun").exists)
    busy = client.delete(f"jobs/{number}")
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "busy")
    assert client.post(f"jobs/{number}/cancel").json()["state"] in {"stopping", "cancelled"}  # it ends by itself
    assert ended(client, number)["state"] == "cancelled" and (tmp_path / "saved").exists()


def test_pages_hear_of_jobs_and_changed_lists(client: TestClient, opened: Studio) -> None:
    with client.websocket_connect(EVENTS) as socket:
        assert socket.receive_json() == {"type": "hello", "server_id": opened.server_id}
        number = opened.submit("double", DoubleRequest(number=1)).id
        seen: list[dict[str, Any]] = []
        while not any(event["type"] == "changed" and event["what"] == "results" for event in seen):
            seen.append(socket.receive_json())
        states = [event["job"]["state"] for event in seen if event["type"] == "job" and event["job"]["id"] == number]
        while states[-1:] != ["done"]:
            event = socket.receive_json()
            states += [event["job"]["state"]] if event["type"] == "job" else []
        assert states[0] in ("waiting", "running")


def test_jobs_of_a_closed_studio_are_interrupted_and_start_again_in_the_next(tmp_path: Path) -> None:
    with open_studio(tmp_path / "studio") as studio:
        running = studio.submit("wait", WaitRequest(folder=str(tmp_path))).id
        waiting = studio.submit("double", DoubleRequest(number=3)).id
        until((tmp_path / "begun").exists)
    with open_studio(tmp_path / "studio") as studio:
        client = TestClient(create_app(studio, LOCAL), base_url="http://127.0.0.1:7860/api/v1/")
        states = {one["id"]: one["state"] for one in client.get("jobs").json()}
        assert states == {running: "interrupted", waiting: "interrupted"}
        again = client.post(f"jobs/{waiting}/retry").json()
        assert ended(client, again["id"])["about"] == {"twice": 6}


def test_two_studios_in_one_folder_and_the_terminal_share_a_list(tmp_path: Path) -> None:
    with open_studio(tmp_path / "studio") as one, open_studio(tmp_path / "studio") as other:
        number = one.submit("wait", WaitRequest(folder=str(tmp_path))).id
        until((tmp_path / "begun").exists)
        client = TestClient(
            create_app(other, LOCAL), base_url="http://127.0.0.1:7860/api/v1/", raise_server_exceptions=False
        )
        seen = client.get(f"jobs/{number}").json()
        assert (seen["state"], seen["can"]) == ("running", [])
        refused = client.post(f"jobs/{number}/cancel")
        assert refused.status_code == 400 and "another studio: stop it there" in refused.json()["error"]["message"]
        one.cancel(number)
        until(lambda: client.get(f"jobs/{number}").json()["state"] == "cancelled")


def test_visitors_from_elsewhere_get_names_of_files_and_only_files_of_the_studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command may write anywhere; who may use the page over a network must not learn where, nor read it."""
    folder = tmp_path / "studio"
    inside, outside = folder / "made" / "1" / "anna.onnx", tmp_path / "private.wav"
    for path in (inside, outside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    (folder / "made" / "link.wav").symlink_to(outside)
    files = [str(path) for path in (outside, folder / "made" / "link.wav", inside)]
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path / "assets"))
    answers = {}
    for local in (True, False):
        with open_studio(folder, local=local) as studio:
            if local:
                about = {"voice": str(folder / "voices" / "anna"), "files": files}
                number = studio.list.add("export", "anna", Place.TERMINAL, about=about, state=JobState.DONE)
                studio.list.update(number, error=f"cannot read {folder}/voices/anna")
                studio.list.line(number, f"wrote {outside}")
            client = TestClient(create_app(studio, LOCAL), base_url="http://127.0.0.1:7860/api/v1/")
            (job,) = client.get("jobs").json()
            sent = [client.get(f"jobs/{number}/files/{index}").status_code for index in range(3)]
            answers[local] = job["about"], job["error"], sent, client.get("assets").json()[0]["folder"]
            every = [client.get(path).text for path in ("session", "jobs", f"jobs/{number}", "results")]
            every.append(client.get(f"jobs/{number}/log").text)
            assert any(str(folder) in text for text in every) is local
    assert answers[True][0]["files"] == files and answers[True][2:] == ([200, 200, 200], str(tmp_path / "assets"))
    assert answers[False][:3] == (
        {"voice": "anna", "files": ["anna.onnx"]},
        "cannot read studio/voices/anna",
        [200, 404, 404],
    )
    assert "MYNA_ASSETS" in answers[False][3]


_TERMINAL = """
import sys, time
from pathlib import Path
from myna.studio.job_list import JobList
from myna.studio.workspace import Workspace
with JobList(Workspace(Path(sys.argv[1]))).listed("train", "anna: train", about={"project": "anna"}) as row:
    row.line("step 100")
    row.progress("training", 0.5, 60.0)
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "state"), [(signal.SIGKILL, "gone"), (signal.SIGINT, "cancelled")])
def test_a_job_of_the_terminal_whose_process_has_gone_is_shown_so(
    client: TestClient, opened: Studio, number: signal.Signals, state: str
) -> None:
    arguments = [sys.executable, "-c", _TERMINAL, str(opened.workspace.folder)]
    terminal = processes.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert terminal.stdout is not None and terminal.stdout.readline() == "begun\n"
        (job,) = client.get("jobs").json()
        shown = (job["state"], job["where"], job["fraction"], job["about"], job["can"])
        assert shown == ("running", "terminal", 0.5, {"project": "anna"}, [])
        terminal.send_signal(number)
        terminal.wait(30)
        assert client.get(f"jobs/{job['id']}").json()["state"] == state
        assert "start it there again" in client.post(f"jobs/{job['id']}/retry").json()["error"]["message"]
    finally:
        processes.end(terminal)
        if terminal.stdout is not None:
            terminal.stdout.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`svcg` in a process of its own, and its address."""
    arguments = [sys.executable, "-m", "myna", "gui", "--no-browser", "--folder", str(tmp_path / "studio")]
    process = processes.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"is open: (http://\S+)", line)
    assert found, line
    yield process, found[1]
    processes.end(process)
    process.stdout.close()


def test_svcg_serves_and_ends_with_ctrl_c(served: tuple[subprocess.Popen[str], str]) -> None:
    process, url = served
    with urllib.request.urlopen(f"{url}api/v1/session") as answer:
        assert json.load(answer)["local"] is True
    rebound = urllib.request.Request(f"{url}api/v1/session", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(rebound)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_svcg_whichever_thread_gets_it(tmp_path: Path) -> None:
    """The system may give a signal to a thread that changes its signal mask, for example while a worker starts."""
    script = f"""
import signal, sys, threading, time
from myna.apps.cli import main
def interrupt():
    while not any(thread.name == "server" for thread in threading.enumerate()):
        time.sleep(0.05)
    time.sleep(1)  # the main thread waits by then
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
sys.argv = ["svc", "gui", "--no-browser", "--folder", {str(tmp_path)!r}]
main()
"""
    done = processes.run([sys.executable, "-c", script], timeout=60)
    assert done.returncode == 0 and "closing" in done.stderr


def test_the_list_of_jobs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.studio.job_list._KEPT", 3)
    monkeypatch.setattr("myna.studio.job_list._KEPT_LINES", 5)
    jobs = JobList(Workspace(tmp_path))
    running = jobs.add("train", "long", Place.PAGE, state=JobState.RUNNING)
    for number in range(8):
        with jobs.listed("infer", f"song {number}") as row:
            for line in range(9):
                row.line(f"line {line}")
    listed = jobs.all()
    assert running in [job.id for job in listed] and len(listed) <= 5
    assert [text for _, text in jobs.log(listed[0].id)] == [f"line {line}" for line in range(4, 9)]
    jobs.close()
