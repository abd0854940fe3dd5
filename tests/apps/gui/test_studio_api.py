"""The HTTP interface of the studio, and whom it admits."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from browsing import SONG, OpenStudio, open_studio
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError

import processes

pytestmark = pytest.mark.timeout(300)
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def client(studio: OpenStudio) -> Iterator[Client]:
    opened = Client(studio.url, verbose=False)
    yield opened
    opened.close()


def test_the_program_of_the_docs_runs(studio: OpenStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", (DOCS / "studio.md").read_text("utf-8"), re.M | re.S)
    audio, rate = soundfile.read(SONG)
    soundfile.write(tmp_path / "song.wav", audio, rate)
    monkeypatch.chdir(tmp_path)
    names: dict[str, str] = {}
    exec(program.replace("http://127.0.0.1:7860", studio.url), names)
    assert soundfile.info(names["path"]).duration == pytest.approx(len(audio) / rate, abs=0.001)


def test_it_lists_the_voices(client: Client) -> None:
    assert {"name": "joe", "origin": "bundled"} in client.predict(api_name="/voices")


def test_a_job_is_stopped(client: Client, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", soundfile.read(SONG)[0].repeat(20), 44100)
    job = client.predict(handle_file(str(tmp_path / "long.wav")), "joe", {}, api_name="/convert")
    client.predict(job, api_name="/cancel")
    until = time.monotonic() + 60
    while (state := client.predict(job, api_name="/job")["state"]) != "cancelled":
        assert time.monotonic() < until, state
        time.sleep(0.2)


def test_a_voice_is_trained(client: Client, studio: OpenStudio) -> None:
    recordings = sorted((DOCS.parent / "examples" / "recordings" / "ljspeech").glob("*"))[:4]

    def done(number: int) -> dict[str, object]:
        until = time.monotonic() + 200
        while (found := client.predict(number, api_name="/job"))["state"] in ("waiting", "running"):
            assert time.monotonic() < until, found
            time.sleep(0.5)
        assert found["state"] == "done", found
        return dict(found)

    name = client.predict("Linda", api_name="/begin_voice")
    added = client.predict(name, [handle_file(str(path)) for path in recordings], api_name="/add_recordings")
    assert len(added) == len(recordings)
    with pytest.raises(AppError, match="repare"):
        client.predict(name, {}, {}, api_name="/train")
    done(client.predict(name, "myna-lite", {"batch_size": 2}, api_name="/prepare"))
    done(client.predict(name, {}, {"max_steps": 1}, api_name="/train"))
    assert (studio.folder / "training" / "Linda" / "logs" / "44k" / "G_1.pth").is_file()
    assert {"name": "Linda (in training)", "origin": "training"} in client.predict(api_name="/voices")


@pytest.mark.parametrize(
    ("voice", "options", "reason"),
    [
        ("Anna", {}, "no voice 'Anna' here; there are:"),
        ("joe", {"transpose": 99}, "transpose must be between -36 and 36"),
        ("joe", {"transpos": 1}, "no option transpos; there are: speaker,"),
        ("joe", {"cluster_model_path": "/etc/passwd"}, "reads no files of this computer"),
        ("joe", {"speaker_mix": "/etc/mix.csv"}, "reads no files of this computer"),
    ],
)
def test_wrong_arguments_are_errors(client: Client, voice: str, options: dict[str, object], reason: str) -> None:
    with pytest.raises(AppError, match=re.escape(reason)):
        client.predict(handle_file(str(SONG)), voice, options, api_name="/convert")


def test_only_uploads_are_read(client: Client) -> None:
    stolen = {"path": str(DOCS / "studio.md"), "size": 1}
    with pytest.raises(AppError, match="only files that were sent"):
        client.predict(stolen, "joe", {}, api_name="/convert")


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    opened = open_studio(tmp_path, "--auth", "anna:secret")
    try:
        with pytest.raises(AuthenticationError):
            Client(opened.url, verbose=False)
        Client(opened.url, auth=("anna", "secret"), verbose=False).close()
    finally:
        said = opened.close()
    assert "Traceback" not in said


def refusal(*arguments: str) -> str:
    """Error line of a studio that does not open."""
    command = [sys.executable, "-m", "myna", "gui", "--no-browser", *arguments]
    ended = processes.run(command, timeout=120)
    assert ended.returncode == 5 and not ended.stdout
    (line,) = ended.stderr.splitlines()
    return line


def test_other_computers_need_a_password_or_a_flag(tmp_path: Path) -> None:
    assert "others can open the page at 0.0.0.0" in refusal("--host", "0.0.0.0", "--folder", str(tmp_path))


def test_a_password_needs_a_name(tmp_path: Path) -> None:
    assert "--auth takes a name and a password" in refusal("--auth", "anna", "--folder", str(tmp_path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "choose another folder with --folder" in refusal("--folder", str(tmp_path / "file" / "studio"))


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} is in use" in refusal("--folder", str(tmp_path), "--port", port)
