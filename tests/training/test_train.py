"""Training of tiny voices: it can be stopped anywhere, resumes exactly, and reports its progress."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import MODEL, make_dataset
from trainings import Recorder, assert_same_bits, run

import processes
from myna.apps.cli import main
from myna.config import Config
from myna.errors import AssetError, CheckpointError, ConfigError, TrainingError
from myna.models.synthesizers.vits import Vits
from myna.storage import checkpoint
from myna.training import step
from myna.training.dataset import Batch
from myna.training.loop import StepReport
from myna.voice import Voice

TINY = str(Path(__file__).parent / "tiny.py")
pytestmark = pytest.mark.usefixtures("small_and_alone")


@pytest.mark.parametrize(
    "settings",
    [{}, {"num_workers": 1}, {"accumulate_grad_batches": 2, "batch_size": 1, "bf16_run": True}],
    ids=["plain", "with-a-worker", "accumulating-bf16"],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setattr("myna.training.families.MAX_FRAMES", 20)  # so that clips are cut
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    config = make_dataset(tmp_path, **settings)
    run(config, tmp_path / "whole", max_steps=5)
    # An epoch has 3 steps: the run stops in the middle of the second.
    stopped = run(config, tmp_path / "parts", Recorder(terminate_at=4), max_steps=5)
    assert (stopped.step, stopped.complete) == (4, False)
    resumed = Recorder()
    assert run(config, tmp_path / "parts", resumed, max_steps=5).complete
    assert [report.step for report in resumed.reports] == [5]
    for name in ("G_2.pth", "D_2.pth"):
        assert_same_bits(tmp_path / "whole" / name, tmp_path / "parts" / name)


def test_a_whole_training_with_every_loss_writes_a_voice(tmp_path: Path) -> None:
    config = make_dataset(tmp_path, template="quickvc", eval_interval=2, keep_ckpts=2, epochs=3)
    values = json.loads(config.read_text())
    values["model"] |= {"type_": "mb-istft", "vol_embedding": True}
    values["train"] |= {"vol_aug": True, "num_workers": 1, "ckpt_name_by_step": True}
    config.write_text(json.dumps(values))
    recorder = Recorder()
    summary = run(config, tmp_path / "logs", recorder)
    assert (summary.steps, summary.epoch, summary.complete) == (9, 3, True)
    assert set(recorder.reports[0].losses) == {
        *("discriminator", "synthesizer", "adversarial", "feature_matching", "mel", "kl", "f0", "subband")
    }
    used = [sorted(path.name for report in part for path in report.clips) for part in epochs(recorder.reports)]
    assert used == [[f"{index}.wav" for index in range(5)]] * 3
    orders = {tuple(path for report in part for path in report.clips) for part in epochs(recorder.reports)}
    assert len(orders) > 1
    checkpoints = sorted(path.name for path in (tmp_path / "logs").glob("*.pth"))
    assert checkpoints == ["D_8.pth", "D_9.pth", "G_8.pth", "G_9.pth"]
    assert summary.path is not None and Voice.load(summary.path).path == summary.path
    again = run(config, tmp_path / "logs")
    assert (again.steps, again.path) == (0, None)


@pytest.mark.parametrize("synthesizer", ["rvc", "sovits3"])
def test_a_voice_that_cannot_be_trained_is_refused_in_one_line(
    tmp_path: Path, synthesizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_dataset(tmp_path)
    values = json.loads(config.read_text())
    values["model"]["synthesizer"] = synthesizer
    config.write_text(json.dumps(values))
    with pytest.raises(SystemExit) as ended:
        main(["train", "-c", str(config), "-m", str(tmp_path / "logs"), "--from-scratch", "-d", "cpu"])
    assert ended.value.code == 5
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert synthesizer in line and "not trained" in line and "vits, direct" in line


def epochs(reports: list[StepReport]) -> list[list[StepReport]]:
    return [[report for report in reports if report.epoch == number] for number in sorted({r.epoch for r in reports})]


def test_the_log_contains_curves_images_and_audio(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(make_dataset(tmp_path), tmp_path / "logs", max_steps=2)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    tags = events.Tags()
    assert {"loss/mel", "loss/discriminator", "gradient_norm/synthesizer", "learning_rate", "validation/mel"} <= set(
        tags["scalars"]
    )
    assert {"segment/sung_mel", "validation_0/recording_mel"} <= set(tags["images"])
    assert {"validation_0/sung", "validation_0/recording"} <= set(tags["audio"])


def test_the_learning_rate_decays_once_an_epoch(tmp_path: Path) -> None:
    recorder = Recorder()
    run(make_dataset(tmp_path, batch_size=5, learning_rate=1e-4, lr_decay=0.5), tmp_path, recorder, max_steps=3)
    assert [report.learning_rate for report in recorder.reports] == [1e-4, 0.5e-4, 0.25e-4]


def spoil(monkeypatch: pytest.MonkeyPatch, is_bad: Any) -> None:
    """Make the losses of some batches infinite."""
    real = step.add_gradients

    def add(engine: Any, state: Any, batch: Batch, *others: Any, **more: Any) -> Any:
        if is_bad(batch):
            batch.input.spectrogram[0, 0, 0] = float("inf")
        return real(engine, state, batch, *others, **more)

    monkeypatch.setattr(step, "add_gradients", add)


def test_a_step_that_is_not_finite_is_skipped_and_its_clips_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, lambda batch: any(path.name == "3.wav" for path in batch.paths))
    recorder = Recorder()
    summary = run(make_dataset(tmp_path), tmp_path, recorder, max_steps=3)
    assert summary.skipped == 1
    assert any("3.wav" in note and "not finite" in note for note in recorder.notes)
    assert all(bool(value.isfinite().all()) for value in checkpoint.read(tmp_path / "G_1.pth").weights.values())


def test_many_such_steps_in_a_row_end_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.training.loop.MAX_SKIPPED", 2)
    spoil(monkeypatch, lambda batch: True)
    with pytest.raises(TrainingError, match=r"2 steps in a row were not finite, the last with .*wav"):
        run(make_dataset(tmp_path), tmp_path, max_steps=9)


def test_base_weights_may_have_other_speakers_and_nothing_else(tmp_path: Path) -> None:
    config = make_dataset(tmp_path)
    run(config, tmp_path / "base", max_steps=1)
    for kind in "GD":
        (tmp_path / "base" / f"{kind}_1.pth").rename(tmp_path / "base" / f"{kind}_0.pth")
    base = checkpoint.read(tmp_path / "base" / "G_0.pth").weights
    values = json.loads(config.read_text())
    values["model"]["n_speakers"] = 5
    config.write_text(json.dumps(values))
    recorder = Recorder()
    run(config, tmp_path / "logs", recorder, from_scratch=False, pretrained_dir=tmp_path / "base", max_steps=1)
    assert "base weights" in recorder.plans[0].origin
    trained = checkpoint.read(tmp_path / "logs" / "G_1.pth").weights
    assert trained["emb_g.weight"].shape == (5, MODEL["gin_channels"])
    assert torch.allclose(trained["emb_g.weight"][:2], base["emb_g.weight"], atol=1e-3)
    values["model"]["hidden_channels"] = 12
    config.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=r"G_0\.pth: .*content_projection.*model\.hidden_channels"):
        run(config, tmp_path / "other", from_scratch=False, pretrained_dir=tmp_path / "base")


def test_without_base_weights_the_error_names_from_scratch(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="--from-scratch"):
        run(make_dataset(tmp_path), tmp_path / "logs", from_scratch=False)


def test_a_generator_without_its_discriminator_is_not_resumed(tmp_path: Path) -> None:
    config = make_dataset(tmp_path)
    run(config, tmp_path, max_steps=1)
    (tmp_path / "D_1.pth").unlink()
    with pytest.raises(CheckpointError, match=r"no D_1\.pth"):
        run(config, tmp_path)


def test_the_optimizer_can_be_reset(tmp_path: Path) -> None:
    config = make_dataset(tmp_path)
    run(config, tmp_path, max_steps=1)
    run(config, tmp_path, max_steps=2, reset_optimizer=True)
    optimizer = checkpoint.read(tmp_path / "G_1.pth").optimizer
    assert optimizer is not None and optimizer["state"][0]["step"] == 1


def test_optimizer_parameters_have_the_order_of_so_vits_svc(tmp_path: Path) -> None:
    """The moments in a file are assigned to parameters by their index only."""
    config = make_dataset(tmp_path)
    run(config, tmp_path, max_steps=1)
    generator = checkpoint.read(tmp_path / "G_1.pth")
    assert generator.optimizer is not None
    moments = generator.optimizer["state"]
    shapes = [moments[index]["exp_avg"].shape for index in range(len(moments))]
    assert shapes == [tensor.shape for tensor in generator.weights.values()]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learning_rat", 1, "unknown key train.learning_rat; did you mean 'learning_rate'"),
        ("vol_aug", True, "model.vol_embedding"),
        ("fp16_run", True, "a CPU cannot train in fp16"),
    ],
)
def test_an_impossible_configuration_is_refused(tmp_path: Path, key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        run(make_dataset(tmp_path, **{key: value}), tmp_path)


def test_clips_without_features_are_named(tmp_path: Path) -> None:
    config = make_dataset(tmp_path)
    (tmp_path / "dataset" / "anna" / "2.wav.features.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"1 clips have no features: .*2\.wav; run svc pre-hubert"):
        run(config, tmp_path)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_features_of_another_encoder_are_refused_in_one_line(tmp_path: Path, num_workers: int) -> None:
    config = make_dataset(tmp_path, num_workers=num_workers)
    values = json.loads(config.read_text())
    values["model"]["ssl_dim"] = 7
    config.write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=r"^the content of .*wav has 6 channels, but the voice takes 7"):
        run(config, tmp_path)


def test_two_processes_train_one_voice(tmp_path: Path) -> None:
    """Each takes its own half of the clips, and their gradients are averaged."""
    config = make_dataset(tmp_path)
    arguments = [*("-c", str(config), "-m", str(tmp_path / "logs"), "--from-scratch", "--max-steps", "3")]
    done = processes.run(
        [sys.executable, TINY, "train", *arguments, "--device", "cpu", "--devices", "2"],
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    assert done.stdout.count("svc infer song.wav") == 1
    assert checkpoint.read(tmp_path / "logs" / "G_2.pth").extra["step"] == 3  # 2 steps an epoch


def test_ctrl_c_writes_a_checkpoint_and_prints_how_to_resume(tmp_path: Path) -> None:
    config = make_dataset(tmp_path, log_interval=1)
    arguments = ["-c", str(config), "-m", str(tmp_path / "logs"), "--from-scratch", "--device", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with processes.started([sys.executable, TINY, "train", *arguments], text=True, **pipes) as process:
        assert process.stderr is not None
        while "1/" not in process.stderr.readline(4096):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "resume: svc train" in output
    assert checkpoint.latest(tmp_path / "logs") is not None


def test_the_command_prints_the_next_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_dataset(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "train",
                "-c",
                str(config),
                "-m",
                str(tmp_path / "logs"),
                "--from-scratch",
                "--max-steps",
                "1",
                "-d",
                "cpu",
            ]
        )
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert re.search(r"device: cpu \(.+\)", printed.err)
    assert "5 (0.0 minutes), 2 per batch, 3 steps per epoch, 1 steps to do" in printed.err
    last = printed.out.strip().splitlines()[-1]
    assert last.startswith("1 steps in ") and last.endswith(f"svc infer song.wav -m {tmp_path / 'logs'}")
    assert Config.read(tmp_path / "logs" / "config.json") == Config.read(config)


def test_half_precision_does_not_round_f0(tmp_path: Path) -> None:
    """In bfloat16 440 Hz and 441 Hz are the same number."""
    seen, recorder = [], Recorder()
    real = Vits.forward

    def forward(self: Vits, batch: Any, *others: Any) -> Any:
        seen.append(batch.conditions.f0)
        return real(self, batch, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vits, "forward", forward)
        patch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
        run(make_dataset(tmp_path, bf16_run=True), tmp_path, recorder, max_steps=1)
    assert recorder.plans[0].precision == "bf16"
    assert seen[0].dtype == torch.float32
