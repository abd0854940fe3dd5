"""Encoding of a stream with myna's own content encoder; the content equals that of the whole recording.

Each stage keeps the end of its input, or the keys and values of its attention, so that nothing is computed twice.
Hidden frames are (T, C) here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from myna.features.content.embedded import (
    CHANNELS,
    CODE_CHANNELS,
    FRAME_SAMPLES,
    N_HEADS,
    N_MELS,
    Block,
    ContentNetwork,
    Convolution,
    LogMel,
    Stage,
)
from myna.few_rows import FewRows, for_few_rows

_KEPT_BIASES = 8  # number of cached attention biases, one per number of new frames


class _Windowed:
    """A stage that is computed in windows of its input."""

    def __init__(self, stage: Stage, channels: int, compute: Callable[[Tensor], Tensor], held: Tensor) -> None:
        self.stage, self.channels, self.compute, self.held = stage, channels, compute, held

    def push(self, x: Tensor) -> Tensor:
        x = torch.cat([self.held, x])
        n_windows = max((len(x) - self.stage.size) // self.stage.stride + 1, 0)
        self.held = x[n_windows * self.stage.stride :]
        return self.compute(x) if n_windows else x.new_zeros(0, self.channels)


def _log_mel(stage: LogMel) -> _Windowed:
    return _Windowed(stage, N_MELS, lambda audio: stage(audio[None])[0].T, stage.window.new_zeros(stage.left))


def _convolution(stage: Convolution) -> _Windowed:
    convolution = stage.convolution
    # For a few frames, PyTorch's convolution spends most of its time on rearranging weights.
    linear = FewRows(convolution.weight.flatten(1), convolution.bias)

    def compute(hidden: Tensor) -> Tensor:
        return F.gelu(linear(hidden.unfold(0, stage.size, stage.stride).flatten(1))) + stage.offset

    return _Windowed(stage, CHANNELS, compute, stage.offset.new_zeros(stage.left, convolution.in_channels))


class _Attending:
    """A transformer layer that keeps the keys and values of earlier frames."""

    def __init__(self, stage: Block) -> None:
        self.stage = stage
        before = stage.attention_norm.weight.new_zeros(stage.left, stage.attention_norm.normalized_shape[0])
        normed = stage.attention_norm(before)
        self.keys, self.values = stage.key(normed), stage.value(normed)
        self.waiting = before[:0]  # frames without their complete look-ahead
        self.queries = before[:0]
        self.bias = lru_cache(_KEPT_BIASES)(stage.preferences)

    def push(self, x: Tensor) -> Tensor:
        stage = self.stage
        normed = stage.attention_norm(x)
        self.waiting, self.queries, self.keys, self.values = (
            torch.cat([held, new])
            for held, new in (
                (self.waiting, x),
                (self.queries, stage.query(normed)),
                (self.keys, stage.key(normed)),
                (self.values, stage.value(normed)),
            )
        )
        ready = max(len(self.waiting) - stage.right, 0)
        span = ready + stage.size - 1
        here, query, key, value = self.waiting[:ready], self.queries[:ready], self.keys[:span], self.values[:span]
        self.waiting, self.queries = self.waiting[ready:], self.queries[ready:]
        self.keys, self.values = self.keys[ready:], self.values[ready:]
        if not ready:
            return here
        query, key, value = (one.unflatten(1, (N_HEADS, -1)).transpose(0, 1)[None] for one in (query, key, value))
        attended = F.scaled_dot_product_attention(query, key, value, self.bias(ready)[None])
        return stage.with_feed_forward(here + stage.output(attended[0].transpose(0, 1).flatten(1)))


def _step_of(stage: Stage) -> _Windowed | _Attending:
    if isinstance(stage, LogMel):
        return _log_mel(stage)
    if isinstance(stage, Convolution):
        return _convolution(stage)
    assert isinstance(stage, Block)
    return _Attending(stage)


class ContentStream:
    """Encoder of a stream: the joined results of `push` and `finish` equal the content of the whole recording."""

    @torch.inference_mode()
    def __init__(self, network: ContentNetwork) -> None:
        self.network = network = for_few_rows(network)
        self.steps = [_step_of(stage) for stage in network.stages]
        self.device = next(network.parameters()).device
        self.rest = torch.zeros(0, device=self.device)  # samples of an incomplete frame

    @staticmethod
    def ready(network: ContentNetwork, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of content frames that `push` has returned after `n_samples` samples."""
        ready = n_samples // FRAME_SAMPLES * FRAME_SAMPLES
        for stage in network.stages:
            ready = np.maximum((ready + stage.left - stage.size) // stage.stride + 1, 0)
        return ready

    @torch.inference_mode()
    def push(self, audio: Tensor) -> Tensor:
        """Append samples (N,), and return the content frames (CODE_CHANNELS, T) that are now complete; T may be 0."""
        audio = torch.cat([self.rest, audio.to(self.device)])
        whole = len(audio) // FRAME_SAMPLES * FRAME_SAMPLES
        self.rest = audio[whole:]
        return self._advance(audio[:whole], last=False)

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """Return the remaining content frames (CODE_CHANNELS, T), computed with zeros in place of the look-ahead."""
        return self._advance(self.rest[:0], last=True)

    def _advance(self, x: Tensor, *, last: bool) -> Tensor:
        for step in self.steps:
            x = step.push(torch.cat([x, x.new_zeros(step.stage.right, *x.shape[1:])]) if last else x)
            if not last and not len(x):
                return x.new_zeros(CODE_CHANNELS, 0)
        hidden = self.network.norm(x)
        return self.network.mixture(self.network.sounds(hidden)).T
