"""Which device computes, and why that one."""

from __future__ import annotations

from myna.errors import ConfigError

DEVICE_HELP = "cpu, cuda, cuda:1, mps, or auto: the fastest there is"


def choose_device(name: str) -> tuple[str, str]:
    """PyTorch's name of the device that `name` ("auto" or a device) means, and a reason for a person to read.

    Raises:
        ConfigError: this machine, or this PyTorch, has no such device.
    """
    import torch

    if name != "auto":
        try:
            torch.empty(1, device=name)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(f"no device {name!r} ({reason}); leave --device out to take what there is") from error
        return name, "as asked"
    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        return "mps", "Apple GPU"
    if torch.version.cuda is None and torch.version.hip is None:
        return "cpu", f"PyTorch {torch.__version__} is built for the CPU only"
    return "cpu", "PyTorch finds no GPU: is its driver installed and recent enough?"
