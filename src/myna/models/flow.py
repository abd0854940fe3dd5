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
    """Move the second half of the channels by what `network` makes of the first half."""

    def __init__(self, model: ModelConfig, network: nn.Module) -> None:
        super().__init__()
        half = model.latent_channels // 2
        self.input_conv = nn.Conv1d(half, model.hidden_channels, kernel_size=1)
        self.network = network
        self.projection = nn.Conv1d(model.hidden_channels, half, kernel_size=1)
        # A flow begins as the identity.
        nn.init.zeros_(self.projection.weight)
        if self.projection.bias is not None:
            nn.init.zeros_(self.projection.bias)

    def shift(self, kept: Tensor, speaker: Tensor, mask: Tensor | None) -> Tensor:
        hidden = self.input_conv(kept)
        hidden = self.network(hidden if mask is None else hidden * mask, speaker, mask=mask)
        shift: Tensor = self.projection(hidden)
        return shift if mask is None else shift * mask


class Flow(nn.Module):
    """Map between the posterior's latent space and the prior's, for a speaker."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()

        def network() -> nn.Module:
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
                model.hidden_channels, KERNEL_SIZE, N_WAVENET_LAYERS, model.speaker_channels, model.use_depthwise_conv
            )

        shared = network() if model.share_flow_parameters else None
        self.couplings = nn.ModuleList([Coupling(model, shared or network()) for _ in range(model.n_flow_layers)])
        if shared is not None:
            self.shared_network = shared

    def forward(self, latent: Tensor, speaker: Tensor, mask: Tensor | None = None) -> Tensor:
        """Take the voice out: latent (B, C, T), zero on padding, and speaker (B, G, 1) -> (B, C, T)."""
        for coupling in self.couplings:
            kept, moved = latent.chunk(2, dim=1)
            # Turned over, so that the next coupling moves the half that this one kept.
            latent = torch.cat([kept, moved + coupling.shift(kept, speaker, mask)], dim=1).flip(1)
        return latent

    def inverse(self, latent: Tensor, speaker: Tensor, mask: Tensor | None = None) -> Tensor:
        """Put the voice in: the inverse of `forward`."""
        for coupling in reversed(self.couplings):
            kept, moved = latent.flip(1).chunk(2, dim=1)
            latent = torch.cat([kept, moved - coupling.shift(kept, speaker, mask)], dim=1)
        return latent
