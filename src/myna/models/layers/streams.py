"""Layers over time for streams. Each layer keeps the end of its input, so that no frame is computed twice.

Frames are (T, C). The joined results of `push` equal the layer's result for the whole zero-padded signal, but end
`right` frames earlier.
"""

from __future__ import annotations

import torch
from torch import Tensor

from myna.few_rows import FewRows
from myna.models.layers.convnext import SpeakerBlock
from myna.models.layers.convolution import TimeConv1d, TimeUpsampling


class Frames:
    """Queue of frames that keep their positions in the stream."""

    def __init__(self) -> None:
        self.start = 0  # position of the first frame in the queue
        self._frames: Tensor | None = None

    def push(self, frames: Tensor) -> None:
        self._frames = frames if self._frames is None else torch.cat([self._frames, frames])

    def at(self, positions: Tensor) -> Tensor:
        """Return the frames (T, ...) at these positions (T,)."""
        assert self._frames is not None
        return self._frames[positions - self.start]

    def drop_before(self, position: int) -> None:
        if self._frames is not None and position > self.start:
            self._frames = self._frames[position - self.start :]
            self.start = position


class ConvolutionStream:
    """A `TimeConv1d` for a stream."""

    def __init__(self, layer: TimeConv1d) -> None:
        self._size = layer.kernel_size[0]
        self._linear = FewRows(layer.weight.flatten(1), layer.bias)
        self.right = layer.right
        self._held = layer.weight.new_zeros(layer.left, layer.in_channels)

    def push(self, x: Tensor) -> Tensor:
        x = torch.cat([self._held, x])
        n_out = max(len(x) - self._size + 1, 0)
        self._held = x[n_out:]
        windows = x.unfold(0, self._size, 1) if n_out else x.new_zeros(0, x.shape[1], self._size)
        result: Tensor = self._linear(windows.flatten(1))
        return result


class UpsamplingStream:
    """A `TimeUpsampling` for a stream."""

    def __init__(self, layer: TimeUpsampling) -> None:
        self._rate, self._channels = layer.rate, layer.out_channels
        self.right = layer.right  # in output frames
        earlier, later = layer.weight[..., self._rate :], layer.weight[..., : self._rate]
        assert layer.bias is not None
        # One row for each output frame and channel, and one column for each channel of the two input frames.
        weight = torch.cat([earlier, later]).permute(2, 1, 0).flatten(0, 1)
        self._linear = FewRows(weight, layer.bias.repeat(self._rate))
        self._held = layer.weight.new_zeros(1, layer.in_channels)
        self._surplus = self.right  # number of frames before the beginning that are still to be dropped

    def push(self, x: Tensor) -> Tensor:
        x = torch.cat([self._held, x])
        self._held = x[-1:]
        pairs = torch.cat([x[:-1], x[1:]], dim=1)
        y = self._linear(pairs).reshape(len(pairs) * self._rate, self._channels)
        dropped = min(self._surplus, len(y))
        self._surplus -= dropped
        result: Tensor = y[dropped:]
        return result


class SpeakerBlockStream:
    """A `SpeakerBlock` for a stream."""

    def __init__(self, block: SpeakerBlock) -> None:
        self._block = block
        self.right, self._size = block.right, block.left + 1 + block.right
        self._kernel = block.depthwise.weight[:, 0].T.unsqueeze(1)  # (size, 1, C)
        self._held = block.scale.new_zeros(block.left, len(block.scale))

    def push(self, x: Tensor, speaker: Frames, n_before: int, rate: int) -> Tensor:
        """
        Args:
            x: new frames (T, C).
            speaker: speaker embeddings at the frame rate.
            n_before: number of frames that this block has returned so far.
            rate: number of frames of `x` per frame of `speaker`.
        """
        block = self._block
        x = torch.cat([self._held, x])
        n_out = max(len(x) - self._size + 1, 0)
        self._held = x[n_out:]
        if not n_out:
            return x[:0]
        assert block.depthwise.bias is not None
        windows = torch.stack([x[offset : offset + n_out] for offset in range(self._size)])
        mixed = (windows * self._kernel).sum(0) + block.depthwise.bias
        present = speaker.at(torch.arange(n_before, n_before + n_out) // rate)
        return x[block.left : block.left + n_out] + block.change(mixed, present)
