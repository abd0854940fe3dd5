"""From recordings to a packed voice through the interface; the states of the steps after each event."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from training_client import RECORDINGS, SETTINGS, Client, client, shrink, wait

from myna.layout import CONFIG

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with client(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


def test_from_recordings_to_a_packed_voice(api: Client, tmp_path: Path) -> None:
    assert api.get("projects") == [] and len(api.get("projects/advice")) == 3
    row = api.post("projects", {"name": "Linda"})
    assert (row["name"], row["state"]) == ("Linda", "empty")
    assert api.states() == ["todo", "blocked", "blocked", "blocked", "blocked"]
    api.post("project/prepare", {}, 400)
    api.post("project/train", {"minutes": 5}, 400)

    # Recordings.
    notes = tmp_path / "notes.txt"
    notes.write_text("no sound")
    sent = [api.upload(path) for path in (*RECORDINGS[:4], notes)]
    added = api.post("project/recordings", {"uploads": sent})
    assert len(added["added"]) == 4 and added["refused"] == ["notes.txt"]
    assert api.states() == ["done", "todo", "blocked", "blocked", "blocked"]
    wait(lambda: all(one["state"] != "checking" for one in api.get("project")["recordings"]))
    found = api.get("project")
    assert {one["state"] for one in found["recordings"]} <= {"good", "fair"}
    assert all(one["kind"] == "spoken" and one["seconds"] > 1 for one in found["recordings"])
    assert found["summary"]["seconds"] == pytest.approx(sum(one["seconds"] for one in found["recordings"]))
    assert any("sung" in text for text in found["summary"]["missing"])
    heard = api.http.get(found["recordings"][0]["url"])
    assert heard.status_code == 200 and len(soundfile.read(io.BytesIO(heard.content))[0])
    plan = found["plan"]
    assert (plan["kind"], plan["minutes"]) == ("half_hour", 30) and plan["disk_bytes"] == pytest.approx(7.8e8, rel=0.1)
    assert [one["minutes"] for one in plan["choices"]] == [5, 30, 480] and plan["free_bytes"] > 0
    assert found["template"] == "myna-lite" and not found["needs"]

    # Prepare.
    shrink(api.project)
    job = api.done(api.post("project/prepare", {"settings": SETTINGS}))
    assert job["about"] == {"project": "Linda"} and job["kind"] == "prepare"
    assert api.states() == ["done", "done", "todo", "blocked", "blocked"]
    found = api.get("project")
    assert found["prepared"]["training"] + found["prepared"]["validation"] >= 4 and found["summary"]["pitch"]["Linda"]

    # Train.
    began = api.post("project/train", {"settings": SETTINGS, "options": {"from_scratch": True}})
    api.post("project/train", {"minutes": 5}, 409)
    job = api.done(began)
    assert job["facts"]["plan"]["last_step"] == job["facts"]["step"]["step"] >= 2
    assert api.states() == ["done", "done", "done", "todo", "todo"]
    curves = api.get("project/curves")
    assert [one["tag"] for one in curves["curves"] if one["main"]] == ["validation/mel", "loss/mel"]
    found = wait(lambda: (view := api.get("project")) and view["best"] and view)
    first, last = found["checkpoints"][-1], found["checkpoints"][0]
    assert first["number"] == 1 and last["number"] == job["facts"]["step"]["step"]
    assert [one["number"] for one in found["checkpoints"] if one["best"]] == [found["best"]["number"]]
    distances = [float(one["measures"]["distance from the recordings"]) for one in found["checkpoints"]]
    best = next(one for one in found["checkpoints"] if one["best"])
    assert float(best["measures"]["distance from the recordings"]) == min(distances)
    assert found["resume"] == f"Training continues from step {last['number']}."
    sung = [soundfile.read(io.BytesIO(api.http.get(one["sample_urls"][0]).content))[0] for one in (first, last)]
    recorded = soundfile.read(io.BytesIO(api.http.get(found["clips"][0]["url"]).content))[0]
    assert len(sung[0]) == len(sung[1]) and not np.array_equal(*sung)
    assert abs(len(recorded) - len(sung[0])) < 2000
    assert api.studio.voices.find(first["voice"]).path.name == "G_1.pth"

    # Compare.
    numbers = [first["number"], last["number"]]
    api.post("project/compare", {"numbers": numbers[:1]}, 400)
    api.get("project/comparison", 404)
    phrase = found["phrases"][0]["id"]
    api.done(api.post("project/compare", {"numbers": numbers, "phrase": phrase}))
    assert api.states() == ["done", "done", "done", "done", "todo"]
    compared = api.get("project/comparison")
    assert compared["numbers"] == numbers and compared["rows"] == [] and not compared["outdated"]
    assert [track["name"] for track in compared["comparison"]["tracks"]] == ["Recording", "Step 1", last["title"]]
    for track in compared["comparison"]["tracks"]:
        assert "path" not in track and api.http.get(track["url"]).status_code == 200
    measures = {"similarity": False, "words": False, "quality": False}
    api.done(api.post("project/compare", {"numbers": numbers, "measure": measures}))
    rows = api.get("project/comparison")["rows"]
    assert "pitch correlation" in [row["title"] for row in rows] and all(len(row["values"]) == 2 for row in rows)
    assert "pitch correlation" in api.get("project")["checkpoints"][0]["measures"]

    # Pack.
    job = api.done(api.post("project/pack", {"name": "Linda sings", "author": "me"}))
    assert job["about"]["voice"] == "Linda sings" and api.studio.voices.find("Linda sings").path.is_file()
    assert api.states() == ["done"] * 5 and api.get("project")["packed"]["name"] == "Linda sings"
    api.post("project/pack", {"name": "Linda sings"}, 400)

    # A new recording makes the preparation out of date, and then the training and what came after it.
    api.post("project/recordings", {"uploads": [api.upload(RECORDINGS[5])]})
    assert api.states() == ["done", "stale", "done", "done", "done"]
    api.done(api.post("project/prepare", {}))
    assert api.states() == ["done", "done", "stale", "done", "done"]
    api.done(api.post("project/train", {"settings": {"epochs": 3}}))
    assert api.states() == ["done", "done", "done", "stale", "stale"]

    # A removed recording can be restored.
    file = api.get("project")["recordings"][0]["file"]
    thrown = api.delete("project/recordings", file=file)
    assert thrown["bytes"] > 1000 and thrown["trash_id"] and api.step("prepare")["state"] == "stale"
    api.get("project/audio", 404, file=file)
    api.get("project/audio", 404, file="../../jobs/jobs.sqlite")


def test_a_training_of_another_process_is_shown_where_it_runs(api: Client) -> None:
    """`svc train` in a terminal holds the lock of the folder."""
    folder = api.project.folder
    command = [sys.executable, "-m", "myna", "train", "--epochs", "100000", "--from-scratch", "-d", "cpu"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: (api.project.logs / ".lock").stat().st_size, 120)
        step = api.step("train")
        assert step["state"] == "running" and f"process {process.pid}" in step["reason"], step
        number = wait(lambda: api.step("train")["job"])  # it enters the list of jobs a little later
        assert api.get(f"jobs/{number}")["where"] == "terminal"
        assert api.step("prepare")["state"] == "blocked"
        for path, body in (("project/train", {"minutes": 5}), ("project/prepare", {})):
            assert f"process {process.pid}" in api.post(path, body, 409)["error"]["message"]
        api.delete("project", 409)
        before = api.project.checkpoint(None).number
        wait(lambda: api.project.checkpoint(None).number > before, 120)
        process.kill()  # it leaves its name in the lock, and a record that says that it runs
    finally:
        process.kill()
        process.wait()
    step, number = api.step("train"), api.project.checkpoint(None).number
    assert (step["state"], step["reason"]) == (
        "failed",
        f"Training was interrupted. Continue from step {number:,}.",
    )
    assert api.get("project")["resume"] == step["reason"]
    job = api.done(api.post("project/train", {"settings": {"epochs": 1}}))
    assert job["facts"]["plan"]["first_step"] == number
    assert api.step("train")["state"] == "done"


def test_a_failed_step_says_why_until_it_succeeds(api: Client) -> None:
    path = api.project.folder / CONFIG
    text = path.read_text("utf-8")
    path.write_text("{", "utf-8")
    found = api.get("project")
    assert found["steps"]["prepare"]["state"] == "failed" and "JSON" in found["problem"]
    path.write_text(text, "utf-8")
    broken = api.project.recordings / "broken.wav"
    for recording in api.project.recordings.iterdir():
        recording.rename(api.project.folder / recording.name)
    broken.write_text("no sound")
    api.done(api.post("project/prepare", {}), "failed")
    step = api.step("prepare")
    assert step["state"] == "failed" and step["reason"]
    broken.unlink()
    for recording in api.project.folder.glob("*.wav"):
        recording.rename(api.project.recordings / recording.name)
    for recording in api.project.folder.glob("*.flac"):
        recording.rename(api.project.recordings / recording.name)
    api.done(api.post("project/prepare", {}))
    assert api.step("prepare")["state"] == "done"


def test_a_voice_in_training_is_deleted_with_its_size_and_restored(api: Client) -> None:
    size = api.get("project")["disk_bytes"]
    thrown = api.delete("project")
    assert thrown["bytes"] == pytest.approx(size, rel=0.01) and api.get("projects") == []
    api.get("project", 404)


def test_what_is_not_allowed_is_refused(api: Client) -> None:
    api.get("project", 404, name="../Linda")
    assert api.post("projects", {"name": "/"}, 400)["error"]["code"] == "config"
    api.post("projects", {"name": "Second"})
    for body in ({"options": {"pretrained_dir": "/"}}, {"settings": {"base_weights": "../x"}}):
        api.post("project/train", body, 400, name="Second")


def test_an_interrupted_training_continues_after_a_restart(tmp_path: Path) -> None:
    """The process of the studio is killed while it trains; another studio is opened in the same folder."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from training_client import *\n"
        "if __name__ == '__main__':\n"
        "    with client(Path(sys.argv[1])) as api:\n"
        "        api.post('projects', {'name': 'Linda'})\n"
        "        api.post('project/recordings', {'uploads': [api.upload(path) for path in RECORDINGS[:3]]})\n"
        "        shrink(api.project)\n"
        "        api.done(api.post('project/prepare', {'settings': SETTINGS}))\n"
        "        options = {'from_scratch': True}\n"
        "        api.post('project/train', {'settings': {**SETTINGS, 'epochs': 10000}, 'options': options})\n"
        "        wait(lambda: len(api.project.checkpoints()) > 2, 300)\n"
        "        print('training', flush=True)\n"
        "        time.sleep(600)\n"
    )
    script = tmp_path / "studio.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "studio")], stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "training\n"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    with client(tmp_path / "studio") as api:
        number = api.project.checkpoint(None).number
        step = api.step("train")
        assert (step["state"], step["reason"]) == (
            "failed",
            f"Training was interrupted. Continue from step {number:,}.",
        )
        (job,) = [job for job in api.get("jobs") if job["kind"] == "train"]
        assert job["state"] == "interrupted" and "retry" in job["can"]
        retried = api.post(f"jobs/{job['id']}/retry")
        wait(lambda: api.project.checkpoint(None).number > number, 120)
        running = api.get("project")["training"]
        assert running["job"] == retried["id"] and running["facts"]["plan"]["first_step"] == number
        assert running["of_seconds"] is None and running["seconds"] > 0
        api.post(f"jobs/{retried['id']}/cancel")
        api.done(retried)
        assert api.step("train")["state"] == "done"
