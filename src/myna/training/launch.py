"""Set-up of the devices, the precision and the processes for training, with Lightning Fabric."""

from __future__ import annotations

import logging
import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from myna.config import Precision
from myna.errors import ConfigError
from myna.precision import computes_in_bf16

_log = logging.getLogger(__name__)

_MIXED: dict[Precision, str] = {"fp16": "16-mixed", "bf16": "bf16-mixed"}  # names in Fabric


class _WholeInputs(MixedPrecision):
    """Mixed precision with inputs in single precision.

    In bf16, with 8 significant bits, an f0 of 440 Hz would be rounded by up to 1 Hz; fp16 has 11 bits.
    """

    def convert_input(self, data: Any) -> Any:
        return data


def make_fabric(device: str, devices: int | None, num_nodes: int | None, precision: Precision) -> Fabric:
    """Create a Fabric; the caller launches it.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        devices: number of devices per machine; None takes the number of processes per machine from torchrun or SLURM,
            or 1 without them.
        num_nodes: number of machines; None takes the number from torchrun or SLURM, or 1 without them.

    Raises:
        ConfigError: this machine does not have the devices, or they do not support the precision.
    """
    accelerator, _, index = device.partition(":")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if index and (devices or 1) > 1:
        raise ConfigError(f"--device {device} is one device; for {devices} use --device {accelerator}")
    if precision == "fp16" and accelerator == "cpu":
        raise ConfigError("a CPU cannot train in fp16; set train.bf16_run instead of fp16_run, or neither")
    if precision == "bf16" and accelerator == "cpu" and not computes_in_bf16():
        _log.info("this processor does not support bf16; training in full precision")
        precision = "fp32"
    started, nodes = _started_processes()
    devices, num_nodes = devices or started, num_nodes or nodes
    # On a CPU, a device is a process. More than two processes per core would only wait for each other.
    available = torch.cuda.device_count() if accelerator == "cuda" else max(2 * (os.cpu_count() or 1), started)
    if devices > available:
        raise ConfigError(f"--devices {devices}: at most {available} on this machine's {accelerator}")
    mixed = _MIXED.get(precision)
    return Fabric(
        accelerator=accelerator,
        devices=[int(index)] if index else devices,
        num_nodes=num_nodes,
        # A single process does not need DDP.
        strategy="ddp" if devices * num_nodes > 1 else "auto",
        plugins=[_WholeInputs(mixed, accelerator)] if mixed else None,  # type: ignore[arg-type]
    )


def precision_of(fabric: Fabric) -> Precision:
    """Return the precision in use, which may differ from the configured one."""
    found = fabric.strategy.precision.precision
    return next((name for name, mixed in _MIXED.items() if mixed == found), "fp32")


def _started_processes() -> tuple[int, int]:
    """Return the numbers of processes per machine and of machines from torchrun or SLURM; (1, 1) without them."""
    environment = os.environ
    if TorchElasticEnvironment.detect():
        local = int(environment["LOCAL_WORLD_SIZE"])
        return local, int(environment["WORLD_SIZE"]) // local
    if SLURMEnvironment.detect():
        nodes = int(environment.get("SLURM_NNODES", 1))
        return int(environment["SLURM_NTASKS"]) // nodes, nodes
    return 1, 1
