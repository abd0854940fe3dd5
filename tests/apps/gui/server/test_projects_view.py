"""Content of the page of a voice in training: plans, the best checkpoint, needed files, names that stay text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from training_client import RECORDINGS, SETTINGS, Client, client, shrink, wait

from myna import assets
from myna.apps.actions.device import Device
from myna.apps.actions.needs import encoder_asset, training_needs
from myna.apps.actions.training_log import Curves
from myna.apps.gui.server.projects.curves import best_checkpoint, best_values
from myna.apps.gui.server.projects.requests import PrepareRequest, plan_prepare, timed_settings
from myna.apps.gui.server.wording import Wording
from myna.config import Config, TemplateName
from myna.errors import AssetError
from myna.features.content import CONTENT_ENCODERS
from myna.studio.project import Project
from myna.studio.schedule import TimedRun

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Client]:
    with client(tmp_path / "studio") as opened:
        opened.post("projects", {"name": "Linda"})
        yield opened


def save(project: Project, *numbers: int) -> None:
    project.logs.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (project.logs / f"G_{number}.pth").write_bytes(b"x" * 100)


def test_the_best_checkpoint_is_that_with_the_least_validation_distance(api: Client) -> None:
    save(api.project, 1, 2, 3)
    shrink(api.project)
    status = api.project.status()
    log = Curves(scalars={"validation/mel": [(10, 0.5), (20, 0.3), (30, 0.4)]}, steps={1: 10, 2: 20, 3: 30})
    found = best_checkpoint(status, log, None)
    assert found is not None and (found.number, found.measure) == (2, None)
    # A deleted checkpoint is not the best, and one alone is none.
    (api.project.logs / "G_2.pth").unlink()
    found = best_checkpoint(api.project.status(), log, None)
    assert found is not None and found.number == 3
    (api.project.logs / "G_3.pth").unlink()
    assert best_checkpoint(api.project.status(), log, None) is None


def test_without_a_log_the_last_comparison_decides(api: Client) -> None:
    save(api.project, 1, 2)
    compared: dict[str, Any] = {"numbers": [1, 2], "scores": [{"speaker_similarity": 0.7}, {"speaker_similarity": 0.6}]}
    found = best_checkpoint(api.project.status(), Curves(), compared)
    assert found is not None and (found.number, found.measure) == (1, "speaker similarity")
    compared["scores"] = [{"f0_rmse_cents": 30.0}, {"f0_rmse_cents": 20.0}]
    found = best_checkpoint(api.project.status(), Curves(), compared)
    assert found is not None and found.number == 2
    assert best_checkpoint(api.project.status(), Curves(), {"numbers": [1, 2]}) is None


def test_the_best_value_of_a_row_is_marked() -> None:
    assert best_values("character error rate", ["0.2", "0.1", "-"]) == [False, True, False]
    assert best_values("DNSMOS voice", ["3.1", "3.1"]) == [False, False]
    assert best_values("pitch error, rms", ["31.0 cents", "20.5 cents"]) == [False, True]
    assert best_values("unknown", ["1", "2"]) == [False, False]


def test_a_log_without_numbers_is_matched_by_epochs() -> None:
    log = Curves(scalars={"epoch": [(10, 1.0), (20, 1.0), (30, 2.0)]}, sample_steps=(10, 20, 30))
    assert [log.step_of(number, "epoch") for number in (1, 2, 3)] == [20, 30, None]
    assert [log.step_of(number, "step") for number in (20, 25)] == [20, None]


def test_a_run_of_minutes_keeps_its_checkpoints_and_only_time_ends_it() -> None:
    config = Config.template("myna-lite").with_values(train={"epochs": 1, "keep_ckpts": 3})
    assert timed_settings(config, TimedRun.of(480)) == {"epochs": 10_000, "keep_ckpts": 8}
    assert timed_settings(config.with_values(train={"keep_ckpts": 0, "epochs": 20_000}), TimedRun.of(5)) == {
        "epochs": 20_000
    }


@pytest.mark.parametrize("encoder", CONTENT_ENCODERS)
def test_the_asset_of_each_content_encoder_is_known(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(name: str, folder: Any = None) -> Path:
        asked.append(name)
        raise AssetError("none here")

    monkeypatch.setattr(assets, "find", find)
    name = encoder_asset(encoder)
    if name is None:
        CONTENT_ENCODERS[encoder]("cpu")
        assert not asked
    else:
        with pytest.raises(AssetError):
            CONTENT_ENCODERS[encoder]("cpu")
        assert asked == [name]


def test_a_kind_of_voice_needs_its_encoder_and_base_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    needs = training_needs(Config.template("so-vits-svc-4.0v1"), trained=False)
    assert [one.name for one in needs.prepare] == ["contentvec"] and needs.prepare[0].size == 378_342_945
    assert [one.name for one in needs.train] == ["so-vits-svc-4.0v1"]
    assert not training_needs(Config.template("so-vits-svc-4.0v1"), trained=True).train
    light = training_needs(Config.template("myna-lite"), trained=False)
    assert light.prepare == light.train == ()


def test_a_missing_file_is_the_reason_why_a_voice_cannot_be_trained(
    api: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    Config.template("so-vits-svc-4.0v1").write(api.project.config)
    api.post("project/recordings", {"uploads": [api.upload(RECORDINGS[0])]})
    found = api.get("project")
    assert [one["name"] for one in found["needs"]] == ["contentvec", "so-vits-svc-4.0v1"]
    assert found["needs"][0]["title"] == "ContentVec" and not found["needs"][0]["here"]
    assert found["steps"]["prepare"] == {"state": "todo", "reason": "Needs ContentVec.", "job": None}


def test_a_new_voice_is_prepared_as_the_kind_that_its_page_names(api: Client) -> None:
    api.post("project/recordings", {"uploads": [api.upload(RECORDINGS[0])]})
    for device, kind in (None, "myna-lite"), (Device("cuda:0", "a GPU"), "so-vits-svc-4.0v1"):
        api.studio.device = device
        task = plan_prepare(api.studio, PrepareRequest(project=api.name)).task
        assert task.template == kind == api.get("project")["template"]
    Config.template("myna-lite").write(api.project.config)
    assert plan_prepare(api.studio, PrepareRequest(project=api.name)).task.template is None  # it keeps its own
    api.project.config.write_text("{")
    assert "JSON" in api.post("project/prepare", {}, 400)["error"]["message"]


def test_names_of_files_stay_text_and_are_found_again(api: Client) -> None:
    name = "<img src=x onerror=alert(1)> é 声.wav"
    (api.project.recordings / name).write_bytes(RECORDINGS[0].read_bytes())
    (recording,) = api.get("project")["recordings"]
    assert recording["title"] == name and recording["file"] == f"Linda/{name}"
    assert api.http.get(recording["url"]).status_code == 200
    api.delete("project/recordings", file=recording["file"])
    assert api.get("project")["recordings"] == []


def test_a_recording_that_browsers_cannot_play_is_converted(api: Client, tmp_path: Path) -> None:
    import soundfile

    audio, rate = soundfile.read(RECORDINGS[0])
    soundfile.write(tmp_path / "take.aiff", audio, rate)
    api.post("project/recordings", {"uploads": [api.upload(tmp_path / "take.aiff")]})
    (recording,) = api.get("project")["recordings"]
    answer = api.http.get(recording["url"])
    assert answer.status_code == 200 and answer.content[:4] == b"fLaC"
    assert not api.get("project")["steps"]["prepare"]["reason"]


def test_every_text_of_the_server_exists() -> None:
    say = Wording("en", "server.train.")
    for template in get_args(TemplateName):
        assert say(f"template_{template}") and say(f"about_{template}")
    assert [say.duration(seconds) for seconds in (60, 300, 9000)] == ["60 s", "5 min", "2.5 h"]
    assert Wording("../en", "server.train.")("prepare_first") == say("prepare_first")


def test_a_training_of_a_few_seconds_shows_minutes_and_leaves_checkpoints(api: Client) -> None:
    api.post("project/recordings", {"uploads": [api.upload(path) for path in RECORDINGS[:2]]})
    shrink(api.project)
    api.done(api.post("project/prepare", {"settings": {**SETTINGS, "eval_interval": 1_000_000}}))
    job = api.post("project/train", {"minutes": 0.4, "options": {"from_scratch": True}})
    seen = wait(lambda: (now := api.get("project")["training"]) and "step" in now["facts"] and now)
    assert seen["of_seconds"] == 24 and 0 < seen["fraction"] <= 1 and seen["text"] == "0 of 0.4 minutes"
    assert seen["facts"]["plan"]["max_minutes"] == 0.4 and "losses" in seen["facts"]["step"]
    api.done(job)
    found = api.get("project")
    assert len(found["checkpoints"]) == 3 and found["plan"]["minutes"] == 0.4 and found["plan"]["kind"] == "custom"
    assert found["plan"]["disk_bytes"] == 3 * found["checkpoints"][0]["bytes"]
    job = api.post("project/train", {"minutes": 5})
    other = api.post("projects", {"name": "Boris"})["name"]
    assert wait(lambda: api.get("project")["training"]["seconds"] or None) > 0
    api.post(f"jobs/{job['id']}/cancel")
    api.done(job)
    assert api.get("project", name=other)["training"] is None
    assert api.get("project")["steps"]["train"]["state"] == "done"
