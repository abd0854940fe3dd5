"""Training of the light voice: it resumes exactly, and conversion uses the average of its weights."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BANDWIDTH_HZ, make_dataset
from torch import Tensor
from trainings import Recorder, assert_same_bits, run

from myna.apps.actions.training_log import read_curves, read_sample
from myna.conversion.converter import Converter
from myna.errors import CheckpointError
from myna.options import ConversionOptions
from myna.storage import checkpoint
from myna.training.features_file import read_features, write_features
from myna.training.loop import StepReport
from myna.voice import Voice

pytestmark = pytest.mark.usefixtures("small_and_alone")
LIGHT: dict[str, Any] = {"template": "myna-lite", "bf16_run": False}


def trained(path: Path) -> dict[str, Tensor]:
    """Return the weights that the optimizer updates; the file also contains their average."""
    weights: dict[str, Tensor] = checkpoint.read(path).extra["trained_weights"]
    return weights


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize(
    "settings",
    [{}, {"adversarial_start": 5}, {"accumulate_grad_batches": 2, "batch_size": 1, "bf16_run": True, "vol_aug": True}],
    ids=["adversarial", "adversarial later", "accumulating-bf16"],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    config = make_dataset(tmp_path, **LIGHT | settings)
    run(config, tmp_path / "whole", max_steps=6)
    run(config, tmp_path / "parts", max_steps=4)
    resumed = Recorder()
    assert run(config, tmp_path / "parts", resumed, max_steps=6).complete
    assert [report.step for report in resumed.reports] == [5, 6]
    for name in ("G_6.pth", "D_6.pth"):  # with the average and the current weights
        assert_same_bits(tmp_path / "whole" / name, tmp_path / "parts" / name)


def test_the_weights_of_a_checkpoint_are_the_average_of_the_last_steps(tmp_path: Path) -> None:
    run(make_dataset(tmp_path, eval_interval=1, average_decay=0.12, **LIGHT), tmp_path, max_steps=4)
    average = trained(tmp_path / "G_1.pth")  # the random start has no share
    for step in range(1, 5):
        share = max(1 - 0.12, 10 / (step - 1 + 10))  # 1, 10 / 11, then as the decay says
        weights = trained(tmp_path / f"G_{step}.pth")
        average = {name: tensor + share * (weights[name] - tensor) for name, tensor in average.items()}
        stored = checkpoint.read(tmp_path / f"G_{step}.pth").weights
        for name, tensor in average.items():
            torch.testing.assert_close(stored[name], tensor, rtol=1e-5, atol=1e-7)
    assert not same(stored, weights)


def test_validation_uses_the_average_and_changes_nothing(tmp_path: Path) -> None:
    """Two runs end the same, though only one writes checkpoints and validates at every step."""
    for name, interval in (("often", 1), ("seldom", 1000)):
        run(make_dataset(tmp_path, eval_interval=interval, **LIGHT), tmp_path / name, max_steps=3)
    assert_same_bits(tmp_path / "often" / "G_3.pth", tmp_path / "seldom" / "G_3.pth")


def test_an_average_that_is_switched_off_is_no_longer_used(tmp_path: Path) -> None:
    run(make_dataset(tmp_path, **LIGHT), tmp_path, max_steps=2)
    run(make_dataset(tmp_path, average_decay=0, **LIGHT), tmp_path, max_steps=3)
    before, after = (checkpoint.read(tmp_path / f"G_{step}.pth") for step in (2, 3))
    assert "trained_weights" in before.extra and "trained_weights" not in after.extra
    assert not same(before.weights, after.weights)


def test_discriminators_are_not_trained_before_adversarial_start(tmp_path: Path) -> None:
    recorder = Recorder()
    config = make_dataset(tmp_path, eval_interval=1, adversarial_start=2, **LIGHT)
    run(config, tmp_path, recorder, max_steps=4)
    discriminators = [checkpoint.read(tmp_path / f"D_{step}.pth", "D") for step in range(1, 5)]
    assert same(discriminators[0].weights, discriminators[1].weights)
    assert not discriminators[1].optimizer["state"]  # type: ignore[index]
    assert not same(discriminators[1].weights, discriminators[2].weights)
    assert not same(discriminators[2].weights, discriminators[3].weights)
    before, after = set(recorder.reports[1].losses), set(recorder.reports[2].losses)
    assert before == {"discriminator", "synthesizer", "mel", "spectrum"}
    assert after == before | {"adversarial", "feature_matching"}
    assert recorder.reports[1].losses["discriminator"] == recorder.reports[1].gradient_norms["discriminator"] == 0
    assert recorder.reports[2].gradient_norms["discriminator"] > 0
    assert not same(trained(tmp_path / "G_1.pth"), trained(tmp_path / "G_2.pth")), (
        "the synthesizer is trained from the first step"
    )


def test_large_gradients_are_scaled_down(tmp_path: Path) -> None:
    """Adam's step does not depend on the gradient's scale, but its first moments do."""
    recorder = Recorder()
    run(make_dataset(tmp_path, max_gradient=0.01, **LIGHT), tmp_path, recorder, max_steps=1)
    assert recorder.reports[0].gradient_norms["synthesizer"] > 0.02
    optimizer = checkpoint.read(tmp_path / "G_1.pth").optimizer
    assert optimizer is not None
    moments = torch.stack([one["exp_avg"].norm() for one in optimizer["state"].values()])
    assert moments.norm() == pytest.approx(0.01 * (1 - 0.8), rel=1e-3)


class Clock(Recorder):
    """Clock that advances by a minute at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.minutes = 0.0

    def perf_counter(self) -> float:
        return 60 * self.minutes

    def stepped(self, report: StepReport) -> None:
        super().stepped(report)
        self.minutes += 1


def test_a_time_limit_writes_a_checkpoint_that_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, clock = make_dataset(tmp_path, **LIGHT), Clock()
    run(config, tmp_path / "whole", max_steps=5)
    monkeypatch.setattr("myna.training.loop.time", SimpleNamespace(perf_counter=clock.perf_counter))
    summary = run(config, tmp_path / "logs", clock, max_minutes=2.5, max_steps=5)
    assert (summary.step, summary.complete) == (3, False)
    assert summary.path == tmp_path / "logs" / "G_3.pth" and summary.path.is_file()
    assert run(config, tmp_path / "logs", clock, max_minutes=2.5, max_steps=5).complete
    assert_same_bits(tmp_path / "whole" / "G_5.pth", tmp_path / "logs" / "G_5.pth")


def test_checkpoints_are_saved_at_intervals_of_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is validated, also the one at the time limit."""
    config, clock = make_dataset(tmp_path, eval_interval=1, **LIGHT), Clock()
    monkeypatch.setattr("myna.training.loop.time", SimpleNamespace(perf_counter=clock.perf_counter))
    run(config, tmp_path / "logs" / "44k", clock, save_minutes=1.5, max_minutes=4.5)
    assert sorted(path.name for path in (tmp_path / "logs" / "44k").glob("G_*")) == ["G_2.pth", "G_4.pth", "G_5.pth"]
    logged = read_curves(tmp_path)
    assert [step for step, _ in logged.scalars["validation/mel"]] == [2, 4, 5] == list(logged.sample_steps)
    assert logged.steps == {2: 2, 4: 4, 5: 5}
    assert read_sample(tmp_path, 0, 4) != read_sample(tmp_path, 0, 5)


def test_the_bandwidth_of_speakers_is_in_the_checkpoint(tmp_path: Path) -> None:
    run(make_dataset(tmp_path, **LIGHT), tmp_path, max_steps=1)
    assert checkpoint.read(tmp_path / "G_1.pth").weights["highest_hz"].tolist() == [BANDWIDTH_HZ, 22050.0]


def test_recordings_of_more_bandwidth_take_effect_at_once(tmp_path: Path) -> None:
    """The bandwidth is not averaged as weights are."""
    config = make_dataset(tmp_path, average_decay=0.999, **LIGHT)
    run(config, tmp_path, max_steps=1)
    for path in (tmp_path / "dataset" / "anna").glob("*.safetensors"):
        write_features(path, read_features(path)._replace(bandwidth_hz=16000.0), {})
    run(config, tmp_path, max_steps=3)
    assert checkpoint.read(tmp_path / "G_3.pth").weights["highest_hz"].tolist() == [16000.0, 22050.0]


def test_the_bandwidth_of_a_speaker_is_a_quantile_over_the_clips(tmp_path: Path) -> None:
    config = make_dataset(tmp_path, (0.1,) * 11, **LIGHT)
    for index, path in enumerate(sorted((tmp_path / "dataset" / "anna").glob("*.safetensors"))):
        write_features(path, read_features(path)._replace(bandwidth_hz=22050.0 if index == 0 else 8000.0), {})
    run(config, tmp_path, max_steps=1)
    assert checkpoint.read(tmp_path / "G_1.pth").weights["highest_hz"][0] == 8000, "a single outlier does not count"


class Bands:
    """Content encoder without weights: 6 band energies, 50 frames a second."""

    channels = 6

    def __call__(self, audio: Tensor) -> Tensor:
        frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
        return torch.fft.rfft(frames).abs()[:, :150].reshape(-1, 6, 25).mean(2).T


def test_a_conversion_is_in_tune_and_within_the_bandwidth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: Bands())
    summary = run(make_dataset(tmp_path, **LIGHT), tmp_path / "logs", max_steps=2)
    assert summary.path is not None and Voice.load(summary.path).path == summary.path
    converter = Converter.load(tmp_path / "logs")
    time = np.arange(2 * 44100) / 44100
    song = sum(np.sin(2 * np.pi * 220.5 * k * time) / k for k in range(1, 9)).astype(np.float32) * 0.1
    converted = converter.convert(song, 44100, ConversionOptions(f0_method="swift", seed=1)).audio
    again = converter.convert(song, 44100, ConversionOptions(f0_method="swift", seed=1)).audio
    assert converted.shape == song.shape and np.isfinite(converted).all()
    np.testing.assert_array_equal(converted, again)
    middle = converted[22050:66150] * np.hanning(44100)
    power = np.abs(np.fft.rfft(middle)) ** 2  # bins of 1 Hz
    assert power[8100:].sum() < 1e-4 * power.sum()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(middle, 88200)) ** 2)
    assert correlation[100:300].argmax() + 100 == pytest.approx(200, abs=1)


def test_base_weights_may_have_other_speakers(tmp_path: Path) -> None:
    config = make_dataset(tmp_path, **LIGHT)
    run(config, tmp_path / "base", max_steps=1)
    for kind in "GD":
        (tmp_path / "base" / f"{kind}_1.pth").rename(tmp_path / "base" / f"{kind}_0.pth")
    base = checkpoint.read(tmp_path / "base" / "G_0.pth").weights
    values = json.loads(config.read_text())
    values["model"]["n_speakers"] = 5
    config.write_text(json.dumps(values))
    run(config, tmp_path / "logs", from_scratch=False, pretrained_dir=tmp_path / "base", max_steps=1)
    voice = checkpoint.read(tmp_path / "logs" / "G_1.pth").weights
    assert voice["highest_hz"].tolist() == [BANDWIDTH_HZ] + [22050.0] * 4
    torch.testing.assert_close(voice["emb_g.weight"][:2], base["emb_g.weight"], rtol=0, atol=1e-3)


def test_a_processor_without_bf16_trains_in_full_precision_and_the_plan_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    recorder = Recorder()
    run(make_dataset(tmp_path, **LIGHT | {"bf16_run": True}), tmp_path, recorder, max_steps=1)
    assert recorder.plans[0].precision == "fp32"


def test_discriminators_of_another_kind_are_refused(tmp_path: Path) -> None:
    run(make_dataset(tmp_path, **LIGHT), tmp_path / "logs", max_steps=1)
    config = make_dataset(tmp_path, **LIGHT | {"discriminators": "waveform"})
    with pytest.raises(CheckpointError, match=r"D_1\.pth: "):
        run(config, tmp_path / "logs", max_steps=2)


def test_training_reduces_the_loss(tmp_path: Path) -> None:
    recorder = Recorder()
    settings = {"batch_size": 4, "learning_rate": 3e-3, "adversarial_start": 1000, "pitch_jitter": 0.0}
    run(make_dataset(tmp_path, (0.5, 0.5, 0.5, 0.5), **LIGHT | settings), tmp_path, recorder, max_steps=60)
    losses = [report.losses["mel"] for report in recorder.reports]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:3])
