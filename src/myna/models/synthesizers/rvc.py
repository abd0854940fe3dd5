"""The synthesizer of RVC (Retrieval-based Voice Conversion), v1 and v2, with and without pitch, for its voices to sing.

v1 and v2 differ in how wide the content is and in the rates of the decoder. What makes it another VITS than that of
so-vits-svc is in its prior, in flows of fewer layers, in an excitation without overtones, and in the first and the last
convolution of the decoder.
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
from myna.models.synthesizers.inference_vits import InferenceVits

RELATIVE_WINDOW = 10  # frames
N_WAVENET_LAYERS = 3  # of each coupling of the flow
N_HARMONICS = 1  # the fundamental
LEAK = 0.1  # slope of the prior's rectifier below zero


class RvcPrior(nn.Module):
    """Predict the latent distribution from content and, where the voice follows it, pitch."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        self.scale = math.sqrt(model.hidden_channels)
        self.content_projection = nn.Linear(model.content_channels, model.hidden_channels)
        self.pitch_embedding = nn.Embedding(N_PITCH_BINS, model.hidden_channels) if model.follows_pitch else None
        self.transformer = RelativeTransformer(
            model.hidden_channels,
            model.filter_channels,
            model.n_heads,
            model.n_layers,
            model.kernel_size,
            model.dropout,
            RELATIVE_WINDOW,
        )
        self.projection = nn.Conv1d(model.hidden_channels, 2 * model.latent_channels, kernel_size=1)

    def forward(self, content: Tensor, pitch: Tensor) -> Gaussian:
        """content (B, content_channels, T), pitch in Hz, 0 where unvoiced, (B, T) -> over (B, latent_channels, T)."""
        hidden = self.content_projection(content.transpose(1, 2))
        if self.pitch_embedding is not None:
            hidden = hidden + self.pitch_embedding(pitch_bins(pitch))
        hidden = F.leaky_relu(hidden * self.scale, LEAK).transpose(1, 2)
        mean, log_std = self.projection(self.transformer(hidden)).chunk(2, dim=1)
        return Gaussian(mean, log_std)


class RvcSynthesizer(InferenceVits):
    """Sing given content with a speaker's voice, at a given pitch where the voice follows one."""

    usual_noise_scale = 0.66666  # of its own tool

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.prior = RvcPrior(model)
        self.decoder = (
            NsfHifiGan(model, data, n_harmonics=N_HARMONICS, normalized_ends=False)
            if model.follows_pitch
            else HifiGan(model)
        )
        self.flow = Flow(model, N_WAVENET_LAYERS)
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)

    def predict(self, content: Tensor, pitch: Tensor) -> Gaussian:
        prior: Gaussian = self.prior(content, pitch)
        return prior
