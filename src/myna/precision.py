"""Computation in bfloat16 on the CPU: whether the processor has instructions for it, and networks that use it.

A bfloat16 has the range of a float32, but only 8 significant bits. Processors with bfloat16 instructions multiply
bfloat16 matrices about twice as fast as float32 matrices (with AMX, several times as fast), and add the products in
float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")  # names in PyTorch, of x86 and ARM


def computes_in_bf16() -> bool:
    """Return True if the processor has bf16 instructions; without them, bf16 is slower than full precision."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return False  # older versions of PyTorch cannot answer this
    found = torch.cpu.get_capabilities()
    return any(found.get(name) for name in _INSTRUCTIONS)


def convert_ends(network: nn.Module, inside: torch.dtype, outside: torch.dtype) -> None:
    """Convert the inputs of each call of `network` to the dtype `inside`, and its output to `outside`.

    Only floating-point tensors that are arguments are converted.
    """

    def before(
        module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        values = tuple(_converted(value, inside) for value in arguments)
        return values, {name: _converted(value, inside) for name, value in named.items()}

    def after(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        return _converted(output, outside)

    network.register_forward_pre_hook(before, with_kwargs=True)
    network.register_forward_hook(after)


def _converted(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
