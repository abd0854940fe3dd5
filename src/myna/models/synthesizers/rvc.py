"""The synthesizer of RVC (Retrieval-based Voice Conversion), v1 and v2, with and without f0; conversion only.

v1 and v2 differ in the number of content channels and in the decoder's upsampling rates. Compared with so-vits-svc's
VITS, RVC has a different prior, a flow with fewer layers, an excitation without overtones, and different first and
last convolutions in the decoder.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.hifigan import HifiGan
from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.flow import Flow
from myna.models.layers.gaussian import Gaussian
from myna.models.layers.transformer import RelativeTransformer
from myna.models.prior import N_PITCH_BINS, pitch_bins
from myna.models.sizes import TransformerSizes, UpsamplingSizes
from myna.models.synthesizers.inference_vits import InferenceVits

RELATIVE_WINDOW = 10  # frames on either side
N_WAVENET_LAYERS = 3  # layers in each coupling of the flow
N_HARMONICS = 1  # only the fundamental
LEAK = 0.1  # slope of the prior's rectifier for negative inputs


class RvcPrior(nn.Module):
    """Predict the latent distribution from content and, if `with_f0`, f0."""

    def __init__(self, sizes: TransformerSizes, content_channels: int, latent_channels: int, with_f0: bool) -> None:
        super().__init__()
        self.scale = math.sqrt(sizes.channels)
        self.content_projection = nn.Linear(content_channels, sizes.channels)
        self.pitch_embedding = nn.Embedding(N_PITCH_BINS, sizes.channels) if with_f0 else None
        self.transformer = RelativeTransformer(sizes, RELATIVE_WINDOW)
        self.projection = nn.Conv1d(sizes.channels, 2 * latent_channels, kernel_size=1)

    def forward(self, content: Tensor, f0: Tensor) -> Gaussian:
        """Return the distribution of latents (B, latent_channels, T).

        Args:
            content: (B, content_channels, T).
            f0: in Hz, 0 in unvoiced frames, (B, T).
        """
        hidden = self.content_projection(content.transpose(1, 2))
        if self.pitch_embedding is not None:
            hidden = hidden + self.pitch_embedding(pitch_bins(f0))
        hidden = F.leaky_relu(hidden * self.scale, LEAK).transpose(1, 2)
        mean, log_std = self.projection(self.transformer(hidden)).chunk(2, dim=1)
        return Gaussian(mean, log_std)


class RvcSynthesizer(InferenceVits):
    """The synthesizer of RVC. Its decoder is NSF-HiFiGAN or, for voices without f0, HiFi-GAN."""

    usual_noise_scale = 0.66666

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        upsampling = UpsamplingSizes.of(model)
        self.prior = RvcPrior(
            TransformerSizes.of(model), model.content_channels, model.latent_channels, model.follows_pitch
        )
        self.decoder = (
            NsfHifiGan(
                upsampling, data.sample_rate, model.speaker_channels, n_harmonics=N_HARMONICS, normalized_ends=False
            )
            if model.follows_pitch
            else HifiGan(upsampling, model.speaker_channels)
        )
        self.flow = Flow.of(model, N_WAVENET_LAYERS)
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)

    def predict(self, content: Tensor, f0: Tensor) -> Gaussian:
        prior: Gaussian = self.prior(content, f0)
        return prior
