"""What pitch the target would sing: so-vits-svc's predictor of f0 from content and the contour of the source.

It hears the source's contour without its level (and, in training, stretched at random), so that it must find the level
from the speaker. Useful for speech; singing wants the melody that was sung.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.config import ModelConfig
from myna.models.layers import draws
from myna.models.layers.transformer import CausalTransformer

LOWEST_SCALE, HIGHEST_SCALE = 0.8, 1.2  # of the contour's excursions, in training


def log_pitch(f0: Tensor) -> Tensor:
    """Pitch in units of 500 mel, so that a voice lies near 1: f0 in Hz -> the same shape."""
    return 2595.0 * torch.log10(1.0 + f0 / 700.0) / 500


def pitch_hz(log_pitch: Tensor) -> Tensor:
    """The inverse of `log_pitch`."""
    return 700.0 * (torch.pow(10.0, log_pitch * 500 / 2595) - 1)


def contour(log_pitch: Tensor, voiced: Tensor) -> Tensor:
    """Pitch relative to its mean over the voiced frames: both (B, T) -> (B, T)."""
    voiced = voiced.to(log_pitch.dtype)
    mean = (log_pitch * voiced).sum(1, keepdim=True) / voiced.sum(1, keepdim=True).clamp(min=1)
    return log_pitch - mean


def random_scale(contour: Tensor, generator: torch.Generator | None) -> Tensor:
    """The contour (B, T) with each item's excursions scaled by a random factor."""
    draw = draws.uniform((contour.shape[0], 1), contour, generator)
    return contour * (LOWEST_SCALE + (HIGHEST_SCALE - LOWEST_SCALE) * draw)


class F0Predictor(nn.Module):
    """Predict the target's pitch, in the units of `log_pitch`."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        channels = model.hidden_channels
        self.input_conv = nn.Conv1d(channels, channels, kernel_size=3, padding=1)
        self.transformer = CausalTransformer(
            channels, model.filter_channels, model.n_heads, model.n_layers, model.kernel_size, model.dropout
        )
        self.projection = nn.Conv1d(channels, 1, kernel_size=1)
        self.contour_conv = nn.Conv1d(1, channels, kernel_size=3, padding=1)
        self.speaker_projection = nn.Conv1d(model.speaker_channels, channels, kernel_size=1)

    def forward(self, hidden: Tensor, contour: Tensor, speaker: Tensor, mask: Tensor | None = None) -> Tensor:
        """
        Args:
            hidden: content, voicing and loudness, (B, hidden_channels, T); no gradient flows into it.
            contour: of the source, (B, T); see `contour`.
            speaker: (B, speaker_channels, 1 or T); no gradient flows into it.
            mask: 1 on real frames, (B, 1, T); None where all are real.

        Returns:
            (B, 1, T), 0 on padding.
        """
        hidden = hidden.detach() + self.speaker_projection(speaker.detach()) + self.contour_conv(contour.unsqueeze(1))
        hidden = self.input_conv(hidden if mask is None else hidden * mask)
        predicted: Tensor = self.projection(self.transformer(hidden))
        return predicted if mask is None else predicted * mask
