"""Two transformers over time: one that looks both ways with relative positions, one that looks back only.

The first (`RelativeTransformer`) is the text encoder of VITS: self-attention with learned relative positions inside a
window (Shaw et al. 2018), convolutional feed-forward layers, normalisation after each residual. The second
(`CausalTransformer`) has no positions, but left-padded convolutions and causal attention; so-vits-svc predicts f0 with
it, and its 4.1 builds flows of it.

The submodules stand in one list a kind, not one block a layer: an optimizer state of the field counts parameters in
this order.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.layers.convolution import normalized_conv

RELATIVE_WINDOW = 4  # frames to either side that have a relative position of their own, in VITS
QUERY_BLOCK = 512  # frames whose attention scores are in memory at once


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, T)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention in blocks of frames, so that memory does not grow with the square of the length."""

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.query = nn.Conv1d(channels, channels, kernel_size=1)
        self.key = nn.Conv1d(channels, channels, kernel_size=1)
        self.value = nn.Conv1d(channels, channels, kernel_size=1)
        self.output = nn.Conv1d(channels, channels, kernel_size=1)
        for projection in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, C, T), mask 1 on the frames to attend to (B, 1, T) or None -> (B, C, T)."""
        query, key, value = self.heads(x)
        blocks = [
            self.attend(block, index * QUERY_BLOCK, key, value, mask)
            for index, block in enumerate(torch.split(query, QUERY_BLOCK, dim=2))
        ]
        return self.mixed(torch.cat(blocks, dim=2) if len(blocks) > 1 else blocks[0])

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, scaled, key and value, (B, H, T, D) each."""
        query, key, value = (
            projection(x).reshape(x.shape[0], self.n_heads, -1, x.shape[2]).transpose(2, 3)
            for projection in (self.query, self.key, self.value)
        )
        return query / math.sqrt(query.shape[3]), key, value

    def mixed(self, attended: Tensor) -> Tensor:
        """What the heads took, (B, H, T, D) -> (B, C, T)."""
        mixed: Tensor = self.output(attended.transpose(2, 3).flatten(1, 2))
        return mixed

    def attend(self, query: Tensor, start: int, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """What the Q frames from `start` on take from the others.

        Args:
            query: (B, H, Q, D) with H heads of D channels.
            start: index of the first of the Q frames.
            key: (B, H, T, D).
            value: (B, H, T, D).
            mask: (B, 1, T) or None.

        Returns:
            (B, H, Q, D).
        """
        raise NotImplementedError


class RelativeAttention(Attention):
    """Self-attention that knows how far away the near frames are.

    For |j - i| <= window the score of frame j for frame i gains q_i . relative_keys[j - i], and what i takes from j
    gains relative_values[j - i]. Only that band of 2 * window + 1 scores a frame is touched.
    """

    def __init__(self, channels: int, n_heads: int, dropout: float, window: int = RELATIVE_WINDOW) -> None:
        super().__init__(channels, n_heads, dropout)
        self.window = window
        head_channels = channels // n_heads
        shape = (1, 2 * window + 1, head_channels)  # shared by the heads
        self.relative_keys = nn.Parameter(torch.randn(shape) * head_channels**-0.5)
        self.relative_values = nn.Parameter(torch.randn(shape) * head_channels**-0.5)

    def attend(self, query: Tensor, start: int, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        n_frames = key.shape[2]
        frames = torch.arange(start, start + query.shape[2], device=query.device)
        near = frames[:, None] + torch.arange(-self.window, self.window + 1, device=query.device)
        exists = ((near >= 0) & (near < n_frames)).to(query.dtype)
        near = near.clamp(0, n_frames - 1).expand(*query.shape[:2], -1, -1)

        scores = query @ key.mT
        scores = scores.scatter_add(3, near, (query @ self.relative_keys.mT * exists).to(scores.dtype))
        if mask is not None:
            scores = scores.masked_fill(mask.unsqueeze(1) == 0, -math.inf)
        weights = F.dropout(scores.softmax(3), self.dropout, self.training)
        return weights @ value + (weights.gather(3, near) * exists) @ self.relative_values


class CausalAttention(Attention):
    """Self-attention over the frames up to the present one.

    Padding stands after the real frames, which never look at it: no mask is needed.
    """

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__(channels, n_heads, dropout)
        self.key.load_state_dict(self.query.state_dict())  # a frame begins by attending to what resembles it

    def attend(self, query: Tensor, start: int, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        # Not torch's fused attention: what is predicted here is a pitch, and its rounding would be heard as another
        # phase than the predecessors'.
        end = start + query.shape[2]
        frames = torch.arange(end, device=query.device)
        scores = query @ key[:, :, :end].mT
        scores = scores.masked_fill(frames > frames[start:, None], -math.inf)
        weights = F.dropout(scores.softmax(3), self.dropout, self.training)
        return weights @ value[:, :, :end]


class FeedForward(nn.Module):
    """Two convolutions with a rectifier between them."""

    def __init__(self, channels: int, filter_channels: int, kernel_size: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.expand = nn.Conv1d(channels, filter_channels, kernel_size)
        self.contract = nn.Conv1d(filter_channels, channels, kernel_size)
        self.dropout = dropout
        self.padding = (kernel_size - 1, 0) if causal else ((kernel_size - 1) // 2, kernel_size // 2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, C, T), mask (B, 1, T) or None -> (B, C, T)."""
        x = self.expand(self._padded(x, mask))
        x = F.dropout(x.relu_(), self.dropout, self.training)
        contracted: Tensor = self.contract(self._padded(x, mask))
        return contracted

    def _padded(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return F.pad(x if mask is None else x * mask, self.padding)


class RelativeTransformer(nn.Module):
    """Transformer encoder with relative positions."""

    def __init__(
        self,
        channels: int,
        filter_channels: int,
        n_heads: int,
        n_layers: int,
        kernel_size: int,
        dropout: float,
        window: int = RELATIVE_WINDOW,
    ) -> None:
        super().__init__()
        layers = range(n_layers)
        self.attentions = nn.ModuleList([RelativeAttention(channels, n_heads, dropout, window) for _ in layers])
        self.attention_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.feed_forwards = nn.ModuleList(
            [FeedForward(channels, filter_channels, kernel_size, dropout, causal=False) for _ in layers]
        )
        self.feed_forward_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, C, T), mask 1 on real frames (B, 1, T) or None -> (B, C, T); on padding it must be masked."""
        for attention, attention_norm, feed_forward, feed_forward_norm in zip(
            self.attentions, self.attention_norms, self.feed_forwards, self.feed_forward_norms, strict=True
        ):
            x = attention_norm(x + self.drop(attention(x, mask)))
            x = feed_forward_norm(x + self.drop(feed_forward(x, mask)))
        return x


class CausalTransformer(nn.Module):
    """Transformer that looks back only; with `speaker_channels`, each layer is gated by the speaker.

    It needs no mask: padding stands after the real frames, which never look at it.
    """

    def __init__(
        self,
        channels: int,
        filter_channels: int,
        n_heads: int,
        n_layers: int,
        kernel_size: int,
        dropout: float,
        speaker_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.gated = speaker_channels is not None
        if speaker_channels is not None:
            self.gate = nn.Conv1d(channels, 2 * channels, kernel_size=1)
            self.speaker_projection = normalized_conv(speaker_channels, 2 * channels * n_layers, kernel_size=1)
        layers = range(n_layers)
        self.attentions = nn.ModuleList([CausalAttention(channels, n_heads, dropout) for _ in layers])
        self.attention_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.feed_forwards = nn.ModuleList(
            [FeedForward(channels, filter_channels, kernel_size, dropout, causal=True) for _ in layers]
        )
        self.feed_forward_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, speaker: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """x (B, C, T), speaker (B, speaker_channels, 1) where gated -> (B, C, T); on padding it must be masked.

        `mask` is accepted, and not needed, so that a flow may use this or a `WaveNet`.
        """
        n_layers = len(self.attentions)
        conditions = self.speaker_projection(speaker).chunk(n_layers, dim=1) if self.gated else (None,) * n_layers
        for attention, attention_norm, feed_forward, feed_forward_norm, condition in zip(
            self.attentions, self.attention_norms, self.feed_forwards, self.feed_forward_norms, conditions, strict=True
        ):
            if condition is not None:
                filtered, gated = (self.gate(x) + condition).chunk(2, dim=1)
                x = torch.tanh(filtered) * torch.sigmoid(gated)
            x = attention_norm(x + self.drop(attention(x)))
            x = feed_forward_norm(x + self.drop(feed_forward(x)))
        return x
