"""Choice of the compute device."""

from __future__ import annotations

from dataclasses import dataclass

from myna.errors import DeviceError

CPU_ONLY = "PyTorch {} is built for the CPU only"


@dataclass(frozen=True)
class Device:
    """PyTorch name of a device, and the reason for choosing it."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def choose_device(name: str = "auto") -> Device:
    """Resolve "auto" or a PyTorch device name to a device of this machine.

    Raises:
        DeviceError: this machine has no such device, or this build of PyTorch does not support it.
    """
    import torch

    if name != "auto":
        try:
            torch.empty(1, device=name)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise DeviceError(f"no device {name!r} ({reason}); leave --device out to use the fastest one") from error
        return Device(name, "as asked")
    if torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return Device("mps", "Apple GPU")
    if torch.version.cuda is None and torch.version.hip is None:
        return Device("cpu", CPU_ONLY.format(torch.__version__))
    return Device("cpu", "PyTorch finds no GPU: is its driver installed and recent enough?")
