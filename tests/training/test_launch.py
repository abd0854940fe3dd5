"""Devices and precision of a training follow from the options and from the launcher of the process."""

from __future__ import annotations

import logging

import pytest
import torch
from lightning_fabric.strategies import DDPStrategy, SingleDeviceStrategy

from myna.errors import ConfigError
from myna.training import launch
from myna.training.launch import make_fabric, precision_of


def test_one_process_is_never_distributed() -> None:
    assert isinstance(make_fabric("cpu", None, None, "fp32").strategy, SingleDeviceStrategy)
    assert isinstance(make_fabric("cpu", 2, None, "fp32").strategy, DDPStrategy)


def test_more_processes_than_a_processor_can_run_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"--devices 9999: at most \d+ on this machine's cpu"):
        make_fabric("cpu", 9999, None, "fp32")


def test_precision_is_mixed_and_inputs_are_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, avx512_bf16=True)
    precision = make_fabric("cpu", 1, 1, "bf16").strategy.precision
    pitch = torch.tensor([441.0])
    assert torch.equal(precision.convert_input(pitch), pitch)
    with precision.forward_context():
        assert torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.bfloat16


def processor(monkeypatch: pytest.MonkeyPatch, **capabilities: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


@pytest.mark.parametrize("instructions", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_processor_with_instructions_for_bf16_trains_in_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, instructions: str
) -> None:
    processor(monkeypatch, avx2=True, **{instructions: True})
    with caplog.at_level(logging.INFO, "myna"):
        assert precision_of(make_fabric("cpu", 1, 1, "bf16")) == "bf16"
        assert precision_of(make_fabric("cpu", 1, 1, "fp32")) == "fp32"
    assert not caplog.messages


def test_a_processor_without_bf16_trains_in_full_precision_with_a_notice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    processor(monkeypatch, avx2=True, avx512_bf16=False, amx_bf16=False)
    with caplog.at_level(logging.INFO, "myna"):
        fabric = make_fabric("cpu", 1, 1, "bf16")
    assert precision_of(fabric) == "fp32"
    with fabric.autocast():
        assert torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.float32
    assert caplog.messages == ["this processor does not support bf16; training in full precision"]


def test_without_capabilities_from_torch_training_is_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision_of(make_fabric("cpu", 1, 1, "bf16")) == "fp32"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (1, 1)),
        ({"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2)),
        ({"SLURM_NTASKS": "6", "SLURM_NNODES": "3", "SLURM_JOB_NAME": "train"}, (2, 3)),
        ({"SLURM_NTASKS": "6", "SLURM_NNODES": "3", "SLURM_JOB_NAME": "bash"}, (1, 1)),
    ],
    ids=["alone", "torchrun", "slurm", "interactive-slurm"],
)
def test_processes_of_torchrun_and_slurm_are_counted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launch._started_processes() == expected


def test_impossible_devices_and_precisions_raise() -> None:
    with pytest.raises(ConfigError, match="a CPU cannot train in fp16"):
        make_fabric("cpu", 1, 1, "fp16")
    with pytest.raises(ConfigError, match="is one device"):
        make_fabric("cuda:1", 2, 1, "fp32")
