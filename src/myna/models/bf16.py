"""Synthesizers whose decoder computes in bfloat16.

In a large voice, the upsampling network of the decoder takes most of the time of the synthesizer, and only this network
is converted. The prior, the flow, f0, the excitation with its phases, the last convolution and inverse STFTs stay in
float32: they take little time, or need more than 8 significant bits.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from myna.models.decoders.backbone import Backbone
from myna.models.interface import Synthesizer, SynthesizerModule
from myna.models.layers.snake import AntiAliasedSnake
from myna.precision import convert_ends

# Channels of the first convolution of the smallest network that is faster in bfloat16. The networks of the templates
# have 400 or more.
_LARGE_CHANNELS = 256


def supports_bf16(synthesizer: Synthesizer) -> bool:
    """Return True if `in_bf16` can convert the synthesizer; light voices and ONNX graphs are not supported."""
    return _backbone(synthesizer) is not None


def is_faster_in_bf16(synthesizer: Synthesizer) -> bool:
    """Return True if the synthesizer is large enough for bfloat16 to save time, given a processor that supports it."""
    backbone = _backbone(synthesizer)
    return backbone is not None and backbone.input_conv.out_channels >= _LARGE_CHANNELS


def in_bf16(synthesizer: Synthesizer) -> Synthesizer:
    """Return a copy of a synthesizer with the upsampling network in bfloat16; the other tensors are shared.

    Args:
        synthesizer: one for which `supports_bf16` is true, with fused layers.
    """
    backbone = _backbone(synthesizer)
    assert backbone is not None and isinstance(synthesizer, SynthesizerModule)
    tensors = [*synthesizer.parameters(), *synthesizer.buffers()]
    own = {id(tensor) for tensor in (*backbone.parameters(), *backbone.buffers())}
    copied = copy.deepcopy(synthesizer, {id(tensor): tensor for tensor in tensors if id(tensor) not in own})
    copied_backbone = _backbone(copied)
    assert copied_backbone is not None
    convert_ends(copied_backbone, torch.bfloat16, torch.float32)
    for part in copied_backbone.modules():
        if isinstance(part, nn.Conv1d | nn.ConvTranspose1d):
            part.to(torch.bfloat16)
        elif isinstance(part, AntiAliasedSnake):  # its filters, of one channel each, are slower in bfloat16
            convert_ends(part, torch.float32, torch.bfloat16)
    # The last convolution is computed inside the backbone, for each piece.
    last = getattr(copied.decoder, "output_activation", None)
    if last is not None:
        convert_ends(last, torch.float32, torch.float32)
    return copied


def _backbone(synthesizer: Synthesizer) -> Backbone | None:
    found = getattr(getattr(synthesizer, "decoder", None), "backbone", None)
    return found if isinstance(found, Backbone) else None
