"""The tasks behind the page's buttons, from recordings to a packed voice; a few channels wide."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import myna.apps.actions.train
from myna.apps.actions.device import Device
from myna.apps.actions.pack import CardText
from myna.apps.actions.prepare import Prepared
from myna.apps.actions.training_log import Curves
from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks import learning
from myna.apps.gui.tasks.learning import TrainingResult
from myna.config import Config
from myna.errors import ConfigError
from myna.layout import CLIPS, CONFIG
from myna.options import EvaluateOptions, TrainOptions
from myna.studio import project as projects
from myna.studio.project import Project, State
from myna.studio.workspace import Workspace
from myna.zoo.packing import read_card

RATE = 44100
# The encoder of light voices is bundled, so that everything is real except the width of the network.
MODEL = {"inter_channels": 8, "hidden_channels": 8, "n_layers": 1, "n_fine_layers": 1, "gin_channels": 4}
TRAIN = {"num_workers": 0, "segment_size": 8192, "bf16_run": False, "keep_ckpts": 0, "eval_interval": 2}
SETTINGS = {"batch_size": 2, "epochs": 4, "log_interval": 1, "eval_interval": 2}
SCRATCH = TrainOptions(from_scratch=True)
NOTHING = EvaluateOptions(similarity=False, words=False, quality=False)


class Reports:
    """Collects the reports of a task; can stop it at a step as the page does."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.all: list[tuple[str, Any]] = []
        self.stop_at = stop_at
        self.report = Report(self._add)

    def _add(self, kind: str, value: Any) -> None:
        self.all.append((kind, value))
        if kind == "fact" and value[0] == "step" and value[1]["step"] == self.stop_at:
            signal.raise_signal(signal.SIGINT)

    def facts(self, name: str) -> list[Any]:
        return [value[1] for kind, value in self.all if kind == "fact" and value[0] == name]


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def voice(tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(learning, "_FACT_SECONDS", -1.0)
    for module in (learning, myna.apps.actions.train):
        monkeypatch.setattr(module, "choose_device", lambda name="auto": Device("cpu", "for this test"))
    workspace = Workspace(tmp_path)
    workspace.create()
    made = projects.create(workspace, "anna")
    for index in range(5):
        record(made, f"take {index}", 200 * 2 ** (index / 12))
    (made.recordings / "broken.wav").write_text("no sound")
    Config.template("myna-lite").with_values(model=MODEL, train=TRAIN).write(made.config)
    return made


def record(project: Project, name: str, f0_hz: float) -> None:
    time = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * f0_hz * k * time) / k for k in range(1, 9)) * 0.2
    soundfile.write(project.recordings / f"{name}.wav", tone, RATE)


def prepare(project: Project, template: str | None = None, **settings: Any) -> Prepared:
    task = learning.Prepare(folder=project.folder, template=template, settings={**SETTINGS, **settings})
    return task.run(Reports().report)


def train(project: Project, reports: Reports | None = None, **settings: Any) -> TrainingResult:
    task = learning.Train(folder=project.folder, settings={**SETTINGS, **settings}, options=SCRATCH)
    return task.run((reports or Reports()).report)


def test_from_recordings_to_a_voice_in_one_file(voice: Project, tmp_path: Path) -> None:
    here = os.getcwd()
    made = prepare(voice)
    assert (made.n_recordings, made.n_training, made.n_validation) == (5, 3, 2)
    (left_out,) = made.left_out
    assert "broken.wav" in left_out
    assert voice.status().state is State.PREPARED and not voice.status().changed
    assert Config.read(voice.config).train.epochs == 4

    # Stopped at a step it saves a checkpoint, and continues from there.
    reports = Reports(stop_at=3)
    stopped = train(voice, reports)
    assert (stopped.step, stopped.complete) == (3, False) and stopped.path is not None and stopped.path.is_file()
    (plan,) = reports.facts("plan")
    assert (plan["steps_per_epoch"], plan["last_step"], plan["n_clips"]) == (2, 8, 3)
    assert {"mel", "discriminator"} <= reports.facts("step")[-1]["losses"].keys()
    assert train(voice, epochs=3).complete
    assert [save.number for save in voice.status().checkpoints] == [2, 3, 4, 6] and os.getcwd() == here

    # The page draws and plays what was logged.
    seen = learning.ReadCurves(voice.folder).run(Reports().report)
    assert [step for step, _ in seen.scalars["loss/mel"]] == [1, 2, 3, 4, 5, 6]
    assert (seen.samples, seen.sample_step) == (2, 6) and seen.seconds_per_step is not None
    assert seen.seconds_per_step > 0
    compared = learning.CompareSample(
        folder=voice.folder, index=1, into=tmp_path / "heard", names=("recorded", "sung")
    ).run(Reports().report)
    assert [track["name"] for track in compared["tracks"]] == ["recorded", "sung"]
    assert all(Path(track["path"]).is_file() for track in compared["tracks"])

    # Checkpoints convert the same phrase and are measured.
    phrase = voice.validation_clips()[0]
    for _ in range(2):
        found = learning.CompareCheckpoints(
            folder=voice.folder,
            numbers=(2, 6),
            phrase=phrase,
            names=("recorded", "step 2", "step 6"),
            measure=NOTHING,
        ).run(Reports().report)
    assert [track["name"] for track in found.comparison["tracks"]] == ["recorded", "step 2", "step 6"]
    assert voice.comparison == asdict(found)
    assert len([path for path in voice.comparison_path.parent.iterdir() if path.is_dir()]) == 1
    titles = [row[0] for row in found.rows]
    assert "pitch correlation" in titles and all(len(row) == 4 for row in found.rows)

    text = CardText(licence="CC-BY-4.0", author="Anna", cover="Warm and low.")
    packed = tmp_path / "voices" / "anna" / "anna.safetensors"
    task = learning.PackCheckpoint(folder=voice.folder, number=4, into=packed, half=True, release=True, card=text)
    assert task.run(Reports().report) == str(packed)
    card = read_card(packed)
    assert card is not None and (card.step, card.author, card.released) == (4, "Anna", True)


def test_recordings_are_checked_once_and_in_batches(voice: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_CHECK_SECONDS", -1.0)
    assert learning.CheckRecordings(voice.folder).run(Reports().report) == 6 and not voice.checked()
    monkeypatch.setattr(learning, "_CHECK_SECONDS", 60.0)
    (voice.recordings / "sung").mkdir()
    (voice.recordings / "take 4.wav").rename(voice.recordings / "sung" / "take 4.wav")
    assert learning.CheckRecordings(voice.folder).run(Reports().report) == 0
    known = voice.checked()
    assert "broken.wav" in known["anna/broken.wav"]["error"]
    assert known["anna/sung/take 4.wav"]["kind"] == "sung" and known["anna/take 1.wav"]["seconds"] == 1.0
    monkeypatch.setattr("myna.studio.dataset.report_on", None)  # nothing is checked twice
    assert learning.CheckRecordings(voice.folder).run(Reports().report) == 0 and voice.checked() == known


def test_a_take_is_checked_at_once(voice: Project) -> None:
    report = learning.CheckTake(voice.recordings / "take 0.wav", "sung").run(Reports().report)
    assert report.kind == "sung" and report.seconds == 1.0


def test_a_recording_that_is_taken_out_is_not_learned_from(voice: Project) -> None:
    prepare(voice)
    voice.take_out("anna/take 0.wav")
    made = prepare(voice)
    assert made.n_recordings == 4
    assert not list((voice.folder / CLIPS).rglob("take 0*"))
    assert any("take 0.wav" in note for note in made.notes)


def test_the_same_settings_keep_the_configuration_and_others_change_it(voice: Project) -> None:
    prepare(voice)
    before = voice.config.read_bytes()
    prepare(voice)
    assert voice.config.read_bytes() == before
    prepare(voice, batch_size="auto")
    assert Config.read(voice.config).train.batch_size == "auto"
    with pytest.raises(ConfigError, match="epochs"):
        prepare(voice, epochs=0)


def test_a_voice_that_has_checkpoints_keeps_its_kind(voice: Project) -> None:
    prepare(voice)
    voice.logs.mkdir(parents=True)
    (voice.logs / "G_5.pth").touch()
    with pytest.raises(ConfigError, match="create another voice"):
        prepare(voice, "quickvc")
    assert prepare(voice).n_training == 3


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    seen = learning.ReadCurves(tmp_path).run(Reports().report)
    assert seen == Curves(scalars={}, seconds_per_step=None, samples=0, sample_step=None)


def test_settings_reach_the_configuration_that_the_command_reads(voice: Project) -> None:
    prepare(voice)
    train(voice, epochs=1, batch_size=3)
    written = Config.read(voice.folder / CONFIG)
    assert (written.train.epochs, written.train.batch_size) == (1, 3)
    assert written.pitch.keys() == {"anna"}
