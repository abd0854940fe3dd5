"""Two transformers over time: a bidirectional one with relative positions, and a causal one.

`RelativeTransformer` is the text encoder of VITS. It has self-attention with learned relative positions inside a window
(Shaw et al. 2018), convolutional feed-forward layers, and normalisation after each residual connection.
`CausalTransformer` has left-padded convolutions and causal attention, and no positional encoding. so-vits-svc uses it
to predict f0 and, from version 4.1, also in flows.

Submodules are grouped in one list per kind instead of one block per layer, because the optimizer states of so-vits-svc
number the parameters in this order.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.layers.convolution import normalized_conv
from myna.models.sizes import TransformerSizes

RELATIVE_WINDOW = 4  # frames on either side with learned relative positions, as in VITS
QUERY_BLOCK = 512  # number of query frames whose attention scores are in memory at once


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a tensor (B, C, T)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention, computed in blocks of query frames so that memory does not grow with the square of the length."""

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.block_frames: int | None = QUERY_BLOCK
        self.query = nn.Conv1d(channels, channels, kernel_size=1)
        self.key = nn.Conv1d(channels, channels, kernel_size=1)
        self.value = nn.Conv1d(channels, channels, kernel_size=1)
        self.output = nn.Conv1d(channels, channels, kernel_size=1)
        for projection in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply self-attention to x (B, C, T), ignoring frames where mask (B, 1, T) is 0; return (B, C, T)."""
        query, key, value = self._heads(x)
        if self.block_frames is None:
            return self._projected(self.attend(query, 0, key, value, mask))
        blocks = [
            self.attend(block, index * self.block_frames, key, value, mask)
            for index, block in enumerate(torch.split(query, self.block_frames, dim=2))
        ]
        return self._projected(torch.cat(blocks, dim=2) if len(blocks) > 1 else blocks[0])

    def exportable(self) -> nn.Module:
        self.block_frames = None
        return self

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scaled query, the key and the value; each is (B, H, T, D)."""
        query, key, value = (
            projection(x).reshape(x.shape[0], self.n_heads, -1, x.shape[2]).transpose(2, 3)
            for projection in (self.query, self.key, self.value)
        )
        return query / math.sqrt(query.shape[3]), key, value

    def _projected(self, attended: Tensor) -> Tensor:
        """Apply the output projection to the results of the attention heads: (B, H, T, D) to (B, C, T)."""
        projected: Tensor = self.output(attended.transpose(2, 3).flatten(1, 2))
        return projected

    def attend(self, query: Tensor, start: int, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Apply attention with H heads of D channels, from a block of Q query frames to T frames.

        `CausalAttention` ignores `mask`.

        Args:
            query: (B, H, Q, D).
            start: index of the first query frame.
            key: (B, H, T, D).
            value: (B, H, T, D).
            mask: 1 on the frames that may be attended to, (B, 1, T); None allows all frames.

        Returns:
            The attended values, (B, H, Q, D).
        """
        raise NotImplementedError


class RelativeAttention(Attention):
    """Self-attention with relative positions inside a window (Shaw et al. 2018).

    If |j - i| <= window, q_i . relative_keys[j - i] is added to the score of frame j for frame i, and relative_values[j
    - i] is added to the value of j for i. These terms are computed only for the 2 * window + 1 frames around each
    frame.
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
    """Self-attention to the current and earlier frames.

    It needs no mask: padding follows the real frames, so it never affects them.
    """

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__(channels, n_heads, dropout)
        self.key.load_state_dict(self.query.state_dict())  # initially, a frame attends to frames that are similar to it

    def attend(self, query: Tensor, start: int, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        # Fused attention of torch is not used: its rounding errors change the predicted f0 enough to shift the phase of
        # the audio relative to so-vits-svc's output.
        end = start + query.shape[2]
        frames = torch.arange(end, device=query.device)
        scores = query @ key[:, :, :end].mT
        scores = scores.masked_fill(frames > frames[start:, None], -math.inf)
        weights = F.dropout(scores.softmax(3), self.dropout, self.training)
        return weights @ value[:, :, :end]


class FeedForward(nn.Module):
    """Two convolutions with a ReLU between them."""

    def __init__(self, channels: int, filter_channels: int, kernel_size: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.expand = nn.Conv1d(channels, filter_channels, kernel_size)
        self.contract = nn.Conv1d(filter_channels, channels, kernel_size)
        self.dropout = dropout
        self.padding = (kernel_size - 1, 0) if causal else ((kernel_size - 1) // 2, kernel_size // 2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply both convolutions to x (B, C, T); mask (B, 1, T), if given, multiplies the input of each."""
        x = self.expand(self._padded(x, mask))
        x = F.dropout(x.relu_(), self.dropout, self.training)
        contracted: Tensor = self.contract(self._padded(x, mask))
        return contracted

    def _padded(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return F.pad(x if mask is None else x * mask, self.padding)


class RelativeTransformer(nn.Module):
    """Transformer encoder with relative positions."""

    def __init__(self, sizes: TransformerSizes, window: int = RELATIVE_WINDOW) -> None:
        super().__init__()
        channels, n_heads, dropout = sizes.channels, sizes.n_heads, sizes.dropout
        layers = range(sizes.n_layers)
        self.attentions = nn.ModuleList([RelativeAttention(channels, n_heads, dropout, window) for _ in layers])
        self.attention_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.feed_forwards = nn.ModuleList(
            [FeedForward(channels, sizes.filter_channels, sizes.kernel_size, dropout, causal=False) for _ in layers]
        )
        self.feed_forward_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode x (B, C, T); mask (B, 1, T) is 1 on real frames. The caller must mask the padding of the result."""
        for attention, attention_norm, feed_forward, feed_forward_norm in zip(
            self.attentions, self.attention_norms, self.feed_forwards, self.feed_forward_norms, strict=True
        ):
            x = attention_norm(x + self.drop(attention(x, mask)))
            x = feed_forward_norm(x + self.drop(feed_forward(x, mask)))
        return x


class CausalTransformer(nn.Module):
    """Causal transformer; if `speaker_channels` is given, a gate conditioned on the speaker precedes each layer.

    It needs no mask: padding follows the real frames, so it never affects them.
    """

    def __init__(self, sizes: TransformerSizes, speaker_channels: int | None = None) -> None:
        super().__init__()
        channels, n_heads, n_layers, dropout = sizes.channels, sizes.n_heads, sizes.n_layers, sizes.dropout
        self.gated = speaker_channels is not None
        if speaker_channels is not None:
            self.gate = nn.Conv1d(channels, 2 * channels, kernel_size=1)
            self.speaker_projection = normalized_conv(speaker_channels, 2 * channels * n_layers, kernel_size=1)
        layers = range(n_layers)
        self.attentions = nn.ModuleList([CausalAttention(channels, n_heads, dropout) for _ in layers])
        self.attention_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.feed_forwards = nn.ModuleList(
            [FeedForward(channels, sizes.filter_channels, sizes.kernel_size, dropout, causal=True) for _ in layers]
        )
        self.feed_forward_norms = nn.ModuleList([ChannelNorm(channels) for _ in layers])
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, speaker: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Encode x (B, C, T) to (B, C, T). The caller must mask the result's padding.

        Args:
            speaker: speaker embedding, (B, speaker_channels, 1 or T); ignored without `speaker_channels`.
            mask: ignored; it makes this class interchangeable with `WaveNet` in a flow.
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
