"""The normalising flow of VITS (Kim, Kong and Son 2021): latents with the voice in them <-> latents without.

It is a stack of additive couplings (Dinh et al. 2014): half of the channels are moved by an amount computed from the
other half and the speaker, so that each step is undone by subtracting the same amount. Volume is preserved, and no
log-determinant needed. The amount comes from a WaveNet, or from a causal transformer in so-vits-svc 4.1; the couplings
may share one network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.config import ModelConfig
from myna.models.layers.transformer import CausalTransformer
from myna.models.layers.wavenet import WaveNet

KERNEL_SIZE = 5
N_WAVENET_LAYERS = 4


class Coupling(nn.Module):
    """Move the second half of the channels by what `network` makes of the first half and the speaker."""

    def __init__(self, model: ModelConfig, network: nn.Module) -> None:
        super().__init__()
        half = model.latent_channels // 2
        self.input_conv = nn.Conv1d(half, model.hidden_channels, kernel_size=1)
        self.network = network
        self.projection = nn.Conv1d(model.hidden_channels, half, kernel_size=1)
        # A flow begins as the identity.
        for parameter in self.projection.parameters():
            nn.init.zeros_(parameter)

    def forward(self, latent: Tensor, speaker: Tensor, mask: Tensor | None, inverse: bool) -> Tensor:
        kept, moved = latent.chunk(2, dim=1)
        hidden = self.input_conv(kept)
        hidden = self.network(hidden if mask is None else hidden * mask, speaker, mask=mask)
        shift = self.projection(hidden)
        shift = shift if mask is None else shift * mask
        return torch.cat([kept, moved - shift if inverse else moved + shift], dim=1)


class Flip(nn.Module):
    """Turn the channels over, so that the next coupling moves the half that this one kept."""

    def forward(self, latent: Tensor, speaker: Tensor, mask: Tensor | None, inverse: bool) -> Tensor:
        return latent.flip(1)


class Flow(nn.Module):
    """Map between the posterior's latent space and the prior's, for a speaker."""

    def __init__(self, model: ModelConfig, n_wavenet_layers: int = N_WAVENET_LAYERS) -> None:
        super().__init__()
        shared = _network(model, n_wavenet_layers) if model.share_flow_parameters else None
        self.steps = nn.ModuleList()
        for _ in range(model.n_flow_layers):
            self.steps.extend((Coupling(model, shared or _network(model, n_wavenet_layers)), Flip()))
        if shared is not None:
            self.shared_network = shared

    def forward(self, latent: Tensor, speaker: Tensor, mask: Tensor | None = None, *, inverse: bool = False) -> Tensor:
        """Take the voice out of a latent; inverted, put it in.

        Args:
            latent: (B, latent_channels, T), zero on padding.
            speaker: (B, speaker_channels, 1), or T where it changes with time.
            mask: 1 on real frames, (B, 1, T); None where all are real.
        """
        for step in reversed(self.steps) if inverse else self.steps:
            latent = step(latent, speaker, mask, inverse)
        return latent


def _network(model: ModelConfig, n_wavenet_layers: int) -> nn.Module:
    """What a coupling computes its shift with: hidden (B, C, T) and speaker -> (B, C, T)."""
    if model.use_transformer_flow:
        return CausalTransformer(
            model.hidden_channels,
            model.filter_channels,
            model.n_heads,
            model.n_transformer_flow_layers,
            KERNEL_SIZE,
            model.dropout,
            model.speaker_channels,
        )
    return WaveNet(
        model.hidden_channels, KERNEL_SIZE, n_wavenet_layers, model.speaker_channels, model.use_depthwise_conv
    )
