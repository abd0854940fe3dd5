"""Choice of the precision of a conversion."""

from __future__ import annotations

import logging

from myna.errors import ConfigError
from myna.models.bf16 import is_faster_in_bf16, supports_bf16
from myna.models.interface import Synthesizer
from myna.options import ComputePrecision, PrecisionChoice
from myna.precision import computes_in_bf16

_log = logging.getLogger(__name__)


def choose_precision(chosen: PrecisionChoice, synthesizer: Synthesizer, device: str = "cpu") -> ComputePrecision:
    """Return the precision in which a voice converts on a device.

    "auto" is bfloat16 for large voices on processors with bfloat16 instructions, and otherwise float32.

    Raises:
        ConfigError: bfloat16 is chosen, but the voice or the device does not support it.
    """
    is_cpu = device.partition(":")[0] == "cpu"
    if chosen == "auto":
        return "bf16" if is_cpu and is_faster_in_bf16(synthesizer) and computes_in_bf16() else "fp32"
    if chosen == "bf16":
        if not is_cpu:
            raise ConfigError(
                f"--precision bf16 is for the CPU; leave it out, or convert with --device cpu instead of {device}"
            )
        if not supports_bf16(synthesizer):
            raise ConfigError(
                "--precision bf16 is for voices with an upsampling decoder in PyTorch, not for light voices and ONNX "
                "graphs; leave it out"
            )
        if not computes_in_bf16():
            _log.warning("this processor has no bf16 instructions, so --precision bf16 is slower than fp32")
    return chosen
