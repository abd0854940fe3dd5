"""The normalising flow of VITS (Kim, Kong and Son 2021), which removes the speaker from latents or, inverted, adds it.

The flow is a stack of additive couplings (Dinh et al. 2014). Each coupling shifts half of the channels by an amount
computed from the other half and the speaker; subtracting the same amount inverts the coupling. The flow
preserves volume, so the loss needs no log-determinant. The shift is computed by a WaveNet or, in some voices of
so-vits-svc 4.1, by a causal transformer. All couplings may share one such network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from myna.config import ModelConfig
from myna.models.layers.transformer import CausalTransformer
from myna.models.layers.wavenet import WaveNet
from myna.models.sizes import TransformerSizes

KERNEL_SIZE = 5
N_WAVENET_LAYERS = 4


class Coupling(nn.Module):
    """Shift the second half of the channels by an amount that `network` computes from the first half and the speaker.

    Args:
        network: module that maps hidden frames (B, channels, T), the speaker and the mask to hidden frames of the same
            shape.
    """

    def __init__(self, latent_channels: int, channels: int, network: nn.Module) -> None:
        super().__init__()
        half = latent_channels // 2
        self.input_conv = nn.Conv1d(half, channels, kernel_size=1)
        self.network = network
        self.projection = nn.Conv1d(channels, half, kernel_size=1)
        # Zero weights make each coupling the identity at the start of training.
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
    """Reverse the channels, so that the next coupling shifts the half that the previous one left unchanged."""

    def forward(self, latent: Tensor, speaker: Tensor, mask: Tensor | None, inverse: bool) -> Tensor:
        return latent.flip(1)


class Flow(nn.Module):
    """Map between the posterior's latent space and the prior's, given a speaker.

    Args:
        make_network: function that creates the `network` of a `Coupling`.
        share: whether all couplings share one network.
    """

    def __init__(
        self,
        latent_channels: int,
        channels: int,
        n_couplings: int,
        make_network: Callable[[], nn.Module],
        share: bool = False,
    ) -> None:
        super().__init__()
        shared = make_network() if share else None
        self.steps = nn.ModuleList()
        for _ in range(n_couplings):
            self.steps.extend((Coupling(latent_channels, channels, shared or make_network()), Flip()))
        if shared is not None:
            self.shared_network = shared

    @classmethod
    def of(cls, model: ModelConfig, n_wavenet_layers: int = N_WAVENET_LAYERS) -> Flow:
        """Build the flow of a configuration; RVC uses fewer WaveNet layers than the default."""

        def make_network() -> nn.Module:
            if model.use_transformer_flow:
                sizes = replace(
                    TransformerSizes.of(model), n_layers=model.n_transformer_flow_layers, kernel_size=KERNEL_SIZE
                )
                return CausalTransformer(sizes, model.speaker_channels)
            depthwise = model.use_depthwise_conv
            return WaveNet(model.hidden_channels, KERNEL_SIZE, n_wavenet_layers, model.speaker_channels, depthwise)

        return cls(
            model.latent_channels, model.hidden_channels, model.n_flow_layers, make_network, model.share_flow_parameters
        )

    def forward(self, latent: Tensor, speaker: Tensor, mask: Tensor | None = None, *, inverse: bool = False) -> Tensor:
        """Remove the speaker from latents; with `inverse`, add the speaker.

        Args:
            latent: (B, latent_channels, T), zero on padding.
            speaker: speaker embedding, (B, speaker_channels, 1), or (B, speaker_channels, T) if it changes with time.
            mask: 1 on real frames and 0 on padding, (B, 1, T); None if no frame is padding.
        """
        for step in reversed(self.steps) if inverse else self.steps:
            latent = step(latent, speaker, mask, inverse)
        return latent
