"""The gated convolutional stack of WaveNet (van den Oord et al. 2016), non-causal, as in WaveGlow and VITS."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.models.layers.convolution import DepthwiseSeparableConv, normalized_conv


class WaveNet(nn.Module):
    """Gated residual convolutions conditioned on the speaker; the result is the sum of the layers' skip outputs."""

    def __init__(
        self, channels: int, kernel_size: int, n_layers: int, speaker_channels: int, depthwise: bool = False
    ) -> None:
        super().__init__()
        self.channels = channels
        conv = DepthwiseSeparableConv if depthwise else normalized_conv
        self.gates = nn.ModuleList([conv(channels, 2 * channels, kernel_size) for _ in range(n_layers)])
        # The last layer has only a skip output.
        self.residual_skips = nn.ModuleList(
            [normalized_conv(channels, 2 * channels, kernel_size=1) for _ in range(n_layers - 1)]
            + [normalized_conv(channels, channels, kernel_size=1)]
        )
        self.speaker_projection = normalized_conv(speaker_channels, 2 * channels * n_layers, kernel_size=1)

    def forward(self, x: Tensor, speaker: Tensor, mask: Tensor | None = None) -> Tensor:
        """
        Args:
            x: (B, channels, T), zero on padding.
            speaker: speaker embedding, (B, speaker_channels, 1), or (B, speaker_channels, T) if it changes with time.
            mask: 1 on real frames and 0 on padding, (B, 1, T); None if no frame is padding.

        Returns:
            Hidden frames, (B, channels, T); the caller must mask the padding.
        """
        conditions = self.speaker_projection(speaker).chunk(len(self.gates), dim=1)
        skipped: Tensor | None = None
        for gate, residual_skip, condition in zip(self.gates, self.residual_skips, conditions, strict=True):
            filtered, gated = (gate(x) + condition).chunk(2, dim=1)
            change = residual_skip(torch.tanh(filtered) * torch.sigmoid(gated))
            skip = change[:, -self.channels :]
            skipped = skip if skipped is None else skipped + skip
            if change.shape[1] > self.channels:
                x = x + change[:, : self.channels]
                x = x if mask is None else x * mask
        assert skipped is not None
        return skipped
