"""The prior encoder of VITS (Kim, Kong and Son 2021), which maps content and f0 to a distribution of latent frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from myna.config import VOICE_BOUNDS
from myna.models.layers.gaussian import Gaussian
from myna.models.layers.transformer import RelativeTransformer
from myna.models.sizes import TransformerSizes

N_PITCH_BINS = 256


def _mel(hz: float) -> float:
    return 1127 * math.log(1 + hz / 700)


def pitch_bins(f0: Tensor) -> Tensor:
    """Quantise f0 in Hz (any shape) on a mel scale to bins 1 to 255 (long); an f0 of 0 (unvoiced) is in bin 1."""
    low, high = _mel(VOICE_BOUNDS.low_hz), _mel(VOICE_BOUNDS.high_hz)
    mel = 1127 * torch.log(1 + f0 / 700)
    position = (mel - low) * (N_PITCH_BINS - 2) / (high - low) + 1
    return (position.clamp(1, N_PITCH_BINS - 1) + 0.5).long()


class PriorEncoder(nn.Module):
    """Predict the latent distribution p(z | content, f0), on the prior side of the flow."""

    def __init__(self, sizes: TransformerSizes, latent_channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv1d(sizes.channels, 2 * latent_channels, kernel_size=1)
        self.pitch_embedding = nn.Embedding(N_PITCH_BINS, sizes.channels)
        self.transformer = RelativeTransformer(sizes)

    def forward(self, hidden: Tensor, f0: Tensor, mask: Tensor | None = None) -> Gaussian:
        """
        Args:
            hidden: sum of the embeddings of content and, if used, voicing and loudness, (B, channels, T).
            f0: in Hz, (B, T).
            mask: 1 on real frames and 0 on padding, (B, 1, T); None if no frame is padding.

        Returns:
            The distribution of latents (B, latent_channels, T), which is the standard normal on padding.
        """
        hidden = hidden + self.pitch_embedding(pitch_bins(f0)).transpose(1, 2)
        statistics = self.projection(self.transformer(hidden, mask))
        mean, log_std = (statistics if mask is None else statistics * mask).chunk(2, dim=1)
        return Gaussian(mean, log_std)
