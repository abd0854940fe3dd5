"""Checkpoints are read without executing anything, written atomically, and refused with the reason."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import processes
from myna.errors import CheckpointError
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint

GOLDEN = Path(__file__).parents[1] / "golden" / "fork" / "so-vits-svc-4.0v1" / "G_3.pth"


def a_checkpoint(value: float = 1.0, size: int = 4) -> Checkpoint:
    return Checkpoint({"emb_g.weight": torch.full((size,), value)}, 7, 1e-4, None, {"step": 70})


def test_a_written_checkpoint_is_read_back(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "G_7.pth", a_checkpoint())
    read = checkpoint.read(tmp_path / "G_7.pth")
    assert torch.equal(read.weights["emb_g.weight"], torch.ones(4))
    assert (read.iteration, read.learning_rate, read.optimizer, read.extra) == (7, 1e-4, None, {"step": 70})
    assert os.listdir(tmp_path) == ["G_7.pth"]


def test_checkpoints_of_the_predecessors_are_read(tmp_path: Path) -> None:
    golden = checkpoint.read(GOLDEN)
    assert "emb_g.weight" in golden.weights and golden.iteration >= 0
    content = {"model": {"module.emb_g.weight": torch.ones(2)}, "iteration": 3, "optimizer": None}
    # Some contain a numpy number, some have the format before torch 1.6.
    torch.save(content | {"learning_rate": np.float64(0.5)}, tmp_path / "numpy.pth")
    torch.save(content | {"learning_rate": 0.5}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("numpy.pth", "old.pth"):
        read = checkpoint.read(tmp_path / name)
        assert (list(read.weights), read.learning_rate) == (["emb_g.weight"], 0.5)


class RunsCode:
    """Object whose pickle creates a folder when it is read."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.proof),))


def lfs_pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 542178141\n")


def web_page(path: Path) -> None:
    path.write_text("\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>")


def half_a_file(path: Path) -> None:
    path.write_bytes(GOLDEN.read_bytes()[: GOLDEN.stat().st_size // 2])


def half_an_old_file(path: Path) -> None:
    torch.save({"model": {"emb_g.weight": torch.ones(9999)}}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-5000])


def malicious(path: Path) -> None:
    torch.save({"model": RunsCode(path.with_name("proof"))}, path)


def malicious_plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(RunsCode(path.with_name("proof"))))


def text(path: Path) -> None:
    path.write_text("this is no checkpoint")


def saved(content: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lfs_pointer, "is a Git LFS pointer"),
        (web_page, "is a web page"),
        (Path.touch, "is empty"),
        (half_a_file, "is incomplete"),
        (half_an_old_file, "is damaged or incomplete"),
        (text, "is not a checkpoint: torch did not write it"),
        (malicious, "names (posix|nt).mkdir, which could run code .*: refused"),
        (malicious_plain_pickle, "refused"),
        (saved(nn.Linear(1, 1)), "names torch.nn.modules.linear.Linear, which could run code"),
        (
            saved({"model": {"discriminators.0.convs.0.bias": torch.ones(1)}}),
            "is a discriminator, .*the voice is the G_",
        ),
        (saved({"generator": {}}), "is not a checkpoint of so-vits-svc; 'svc inspect "),
        (saved([1, 2]), "is not a checkpoint of so-vits-svc"),
    ],
)
def test_other_files_are_refused_in_one_line_with_their_kind(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "G_0.pth"
    make(path)
    with pytest.raises(CheckpointError, match=message) as refused:
        checkpoint.read(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "proof").exists()


def test_a_generator_is_refused_as_a_discriminator() -> None:
    with pytest.raises(CheckpointError, match="is a generator"):
        checkpoint.read(GOLDEN, "D")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        checkpoint.read(tmp_path / "G_1.pth")


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_leaves_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "G_1.pth"
    checkpoint.write(path, a_checkpoint(1.0))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FullFile:
        """File object of a full disk, for torch and Python."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return full if name == "write" else getattr(self.file, name)

        def __enter__(self) -> FullFile:
            return self

        def __exit__(self, *_: Any) -> None:
            self.file.close()

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        real = Path.open
        monkeypatch.setattr(Path, "open", lambda self, mode="r": FullFile(real(self, mode)))
    with pytest.raises(CheckpointError, match=r"cannot write .*G_1\.pth: No space left on device; .*unchanged"):
        checkpoint.write(path, a_checkpoint(2.0))
    monkeypatch.undo()
    assert checkpoint.read(path).weights["emb_g.weight"][0] == 1.0
    assert os.listdir(tmp_path) == ["G_1.pth"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_while_writing_leaves_the_previous_file(tmp_path: Path) -> None:
    """The process is killed when half of the new file is on the disk."""
    path = tmp_path / "G_1.pth"
    checkpoint.write(path, a_checkpoint(1.0))
    script = f"""
import os, torch
from myna.storage import checkpoint
def killed_at_the_end(*_):
    print("writing", flush=True)
    os.kill(os.getpid(), {int(signal.SIGKILL)})
os.fsync = killed_at_the_end
checkpoint.write({str(path)!r}, checkpoint.Checkpoint({{"emb_g.weight": torch.zeros(10**6)}}, 8, 1e-4, None))
"""
    done = processes.run([sys.executable, "-c", script])
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "writing\n"), done.stderr
    assert checkpoint.read(path).weights["emb_g.weight"].tolist() == [1.0] * 4
    assert checkpoint.latest(tmp_path) == path


def test_files_written_together_are_replaced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / "D_1.pth", tmp_path / "G_1.pth"]
    checkpoint.write_together({path: a_checkpoint(1.0) for path in paths})
    calls = []

    def full_at_the_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_at_the_second)
    with pytest.raises(CheckpointError, match="No space left"):
        checkpoint.write_together({path: a_checkpoint(2.0) for path in paths})
    assert [checkpoint.read(path).weights["emb_g.weight"][0] for path in paths] == [1.0, 1.0]


def test_the_latest_checkpoint_has_the_highest_number(tmp_path: Path) -> None:
    for name in ("G_0.pth", "G_800.pth", "G_1000.pth", "D_2000.pth", "G_old.pth", "G_1200.txt"):
        (tmp_path / name).touch()
    assert checkpoint.latest(tmp_path) == tmp_path / "G_1000.pth"
    assert checkpoint.latest(tmp_path, "D") == tmp_path / "D_2000.pth"
    assert checkpoint.latest(tmp_path / "nowhere") is None


def test_every_mismatch_is_listed_and_nothing_is_loaded() -> None:
    module = nn.ModuleDict(
        {"content_projection": nn.Conv1d(4, 3, 1), "extra": nn.Linear(1, 1), "same": nn.Linear(1, 1)}
    )
    weights = {
        "content_projection.weight": torch.zeros(3, 8, 1),
        "content_projection.bias": torch.zeros(3),
        "same.weight": torch.zeros(1, 1),
        "same.bias": torch.zeros(1),
        "f0_predictor.projection.bias": torch.zeros(1),
    }
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load_weights(module, weights)
    message = str(refused.value)
    for part in (
        *("extra.weight is missing", "extra.bias is missing", "f0_predictor.projection.bias is unexpected"),
        *("content_projection.weight is 3x8x1 instead of 3x4x1", "model.ssl_dim"),
        "model.use_automatic_f0_prediction",
    ):
        assert part in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_many_mismatches_are_counted() -> None:
    weights = {f"layer{index}": torch.zeros(1) for index in range(30)}
    with pytest.raises(CheckpointError, match=r"layer11 is unexpected; and 18 more$"):
        checkpoint.load_weights(nn.Identity(), weights)
