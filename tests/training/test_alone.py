"""Two trainings in one folder, or preparation beside a training, refuse each other; signals save a checkpoint."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny import make_dataset
from trainings import Recorder, run

from myna.apps.cli import main
from myna.config import Config
from myna.errors import BusyError
from myna.storage import checkpoint
from myna.storage.lock import locked
from myna.training.loop import Plan
from myna.training.prepare.configuration import write_config
from myna.training.prepare.features import compute_features
from myna.training.prepare.recordings import remove_orphans, resample_recordings
from myna.training.retrieval import train_index

TINY = str(Path(__file__).parent / "tiny.py")
pytestmark = [
    pytest.mark.usefixtures("small_and_alone"),
    pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX"),
]


@contextmanager
def training(config: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start `svc train`, and wait for its first step; it is killed at the end of the block."""
    arguments = ["train", "-c", str(config), "-m", str(folder), "--from-scratch", "--device", "cpu"]
    command = [sys.executable, TINY, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        text = ""
        while "1/" not in text:
            letter = process.stderr.read(1)
            assert letter, text
            text = text[-200:] + letter
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_other_training_and_preparation_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preparation of the same clips would change what the training reads. pre-config only reads them."""
    config, logs, clips = make_dataset(tmp_path), tmp_path / "logs", tmp_path / "dataset"
    monkeypatch.setattr(sys, "argv", ["svcg"])
    with training(config, logs) as process:
        owner = rf"in use by tiny \(process {process.pid} on "
        with pytest.raises(BusyError, match=rf"logs is {owner}.*or train in another folder with -m"):
            run(config, logs)
        with pytest.raises(BusyError, match=rf"dataset is {owner}"):
            compute_features(clips, config)
        with pytest.raises(BusyError, match=rf"dataset is {owner}"):
            remove_orphans(clips)
        raw = tmp_path / "raw" / "anna"
        raw.mkdir(parents=True)
        (raw / "a.wav").write_bytes((clips / "anna" / "0.wav").read_bytes())
        with pytest.raises(BusyError, match=rf"dataset is {owner}"):
            resample_recordings(tmp_path / "raw", clips)
        write_config(clips, tmp_path / "lists", tmp_path / "other.json")
        train_index(Config.read(config), tmp_path / "index.safetensors")
        assert run(config, tmp_path / "other", max_steps=1).steps == 1
        assert not list(logs.glob("*.pth"))
    assert run(config, logs, max_steps=1).steps == 1  # the lock ended with its killed owner


def test_a_training_is_refused_while_its_clips_are_prepared(tmp_path: Path) -> None:
    config = make_dataset(tmp_path)
    with locked(tmp_path / "dataset"):
        with pytest.raises(BusyError, match="dataset is in use by"):
            run(config, tmp_path / "logs")
        with pytest.raises(BusyError, match="dataset is in use by"):
            write_config(tmp_path / "dataset", tmp_path / "lists", tmp_path / "other.json")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_sighup_saves_a_checkpoint(tmp_path: Path, num_workers: int) -> None:
    """A closed terminal sends SIGHUP to all its processes."""
    config = make_dataset(tmp_path, num_workers=num_workers)
    script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from unittest import mock
from tiny import small_discriminators
from trainings import run, Recorder
from myna.models.families import DISCRIMINATORS
import signal
class Closed(Recorder):
    def stepped(self, report):
        os.killpg(0, signal.SIGHUP)
with mock.patch.dict(DISCRIMINATORS, waveform=small_discriminators):
    summary = run(Path({str(config)!r}), Path({str(tmp_path)!r}), Closed(), max_steps=5)
print(summary.step, summary.complete)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, start_new_session=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1 False\n"), done.stderr
    assert checkpoint.latest(tmp_path) == tmp_path / "G_1.pth"


def test_nohup_keeps_sighup_ignored_and_only_a_second_ctrl_c_ends_at_once() -> None:
    script = """
import os, signal, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from myna.training.loop import stop_signals
with stop_signals() as flag:
    os.kill(os.getpid(), signal.SIGHUP)
    print(flag.is_set())
    os.kill(os.getpid(), signal.SIGTERM)
    print(flag.is_set())
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)  # the same Ctrl-C
    time.sleep(1.1)
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("second")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\nTrue\nsecond\n"), done.stderr


def test_the_setting_that_ended_a_training_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_dataset(tmp_path, epochs=1)
    plans: dict[str, Plan] = {}
    for name, options in {
        "first": {"max_steps": 2},
        "over": {"max_steps": 1},
        "all": {},
        "beyond": {"max_steps": 9},
    }.items():
        recorder = Recorder()
        run(config, tmp_path / "logs", recorder, **options)
        plans[name] = recorder.plans[0]
    assert {name: plan.limit for name, plan in plans.items()} == {
        "first": "max_steps",
        "over": "max_steps",
        "all": "epochs",
        "beyond": "epochs",
    }
    for steps, hint in (("1", "raise --max-steps"), ("9", "raise train.epochs")):
        arguments = ["-c", str(config), "-m", str(tmp_path / "logs"), "--device", "cpu", "--max-steps", steps]
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["train", *arguments])
        assert ended.value.code == 0
        assert capsys.readouterr().out == f"nothing to do: 3 steps are done; {hint} to train longer\n"
